"""Whatever an enemy writes into a row, a model's output, a judge's reply or a failure is shown and never obeyed.

One row of a table is one attack. Each must end in an ordinary result or in a refusal (`BenchError`): never in another
exception, in code that runs, in a file outside the job's folder, or in a control code on a terminal.
"""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from bench.control_codes import visible
from bench.data.resolve import resolve_data
from bench.data.store import load_rows
from bench.endpoint.parsing import read_items, read_json, read_score
from bench.evals.judge.verdict import read_verdict
from bench.record.record import Record
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render import html, markdown
from bench.report.render.terminal import print_report
from bench.suite.load import load_suite
from bench.suite.tables.data import DataSpec
from tests.fakes import scores
from tests.fakes.hostile import FORBIDDEN, TEXTS
from tests.fakes.orders import ORDERS
from tests.fakes.page import Page
from tests.fakes.records import FakeRun, make_run
from tests.fakes.suite_files import write_suite
from tests.fakes.suites import fake_suite, run_below


@pytest.mark.parametrize("name", TEXTS)
def test_a_row_is_kept_to_the_letter(tmp_path: Path, name: str) -> None:
    text = TEXTS[name]
    rows = [{"instruction": text, "input": "", "output": text}, {"instruction": "a", "input": text, "output": "b"}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = resolve_data({"d": DataSpec(source="rows.jsonl")}, base=tmp_path, home=tmp_path / "home")["d"]
    first, second = load_rows(found.path)
    assert (first.turns[0].content, first.answer, second.turns[0].input) == (text, text, text)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", TEXTS)
def test_a_models_output_is_shown_and_not_obeyed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(scores, "HOSTILE", TEXTS[name])
    examples = 2 if name == "long" else 6
    harmless(make_run(seeds=(0,), examples=examples, hostile=True))


def test_a_failures_message_and_the_question_are_shown_and_not_obeyed() -> None:
    """All texts at once, in one report."""
    run = make_run(seeds=(0,), examples=6, failed_training="alpaca_52k/lora#0")
    everything = " ".join(text for name, text in TEXTS.items() if name != "long")
    said = run.record.model_dump_json().replace('"message":"', '"message":' + json.dumps(everything)[:-1])
    record = Record.model_validate_json(said)
    assert any(job.failure is not None and job.failure.message.startswith(everything) for job in record.jobs)
    suite = record.resolved.suite.model_copy(update={"question": everything})
    resolved = record.resolved.model_copy(update={"suite": suite})
    harmless(FakeRun(path=run.path, record=record.model_copy(update={"resolved": resolved}), rows=run.rows))


def harmless(run: FakeRun) -> None:
    """In the terminal, as Markdown and as a page: no control code, no markup of the enemy's, no torn table."""
    view = compose(compare(run))
    stream = io.StringIO()
    print_report(view, Console(file=stream, width=120, highlight=False, force_terminal=False))
    text, page = markdown.render(view), html.render(view, {})
    for shown in (text, stream.getvalue(), page):
        assert not FORBIDDEN.search(shown)
        assert len(shown) < 2_000_000
    assert "<script" not in text
    assert "<img" not in text
    assert not torn_tables(text)
    Page(page).assert_inert()


def torn_tables(text: str) -> list[str]:
    """Rows of Markdown tables with more or fewer cells than the row above."""
    cells = [len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0 for line in text.split("\n")]
    pairs = zip(cells, cells[1:], text.split("\n")[1:], strict=False)
    return [line for above, here, line in pairs if above and here and above != here]


def test_a_torn_table_would_be_seen() -> None:
    assert torn_tables("| a | b |\n| --- | --- |\n| x | y | z |") == ["| x | y | z |"]
    assert torn_tables("| a | b |\n| --- | --- |\n| x \\| y | z |") == []


@pytest.mark.parametrize("name", TEXTS)
def test_a_judges_reply_is_read_or_not(name: str) -> None:
    text = TEXTS[name]
    assert read_score(text, low=1, high=10) is None
    read_json(text)
    read_items(text)
    assert read_verdict(text) in (None, "A", "B", "C")


@pytest.mark.parametrize("name", TEXTS)
def test_progress_shows_one_clean_line(name: str) -> None:
    assert not FORBIDDEN.search(visible(TEXTS[name]))
    assert "\n" not in visible(TEXTS[name])


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "long"])
def test_a_suites_question_is_text(tmp_path: Path, name: str) -> None:
    """TOML can spell every character; what it holds is never code, a path or markup."""
    spelled = json.dumps(TEXTS[name], ensure_ascii=False)
    loaded = load_suite(write_suite(tmp_path, replace={'"Does it work?"': spelled}))
    assert loaded.suite.question == TEXTS[name]


def test_no_secret_of_the_environment_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = "canary-5f2c81"
    for name in ("HF_TOKEN", "OPENAI_API_KEY", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "BENCH_JUDGE_KEY", "MY_TOKEN"):
        monkeypatch.setenv(name, canary)
    failing = {
        "full": {"method": "full", "learning_rate": ORDERS["raise"]},
        "lora": {"method": "lora", "learning_rate": ORDERS["segfault"]},
    }
    run_below(tmp_path, fake_suite(tmp_path, recipe=failing, seeds=(0,)))
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "log.txt" and path.stat().st_size for path in written)
    assert not [path for path in written if canary.encode() in path.read_bytes()]
