"""How the processes of one training are laid out: how many, on how many machines, what each of them holds."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bench.spec import Spec

Strategy = Literal["ddp", "fsdp2", "zero2", "zero3"]

_ZERO_STAGE: dict[Strategy, int] = {"zero2": 2, "zero3": 3}


class Launch(Spec):
    """`launch = { processes = 8, nodes = 2, strategy = "fsdp2" }`."""

    processes: Annotated[int, Field(gt=0, le=4096)] = 1
    """Processes over all nodes that share out the forward passes of each step, each on a GPU of its own, or on the
    processor."""
    nodes: Annotated[int, Field(gt=0, le=512)] = 1
    """Machines that have the same share of the processes each. More than one needs `bench run` on each of them, as
    `srun` or `torchrun` start it, and a `BENCH_HOME` that all of them see."""
    strategy: Strategy = "ddp"
    """What each process holds: `ddp` everything; `zero2` a share of the optimiser's states and gradients (DeepSpeed);
    `zero3` and `fsdp2` a share of the weights, too."""
    offload: bool = False
    """Keep what is sharded in the processor's memory (of `zero2` the optimiser's states)."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.processes % self.nodes:
            raise ValueError(f"{self.processes} processes cannot be shared out evenly over {self.nodes} nodes")
        if self.offload and self.strategy == "ddp":
            raise ValueError('offload needs strategy = "fsdp2", "zero2" or "zero3": under ddp nothing is sharded')
        return self

    @property
    def per_node(self) -> int:
        """Processes on each node."""
        return self.processes // self.nodes

    @property
    def deepspeed(self) -> dict[str, Any] | None:
        """The strategy in DeepSpeed's words; `None` for any other library's."""
        stage = _ZERO_STAGE.get(self.strategy)
        if stage is None:
            return None
        kinds = ("optimizer", "param") if stage == 3 else ("optimizer",)
        offload = {f"offload_{kind}": {"device": "cpu"} for kind in kinds} if self.offload else {}
        return {"zero_optimization": {"stage": stage, **offload}}

    @property
    def fsdp(self) -> dict[str, Any] | None:
        """The strategy as transformers' `fsdp_config`; `None` for any other."""
        if self.strategy != "fsdp2":
            return None
        return {"version": 2, "reshard_after_forward": True, **({"cpu_offload": True} if self.offload else {})}
