"""What one job brought back. Written by the child as `result.json`; scores lie beside it as JSON Lines."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from bench.spec import Spec


class Step(Spec):
    """One optimiser step."""

    step: int
    """From 1."""
    loss: float | None
    """Mean negative log-likelihood per supervised token of this step's batch, in nats; `None` if not finite, or if
    nothing in the step was supervised, as can be where packing cuts rows."""
    gradient_norm: float | None
    """Before clipping."""
    learning_rate: float
    tokens: int
    """Non-padding tokens of this step."""
    supervised_tokens: int
    """Labels that entered the loss."""
    slots: int
    """Batch × padded length, summed over the step's forward passes."""
    rows: int
    seconds: float
    """From batch to updated weights, without data wait; of several processes the slowest's."""


class Seconds(Spec):
    """Where the wall time of a job went; of a training in several processes that of the first, waiting included."""

    start_up: float = 0.0
    """Loading model, tokenizer and rows, building the trainer: all before the first batch."""
    data: float = 0.0
    """Waiting for batches."""
    compute: float = 0.0
    """Forward and backward."""
    optimizer: float = 0.0
    """Clipping, optimiser and schedule steps."""
    evaluation: float = 0.0
    saving: float = 0.0
    other: float = 0.0
    """The rest, so that the phases add up to `wall`: what lies between steps; after the last one, the counting of
    operations and the measuring of the device's peak."""
    wall: float = 0.0


class Utilization(Spec):
    """Operations per second over the steady steps, and the peak that they are a share of: of all processes."""

    flops_per_second: float
    """Model operations: forward and backward, padding left out."""
    hardware_flops_per_second: float
    """What the device computed: padding, and the forward pass that gradient checkpointing repeats, included."""
    peak_flops_per_second: float | None
    """Highest of a square matrix product on this device, at this precision, with these threads, measured right after
    the last step, times the processes; `None` where it could not run."""
    published_flops_per_second: float | None
    """The vendor's figure for dense products at this precision, where one is known, times the processes."""

    @property
    def mfu(self) -> float | None:
        """Model FLOPs utilisation (Chowdhery et al. 2022), of the measured peak."""
        return self.flops_per_second / self.peak_flops_per_second if self.peak_flops_per_second else None

    @property
    def hfu(self) -> float | None:
        """Hardware FLOPs utilisation, of the measured peak."""
        return self.hardware_flops_per_second / self.peak_flops_per_second if self.peak_flops_per_second else None


class Energy(Spec):
    """What a counter of the machine said that a training took; it counts the whole device, whoever uses it."""

    joules: float
    counter: Literal["nvml", "rapl"]
    """`nvml`: the GPU's own; `rapl`: the processor packages'."""


class PhaseMemory(Spec):
    """Peak memory of one phase, reset before it; of several processes as in the ledger."""

    phase: Literal["start_up", "training", "saving"]
    process_bytes: int | None
    device_bytes: int | None
    """`None` on a processor."""


class Ledger(Spec):
    """What was counted while training: slots, tokens, supervised tokens, and where the seconds went.

    Counts and operations are of all processes together; a step that they share counts once. A pass of a process that
    had no batch left in the last step is in none of them.
    """

    rows: int
    """Rows seen, repeats counted."""
    distinct_rows: int
    epochs: float
    """rows seen / rows available."""
    steps: int
    slots: int
    tokens: int
    supervised_tokens: int
    truncated_rows: int
    """Rows seen that were cut at max_length."""
    dropped_rows: int
    """Rows with nothing to supervise, never trained on."""
    seconds: Seconds
    warmup_steps_left_out: int
    """First steps that `tokens_per_second` leaves out."""
    tokens_per_second: float | None
    """Non-padding tokens per second of data + compute + optimiser, over the steady steps; `None` below two of them."""
    alone: bool
    """Whether no other job of this run ran beside it."""
    peak_process_bytes: int | None
    """Peak resident memory of the training; summed over its processes, pages that they share counted in each."""
    peak_device_bytes: int | None
    """Peak allocated device memory, of several devices the largest; `None` on CPU."""
    memory: tuple[PhaseMemory, ...] = ()
    """The same by phase; empty where it was not followed."""
    flops: int | None = None
    """Model operations of the whole training: forward and backward, padding left out."""
    hardware_flops: int | None = None
    """What the device computed: padding, and the forward pass that gradient checkpointing repeats, included."""
    utilization: Utilization | None = None
    """`None` below two steady steps."""
    energy: Energy | None = None
    """`None` where no counter can be read."""


Head = Literal["supervised positions", "fused", "all positions"]
"""Where the language-model head was applied while training: only where a label is; there too, by TRL's GPU kernel; or
everywhere, for an architecture where the first was not seen to give the same logits. The loss is the same."""


class ValidationPoint(Spec):
    """One evaluation during training."""

    step: int
    """Optimiser steps done."""
    loss: float | None
    """Mean negative log-likelihood per supervised token of the held-out rows, in nats; `None` if not finite."""


class TrainResult(Spec):
    """One seed replicate."""

    kind: Literal["train"] = "train"
    parameters: int
    """Of the model, adapter included."""
    trainable_parameters: int
    precision: str
    device: str
    template: str
    """Name of the template that was used."""
    template_note: str | None
    """Such as: fallback, because the tokenizer has no chat template."""
    head: Head | None = None
    """`None`: not known."""
    resolved: dict[str, str] = Field(default_factory=dict)
    """What the recipe left open or the machine decided, such as the optimiser's full name, the attention
    implementation, the modules with an adapter, what distributed the work."""
    stopped: Literal["budget", "early", "seconds"] = "budget"
    """Why the training ended, unless it diverged: its budget was spent, the validation loss no longer fell, or its
    seconds were over before the planned steps."""
    validation: tuple[ValidationPoint, ...] = ()
    """Evaluations on rows held out of the training rows; empty unless the recipe asks for them."""
    validation_rows: int = 0
    """Rows held out of the training rows."""
    kept_step: int | None = None
    """The step whose weights were saved because their validation loss was lowest; `None`: the last one's."""
    steps: tuple[Step, ...]
    final_loss: float | None
    """Mean loss per supervised token over the last tenth of the steps; `None` if it diverged."""
    diverged: bool
    ledger: Ledger
    weights: str
    """Folder of the saved adapter or model, relative to the job's folder."""


class SweepResult(Spec):
    """One learning rate of a sweep. A training that diverged is a result here: its rate is not chosen."""

    kind: Literal["sweep"] = "sweep"
    rate: float
    loss: float | None
    """Negative log-likelihood per supervised token of the dev rows, in nats; `None` if the training diverged."""
    dev_rows: int
    training_rows: int
    """Distinct rows of the arm's data without the dev rows."""
    steps: int
    tokens: int
    """Non-padding tokens trained on."""
    seconds: float
    """Wall time of training and loss."""


class ProbeResult(Spec):
    """Speed of one arm, measured alone."""

    kind: Literal["probe"] = "probe"
    steps: int
    tokens: int
    slots: int
    tokens_per_second: float | None
    utilization: Utilization | None = None
    """`None` below two steady steps."""
    peak_process_bytes: int | None
    peak_device_bytes: int | None


class Measure(Spec):
    """One metric of one task, for one subject."""

    task: str
    metric: str
    value: float | None
    """Weighted mean of the scored examples, or their corpus metric; `None` if none could be scored."""
    n: int
    """Examples scored."""
    missing: int
    """Examples that could not be scored."""
    higher_is_better: bool
    binary: bool
    """Every score is 0 or 1."""
    chance: float | None
    """Expected value of guessing, where the eval has one."""
    headline: bool
    """The one metric of its task that the report leads with."""
    per_example: bool = True
    """Whether scores hold it for each example. False for corpus metrics (BLEU, perplexity): these have a paired delta
    only where the rows keep `statistics`."""
    decoding_error: float | None = None
    """Standard error of `value` that comes from drawing answers alone; `None` where each prompt has one answer."""


class GroupMeasure(Spec):
    """One metric of a group of tasks, as the group's own file says that its tasks add up."""

    group: str
    metric: str
    """As the tasks' measures are called."""
    value: float | None
    """`None` where a task with this metric has no value."""
    tasks: tuple[str, ...]
    """Its leaf tasks that have the metric."""
    by: Literal["examples", "tasks"]
    """What counts equally: examples (micro average, lm-eval's `weight_by_size`) or tasks (macro average)."""
    n: int
    """Examples scored."""
    missing: int
    asked: bool
    """Whether the eval names this group itself, rather than one that holds it."""


class ShotRow(Spec):
    """One row in the context of a `few_shot` subject."""

    origin: str
    """`file:row` or `hub-id:row`."""
    sha256: str
    """Of the row's conversation."""
    tokens: int
    """That it takes in every prompt."""


class Generated(Spec):
    """What drawing the answers took, and whether the batch mattered."""

    answers: int
    samples: int
    """Per prompt."""
    temperature: float
    """0: greedy."""
    tokens: int
    """Those that end an answer included."""
    seconds: float
    """In generation alone."""
    tokens_per_second: float | None
    """Over all batches, prompts read included; `None` without a token."""
    first_token_seconds: float | None
    """From a lone prompt to its first token: median over `checked` prompts."""
    alone: bool = False
    """Whether no other job of this run ran beside it: else the two figures above are no measure of the subject."""
    checked: int
    """Answers that were drawn again alone, outside their batch."""
    differed: int
    """Of these, answers that came out otherwise: rounding depends on the batch's shape (half precision)."""


class Judged(Spec):
    """How a judge compared one subject's answers with others, and what that took."""

    judge: str
    """As it names itself, else as it was asked for."""
    host: str | None
    """`None`: a model on this machine."""
    prompt: str
    """Name or file of what it was asked."""
    prompt_sha256: str
    against: str
    """Whose answers they were compared with."""
    by_definition: bool = False
    """Both sides are the same answers: a tie each, and no judge was asked."""
    wins: int
    """Preferred in both orders."""
    losses: int
    ties: int
    """No preference in both orders."""
    flips: int
    """The two orders disagree; a tie in the score."""
    half: int
    """Only one order has a verdict that can be read; a tie in the score."""
    unjudged: int
    """Neither order has one; no score."""
    unanswered: int
    """One side has no answer; no score."""
    identical: int
    """Same text on both sides: a tie without asking."""
    verdicts: int
    """Read, over both orders."""
    first_preferred: int
    """Of these, for the answer that was shown first."""
    second_preferred: int
    unread: int
    """Replies without a verdict that can be read."""
    rejected: int
    """Requests that were refused, whatever is tried."""
    asked: int
    reused: int
    """Of those asked: replies from disk."""
    prompt_tokens: int | None
    """Of all replies; `None` where the server did not count."""
    completion_tokens: int | None
    cost: float | None
    """Of all replies, whenever paid for; `None` without a price."""
    cost_now: float | None
    """Of those that were not on disk when the job ran."""
    currency: str | None

    @property
    def consistency(self) -> float | None:
        """Share of the pairs with two verdicts in which both prefer the same; `None` without such a pair."""
        same = self.wins + self.losses + self.ties
        return same / (same + self.flips) if same + self.flips else None


class EvalResult(Spec):
    """One subject on one eval. `scores.jsonl` holds a `ScoreRow` per example."""

    kind: Literal["eval"] = "eval"
    measures: tuple[Measure, ...]
    groups: tuple[GroupMeasure, ...] = ()
    """Of groups of tasks that say how their tasks add up."""
    template: str
    """How prompts were wrapped: a template's name, or `none`."""
    precision: str
    batch: str
    """How examples were batched, such as `by length, at most 4096 slots`."""
    truncated: int = 0
    """Examples whose text was cut to fit the model's context."""
    unscored: dict[str, int] = Field(default_factory=dict)
    """Examples that lack a score, by reason."""
    tokens: int | None = None
    """Non-padding tokens that passed through the model; what a batch begins with counts once. `None` of a judge."""
    slots: int | None = None
    """Rows × padded length, summed over the forward passes; `None` of a judge."""
    generated_tokens: int | None
    generated: Generated | None = None
    """`None` for evals without answers."""
    seconds: Seconds
    peak_process_bytes: int | None
    """Peak resident memory of the child while it evaluated, reset before; `None` of a judge."""
    peak_device_bytes: int | None = None
    """Peak allocated device memory; `None` on CPU."""
    versions: dict[str, str]
    """Of tasks, by name."""
    judged: Judged | None = None
    """Of a judge eval."""
    shots: tuple[ShotRow, ...] | None = None
    """What stood in the context of a `few_shot` subject, in order; `None` for all others."""


class ScoreRow(Spec):
    """One line of `scores.jsonl`: one example of one task."""

    task: str
    id: str
    """Stable over subjects and runs."""
    metrics: dict[str, float | None]
    weight: float = 1.0
    """Of this example in the mean; a loss is weighted by its supervised tokens."""
    cluster: str | None = None
    prompt: str
    target: str | None = None
    output: str | None = None
    """Generated text, or the chosen option; the first of several `samples`."""
    samples: tuple[str | None, ...] = ()
    """All answers, where several were drawn; `metrics` are then their means."""
    verdicts: tuple[str | None, ...] = ()
    """What a judge replied: with this subject's answer shown first, then second."""
    spread: dict[str, float] = Field(default_factory=dict)
    """Variance of each metric over `samples` (n - 1 in the denominator): noise of decoding alone."""
    statistics: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """By corpus metric, what this example adds to its sufficient statistics, summed over `samples`; of a judged pair
    the lengths of both answers."""
    unscored: str | None = None
    """Why scores are missing, where a reason is known."""


JobResult = Annotated[TrainResult | SweepResult | ProbeResult | EvalResult, Field(discriminator="kind")]
result_adapter: TypeAdapter[JobResult] = TypeAdapter(JobResult)
