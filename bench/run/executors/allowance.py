"""How much of a machine a job is allowed on machines that others use, too: time and memory."""

from typing import Literal, Self

from bench.spec import Spec

Outgrown = Literal["seconds", "memory_gib"]


class Allowance(Spec):
    """What a job is allowed by the plan's estimate; `None` where nothing is known."""

    seconds: float | None = None
    """Wall time, start included."""
    memory_gib: float | None = None
    """Resident memory of all its processes."""

    def doubled(self, outgrown: Outgrown) -> Self:
        """Twice the time, or twice the memory."""
        amount = getattr(self, outgrown)
        return self if amount is None else self.model_copy(update={outgrown: 2 * amount})


NO_ALLOWANCE = Allowance()
"""Nothing is known of the job."""
