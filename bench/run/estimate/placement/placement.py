"""Where trainings could run: memory on each device and hours by strategy, the cheapest that fits, from shapes alone.

Nothing is measured here. A pass takes as long as its operations at the share of the data sheet's peak that published
runs reach, at least what starting its kernels takes, and at least what has to move between devices meanwhile. The
shares and their sources are in docs/scaling.md; `tests/run/estimate/placement/test_placement.py` holds published runs
within 1.5 times.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.run.estimate.placement.types import ArmPlacement, DeviceLayout, Placement
from bench.suite.catalog.devices import Cluster, Device
from bench.suite.tables.training.launch import Strategy
from bench.units import GIB

EFFICIENCY = {"A100": 0.55, "A100-40GB": 0.55, "H100": 0.45, "H200": 0.45}
"""Share of the peak that a training's operations reach, recomputed ones included."""
_OTHER_EFFICIENCY = 0.45
_LINK_EFFICIENCY = 0.5
_HOST_LINK = 16e9
"""Bytes per second between a device and the processor's memory: PCIe 4.0 × 16 at half its peak."""
_LAYER_SECONDS = {True: 0.005, False: 0.002}
"""Start of a layer's kernels, forward and backward, with adapters and without."""
_ROOM = 1.1
_CONTEXT_BYTES = GIB
"""Beside tensors: fragmentation and workspaces, and the driver's context."""
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_SHARDED: tuple[tuple[Strategy, bool], ...] = (("zero2", False), ("fsdp2", False), ("zero2", True), ("fsdp2", True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One training of an arm, in numbers."""

    arm: str
    trainings: int
    """To run."""
    weights: float
    """Bytes on each device, copies in a smaller precision included."""
    gradients: float
    states: float
    """Bytes of the optimiser's."""
    activations: float
    """Bytes of one pass."""
    parameters: int
    trained: int
    embeddings: int
    """Parameters that are looked up, not multiplied."""
    width: int
    layers: int
    slots: int
    sequence: float
    """Mean positions that see each other."""
    steps: int
    accumulation: int
    checkpointing: bool
    adapter: bool

    @property
    def passes(self) -> int:
        """Forward passes of the training."""
        return max(1, self.steps * self.accumulation)

    @property
    def pass_operations(self) -> float:
        """Operations of one forward and backward pass, recomputed ones included."""
        multiplied, times = self.parameters - self.embeddings, 3 if self.checkpointing else 2
        attention = 4 * self.layers * self.width * self.sequence * (times + 1)
        return (2 * times * multiplied + 2 * min(self.trained, multiplied) + attention) * self.slots / self.passes


def place(workloads: Sequence[Workload], cluster: Cluster) -> Placement:
    """Each arm's layouts on `cluster`, its cheapest one that fits, and all trainings on it one after another."""
    arms = tuple(_arm(workload, cluster) for workload in workloads)
    chosen = [(arm.best, arm.trainings) for arm in arms if arm.best is not None]
    device_hours = sum(layout.hours * layout.devices * trainings for layout, trainings in chosen)
    return Placement(
        cluster=cluster.label,
        source=cluster.device.source,
        arms=arms,
        hours=_makespan([layout for layout, trainings in chosen for _ in range(trainings)], cluster.count),
        device_hours=device_hours,
        cost=None if cluster.price is None else device_hours * cluster.price,
    )


def _arm(workload: Workload, cluster: Cluster) -> ArmPlacement:
    layouts = tuple(_layouts(workload, cluster))
    fitting = [layout for layout in layouts if layout.fits]
    return ArmPlacement(
        arm=workload.arm,
        trainings=workload.trainings,
        layouts=layouts,
        best=min(fitting, key=lambda layout: (round(layout.hours * layout.devices, 6), layout.devices), default=None),
    )


def _layouts(workload: Workload, cluster: Cluster) -> Iterator[DeviceLayout]:
    """One device alone, then every number of them that a step's passes can be shared out over."""
    for devices in _SIZES:
        if devices > cluster.count or workload.accumulation % devices:
            continue
        yield _layout(workload, cluster, devices, "ddp", offload=False)
        for strategy, offload in _SHARDED if devices > 1 else ():
            yield _layout(workload, cluster, devices, strategy, offload=offload)


def _layout(workload: Workload, cluster: Cluster, devices: int, strategy: Strategy, *, offload: bool) -> DeviceLayout:
    memory = (_device_bytes(workload, devices, strategy, offload=offload) * _ROOM) + _CONTEXT_BYTES
    return DeviceLayout(
        devices=devices,
        strategy=strategy,
        offload=offload,
        memory_bytes=int(memory),
        fits=memory <= cluster.device.memory * 1e9,
        hours=_seconds(workload, cluster, devices, strategy, offload=offload) / 3600,
    )


def _device_bytes(workload: Workload, devices: int, strategy: Strategy, *, offload: bool) -> float:
    """Bytes of tensors on one device. Of sharded weights one layer is whole at a time, and the next is on its way; but
    each process loads all of them before they are sharded."""
    states = 0.0 if offload else workload.states
    if strategy == "ddp":
        return workload.weights + workload.gradients + states + workload.activations
    if strategy == "zero2":
        return workload.weights + (workload.gradients + states) / devices + workload.activations
    kept = 0.0 if offload else (workload.weights + workload.gradients + states) / devices
    return max(workload.weights, kept + 2 * workload.weights / max(1, workload.layers) + workload.activations)


def _seconds(workload: Workload, cluster: Cluster, devices: int, strategy: Strategy, *, offload: bool) -> float:
    device = cluster.device
    compute = max(
        workload.pass_operations / (device.bf16 * 1e12 * EFFICIENCY.get(cluster.name, _OTHER_EFFICIENCY)),
        workload.layers * _LAYER_SECONDS[workload.adapter],
    )
    moved = _pass_bytes(workload, devices, strategy)
    each = max(compute, moved / (_bandwidth(device, devices) * _LINK_EFFICIENCY))
    passes = workload.passes / devices
    step = _step_bytes(workload, devices, strategy) / (_bandwidth(device, devices) * _LINK_EFFICIENCY)
    if offload:
        step += (workload.gradients + workload.states + workload.weights) / devices / _HOST_LINK
    return passes * each + workload.steps * step


def _pass_bytes(workload: Workload, devices: int, strategy: Strategy) -> float:
    """What a device receives in each pass: sharded weights forward, backward and again where activations are
    recomputed, in two bytes each."""
    if strategy not in ("fsdp2", "zero3"):
        return 0.0
    gathers = 3 if workload.checkpointing else 2
    return 2 * workload.parameters * gathers * (devices - 1) / devices


def _step_bytes(workload: Workload, devices: int, strategy: Strategy) -> float:
    """What a device sends and receives in each step for its gradients (ring: twice, sharded: once)."""
    times = 2 if strategy == "ddp" else 1
    return times * workload.gradients * (devices - 1) / devices


def _bandwidth(device: Device, devices: int) -> float:
    """Bytes per second to the others. Between nodes each byte enters a node once, through all its devices' ports."""
    if devices <= device.per_node:
        return device.link * 1e9
    return min(device.link, device.network * device.per_node) * 1e9


def _makespan(layouts: Sequence[DeviceLayout], devices: int) -> float:
    """Hours until the last of them ends, the longest first on the devices that are free first."""
    free = [0.0] * devices
    for layout in sorted(layouts, key=lambda layout: layout.hours, reverse=True):
        taken = [heapq.heappop(free) for _ in range(layout.devices)]
        for _ in taken:
            heapq.heappush(free, taken[-1] + layout.hours)
    return max(free, default=0.0)
