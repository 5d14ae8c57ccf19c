"""What a training cost, by step and in total: rows and tokens, seconds, operations, memory, energy.

Results of evaluations and speed probes have `Seconds` and `Utilization`, too.
"""

from typing import Literal

from bench.spec import Spec

LEAST_DISTURBING_SHARE = 0.05
"""Share of the machine's processor time above which other programs make a speed another one."""


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
    """The rest, so that the phases add up to `wall`: the time between steps; after the last one, the counting of
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


class Energy(Spec):
    """What a training took by a counter of the machine; it counts the whole device, whoever uses it."""

    joules: float
    counter: Literal["nvml", "rapl"]
    """`nvml`: the GPU's own; `rapl`: the processor packages'."""


class OtherLoad(Spec):
    """Work of other programs on the machine while something was measured: another job, another run, anything else."""

    processor_share: float | None
    """Processor time of others, as a share of all cores' time; `None` where the machine does not count it."""
    gpu_processes: int | None
    """Most other processes seen on the device; `None` on a processor, or where the driver does not say."""

    @property
    def disturbs(self) -> bool:
        """Whether a speed that was taken beside it is not the program's own."""
        return (self.processor_share or 0.0) > LEAST_DISTURBING_SHARE or bool(self.gpu_processes)


def disturbed(load: OtherLoad | None) -> bool:
    """Whether a speed was taken beside other programs; false where nobody looked."""
    return load is not None and load.disturbs


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
    refused_rows: int = 0
    """Rows that the template cannot print, never trained on."""
    seconds: Seconds
    warmup_steps_left_out: int
    """First steps that `tokens_per_second` leaves out."""
    tokens_per_second: float | None
    """Non-padding tokens per second of data + compute + optimiser, over the steady steps; `None` below two of them."""
    peak_process_bytes: int | None
    """Peak resident memory of the training; summed over its processes, pages that they share counted in each."""
    peak_device_bytes: int | None
    """Peak allocated device memory, of several devices the largest; `None` on CPU."""
    memory: tuple[PhaseMemory, ...] = ()
    """Peaks by phase; empty where memory was not followed."""
    flops: int | None = None
    """Model operations of the whole training: forward and backward, padding left out."""
    hardware_flops: int | None = None
    """What the device computed: padding, and the forward pass that gradient checkpointing repeats, included."""
    utilization: Utilization | None = None
    """`None` below two steady steps."""
    processor_tokens_per_second: float | None = None
    """Non-padding tokens per second of processor time, of all processes, over the steady steps: what other load moves
    little. `None` as for `tokens_per_second`."""
    other_load: OtherLoad | None = None
    """Beside the training, from its first step to its last; `None`: not measured."""
    energy: Energy | None = None
    """`None` where no counter can be read."""
