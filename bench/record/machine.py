"""What of a machine a speed depends on; two machines of which it is equal are of one kind."""

from bench.spec import Spec
from bench.units import plural


class Machine(Spec):
    """One kind of machine."""

    device: str
    """`cpu`, `cuda: NAME`, `mps`."""
    processor: str
    cores: int
    """Cores of the whole machine, or of the share that its control group may use."""

    @property
    def name(self) -> str:
        """`AMD EPYC (2 cores)` or `NVIDIA H200 (AMD EPYC, 16 cores)`."""
        cores = plural(self.cores, "core")
        if self.device == "cpu":
            return f"{self.processor} ({cores})"
        return f"{self.device.removeprefix('cuda: ')} ({self.processor}, {cores})"
