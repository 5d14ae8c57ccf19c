"""The Python interface does what its page and its notebook show, without anything heavy in the calling process."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bench
from bench import api
from tests.fakes.records import make_run
from tests.fakes.suites import SERVER, fake_suite

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "python.md"


def test_the_page_runs_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    server, run = SERVER, api.run
    monkeypatch.setattr(api, "validate", lambda path: ())
    monkeypatch.setattr(api, "load_suite", lambda path, overrides: fake_suite(tmp_path))
    monkeypatch.setattr(api, "run", lambda suite: run(suite, server=server))
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    exec(code, {})  # noqa: S102  # the page's own text
    lines = capsys.readouterr().out.splitlines()
    assert any(re.match(r"\d+ +few/full +qa\b", line) for line in lines)
    assert lines[-1] == "0"
    assert (bench.load_run("latest").path / "report.html").is_file()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of reports with a finished run."""
    reports = tmp_path_factory.mktemp("api") / "reports"
    make_run(reports / "lima_vs_alpaca" / "micro-0123abcd", examples=30, missing=0.05).write()
    return reports


def test_the_notebook_runs_as_it_is(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell in one namespace, as a notebook does; the last value of each has something to show."""
    monkeypatch.chdir(run.parent)
    notebook = json.loads((DOCS / "example.ipynb").read_text(encoding="utf-8"))
    namespace: dict[str, Any] = {}
    shown = []
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            *body, last = ast.parse("".join(cell["source"])).body
            assert isinstance(last, ast.Expr)
            exec(compile(ast.Module(body=body, type_ignores=[]), "cell", "exec"), namespace)  # noqa: S102
            shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), namespace))  # noqa: S307
    first, _, figure, lost, costs = shown
    assert "<h4>Answer</h4>" in first._repr_html_()
    assert "<svg" in figure._repr_svg_()
    figure.save(str(tmp_path / "figure.svg"))
    assert (tmp_path / "figure.svg").read_text(encoding="utf-8") == figure.svg
    assert len(lost) > 0
    assert set(lost.columns) >= {"question_base", "output_arm"}
    assert "lima_1k/full" in costs.index


def test_frames_have_what_the_report_says_and_missing_stays_missing(run: Path) -> None:
    loaded = bench.load_run("lima_vs_alpaca", reports=run)
    comparison = loaded.comparison
    scores = loaded.scores()
    files = [path.read_text().splitlines() for path in (loaded.path / "scores").rglob("*.jsonl")]
    metrics = sum(len(json.loads(line)["metrics"]) for lines in files for line in lines)
    assert len(scores) == metrics
    assert scores["score"].isna().sum() > 0
    delta = loaded.deltas().set_index(["arm", "eval", "against"]).loc[("lima_1k/full", "choice", "base")]
    contrast = comparison.results["lima_1k/full", "choice"].versus_base
    assert delta["difference"] == contrast.delta.estimate
    assert delta["reading"] == contrast.reading
    assert list(loaded.claims()["verdict"]) == [claim.verdict.outcome for claim in comparison.claims]
    assert set(loaded.costs()["arm"]) == {cost.arm for cost in comparison.costs}
    examples = loaded.examples()
    assert set(examples["arm"]) == set(comparison.arms)
    assert len(examples) == sum(len(lines) for lines in files)


def test_hostile_text_stays_text_in_a_notebook(tmp_path: Path) -> None:
    path = make_run(tmp_path / "run", examples=20, hostile=True).write()
    html = bench.load_run(path)._repr_html_()
    assert "<script" not in html
    assert "\x1b" not in html


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'trl', 'peft', 'datasets', 'pandas'}"
    code = f"import sys, bench; light = set(sys.modules); bench.load_run; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_every_public_name_exists() -> None:
    assert all(hasattr(api, name) for name in api.__all__)
    assert all(callable(getattr(bench, name)) for name in ("load_suite", "validate", "plan", "run", "load_run"))
    with pytest.raises(AttributeError, match="no attribute 'torch'"):
        _ = bench.torch  # type: ignore[attr-defined]
