"""What the page's script works with: the examples behind every cell, and the difference of any two arms.

Contract: figures of a `Comparison`, unchanged but for digits that nobody reads; text of models and rows is text. One
JSON text, compressed, in letters that HTML can hold.
"""

import base64
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from bench.control_codes import visible
from bench.report.analysis.answers.examples import AnsweredBy, EvalExamples
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.results import Contrast, Reading
from bench.report.analysis.training.seen_rows import ArmRows
from bench.report.render import format as fmt
from bench.report.sections.marks import READINGS

_DIGITS = 6
"""Digits of a score. With fewer, losses that differ are equal on the page, and its counts are not the report's."""


def workbench(comparison: Comparison) -> str | None:
    """The data as zlib in base64; `None` without an example and without a training row."""
    if not comparison.examples and not comparison.seen_rows:
        return None
    text = json.dumps(workbench_json(comparison), ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode())).decode("ascii")


def workbench_json(comparison: Comparison) -> dict[str, Any]:
    """All data by name.

    arms: names, bases first. seeds: by arm, as its subjects are numbered. texts: each once; other lists have their
    places. evals, rows, differences: as `_eval`, `_rows` and `_differences` give them.
    """
    texts = _Texts()
    evals = [_eval(comparison, entry, texts) for entry in comparison.examples]
    return {
        "arms": list(comparison.arms),
        "seeds": {
            arm: [subject.subject.rpartition("#")[2] for subject in answered]
            for entry in comparison.examples[:1]
            for arm, answered in entry.arms.items()
        },
        "bases": dict(comparison.bases),
        "flips": comparison.flips.file,
        "texts": texts.all,
        "evals": evals,
        "rows": {arm.arm: _rows(arm) for arm in comparison.seen_rows},
        "differences": list(_differences(comparison)),
    }


def _rows(arm: ArmRows) -> list[dict[str, Any]]:
    """Training rows of an arm; runs: text, and 1 where it is supervised."""
    return [
        {
            "origin": visible(row.origin),
            "tokens": row.tokens,
            "supervised": row.supervised_tokens,
            "runs": [[visible(run.text, keep="\n"), int(run.supervised)] for run in row.segments],
        }
        for row in arm.rows
    ]


class _Texts:
    """Texts in the order of their first use."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def place(self, text: str | None) -> int:
        """Its place; -1 for `None`."""
        return -1 if text is None else self.places.setdefault(visible(text, keep="\n"), len(self.places))

    @property
    def all(self) -> list[str]:
        return list(self.places)


def _eval(comparison: Comparison, entry: EvalExamples, texts: _Texts) -> dict[str, Any]:
    """One eval: scores and outputs are lists by arm, then by seed, then by example."""
    measurand = next(m for m in comparison.measurands if m.name == entry.measurand)
    return {
        "name": entry.measurand,
        "higher": measurand.higher_is_better,
        "binary": measurand.binary and measurand.per_example,
        "total": entry.total,
        "ids": list(entry.ids),
        "tasks": list(entry.tasks) if len(set(entry.tasks)) > 1 else [],
        "questions": [texts.place(text) for text in entry.questions],
        "targets": [texts.place(text) for text in entry.targets],
        "options": [[texts.place(text) for text in options] for options in entry.options] if any(entry.options) else [],
        "scores": [[_scores(subject) for subject in entry.arms[arm]] for arm in comparison.arms],
        "outputs": [[_outputs(subject, texts) for subject in entry.arms[arm]] for arm in comparison.arms],
    }


def _scores(subject: AnsweredBy) -> list[float | None] | None:
    """`None` of a subject without any score."""
    if all(score is None for score in subject.scores):
        return None
    return [None if score is None else _rounded(score) for score in subject.scores]


def _outputs(subject: AnsweredBy, texts: _Texts) -> list[int] | None:
    """`None` of a subject without any text."""
    if all(text is None for text in subject.outputs):
        return None
    return [texts.place(text) for text in subject.outputs]


def _rounded(score: float) -> float:
    rounded = float(f"{score:.{_DIGITS}g}")
    return int(rounded) if rounded == int(rounded) else rounded


def _differences(comparison: Comparison) -> Iterator[Sequence[str]]:
    """Eval, arm, reference, the difference in words, over which family its p-value is Holm's, and how it reads."""
    for result in comparison.results.values():
        for contrast in (result.versus_base, result.versus_control):
            if contrast is not None:
                yield _of_contrast(contrast)
    for pair in comparison.pairs:
        said = _words(pair.reading, pair.estimate, (pair.low, pair.high), pair.p_adjusted, missing=pair.missing)
        yield pair.measurand, pair.arm, pair.reference, said, "all pairs of arms", READINGS[pair.reading]


def _of_contrast(contrast: Contrast) -> Sequence[str]:
    delta = contrast.delta
    ends = delta.tested_interval or (None, None)
    said = _words(contrast.reading, delta.estimate, ends, contrast.p_adjusted, missing=delta.bounds is not None)
    return contrast.measurand, contrast.arm, contrast.reference, said, "base and controls", READINGS[contrast.reading]


def _words(
    reading: Reading, estimate: float | None, ends: tuple[float | None, float | None], p: float | None, *, missing: bool
) -> str:
    """`+0.551 [+0.502, +0.596, missing scores counted] better, p 0.003`."""
    if estimate is None:
        return "no pair scored"
    interval = fmt.signed_interval(*ends).replace("]", ", missing scores counted]" if missing else "]")
    parts = [fmt.signed(estimate), interval or "no interval", READINGS[reading]]
    return " ".join(part for part in parts if part) + ("" if p is None else f", p {fmt.p_value(p)}")
