"""Several draws of one random subset: `select = { by = "random", size = 1000, seeds = [0, 1, 2] }`.

Contract: the training with the suite's n-th seed learns from the n-th draw, in turn; a draw without a training is not
resolved. The first draw has the data's own name among the resolved data, the others `NAME@1`, `NAME@2`, ….
"""

from collections.abc import Iterator

from bench.errors import Problem
from bench.suite.tables.arms.arms import ArmRef
from bench.suite.tables.data import DataSpec
from bench.suite.tables.suite import Suite


def draws_of(name: str, spec: DataSpec, *, trainings: int) -> dict[str, DataSpec]:
    """Draws that `trainings` seeds learn from, each under its own name; the table itself where it names none."""
    seeds = spec.select.seeds[:trainings]
    if not seeds:
        return {name: spec}
    return {
        draw_name(name, index): spec.model_copy(
            update={"select": spec.select.model_copy(update={"seed": seed, "seeds": ()})}
        )
        for index, seed in enumerate(seeds)
    }


def unused_draws(suite: Suite) -> Iterator[Problem]:
    """Draws that no training learns from, as a warning: a run with fewer seeds is a shorter run of the same suite."""
    for name, spec in suite.data.items():
        trainings = [len(suite.seeds_of(arm.name)) for arm in suite.expand() if not arm.is_given and arm.data == name]
        used = max(trainings, default=len(suite.seeds))
        if len(spec.select.seeds) > used:
            what = f"{name} has {len(spec.select.seeds)} draws; used: {used}, one for each training seed"
            where, hint = f"data.{name}.select.seeds", "give the suite as many seeds to use all draws"
            yield Problem(reference="advice.draws", what=what, where=where, hint=hint)


def draw_name(name: str, index: int) -> str:
    """A draw's name among the resolved data."""
    return name if index == 0 else f"{name}@{index}"


def trained_on(suite: Suite, arm: ArmRef, seed: int) -> str:
    """Name of the draw that the arm's training with this seed learns from."""
    return draw_name(arm.data, _draw(suite, arm.data, suite.seeds_of(arm.name).index(seed)))


def draw_labels(suite: Suite, arm: ArmRef) -> tuple[int, ...] | None:
    """The draw of each seed of an arm; `None` where there is only one, and where this suite draws no rows for it."""
    if arm.is_given:
        return None
    labels = tuple(_draw(suite, arm.data, position) for position in range(len(suite.seeds_of(arm.name))))
    return labels if len(set(labels)) > 1 else None


def _draw(suite: Suite, data: str, position: int) -> int:
    return position % max(1, len(suite.data[data].select.seeds))
