"""`precision = "auto"`: measured once, the same for every job of a base, and told with its reason."""

from pathlib import Path
from typing import Any

import pytest

from bench.record.results.training.facts import PrecisionTrial
from bench.run.plan.plan import plan
from bench.run.plan.types import Plan
from bench.run.process.server import ChildServer
from bench.run.resolve import precision
from bench.run.resolve.precision import precision_notes
from bench.run.resolve.suite import resolve
from tests.fakes.suites import fake_suite

TRIAL = {"fp32_seconds": 0.3, "bf16_seconds": 0.2, "loss_difference": 0.001, "threads": 2, "one_thread_seconds": 0.5}


class Measured:
    """Stands for the child that measures; counts how often it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **trial: float) -> None:
        self.asked = 0
        self.trial = PrecisionTrial(**{**TRIAL, **trial})
        monkeypatch.setattr(precision, "_SMALL_PARAMETERS", 1)
        monkeypatch.setattr(precision, "device", lambda: "cpu")
        monkeypatch.setattr(ChildServer, "call", self._call)

    def _call(self, kind: str, *arguments: Any, **options: Any) -> Any:
        assert kind == "precision"
        self.asked += 1
        return self.trial.model_dump()


def planned(root: Path, **changes: Any) -> Plan:
    return plan(resolve(fake_suite(root, **changes), home=root / "home"), home=root / "home")


def precisions(planned: Plan) -> tuple[set[str], set[str]]:
    """Of trainings, and of evals."""
    jobs = [job.job for job in planned.jobs]
    trained = {job.recipe.precision for job in jobs if job.kind == "train"}
    return trained, {job.precision for job in jobs if job.kind == "eval"}


def test_the_faster_precision_is_taken_for_trainings_and_evals_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = Measured(monkeypatch)
    first = planned(tmp_path)
    assert precisions(first) == ({"bf16"}, {"bf16"})
    (note,) = precision_notes(first.resolved)
    assert "auto is bf16" in note
    assert "×1.50" in note
    again = planned(tmp_path)
    assert measured.asked == 1, "kept for the shape and the machine"
    assert again.digest == first.digest


@pytest.mark.parametrize("trial", [{"bf16_seconds": 0.27}, {"loss_difference": 0.03}])
def test_fp32_stays_where_bf16_gains_little_or_learns_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial: dict[str, float]
) -> None:
    Measured(monkeypatch, **trial)
    found = planned(tmp_path)
    assert precisions(found) == ({"auto"}, {"auto"}), "the device's own, fp32: no digest changes"
    assert "auto is fp32" in precision_notes(found.resolved)[0]


def test_a_named_precision_is_not_measured_and_evals_have_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = Measured(monkeypatch)
    recipe = {"full": {"method": "full", "learning_rate": 1e-3, "precision": "bf16"}}
    arms = {"data": ("few",), "recipe": ("full",)}
    assert precisions(planned(tmp_path, recipe=recipe, arms=arms)) == ({"bf16"}, {"bf16"})
    asked = planned(tmp_path, recipe=recipe, arms=arms, evaluation={"precision": "fp32"})
    assert precisions(asked) == ({"bf16"}, {"fp32"})
    assert measured.asked == 0


def test_trainings_of_two_precisions_leave_all_evals_one_and_the_plan_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base in fp32 beside an arm in bf16 would differ by rounding alone."""
    Measured(monkeypatch)
    rate = {"learning_rate": 1e-3}
    recipe = {"full": {"method": "full", **rate}, "lora": {"method": "lora", "precision": "fp32", **rate}}
    found = planned(tmp_path, recipe=recipe)
    assert precisions(found) == ({"bf16", "fp32"}, {"auto"})
    assert precision_notes(found.resolved)[1:] == (
        "precision of all evals: fp32, because trainings have bf16 and fp32; evaluation.precision names another",
    )
    named = planned(tmp_path, recipe=recipe, evaluation={"precision": "bf16"})
    assert (precisions(named)[1], len(precision_notes(named.resolved))) == ({"bf16"}, 1)


def test_a_small_base_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = Measured(monkeypatch)
    monkeypatch.setattr(precision, "_SMALL_PARAMETERS", 20_000_000)
    assert precisions(planned(tmp_path)) == ({"auto"}, {"auto"})
    assert measured.asked == 0
