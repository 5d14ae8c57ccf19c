"""Settings that work and do what hardly anybody wants: named by the plan before a run, and by the report after it.

Contract: pure; one rule for both. The plan takes the counts from the schedule, the report from the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.suite.catalog.generation_settings import LENGTHS
from bench.suite.tables.evals import EvalSpec, longest_answer
from bench.suite.tables.training.recipe import Recipe

HIGHEST_RATE = 1.0
"""Learning rates from here on are hardly meant: even prompt tuning uses 0.3 (Lester et al. 2021)."""
LOWEST_RATE = 1e-7
"""Learning rates below this are hardly meant: a step changes a weight by about its rate, which is lost in rounding."""
MOST_EPOCHS = 20
"""LIMA trains for 15 (Zhou et al. 2023)."""
MOST_PADDING = 0.5
TRUNCATED_SHARE = 0.01
"""Rows cut at max_length are worth a word from this share on."""
UNEQUAL_DOSE = 1.2
"""From this ratio of the largest to the smallest dose on, the arms did not train alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One setting and its effect."""

    name: str
    """Name of the report's verdict, such as `one step`."""
    key: str
    """Key of the recipe or eval."""
    what: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingCounts:
    """Counts of one training."""

    available_rows: int
    """Distinct rows that the arm may train on."""
    rows: int
    """Rows that it trains on, each as often as it is seen."""
    steps: int
    tokens: int
    """Non-padding."""
    slots: int
    """Batch × padded length, summed over the forward passes."""


def training_remarks(recipe: Recipe, counts: TrainingCounts) -> Iterator[Remark]:
    """Remarks on one training, in the order of their weight; `recipe` may have a sweep."""
    if recipe.rates and max(recipe.rates) >= HIGHEST_RATE:
        what = f"a learning rate of {max(recipe.rates):g} makes almost any training diverge"
        yield Remark(name="learning rate", key="learning_rate", what=what, hint="rates from 1e-6 to 1e-2 are usual")
    if recipe.rates and min(recipe.rates) < LOWEST_RATE:
        what = f"a learning rate of {min(recipe.rates):g} changes hardly any weight"
        yield Remark(name="learning rate", key="learning_rate", what=what, hint="rates from 1e-6 to 1e-2 are usual")
    if counts.rows > MOST_EPOCHS * counts.available_rows:
        what = f"each row is seen {counts.rows / counts.available_rows:,.0f} times"
        yield Remark(name="many epochs", key="budget", what=what, hint="lower the budget or give more rows")
    if counts.steps == 1:
        what = "the training is one optimiser step, at the rate with which its schedule begins"
        yield Remark(name="one step", key="budget", what=what, hint="raise the budget or lower batch_rows")
    warmup = recipe.warmup_steps(counts.steps)
    if 0 < counts.steps <= warmup:
        what = f"warm-up takes {warmup:,} of {_steps(counts.steps)}: the learning rate is never reached"
        yield Remark(name="warm-up", key="warmup", what=what, hint="warmup = 0.1 is a tenth of the steps")
    of_a_step = recipe.batch_rows * recipe.accumulation
    if recipe.batch_tokens is None and recipe.packing == "none" and of_a_step > counts.available_rows:
        times = "" if recipe.accumulation == 1 else f" × accumulation = {recipe.accumulation:,}"
        what = f"batch_rows = {recipe.batch_rows:,}{times} is above the {counts.available_rows:,} rows of the data"
        yield Remark(name="batch above data", key="batch_rows", what=what, hint="each step sees every row")
    padding = 1 - counts.tokens / counts.slots if counts.slots else 0.0
    if padding > MOST_PADDING:
        what = f"{padding:.0%} of what is computed is padding"
        yield Remark(name="padding", key="packing", what=what, hint='packing = "bfd" or group_by_length = true')


def answer_remarks(spec: EvalSpec, positions: int, asked: int | None) -> Iterator[Remark]:
    """The remark on answers that are longer than the model's context; none where they fit, or none are written.

    `asked`: the longest answer that the eval's task files ask for, which the eval's own key replaces.
    """
    longest = longest_answer(spec)
    named = "max_new_tokens"
    if longest is None and asked is not None:
        longest, named = ("tasks", asked), f"{LENGTHS[0]} of its task file"
    if longest is None or longest[1] < positions:
        return
    key, tokens = longest
    what = f"{named} = {tokens:,} leaves no room for a prompt in the model's {positions:,} positions"
    yield Remark(name="answers cut", key=key, what=what, hint="every answer is cut where the context ends")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoseSpread:
    """One measure of the dose over all arms that train."""

    measure: str
    least: float
    most: float

    @property
    def ratio(self) -> float | None:
        """Largest by smallest dose; `None` where an arm had none of it."""
        return self.most / self.least if self.least > 0 else None

    @property
    def unequal(self) -> bool:
        """Whether the arms do not train alike by this measure."""
        return self.most > 0 and (self.ratio is None or self.ratio >= UNEQUAL_DOSE)

    @property
    def sentence(self) -> str:
        """Such as `steps 8 to 31 (×3.9)`."""
        ratio = "" if self.ratio is None else f" (×{self.ratio:.2g})"
        return f"{self.measure.replace('_', ' ')} {self.least:,.0f} to {self.most:,.0f}{ratio}"


def dose_spread(measure: str, doses: Sequence[float]) -> DoseSpread:
    """The spread of one measure over the arms, at least one."""
    return DoseSpread(measure=measure, least=min(doses), most=max(doses))


def _steps(count: int) -> str:
    return f"{count:,} step" + ("" if count == 1 else "s")
