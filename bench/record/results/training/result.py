"""What a job that trains brought back: one seed replicate, one learning rate of a sweep, or one arm's speed."""

from typing import Literal

from pydantic import Field

from bench.record.results.training.applied import Applied, WeightsCheck
from bench.record.results.training.ledger import Ledger, OtherLoad, Step, Utilization
from bench.record.results.training.seen_row import SeenRow
from bench.spec import Spec
from bench.suite.tables.training.sweep import Setting

Head = Literal["supervised positions", "fused", "all positions"]
"""Where the language-model head was applied while training: only where a label is; there too, by TRL's GPU kernel; or
everywhere, for an architecture where the first was not seen to give the same logits. The loss is the same."""

NOTHING_SUPERVISED = "no row has anything to supervise after rendering"
"""Message of a training that was refused because no label would have entered its loss."""


class ValidationPoint(Spec):
    """One evaluation during training."""

    step: int
    """Optimiser steps done."""
    loss: float | None
    """Mean negative log-likelihood per supervised token of the held-out rows, in nats; `None` if not finite."""


class DevPoint(Spec):
    """One evaluation on dev examples during training, by which the kept step is chosen."""

    step: int
    score: float | None
    """Headline score, over several tasks their mean; `None` if it has none."""


class TrainResult(Spec):
    """One seed replicate."""

    kind: Literal["train"] = "train"
    parameters: int
    """Parameters of the model, adapter included."""
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
    """Why the training ended, unless it diverged: its budget was spent, the validation loss no longer fell (or the dev
    score no longer rose), or its seconds were over before the planned steps."""
    validation: tuple[ValidationPoint, ...] = ()
    """Evaluations on rows held out of the training rows; empty unless the recipe asks for them."""
    validation_rows: int = 0
    """Rows held out of the training rows."""
    kept_step: int | None = None
    """The step whose weights were saved because their validation loss was lowest, or their dev score best; `None`: the
    last one's."""
    dev: tuple[DevPoint, ...] = ()
    """Scores that the kept step was chosen by; empty unless the suite says `evaluate_at.keep`."""
    stored_steps: tuple[int, ...] = ()
    """Steps whose weights were stored beside these, for evaluation."""
    steps: tuple[Step, ...]
    tail_loss: float | None
    """Mean loss per supervised token over the last steps, which hold the last tenth of the supervised tokens and are at
    least ten (all, in a shorter training); `None` if it diverged."""
    diverged: bool
    ledger: Ledger
    weights: str
    """Folder of the saved adapter or model, relative to the job's folder."""
    weights_check: WeightsCheck | None = None
    """`None`: not checked, as of a training that diverged, or whose weights are sharded over processes."""
    applied: Applied | None = None
    """What the subject changes of its base; `None`: not measured, for the same reasons or for want of memory."""
    seen_rows: tuple[SeenRow, ...] = ()
    """The first rows of the first batches, with their mask; empty of trainings that kept none."""


class SweepResult(Spec):
    """One setting of a sweep. A training that diverged is a result here: its setting is not chosen."""

    kind: Literal["sweep"] = "sweep"
    setting: Setting
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
    other_load: OtherLoad | None = None
    """Beside the steps; `None`: not measured."""
    peak_process_bytes: int | None
    peak_device_bytes: int | None
