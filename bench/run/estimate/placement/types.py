"""Where a suite's trainings could run, as `bench plan --on` says it."""

from bench.spec import Spec
from bench.suite.tables.training.launch import Strategy


class DeviceLayout(Spec):
    """Devices and strategy of a training."""

    devices: int
    strategy: Strategy
    offload: bool
    memory_bytes: int
    """On each device; an estimate."""
    fits: bool
    hours: float
    """Time of one training; an estimate."""


class ArmPlacement(Spec):
    """One arm's trainings on a cluster."""

    arm: str
    trainings: int
    """To run, those of its sweep included."""
    layouts: tuple[DeviceLayout, ...]
    best: DeviceLayout | None
    """The fewest device hours of those that fit; `None` where none does."""


class Placement(Spec):
    """All trainings of a suite on a cluster, without its evals."""

    cluster: str
    source: str
    """Where the device's figures are from."""
    arms: tuple[ArmPlacement, ...]
    hours: float
    """Until the last training ends."""
    device_hours: float
    cost: float | None
    """In the currency of the price; `None` without one."""
