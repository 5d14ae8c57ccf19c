"""Whatever an enemy writes into a suite, a row, a model's output, a task file, a record or a judge's reply is data.

One row of the tables is one attack. Each must end in an ordinary result or in a refusal (`BenchError`): never in
another exception, in code that runs, in a file outside the job's folder, or in a control code on a terminal.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from bench.cli.main import main
from bench.data.fault import RowError
from bench.data.resolve import resolve_data
from bench.data.shapes import recognise
from bench.data.store import load_rows
from bench.endpoint.parsing import read_items, read_json, read_score
from bench.endpoint.verdict import read_verdict
from bench.errors import BenchError, InputError
from bench.record.record import Record
from bench.record.result import ScoreRow
from bench.record.rundir import RECORD, RunDirectory
from bench.report import markdown
from bench.report.comparison import compare
from bench.report.compose import compose
from bench.report.terminal import print_report
from bench.run.child import ChildServer
from bench.run.display import QuietDisplay, clean
from bench.run.run import run_suite
from bench.suite.data import DataSpec
from bench.suite.load import load_suite
from bench.suite.tasks import local_tasks
from bench.suite.template import load_template
from tests.fakes import records
from tests.fakes.records import FakeRun, make_run
from tests.fakes.suite_files import SUITE, write_suite
from tests.fakes.suites import fake_suite
from tests.fakes.worker import ORDERS

TEXTS = {
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "markdown": "# h\n[x](javascript:alert(1)) ![i](http://e.vil/p.png) | a | b |\n```\n",
    "rich": "[bold red]B[/] [link=http://e.vil]x[/link] [/nothing] [[",
    "colours": "\x1b[31mred\x1b[0m \x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07 \x1b]8;;http://e.vil\x1b\\click\x1b]8;;\x1b\\",
    "C1": "\x9b31m \x90q \x85",
    "NUL": "a\x00b",
    "bidi": "\u202egnp.exe\u202c \u2066x\u2069",
    "invisible": "a\u200b\ufeff\u2060b\U000e0041",
    "returns": "right\rwrong\b\b\b\x0b\x0c",
    "path": "/etc/passwd",
    "traversal": "../../../../etc/passwd",
    "url": "file:///etc/passwd",
    "jinja": "{{ 7 * 7 }}{% include '/etc/passwd' %}{{ ''.__class__.__mro__ }}",
    "format": "%s %n {0.__class__} ${HOME} $(touch owned) `touch owned`",
    "special tokens": "<s></s><|im_end|><|endoftext|>[INST]<<SYS>>",
    "YAML": "!!python/object/apply:os.system ['touch owned']",
    "JSON": '{"a": ' + "[" * 5000,
    "numbers": "NaN Infinity -0 1e999 " + "9" * 5000,
    "long": "x" * (10 << 20),
    "combining": "Z" + "\u0301" * 5000,
    "separators": "a\u2028b\u2029c\x1cd\x1e",
}
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


def ids(table: dict[str, Any]) -> list[str]:
    return list(table)


# Rows, model outputs, judges, messages: every text in every place.


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
    monkeypatch.setattr(records, "HOSTILE", TEXTS[name])
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
    view = compose(compare(run))
    stream = io.StringIO()
    print_report(view, Console(file=stream, width=120, highlight=False, force_terminal=False))
    for text in (markdown.render(view), stream.getvalue()):
        assert not FORBIDDEN.search(text)
        assert len(text) < 2_000_000
    assert "<script" not in markdown.render(view)
    assert "<img" not in markdown.render(view)


@pytest.mark.parametrize("name", TEXTS)
def test_a_judges_reply_is_read_or_not(name: str) -> None:
    text = TEXTS[name]
    assert read_score(text, low=1, high=10) is None
    read_json(text)
    read_items(text)
    assert read_verdict(text) in (None, "A", "B", "C")


@pytest.mark.parametrize("name", TEXTS)
def test_progress_shows_one_clean_line(name: str) -> None:
    assert not FORBIDDEN.search(clean(TEXTS[name]))
    assert "\n" not in clean(TEXTS[name])


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "long"])
def test_a_suites_question_is_text(tmp_path: Path, name: str) -> None:
    """TOML can spell every character; what it holds is never code, a path or markup."""
    spelled = json.dumps(TEXTS[name], ensure_ascii=False)
    loaded = load_suite(write_suite(tmp_path, replace={'"Does it work?"': spelled}))
    assert loaded.suite.question == TEXTS[name]


# Suites, through the command line.

SUITES: dict[str, dict[str, str]] = {
    "name leaves its folder": {'name = "small"': 'name = "../../x"'},
    "name is a path": {'name = "small"': 'name = "/tmp/x"'},
    "name with NUL": {'name = "small"': 'name = "a\\u0000b"'},
    "name with escape": {'name = "small"': 'name = "\\u001b[31m"'},
    "name of 10 MB": {'name = "small"': f'name = "{"x" * (10 << 20)}"'},
    "name of dots": {'name = "small"': 'name = ".."'},
    "data name leaves": {"[data.rows]": '[data."../rows"]'},
    "recipe name leaves": {"[recipe.full]": '[recipe."/full"]'},
    "eval name leaves": {'name = "questions"': 'name = "../questions"'},
    "key with escape": {"[budget]": '[budget]\n"\\u001b]0;x\\u0007" = 1'},
    "data is a device": {'"rows.jsonl"': '"/dev/zero"'},
    "data is a folder": {'"rows.jsonl"': '"."'},
    "data with NUL": {'"rows.jsonl"': '"rows\\u0000.jsonl"'},
    "data of 9,000 characters": {'"rows.jsonl"': f'"{"x/" * 4500}rows.jsonl"'},
    "data is a secret file": {'"rows.jsonl"': '"/proc/self/environ"'},
    "model with NUL": {'path = "model"': 'path = "mo\\u0000del"'},
    "model of 9,000 characters": {'path = "model"': f'path = "{"m/" * 4500}"'},
    "card leaves": {'path = "model"': 'card = "../../etc/passwd"'},
    "repo leaves": {'path = "model"': 'repo = "../../etc"'},
    "template leaves": {'path = "model"': 'path = "model"\ntemplate = "/etc/passwd"'},
    "tasks with NUL": {'include = "tasks"': 'include = "ta\\u0000sks"'},
    "tasks leave": {'["toy"]': '["../../toy"]'},
    "seeds beyond all bounds": {"seeds = [0]": f"seeds = [{'9' * 5000}]"},
    "a million seeds": {"seeds = [0]": f"seeds = [{','.join(map(str, range(40_000)))}]"},
    "NaN": {"learning_rate = 1e-3": "learning_rate = nan"},
    "endless budget": {"amount = 2\n": "amount = 1e400\n"},
    "deep tables": {"[budget]": "[budget]\n" + "x" + ".x" * 3000 + " = 1"},
    "deep lists": {"seeds = [0]": "seeds = " + "[" * 3000 + "]" * 3000},
    "remote code asked for": {'path = "model"': 'path = "model"\ntrust_remote_code = true'},
    "code in a claim": {">= other/full": ">= __import__('os').system('touch owned')"},
    "code in a tag": {'name = "small"': 'name = "small"\nrun_command = "touch owned"'},
}


@pytest.mark.parametrize("name", SUITES)
def test_a_hostile_suite_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    write_suite(tmp_path, replace=SUITES[name])
    refused(tmp_path, monkeypatch, capsys, "plan", "suite.toml")


def refused(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *command: str) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BENCH_HOME", str(folder / "home"))
    monkeypatch.setattr(sys, "argv", ["bench", *command])
    with pytest.raises(SystemExit) as caught:
        main()
    said = capsys.readouterr()
    assert caught.value.code == 2, said
    assert said.err.startswith("error[")
    assert "error[internal]" not in said.err
    assert "Traceback" not in said.err
    assert not FORBIDDEN.search(said.err + said.out)
    assert len(said.err) < 100_000
    assert not (folder / "owned").exists()


FILES: dict[str, Callable[[Path], object]] = {
    "rows are a pipe": lambda folder: ((folder / "rows.jsonl").unlink(), os.mkfifo(folder / "rows.jsonl")),
    "rows are a circle of links": lambda folder: (
        (folder / "rows.jsonl").unlink(),
        (folder / "rows.jsonl").symlink_to("rows.jsonl"),
    ),
    "rows are deep": lambda folder: (folder / "rows.jsonl").write_text('{"instruction": ' + "[" * 200_000),
    "rows are NUL": lambda folder: (folder / "rows.jsonl").write_bytes(bytes(4096)),
    "rows are one line of 10 MB": lambda folder: (folder / "rows.jsonl").write_text("x" * (10 << 20)),
    "rows hold half a character": lambda folder: (folder / "rows.jsonl").write_text(
        '{"instruction": "\\ud800", "output": "a"}\n'
    ),
    "rows hold a number of 5,000 digits": lambda folder: (folder / "rows.jsonl").write_text("9" * 5000),
    "the suite is a pipe": lambda folder: ((folder / "suite.toml").unlink(), os.mkfifo(folder / "suite.toml")),
    "the suite is a circle of links": lambda folder: (
        (folder / "suite.toml").unlink(),
        (folder / "suite.toml").symlink_to("suite.toml"),
    ),
    "the suite is NUL": lambda folder: (folder / "suite.toml").write_bytes(bytes(4096)),
    "the suite is 10 MB": lambda folder: (folder / "suite.toml").write_bytes(b"#" * (10 << 20)),
    "config is deep": lambda folder: (folder / "model/config.json").write_text("[" * 200_000),
    "config is a list": lambda folder: (folder / "model/config.json").write_text("[]"),
    "config is not UTF-8": lambda folder: (folder / "model/config.json").write_bytes(b'{"model_type": "\xff"}'),
    "weights claim a header of exabytes": lambda folder: (folder / "model/model.safetensors").write_bytes(b"\xff" * 8),
    "weights with a deep header": lambda folder: (folder / "model/model.safetensors").write_bytes(
        (200_000).to_bytes(8, "little") + b"[" * 200_000
    ),
    "weights are a pickle": lambda folder: (
        (folder / "model/model.safetensors").unlink(),
        (folder / "model/pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch owned'\ntR."),
    ),
    "weights are a pickle called safetensors": lambda folder: (folder / "model/model.safetensors").write_bytes(
        b"\x80\x04cos\nsystem\n(S'touch owned'\ntR."
    ),
    "task calls Python": lambda folder: (folder / "tasks/toy.yaml").write_text(
        "task: !!python/object/apply:os.system ['touch owned']\n"
    ),
    "task makes an object": lambda folder: (folder / "tasks/toy.yaml").write_text("!!python/object/new:os.popen [x]\n"),
    "task imports a module": lambda folder: (folder / "tasks/toy.yaml").write_text("!!python/module:antigravity\n"),
    "task is deep": lambda folder: (folder / "tasks/toy.yaml").write_text("task: " + "[" * 5000),
    "task is not UTF-8": lambda folder: (folder / "tasks/toy.yaml").write_bytes(b"task: \xff"),
    "task is NUL": lambda folder: (folder / "tasks/toy.yaml").write_bytes(bytes(64)),
    "task refers to nothing": lambda folder: (folder / "tasks/toy.yaml").write_text("task: *nothing\n"),
    "task with a list as a key": lambda folder: (folder / "tasks/toy.yaml").write_text("? [a, {b: c}]\n: d\n"),
    "template reaches for Python": lambda folder: template(folder, "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
    "template reads a file": lambda folder: template(folder, "{% include '/etc/passwd' %}"),
    "template never ends": lambda folder: template(folder, "{% for a in range(10**9) %}x{% endfor %}"),
}


def template(folder: Path, text: str) -> None:
    (folder / "t.jinja").write_text(text)
    suite = (folder / "suite.toml").read_text()
    (folder / "suite.toml").write_text(suite.replace('path = "model"', 'path = "model"\ntemplate = "t.jinja"'))


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    write_suite(tmp_path)
    FILES[name](tmp_path)
    refused(tmp_path, monkeypatch, capsys, "plan", "suite.toml")


def test_a_task_of_ever_doubling_aliases_is_read_in_no_time(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    (tmp_path / "toy.yaml").write_text("task: toy\n" + "\n".join(lines))
    assert list(local_tasks(tmp_path)) == ["toy"]


# Records.

RECORDS: dict[str, Callable[[str], str | bytes]] = {
    "empty": lambda text: "",
    "cut": lambda text: text[: len(text) // 2],
    "deep": lambda text: "[" * 200_000,
    "deep inside": lambda text: text.replace('"command":[', '"command":[' + "[" * 100_000, 1),
    "not UTF-8": lambda text: text.encode().replace(b"USD", b"\xff\xfe\xfd"),
    "NUL": lambda text: bytes(10_000),
    "NaN": lambda text: re.sub(r'"value":[0-9.]+', '"value":NaN', text, count=1),
    "endless": lambda text: re.sub(r'"value":[0-9.]+', '"value":1e999', text, count=1),
    "another version": lambda text: text.replace('"format_version":1', '"format_version":2'),
    "an unknown key": lambda text: text.replace('"format_version":1', '"format_version":1,"__class__":"os"'),
    "a list": lambda text: "[1]",
    "a number": lambda text: "9" * 5000,
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_hostile_record_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    content = RECORDS[name](make_run(seeds=(0,), examples=5).record.model_dump_json())
    (tmp_path / RECORD).write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(tmp_path, monkeypatch, capsys, "report", ".")


@pytest.mark.parametrize(
    "scores", ["/etc/passwd", "../../../../../../etc/passwd", "scores/../../x", "/dev/zero", "link.jsonl", "a\0b", "."]
)
def test_a_record_reads_no_file_outside_its_folder(tmp_path: Path, scores: str) -> None:
    (tmp_path / "link.jsonl").symlink_to("/etc/passwd")
    evaluation = make_run(seeds=(0,), examples=5).record.evaluations[0].model_copy(update={"scores": scores})
    with pytest.raises(InputError) as caught:
        RunDirectory(tmp_path).scores(evaluation)
    assert "root:" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b"\xff\xfe",
        b"{}",
        b'{"task": "t"',
        bytes(100),
        b'{"task":"t","id":"1","metrics":{"a":NaN},"prompt":"p"}',
    ],
    ids=["deep", "not UTF-8", "empty", "cut", "NUL", "NaN"],
)  # fmt: skip
def test_hostile_scores_are_refused(tmp_path: Path, line: bytes) -> None:
    evaluation = make_run(seeds=(0,), examples=5).record.evaluations[0]
    assert evaluation.scores is not None
    path = tmp_path / evaluation.scores
    path.parent.mkdir(parents=True)
    path.write_bytes(line + b"\n")
    with pytest.raises(InputError):
        RunDirectory(tmp_path).scores(evaluation)


# Secrets.


def test_no_secret_of_the_environment_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = "canary-5f2c81"
    for name in ("HF_TOKEN", "OPENAI_API_KEY", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "BENCH_JUDGE_KEY", "MY_TOKEN"):
        monkeypatch.setenv(name, canary)
    failing = {
        "full": {"method": "full", "learning_rate": ORDERS["raise"]},
        "lora": {"method": "lora", "learning_rate": ORDERS["segfault"]},
    }
    run_suite(
        fake_suite(tmp_path, recipe=failing, seeds=(0,)),
        home=tmp_path / "home", reports=tmp_path / "reports", display=QuietDisplay(),
        server=ChildServer(module="tests.fakes.worker"),
    )  # fmt: skip
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "log.txt" and path.stat().st_size for path in written)
    assert not [path for path in written if canary.encode() in path.read_bytes()]


# Properties.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["instruction", "input", "output", "messages", "conversations", "prompt", "completion", "chosen", "question",
     "answer", "role", "content", "from", "value", "replies", "text"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(FIELDS, JSON, max_size=4))
def test_no_row_breaks_the_shapes(record: dict[str, Any]) -> None:
    try:
        shape = recognise([record])
        if shape is not None and shape.assemble is None:
            shape.convert(record)
    except (RowError, BenchError):
        pass


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_breaks_a_template(question: str, answer: str) -> None:
    for name in ("alpaca", "chatml", "dialogue", "plain", "colon"):
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        text = load_template(name, None).text
        assert render(text, messages).count(answer.strip()) >= 1


def render(text: str, messages: list[dict[str, str]]) -> str:
    from transformers.utils.chat_template_utils import render_jinja_template

    rendered, _ = render_jinja_template([messages], chat_template=text, eos_token="</s>", bos_token="<s>")  # noqa: S106  # no passwords
    return str(rendered[0])


@settings(max_examples=200, deadline=None)
@given(
    st.builds(
        ScoreRow,
        task=st.text(max_size=9),
        id=st.text(max_size=9),
        metrics=st.dictionaries(
            st.text(max_size=9), st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=3
        ),
        prompt=st.text(),
        output=st.none() | st.text(),
    )
)
def test_a_score_survives_being_written_and_read(row: ScoreRow) -> None:
    assert ScoreRow.model_validate_json(row.model_dump_json()) == row
    assert "\n" not in row.model_dump_json()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10**6), junk=st.binary(min_size=1, max_size=8))
def test_a_record_with_any_bytes_changed_is_read_or_refused(tmp_path: Path, place: int, junk: bytes) -> None:
    whole = _RECORD
    at = place % len(whole)
    (tmp_path / RECORD).write_bytes(whole[:at] + junk + whole[at + len(junk) :])
    try:
        RunDirectory(tmp_path).load()
    except InputError:
        return


_RECORD = make_run(seeds=(0,), examples=5).record.model_dump_json().encode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.integers(0, SUITE.count("\n")), text=st.text(max_size=60))
def test_a_suite_with_any_line_changed_is_read_or_refused(tmp_path: Path, line: int, text: str) -> None:
    lines = SUITE.split("\n")
    lines[line] = text
    path = write_suite(tmp_path)
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    try:
        load_suite(path)
    except BenchError:
        return
