"""What asking one share of an eval's questions took; the replies are in a file beside it."""

from typing import Literal

from bench.record.results.training.ledger import Seconds
from bench.spec import Spec


class ShareResult(Spec):
    """One share of the questions of an eval to one subject."""

    kind: Literal["share"] = "share"
    replies: int
    tokens: int | None
    """Non-padding tokens that passed through the model."""
    slots: int | None
    seconds: Seconds
    peak_process_bytes: int | None
    peak_device_bytes: int | None
