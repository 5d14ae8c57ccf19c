"""`[gate]`: limits and waivers must name what the suite has, and say one thing."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from bench.suite.checks.names.gate_names import gate_problems
from bench.suite.load import load_suite
from bench.suite.tables.conclusions.gate import EvalPolicy, GatePolicy, Waiver
from tests.fakes.flagship import make_suite
from tests.fakes.suite_files import write_suite

UNTIL = date(2027, 1, 31)


def problems(policy: dict[str, Any]) -> list[tuple[str | None, str | None]]:
    suite = make_suite().model_copy(update={"gate": GatePolicy.model_validate(policy)})
    return [(problem.where, problem.hint) for problem in gate_problems(suite)]


def test_an_unknown_eval_arm_or_claim_has_the_nearest_name() -> None:
    assert problems({"eval": {"qaa": {"margin": 0.1}}}) == [("gate.eval.qaa", "did you mean 'qa'?")]
    waivers = [
        {"eval": "chioce", "arm": "lima_1k/ful", "until": UNTIL, "reason": "x"},
        {"claim": "lima_1k/full > base", "until": UNTIL, "reason": "x"},
        {"eval": "qa", "arm": "base", "until": UNTIL, "reason": "x"},
        {"claim": "lima_1k/full > random_1k/full", "until": UNTIL, "reason": "x"},
    ]
    assert [where for where, _ in problems({"waiver": waivers})] == [
        "gate.waiver[0].eval",
        "gate.waiver[0].arm",
        "gate.waiver[1].claim",
    ]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (EvalPolicy, {"margin": 0.1, "relative": 0.1}),
        (GatePolicy, {"margin": 0.1, "relative": 0.1}),
        (GatePolicy, {"margin": -0.1}),
        (Waiver, {"until": UNTIL, "reason": "x"}),
        (Waiver, {"eval": "qa", "claim": "a > b", "until": UNTIL, "reason": "x"}),
        (Waiver, {"claim": "a > b", "arm": "a", "until": UNTIL, "reason": "x"}),
        (Waiver, {"eval": "qa", "until": UNTIL, "reason": ""}),
        (Waiver, {"eval": "qa", "until": UNTIL, "reason": "  "}),
        (Waiver, {"eval": "qa", "reason": "x"}),
    ],
)
def test_a_policy_that_says_two_things_or_nothing_is_refused(kind: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(fields)


def test_limits_of_an_eval_come_before_the_suites() -> None:
    policy = GatePolicy.model_validate(
        {"relative": 0.1, "tier": "advisory", "eval": {"qa": {"margin": 0.3}, "cloze": {"tier": "required"}}}
    )
    assert [policy.accepted_loss(name, 0.5) for name in ("qa", "cloze", "choice")] == pytest.approx([0.3, 0.05, 0.05])
    assert [policy.tier_of(name) for name in ("qa", "cloze", "choice")] == ["advisory", "required", "advisory"]
    assert GatePolicy().accepted_loss("qa", 0.5) == 0.0


def test_a_suite_file_has_its_policy_with_dates(tmp_path: Any) -> None:
    table = '[gate]\nmargin = 0.02\n[[gate.waiver]]\neval = "heldout"\nuntil = 2027-01-31\nreason = "known"\n[budget]'
    suite = load_suite(write_suite(tmp_path, replace={"[budget]": table})).suite
    assert suite.gate.waiver[0].until == UNTIL
    again = type(suite).model_validate_json(suite.model_dump_json())
    assert again.gate == suite.gate
