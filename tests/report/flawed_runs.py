"""Runs with one flaw each, and the verdicts on a run."""

from collections.abc import Callable
from typing import Any

from bench.record.results.training.applied import Applied, LayerGroup, WeightsCheck
from bench.report.analysis.finding import Finding
from bench.report.compare import compare
from tests.fakes.records import FakeRun, make_run

ARM = "lima_1k/full"


def found(run: FakeRun) -> list[Finding]:
    return list(compare(run, replicates=100).sanity)


def named(run: FakeRun, name: str) -> list[Finding]:
    return [finding for finding in found(run) if finding.name == name]


def with_training(change: Callable[[Any], Any]) -> FakeRun:
    """A run in which `change` was made to the result of every seed of one arm."""
    run = make_run(examples=20)
    trainings = tuple(
        t.model_copy(update={"result": change(t.result)}) if t.arm == ARM else t for t in run.record.trainings
    )
    return run.changed(trainings=trainings)


def as_the_base(*, but_for: int = 0) -> FakeRun:
    """A run in which an arm scores as the base on every example of every eval, `but_for` so many."""
    run = make_run(examples=20)
    rows = {
        (name, subject): [*scored[:but_for], *run.rows[name, "base"][but_for:]] if subject.startswith(ARM) else scored
        for (name, subject), scored in run.rows.items()
    }
    return run.changed(rows=rows)


def checked(as_evaluated: float) -> FakeRun:
    check = WeightsCheck(as_trained=5.7457, as_evaluated=as_evaluated)
    return with_training(lambda r: r.model_copy(update={"weights_check": check}))


def applied(without_effect: int, *, kl: float) -> FakeRun:
    """A training of which so many of 14 matrices have no effect."""
    changed, norm = 14 - without_effect, float(without_effect < 14)
    group = {"name": "attention, layer 0", "norm": norm, "relative_norm": norm, "effective_rank": None}
    facts = Applied(
        groups=(LayerGroup(matrices=14, changed=changed, **group),),
        norm=norm,
        relative_norm=norm,
        expected=14,
        without_effect=without_effect,
        such_as=("layers.0.q_proj.weight",),
        kl=kl,
        changed_top=kl,
        rows=64,
        positions=640,
        seconds=0.1,
    )
    return with_training(lambda r: r.model_copy(update={"applied": facts}))
