"""What the base's scores say of an eval, before anything is trained."""

from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter

from bench.record.results.evals.evaluation import EvalResult, Measure, ScoreRow
from bench.record.results.training.ledger import Seconds
from bench.run.checks.base_scores import BaseScores, findings
from bench.suite.tables.evals.eval_spec import EvalSpec


def scored(
    right: int, n: int = 100, *, role: str = "target", chance: float | None = 0.25, outputs: Sequence[str] = ("A",),
    unread: Sequence[str] = (),
    **measure: Any,
) -> list[tuple[str, bool]]:  # fmt: skip
    """Findings (reference, stops) on a base with `right` of `n` answers right."""
    spec = TypeAdapter(EvalSpec).validate_python({"kind": "lm_eval", "name": "e", "tasks": ["t"], "role": role})
    fields: dict[str, Any] = {
        "task": "t", "metric": "acc", "value": right / n if n else None, "n": n, "missing": 0, "binary": True,
        "higher_is_better": True, "chance": chance, "headline": True,
    }  # fmt: skip
    result = EvalResult(
        measures=(Measure.model_validate({**fields, **measure}),), template="none", precision="fp32", batch="b",
        generated_tokens=None, seconds=Seconds(), peak_process_bytes=None, versions={},
        unscored={} if n else {"why": 3},
    )  # fmt: skip
    rows = [
        ScoreRow(
            task="t",
            id=str(at),
            metrics={"acc": 1.0},
            prompt="?",
            output=(text := outputs[at % len(outputs)]),
            unread=text in unread,
        )
        for at in range(max(n, 1))
    ]
    found = list(findings(BaseScores(base="base", eval=spec, result=result, rows=rows)))
    return [(finding.problem.reference, finding.stops) for finding in found]


def test_a_base_between_chance_and_ceiling_says_nothing() -> None:
    for role in ("target", "retention", "diagnostic"):
        assert scored(60, role=role) == []


@pytest.mark.parametrize("role", ["target", "retention", "diagnostic"])
def test_no_score_at_all_stops_in_every_role(role: str) -> None:
    assert scored(0, 0, role=role) == [("base.no-score", True)]


def test_nothing_to_gain_stops_a_target_and_nothing_else() -> None:
    assert scored(100) == [("base.ceiling", True)]
    assert scored(99) == []
    assert scored(100, role="retention") == []


def test_nothing_to_forget_stops_a_retention_eval_and_is_noted_on_a_target() -> None:
    """A target at chance is where training may help; a skill at chance has nothing that training could cost."""
    assert scored(28, role="retention") == [("base.chance", True)]
    assert scored(28) == [("base.chance", False)]
    assert scored(0, chance=0.0) == [("base.chance", False)]
    assert scored(0, chance=0.0, role="retention") == [("base.chance", True)]


@pytest.mark.parametrize(("right", "at_chance"), [(34, True), (35, False)])
def test_chance_is_told_by_the_interval(right: int, at_chance: bool) -> None:
    """Wilson's 95% interval: 34 of 100 reaches down to 0.255, 33 to 0.246."""
    assert scored(right - 1) == ([("base.chance", False)] if at_chance else [])


def test_answers_that_no_filter_can_read_stop_the_run() -> None:
    assert scored(0, chance=0.0, outputs=("so what", "", " "), unread=("so what",)) == [("base.no-answer", True)]
    assert scored(0, chance=0.0, outputs=("so what", "7"), unread=("so what",)) == [("base.chance", False)]


def test_graded_scores_and_measures_without_chance_are_left_alone() -> None:
    assert scored(100, binary=False) == []
    assert scored(0, binary=False, outputs=("", "so what"), unread=("so what",)) == [("base.no-answer", True)]
    assert scored(0, chance=None) == []
