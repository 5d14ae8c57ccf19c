"""A report that nothing has changed for is printed again without being computed; any change computes it anew."""

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

import bench.report.compare
from bench.cli.main import app
from bench.report.cached_report import VIEW, cached_report
from bench.report.compare import compare
from bench.report.imported.stored_times import Entry, Trend
from bench.report.write import write_comparison
from tests.fakes.records import make_run


def printed(run: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["report", str(run), *options])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = make_run(tmp_path / "reports" / "lima_vs_alpaca" / "micro-0123abcd", examples=20).write()
    printed(path)
    return path


@pytest.mark.parametrize("options", [(), ("--full",), ("--format", "pr")])
def test_what_is_printed_again_is_what_was_computed(
    run: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    (run / VIEW).unlink()
    computed = printed(run, *options)

    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(bench.report.compare, "compare", refuse)
    assert printed(run, *options) == computed


def _score(run: Path) -> None:
    file = next((run / "scores").rglob("*.jsonl"))
    file.write_text("".join(reversed(file.read_text().splitlines(keepends=True))))


def _record(run: Path) -> None:
    file = run / "record.json"
    file.write_text(file.read_text() + " ")


def _report(run: Path) -> None:
    (run / "report.md").write_text("mine")


def _page(run: Path) -> None:
    (run / "report.html").unlink()


def _view(run: Path) -> None:
    (run / VIEW).write_text("{")


@pytest.mark.parametrize("change", [_score, _record, _report, _page, _view])
def test_whatever_changed_the_report_is_drawn_anew(run: Path, change: Callable[[Path], None]) -> None:
    assert cached_report(run) is not None
    change(run)
    assert cached_report(run) is None
    printed(run)
    assert cached_report(run) is not None
    assert (run / "report.html").is_file()
    assert (run / "report.md").read_text().startswith("# lima_vs_alpaca")


def test_another_version_of_this_program_draws_it_anew(
    run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "package" / "__init__.py"))
    assert cached_report(run) is None
    printed(run)
    (tmp_path / "package" / "module.cpython-311.pyc").write_text("compiled")
    assert cached_report(run) is not None
    os.utime(tmp_path / "package" / "__init__.py", ns=(1, 1))
    assert cached_report(run) is None


def test_a_trend_is_never_what_is_kept(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", examples=20)
    run.write()
    console = Console(file=io.StringIO())
    entry = Entry(when="2020-01-01T00:00:00", median=1.0, machine="a machine", source="times.json")
    trend = Trend(name="bench::train[a]", entries=(entry,))
    write_comparison(replace(compare(run, replicates=20), history=(trend,)), run.path, console=console)
    assert cached_report(tmp_path / "run") is None
