"""What can be counted of a training without running it: the same on every machine."""

from bench.spec import Spec


class StepFacts(Spec):
    """Exact counts of one optimiser step."""

    tokens: int
    """Non-padding."""
    supervised_tokens: int
    slots: int
    """Batch × padded length, summed over the forward passes."""
    model_flops: int | None
    """Operations of forward and backward over non-padding tokens."""
    hardware_flops: int | None
    """Operations with padding, and with what gradient checkpointing repeats."""


class PrecisionTrial(Spec):
    """A training step of a model's shape, timed on this device in two precisions; seconds are those of all threads
    together on a processor."""

    fp32_seconds: float
    bf16_seconds: float
    loss_difference: float
    """Nats per token."""
    threads: int
    one_thread_seconds: float
    """In fp32."""

    @property
    def speedup(self) -> float:
        """How many times as fast bf16 is."""
        return self.fp32_seconds / self.bf16_seconds

    @property
    def thread_gain(self) -> float:
        """How many times as fast a step is with all threads as with one, on a processor."""
        return self.threads * self.one_thread_seconds / self.fp32_seconds


class LargestPass(Spec):
    """The forward pass of a part of a training that takes most memory."""

    rows: int
    """Sequences."""
    width: int
    """Padded length."""
    supervised_tokens: int
    """Positions of the head; the most of any pass."""

    @property
    def slots(self) -> int:
        """Positions, padding included."""
        return self.rows * self.width

    def with_other(self, other: "LargestPass") -> "LargestPass":
        """The larger of both, with the most supervised tokens of either."""
        larger = max(self, other, key=lambda one: (one.slots, one.supervised_tokens))
        most = max(self.supervised_tokens, other.supervised_tokens)
        return larger.model_copy(update={"supervised_tokens": most})


class StepBytes(Spec):
    """Bytes of the tensors of a training."""

    held: int
    """Weights and the optimiser's states, which stay."""
    states: int = 0
    """The optimiser's states, of `held`."""
    gradients: int = 0
    """Gradients, of `made`: what is left of it when the optimiser steps."""
    made: int
    """Peak of what one step makes: activations, logits, gradients."""
    fused: bool = False
    """Whether layers are computed as functions of their own, which free next to nothing on their way."""


class ExactCounts(Spec):
    """Exact counts of one training, from its schedule and its parameters."""

    rows: int
    """Rows seen, repeats counted."""
    steps: int
    tokens: int
    """Non-padding."""
    supervised_tokens: int
    slots: int
    """Batch × padded length, summed over the forward passes."""
    truncated_rows: int
    dropped_rows: int
    refused_rows: int = 0
    """Distinct rows reached that the template cannot print."""
    parameters: int
    """Adapter included; tied weights count once."""
    trainable_parameters: int


class PlannedCounts(ExactCounts):
    """Counts of a training that is planned, with what its memory follows from."""

    first_step: LargestPass
    """Largest pass of the first optimiser step, during which there are no optimiser's states yet."""
    later_steps: LargestPass | None
    """Largest pass of all steps behind the first; `None` where there are none."""

    @property
    def largest_pass(self) -> LargestPass:
        """Largest pass of the whole training."""
        return self.first_step if self.later_steps is None else self.first_step.with_other(self.later_steps)

    @property
    def exact(self) -> dict[str, int]:
        """The exact counts alone, by name."""
        return self.model_dump(include=set(ExactCounts.model_fields))


class TrainingFacts(ExactCounts):
    """Counts of one training, with its operations and the bytes of its tensors."""

    padding: int
    """Slots that hold no token."""
    model_flops: int
    """Operations of forward and backward over non-padding tokens."""
    hardware_flops: int
    """Operations that a device computes: padding, and what gradient checkpointing repeats, included."""
    peak_tensor_bytes: int | None
    """Weights, gradients, two AdamW moments, and what is alive at once of the fullest batch's forward and backward
    pass, at the precision of a processor, attention as plain products; `None` for learned prompts and prefixes."""
