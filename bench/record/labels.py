"""Human labels of a judge's pairs: `{"id": "…", "subject": "lima_1k/full#0", "score": 1}`, one JSON object a line."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from bench.errors import InputError, Problem, did_you_mean
from bench.spec import Spec


class HumanLabel(Spec):
    """What a person prefers of one pair that a judge was asked about."""

    id: str
    """The example."""
    subject: str
    """Whose answer was compared: `ARM#SEED`, or a base."""
    score: Annotated[float, Field(ge=0, le=1, multiple_of=0.5)]
    """1: the subject's answer is better; 0: the answer it was compared with; 0.5: neither."""


class EvalLabels(Spec):
    """The labels of one judge eval."""

    eval: str
    labels: tuple[HumanLabel, ...]


def read_labels(path: Path, *, where: str, subjects: Collection[str]) -> tuple[HumanLabel, ...]:
    """Every label of a file. Raises `InputError` with the rows that are none.

    where: the key that names the file. subjects: of the suite; a label of any other corrects nothing."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what = f"the labels {path} cannot be read: {getattr(error, 'strerror', None) or error}"
        hint = "name a file of JSON lines with id, subject and score"
        raise InputError(Problem(reference="eval.labels", what=what, where=where, hint=hint)) from None
    labels: dict[tuple[str, str], HumanLabel] = {}
    problems: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            label = HumanLabel.model_validate_json(line)
        except ValidationError as error:
            hint = '{"id": "…", "subject": "ARM#SEED", "score": 1}; the score is 1, 0.5 or 0'
            what = f"this is no label: {error.errors()[0]['msg']}"
            problems.append(Problem(reference="eval.labels", what=what, where=f"{path}:{number}", hint=hint))
            continue
        if (label.id, label.subject) in labels:
            what = f"{label.subject} on {label.id} is labelled twice"
            hint = "give one label for each pair, such as the majority's"
            problems.append(Problem(reference="eval.labels", what=what, where=f"{path}:{number}", hint=hint))
        if label.subject not in subjects:
            what, near = f"the suite has no subject {label.subject!r}", did_you_mean(label.subject, list(subjects))
            problems.append(Problem(reference="eval.labels", what=what, where=f"{path}:{number}", hint=near))
        labels[label.id, label.subject] = label
    if problems:
        raise InputError(problems[:20])
    return tuple(labels.values())
