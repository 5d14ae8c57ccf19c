"""A copy of a report to publish: every figure, and nothing that a licence may keep."""

from pathlib import Path
from typing import Any

import pytest

from bench.record.rundir import RunDirectory
from bench.report.compare import compare
from bench.report.share import without_folders
from bench.report.write import write_copy, write_report
from bench.suite.resolved import ResolvedData
from tests.fakes.records import make_run


def test_a_copy_to_publish_has_the_figures_and_no_texts(tmp_path: Path) -> None:
    """Whoever publishes a report on LIMA must not publish LIMA; nor where it was on the machine."""
    fake = make_run(tmp_path / "run", examples=20)
    resolved = fake.record.resolved

    def at_home(data: ResolvedData) -> ResolvedData:
        return data.model_copy(update={"source": "/home/someone/data/rows.jsonl"})

    data = {name: at_home(table) for name, table in resolved.data.items()}
    changes: dict[str, Any] = {"data": data, "overrides": ("data.a.source=/home/someone/data/rows.jsonl",)}
    record = fake.record.model_copy(update={"resolved": resolved.model_copy(update=changes)})
    comparison = compare(fake.__class__(path=fake.path, record=record, rows=fake.rows), replicates=100)
    texts = {flip.output for flip in comparison.flips.flips()} | {exhibit.question for exhibit in comparison.exhibits}
    long = {text for text in texts if text and len(text) > 5}
    assert long
    path = write_copy(comparison, tmp_path / "copy")
    for file in (path, path.with_suffix(".html")):
        text = file.read_text(encoding="utf-8")
        assert "Prompts and answers are left out of this copy." in text
        assert "Side by side" not in text
        assert not [answer for answer in long if answer in text]
        assert "rows.jsonl" in text
        assert "someone" not in text
    assert sorted(item.name for item in (tmp_path / "copy").iterdir()) == ["plots", "report.html", "report.md"]


def test_a_copy_has_every_other_section(tmp_path: Path) -> None:
    run = RunDirectory(make_run(tmp_path, examples=20).write())
    whole = write_report(run).read_text(encoding="utf-8")
    copy = write_copy(compare(run), tmp_path / "copy").read_text(encoding="utf-8")
    titles = [line for line in whole.splitlines() if line.startswith("## ")]
    assert [line for line in copy.splitlines() if line.startswith("## ")] == [
        title for title in titles if title != "## Side by side"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data.a.source=/mnt/x/rows.jsonl", "data.a.source=rows.jsonl"),
        ("path:/models/base", "path:base"),
        ("~/rows.jsonl", "rows.jsonl"),
        ("GAIR/lima", "GAIR/lima"),
        ("../rows/a.jsonl", "../rows/a.jsonl"),
        ("micro:mixed", "micro:mixed"),
    ],
)
def test_only_folders_of_this_machine_go(text: str, expected: str) -> None:
    assert without_folders(text) == expected
