"""`bench run --until-decided`: what is trained next, and when it ends."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bench.design.until_decided import Stop, duration, refuse_alone, run_until_decided
from bench.errors import InputError
from bench.record.look import Look
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.conclusions.growth.growth import growing_arms
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render import format as fmt
from bench.report.render.markdown import render
from tests.fakes.records import FakeRun, make_run

LIMA, RANDOM = "lima_1k/full", "random_1k/full"


@dataclass
class Loaded:
    """What the loop needs of a loaded suite: its seeds, and what it was overridden with."""

    suite: Any
    overrides: dict[str, Any]


@dataclass
class Lab:
    """Runs that cost nothing; arms differ by `rate` on the eval `on`, whose examples may grow to `most_examples`."""

    folder: Path
    rate: float
    planned: int | None = 6
    spread: float = 0.3
    on: str = "qa"
    others: tuple[str, ...] = ()
    """Further evals of each subject, which a seed's price has in it."""
    examples: int = 40
    most_examples: int | None = None
    runs: list[FakeRun] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)

    def load(self, further: Sequence[str]) -> Any:
        said: dict[str, Any] = {}
        for text in further:
            said |= tomllib.loads(text)
        return Loaded(suite=self._run(said).record.resolved.suite, overrides=said)

    def run(self, loaded: Any) -> Any:
        run = self._run(loaded.overrides, number=len(self.runs))
        self.runs.append(replace(run, record=run.record.model_copy(update={"looks": tuple(self.looks)})))
        return self.runs[-1]

    def _run(self, said: dict[str, Any], *, number: int = 0) -> FakeRun:
        rates = {self.on: {LIMA: 0.5 + self.rate, RANDOM: 0.5}}
        most = said.get("sequential", {}).get("max_seeds", self.planned)
        more = {arm: tuple(seeds) for arm, seeds in said.get("more_seeds", {}).items()}
        claim = {"says": f"{LIMA} > {RANDOM}", "on": self.on}
        path = self.folder / f"micro-{number}"
        growing = {} if self.most_examples is None else {self.on: self.most_examples}
        run = make_run(path, seeds=(0, 1), examples=self.examples, claims=(claim,), rates=rates,
                       seed_spread=self.spread, more_seeds=more, max_seeds=most, max_examples=growing,
                       more_examples=said.get("more_examples", {}))  # fmt: skip
        return run.only(self.on, *self.others)

    def read(self, run: Any) -> Comparison:
        comparison = compare(run, replicates=100)
        assert comparison.look is not None
        self.looks.append(comparison.look)
        return comparison

    def go(self, stop: Stop | None = None) -> Any:
        ticks = iter(range(0, 10_000, 10))
        return run_until_decided(
            self.load,
            self.run,
            stop=stop or Stop(),
            note=self.notes.append,
            read=self.read,
            clock=lambda: float(next(ticks)),
        )


def test_a_claim_that_is_clear_needs_no_further_seed(tmp_path: Path) -> None:
    lab = Lab(tmp_path, rate=0.49, planned=2)
    _, comparison = lab.go()
    assert comparison.claims[0].verdict.outcome == "supported"
    assert len(lab.runs) == 1
    assert comparison.sequential.seconds_saved == pytest.approx(0.0)


def test_seeds_are_added_to_the_arms_of_the_open_claim_alone_until_the_last_look(tmp_path: Path) -> None:
    lab = Lab(tmp_path, rate=0.12, planned=4)
    _, comparison = lab.go()
    last = lab.runs[-1].record.resolved.suite
    assert set(last.more_seeds) <= {LIMA, RANDOM}
    assert last.more_seeds[LIMA][0] == 2
    trainings = [len(run.record.trainings) for run in lab.runs]
    assert trainings == sorted(set(trainings)), "each round trains something new"
    assert len(lab.looks) == len(lab.runs) == len(lab.notes)
    assert comparison.sequential.ended


@pytest.mark.parametrize(
    ("spread", "most", "first"),
    [(0.0, 240, "60 examples of instructions"), (0.6, 240, f"a seed of {LIMA}"), (0.0, 60, f"a seed of {LIMA}")],
)
def test_what_shrinks_the_claim_most_per_second_is_bought(tmp_path: Path, spread: float, most: int, first: str) -> None:
    """Arms that differ by their examples alone need more of them, and noisy trainings more seeds."""
    lab = Lab(
        tmp_path,
        rate=0.08 if spread == 0.0 else 0.1,
        planned=4 if spread == 0.0 else 8,
        spread=spread,
        on="instructions",
        others=("qa", "choice"),
        examples=60,
        most_examples=most,
    )
    _, comparison = lab.go()
    assert f"next: {first} for {LIMA} > {RANDOM} on instructions takes" in lab.notes[0]
    bought = comparison.purchases
    assert [purchase.look for purchase in bought] == list(range(1, len(lab.runs)))
    best = [max(look.offers, key=lambda offer: offer.worth) for look in lab.looks[:-1]]
    assert [purchase.what for purchase in bought] == [offer.what for offer in best]
    sizes = [(look.claims[0].trainings, look.claims[0].examples) for look in lab.looks]
    assert all(before[0] < after[0] or before[1] < after[1] for before, after in pairwise(sizes))
    assert sizes[-1][1] <= most
    text = render(compose(comparison))
    assert f"of {most} planned examples of instructions" in text
    gains = [offer.gain for offer in lab.looks[0].offers if offer.arm is not None]
    assert gains == pytest.approx([gains[0]] * 2), "seeds that agree by chance are bought as those of the other arm"
    row = next(line for line in text.splitlines() if line.startswith("| 1 |") and bought[0].what in line)
    assert f"{LIMA} &gt; {RANDOM} on instructions" in row


def test_what_stopping_early_saved_is_what_the_other_trainings_would_have_taken(tmp_path: Path) -> None:
    lab = Lab(tmp_path, rate=0.49, planned=6)
    _, comparison = lab.go()
    state = comparison.sequential
    assert comparison.claims[0].verdict.outcome == "supported"
    assert state.trainings < state.most == 12
    one = [each.seconds for each in growing_arms(lab.runs[-1].record, (LIMA, RANDOM)).values()]
    seeds = [len(lab.runs[-1].record.resolved.suite.seeds_of(arm)) for arm in (LIMA, RANDOM)]
    assert state.seconds_saved == pytest.approx(sum((6 - n) * s for n, s in zip(seeds, one, strict=True)))
    assert f"would have taken {fmt.seconds(state.seconds_saved)}" in render(compose(comparison))


def test_the_seeds_limit_is_held_and_plans_the_looks_where_the_suite_plans_none(tmp_path: Path) -> None:
    lab = Lab(tmp_path, rate=0.1, planned=None)
    lab.go(Stop(seeds=3))
    suite = lab.runs[-1].record.resolved.suite
    assert suite.sequential.max_seeds == 3
    assert all(len(suite.seeds_of(arm)) <= 3 for arm in (LIMA, RANDOM))


def test_time_ends_it_before_a_training_that_would_not_fit(tmp_path: Path) -> None:
    lab = Lab(tmp_path, rate=0.1)
    lab.go(Stop(seconds=5.0))
    assert len(lab.runs) == 1
    assert lab.notes[-1].endswith("nothing more is bought")


def test_a_suite_that_plans_no_looks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        Lab(tmp_path, rate=0.1, planned=None).go()
    assert "max_seeds" in (refused.value.problems[0].hint or "")


@pytest.mark.parametrize(("text", "seconds"), [("2h", 7200), ("30m", 1800), ("90s", 90), ("1.5h", 5400)])
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "-1h", "2 days", "infh"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        duration(text)


def test_limits_without_until_decided_are_refused() -> None:
    refuse_alone(None, None)
    with pytest.raises(InputError):
        refuse_alone("2h", None)
