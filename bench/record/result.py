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
    """Mean negative log-likelihood per supervised token of this step's batch, in nats; `None` if not finite."""
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
    """From batch to updated weights, without data wait."""


class Seconds(Spec):
    """Where the wall time of a job went."""

    start_up: float = 0.0
    """Loading model, tokenizer and rows, building the trainer."""
    data: float = 0.0
    """Waiting for batches."""
    compute: float = 0.0
    """Forward and backward."""
    optimizer: float = 0.0
    """Clipping, optimiser and schedule steps."""
    evaluation: float = 0.0
    saving: float = 0.0
    other: float = 0.0
    """The rest, so that the phases add up to `wall`."""
    wall: float = 0.0


class Ledger(Spec):
    """What was counted while training (DESIGN: slots, tokens, supervised tokens, seconds)."""

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
    """Non-padding tokens per second of data + compute + optimiser over the steady steps; `None` below two steady steps."""
    alone: bool
    """Whether no other job of this run ran beside it."""
    peak_process_bytes: int | None
    """Peak resident memory of the child during training."""
    peak_device_bytes: int | None
    """Peak allocated device memory; `None` on CPU."""


Head = Literal["supervised positions", "fused", "all positions"]
"""Where the language-model head was applied while training: only where a label is; there too, by TRL's GPU kernel; or
everywhere, for an architecture where the first was not seen to give the same logits. The loss is the same."""


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
    steps: tuple[Step, ...]
    final_loss: float | None
    """Mean loss per supervised token over the last tenth of the steps; `None` if it diverged."""
    diverged: bool
    ledger: Ledger
    weights: str
    """Folder of the saved adapter or model, relative to the job's folder."""


class ProbeResult(Spec):
    """Speed of one arm, measured alone."""

    kind: Literal["probe"] = "probe"
    steps: int
    tokens: int
    slots: int
    tokens_per_second: float | None
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
    """Whether scores hold it for each example. False for corpus metrics (BLEU, perplexity): they have no paired delta."""


class EvalResult(Spec):
    """One subject on one eval. `scores.jsonl` holds a `ScoreRow` per example."""

    kind: Literal["eval"] = "eval"
    measures: tuple[Measure, ...]
    template: str
    """How prompts were wrapped: a template's name, or `none`."""
    precision: str
    batch: str
    """How examples were batched, such as `by length, at most 4096 slots`."""
    truncated: int = 0
    """Examples whose text was cut to fit the model's context."""
    generated_tokens: int | None
    seconds: Seconds
    peak_process_bytes: int | None
    versions: dict[str, str]
    """Of tasks, by name."""


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
    """Generated text, or the chosen option."""


JobResult = Annotated[TrainResult | ProbeResult | EvalResult, Field(discriminator="kind")]
result_adapter: TypeAdapter[JobResult] = TypeAdapter(JobResult)
