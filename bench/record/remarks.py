"""Settings that work and do what hardly anybody wants: named by the plan before a run, and by the report after it.

Contract: pure; one rule for both. The plan takes the counts from the schedule, the report from the ledger.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.suite.catalog.generation_settings import LENGTHS
from bench.suite.tables.evals.eval_spec import EvalSpec, longest_answer
from bench.suite.tables.training.recipe import Recipe
from bench.units import plural

HIGHEST_RATE = 1.0
"""Learning rates from here on are hardly meant: even prompt tuning uses 0.3 (Lester et al. 2021)."""
LOWEST_RATE = 1e-7
"""Learning rates below this are hardly meant: a step changes a weight by about its rate, which is lost in rounding."""
MOST_EPOCHS = 20
"""LIMA trains for 15 (Zhou et al. 2023)."""
MOST_PADDING = 0.5
TRUNCATED_SHARE = 0.01
"""Rows cut at max_length are worth a word from this share on."""
LARGEST_SCALE = 64.0
"""Factor on what a LoRA adapter adds; 2 is the default, and QLoRA's is 0.25 (Dettmers et al. 2023)."""
SMALLEST_SCALE = 1e-3
MOST_DROPOUT = 0.5
MOST_DECAY = 1.0
"""Weight decays from here on take more from a weight, at any rate, than almost any gradient gives it; 0.1 is usual."""
LEAST_NORM = 1e-3
"""Gradients are hardly ever as short: of all below, clipping leaves next to nothing."""
MOST_NOISE = 100.0
"""NEFTune's alpha; the paper's are 5 to 15 (Jain et al. 2023)."""
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
    parameters: int
    """Count of base and adapter together."""
    trainable_parameters: int


def training_remarks(recipe: Recipe, counts: TrainingCounts) -> Iterator[Remark]:
    """Remarks on one training, in the order of their weight; `recipe` may have a sweep."""
    rates = recipe.rates
    if rates and max(rates) >= HIGHEST_RATE:
        what = f"a learning rate of {max(rates):g} makes almost any training diverge"
        yield Remark(name="learning rate", key="learning_rate", what=what, hint="rates from 1e-6 to 1e-2 are usual")
    if rates and min(rates) < LOWEST_RATE:
        what = f"a learning rate of {min(rates):g} changes hardly any weight"
        yield Remark(name="learning rate", key="learning_rate", what=what, hint="rates from 1e-6 to 1e-2 are usual")
    chosen = (recipe.with_setting(setting) for setting in recipe.settings)
    yield from dict.fromkeys(remark for setting in chosen for remark in _strengths(setting))
    if recipe.lora is not None and 2 * counts.trainable_parameters > counts.parameters:
        frozen = counts.parameters - counts.trainable_parameters
        what = f"the adapters have {counts.trainable_parameters:,} parameters, more than the base's {frozen:,}"
        yield Remark(name="unusual strength", key="lora.r", what=what, hint="lower r: adapters are to be small")
    if counts.rows > MOST_EPOCHS * counts.available_rows:
        what = f"each row is seen {counts.rows / counts.available_rows:,.0f} times"
        yield Remark(name="many epochs", key="budget", what=what, hint="lower the budget or give more rows")
    if counts.steps == 1:
        what = "the training is one optimiser step, at the rate with which its schedule begins"
        yield Remark(name="one step", key="budget", what=what, hint="raise the budget or lower batch_rows")
    warmup = recipe.warmup_steps(counts.steps)
    if 0 < counts.steps <= warmup:
        what = f"warm-up takes {warmup:,} of {plural(counts.steps, 'step')}: the learning rate is never reached"
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


def _strengths(recipe: Recipe) -> Iterator[Remark]:
    """Remarks on one setting of a recipe: what it does to weights and gradients is far from all that is usual."""

    def remark(key: str, what: str, usual: str) -> Remark:
        return Remark(name="unusual strength", key=key, what=what, hint=f"{usual} is usual")

    if (low_rank := _low_rank(recipe)) is not None:
        if not SMALLEST_SCALE <= low_rank.scale <= LARGEST_SCALE:
            times = f"{low_rank.scale:,.0f}" if low_rank.scale > 1 else f"{low_rank.scale:g}"
            what = f"alpha = {low_rank.alpha:g} at r = {low_rank.r:g} multiplies what adapters add by {times}"
            yield remark(low_rank.alpha_key, what, "a factor of 0.25 to 4")
        if low_rank.dropout > MOST_DROPOUT:
            what = f"{low_rank.dropout:.0%} of what adapters read is dropped"
            yield remark(low_rank.dropout_key, what, "0 to 0.1")
    if recipe.weight_decay >= MOST_DECAY:
        what = f"a weight decay of {recipe.weight_decay:g} pulls weights to zero faster than most trainings move them"
        yield remark("weight_decay", what, "0 to 0.1")
    if 0 < recipe.max_grad_norm < LEAST_NORM:
        what = f"every gradient longer than {recipe.max_grad_norm:g} is cut to that, which is next to nothing"
        yield remark("max_grad_norm", what, "1, or 0 for no clipping,")
    if recipe.neftune_alpha is not None and recipe.neftune_alpha > MOST_NOISE:
        yield remark("neftune_alpha", f"noise of {recipe.neftune_alpha:g} drowns the embeddings", "5 to 15")


@dataclass(frozen=True, slots=True, kw_only=True)
class _LowRank:
    """How much adapters of low rank add, and the keys that say so."""

    r: float
    alpha: float
    dropout: float
    alpha_key: str
    dropout_key: str
    by_root: bool
    """Whether alpha is divided by the root of the rank (rsLoRA)."""

    @property
    def scale(self) -> float:
        """Factor on what an adapter adds."""
        return self.alpha / (self.r**0.5 if self.by_root else self.r)


def _low_rank(recipe: Recipe) -> _LowRank | None:
    """The adapters of a recipe whose method scales them by alpha and rank, whether it has a table of its own or is one
    of PEFT's; `None` for any other."""
    if (lora := recipe.lora) is not None:
        by_root = recipe.method == "rslora"
        return _LowRank(r=lora.r, alpha=lora.alpha, dropout=lora.dropout, by_root=by_root,
                        alpha_key="lora.alpha", dropout_key="lora.dropout")  # fmt: skip
    fields = {} if recipe.peft is None else recipe.peft.fields
    alpha = next((key for key in ("lora_alpha", "alpha") if key in fields), "lora_alpha")
    dropout = next((key for key in ("lora_dropout", "rank_dropout") if key in fields), "lora_dropout")
    numbers = [fields.get(key, default) for key, default in (("r", 8), (alpha, 8), (dropout, 0.0))]
    r, scale, dropped = (float(value) if isinstance(value, int | float) else math.nan for value in numbers)
    if not (r > 0 and math.isfinite(scale + dropped)) or not fields.keys() & {alpha, dropout}:
        return None
    return _LowRank(r=r, alpha=scale, dropout=dropped, by_root=fields.get("use_rslora") is True,
                    alpha_key=f"peft.{alpha}", dropout_key=f"peft.{dropout}")  # fmt: skip


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
        ratio = "" if self.ratio is None else f" (×{self.ratio:{'.2g' if self.ratio < 99.5 else ',.0f'}})"
        return f"{self.measure.replace('_', ' ')} {self.least:,.0f} to {self.most:,.0f}{ratio}"


def dose_spread(measure: str, doses: Sequence[float]) -> DoseSpread:
    """The spread of one measure over the arms, at least one."""
    return DoseSpread(measure=measure, least=min(doses), most=max(doses))
