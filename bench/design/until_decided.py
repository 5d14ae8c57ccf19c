"""`bench run --until-decided`: looks at a growing run, and trains the seeds that its open claims need, until none is
open.

Contract: each round is a run of its own, with the report and the look that belong to it; nothing that was trained is
trained again. The looks are those that `[sequential]` plans, so that they together err as seldom as one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.errors import InputError, Problem
from bench.record.rundir import RunDirectory
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.conclusions.next_seeds import Purchase, SequentialState
from bench.report.compare import compare
from bench.report.write import write_comparison
from bench.suite.load import LoadedSuite, LoadWith

RunOnce = Callable[[LoadedSuite], RunDirectory]
_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When to stop, whatever is open. seconds: wall time from the start. seeds: of any arm; `None`: as planned."""

    seconds: float | None = None
    seeds: int | None = None


def duration(text: str) -> float:
    """Seconds of `2h`, `30m` or `90s`. Raises `InputError`."""
    number = text.rstrip("abcdefghijklmnopqrstuvwxyz")
    unit = text[len(number) :]
    try:
        value = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        value = -1.0
    if not 0 < value < float("inf"):
        hint = "write a number and its unit, such as 2h, 30m or 90s"
        raise InputError(Problem(reference="run.within", what=f"{text!r} is no duration", where="--within", hint=hint))
    return value


def refuse_alone(within: str | None, max_seeds: int | None) -> None:
    """Raises `InputError` where limits of `--until-decided` are given without it."""
    given = [name for name, value in (("--within", within), ("--max-seeds", max_seeds)) if value is not None]
    if given:
        what = f"{' and '.join(given)} limits --until-decided, which was not given"
        raise InputError(Problem(reference="run.within", what=what, where=given[0], hint="add --until-decided"))


def read_run(directory: RunDirectory) -> Comparison:
    """What a round shows, with its report and its look in the run directory."""
    comparison = compare(directory)
    write_comparison(comparison, directory.path)
    return comparison


def run_until_decided(
    load: LoadWith,
    run: RunOnce,
    *,
    stop: Stop,
    note: Callable[[str], None],
    read: Callable[[RunDirectory], Comparison] = read_run,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[RunDirectory, Comparison]:
    """Rounds of running and looking; the last run directory with what it shows.

    load, run: give the suite with further overrides, and run it. read: the reading of a round, which keeps its look.

    Raises `InputError` where the suite plans no looks.
    """
    began, more = clock(), dict[str, tuple[int, ...]]()
    loaded = load(_plan(load, stop))
    while True:
        directory = run(loaded)
        comparison = read(directory)
        state = comparison.sequential
        assert state is not None, "the suite plans looks"
        buy = _affordable(state, loaded, stop, left=None if stop.seconds is None else stop.seconds - clock() + began)
        note(_said(state, buy))
        if not buy:
            return directory, comparison
        for purchase in buy:
            more[purchase.arm] = (*more.get(purchase.arm, ()), _new_seed(loaded, purchase.arm))
        loaded = load([*_plan(load, stop), *_more(loaded, more)])


def _plan(load: LoadWith, stop: Stop) -> list[str]:
    """The looks that `--max-seeds` plans for a suite that plans none."""
    if load(()).suite.sequential is not None:
        return []
    if stop.seeds is None:
        hint = "add [sequential] with max_seeds = 12 to the suite, or give --max-seeds 12"
        what = "--until-decided looks several times, and the suite plans no looks"
        raise InputError(Problem(reference="run.sequential", what=what, where="sequential", hint=hint))
    return [f"sequential.max_seeds={stop.seeds}"]


def _affordable(state: SequentialState, loaded: LoadedSuite, stop: Stop, *, left: float | None) -> tuple[Purchase, ...]:
    """What the next round trains: as many seeds as run side by side, none beyond the limits."""
    suite = loaded.suite
    allowed = [
        purchase
        for purchase in state.purchases
        if (stop.seeds is None or len(suite.seeds_of(purchase.arm)) < stop.seeds)
        and (left is None or left >= (purchase.seconds or 0.0))
    ]
    side_by_side = suite.run.workers if isinstance(suite.run.workers, int) else 1
    return tuple(allowed[:side_by_side]) if not state.ended else ()


def _new_seed(loaded: LoadedSuite, arm: str) -> int:
    return max(loaded.suite.seeds_of(arm)) + 1


def _more(loaded: LoadedSuite, more: dict[str, tuple[int, ...]]) -> list[str]:
    """The suite's own further seeds with those that were bought, as one `--set` argument."""
    seeds = {arm: loaded.suite.more_seeds.get(arm, ()) for arm in (*loaded.suite.more_seeds, *more)}
    for arm, bought in more.items():
        seeds[arm] = tuple(dict.fromkeys((*seeds[arm], *bought)))
    said = ", ".join(f'"{arm}" = [{", ".join(map(str, values))}]' for arm, values in seeds.items())
    return [f"more_seeds={{ {said} }}"]


def _said(state: SequentialState, buy: Sequence[Purchase]) -> str:
    """One line on a look: what is open, and what is trained next."""
    waiting = [claim for claim in state.open if not claim.futile]
    given_up = len(state.open) - len(waiting)
    look = f"look at {state.trainings} of {state.most} planned trainings: {len(waiting)} claims open"
    look += f", {given_up} given up" if given_up else ""
    if buy:
        return f"{look}; next: " + ", ".join(f"a seed of {purchase.arm} for {purchase.claim}" for purchase in buy)
    return f"{look}; nothing more is trained"
