"""Human labels: a file that is half wrong must not be half used."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.record.labels import read_labels

SUBJECTS = ("base", "a/full#0", "a/full#1", "a#0", "a#1")


def test_labels_are_read(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text(
        '{"id": "1", "subject": "a/full#0", "score": 1}\n\n{"id": "1", "subject": "a/full#1", "score": 0.5}\n'
    )
    assert [(label.subject, label.score) for label in read_labels(file, where="eval[0].labels", subjects=SUBJECTS)] == [
        ("a/full#0", 1),
        ("a/full#1", 0.5),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        '{"id": "1", "subject": "a#0"}',
        '{"id": "1", "subject": "a#0", "score": 2}',
        '{"id": "1", "subject": "a#1", "score": 0}',
        '{"id": "1", "subject": "a#7", "score": 0}',
    ],
)
def test_what_is_no_label_is_named_by_its_row(tmp_path: Path, line: str) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text('{"id": "1", "subject": "a#1", "score": 1}\n' + line + "\n")
    with pytest.raises(InputError) as refused:
        read_labels(file, where="eval[0].labels", subjects=SUBJECTS)
    assert (refused.value.problems[0].where or "").endswith(":2")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_labels(tmp_path / "none.jsonl", where="eval[0].labels", subjects=SUBJECTS)
