"""`bench run --until-decided`: looks at a growing run, and buys the seeds and examples that its open claims need, until
none is open.

Contract: each round is a run of its own, with the report and the look that belong to it; nothing that was trained is
trained again, and no example scored again. The looks are those that `[sequential]` plans, so that they together err as
seldom as one.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.errors import InputError, Problem
from bench.record.look import Offer
from bench.record.rundir import RunDirectory
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.conclusions.growth.next_buy import SequentialState
from bench.report.compare import compare
from bench.report.render import format as fmt
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
    began, bought = clock(), _Bought()
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
        bought.add(buy, loaded)
        loaded = load([*_plan(load, stop), *bought.overrides(loaded)])


def _plan(load: LoadWith, stop: Stop) -> list[str]:
    """The looks that `--max-seeds` plans for a suite that plans none."""
    if load(()).suite.sequential is not None:
        return []
    if stop.seeds is None:
        hint = "add [sequential] with max_seeds = 12 to the suite, or give --max-seeds 12"
        what = "--until-decided looks several times, and the suite plans no looks"
        raise InputError(Problem(reference="run.sequential", what=what, where="sequential", hint=hint))
    return [f"sequential.max_seeds={stop.seeds}"]


def _said(state: SequentialState, buy: Sequence[Offer]) -> str:
    """One line on a look: what is open, what is bought next, and why."""
    waiting = [claim for claim in state.open if not claim.futile]
    given_up = len(state.open) - len(waiting)
    look = f"look at {state.trainings} of {state.most} planned trainings"
    look += "".join(f" and {each.examples:,} of {each.most:,} examples of {each.eval}" for each in state.evals)
    look += f": {fmt.plural(len(waiting), 'claim')} open" + (f", {given_up} given up" if given_up else "")
    if not buy:
        return f"{look}; nothing more is bought"
    others = [
        f"{offer.what} {_worth(offer)}" for offer in state.offers if offer not in buy and offer.claim == buy[0].claim
    ]
    beside = f" (beside {'; '.join(others)})" if others else ""
    return f"{look}; next: " + ", ".join(f"{offer.what} for {offer.claim} {_worth(offer)}" for offer in buy) + beside


def _worth(offer: Offer) -> str:
    """`takes 12% of its variance in 30 s`."""
    part = "shows the noise of training" if offer.share is None else f"takes {fmt.percent(offer.share)} of its variance"
    return part if offer.seconds is None else f"{part} in {fmt.seconds(offer.seconds)}"


def _affordable(state: SequentialState, loaded: LoadedSuite, stop: Stop, *, left: float | None) -> tuple[Offer, ...]:
    """What the next round buys, nothing beyond the limits: the best offer, and where that is a seed as many more as run
    side by side; examples are scored for all subjects, which fills the machine."""
    suite = loaded.suite
    allowed = [
        offer
        for offer in state.offers
        if (offer.arm is None or stop.seeds is None or len(suite.seeds_of(offer.arm)) < stop.seeds)
        and (left is None or left >= (offer.seconds or 0.0))
    ]
    if state.ended or not allowed:
        return ()
    if allowed[0].arm is None:
        return (allowed[0],)
    side_by_side = suite.run.workers if isinstance(suite.run.workers, int) else 1
    return tuple([offer for offer in allowed if offer.arm is not None][:side_by_side])


@dataclass(slots=True)
class _Bought:
    """Seeds by arm, and numbers of examples by eval, beyond what the suite has itself."""

    seeds: dict[str, tuple[int, ...]] = field(default_factory=dict)
    examples: dict[str, int] = field(default_factory=dict)

    def add(self, offers: Sequence[Offer], loaded: LoadedSuite) -> None:
        """Take the offers. loaded: with all that was bought before."""
        for offer in offers:
            if offer.arm is not None:
                new = max(loaded.suite.seeds_of(offer.arm)) + 1
                self.seeds[offer.arm] = (*self.seeds.get(offer.arm, ()), new)
            elif offer.eval is not None:
                self.examples[offer.eval] = loaded.suite.more_examples.get(offer.eval, 0) + (offer.examples or 0)

    def overrides(self, loaded: LoadedSuite) -> list[str]:
        """`--set` arguments: the suite's own further seeds and examples with those that were bought."""
        suite = loaded.suite
        seeds = {**suite.more_seeds}
        for arm, new in self.seeds.items():
            seeds[arm] = tuple(dict.fromkeys((*seeds.get(arm, ()), *new)))
        examples = {**suite.more_examples, **self.examples}
        tables = {
            "more_seeds": [f'"{arm}" = [{", ".join(map(str, values))}]' for arm, values in seeds.items()],
            "more_examples": [f'"{name}" = {count}' for name, count in examples.items()],
        }
        return [f"{key}={{ {', '.join(entries)} }}" for key, entries in tables.items() if entries]
