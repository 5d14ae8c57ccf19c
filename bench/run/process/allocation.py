"""This process among those that a launcher started: `srun`, `torchrun`, `mpirun`, or nobody.

Contract: the launcher's variables are taken out of the environment, for a library would wait for a group of them that
never forms; their values are passed on to children in variables of this program. The first process of the first node
is the head, which runs the suite; the first of every other node takes part in its trainings; all others have nothing
to do, because a training starts its own processes.
"""

import os
from collections.abc import Mapping, MutableMapping
from typing import Literal

from bench.spec import Spec

_OURS = "BENCH_ALLOCATION"


class Allocation(Spec):
    """Where this process is in what was started."""

    id: str
    """Alike in all its processes, and in no other allocation."""
    node: int = 0
    nodes: int = 1
    local: int = 0
    """Number of the process on its node."""
    address: str = "127.0.0.1"
    """The head's, on the network between the nodes."""

    @property
    def role(self) -> Literal["head", "node", "idle"]:
        """What this process does."""
        if self.local:
            return "idle"
        return "node" if self.node else "head"


ALONE = Allocation(id="")
"""No launcher."""


_NUMBERED = (
    ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"),
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE",
     "PMIX_NAMESPACE"),
    ("PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID", "MPI_LOCALNRANKS", "PMI_ID"),
)  # fmt: skip
"""By launcher: processes, this process's number, its number on its node, processes of the node, name of the group."""

_GROUP = (
    *("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE", "ROLE_RANK"),
    *("ROLE_WORLD_SIZE", "ROLE_NAME", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RUN_ID"),
    *("TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RESTART_COUNT", "TORCHELASTIC_MAX_RESTARTS"),
    *("TORCHELASTIC_ERROR_FILE", "PMI_SIZE", "PMI_RANK", "PMI_ID", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    *("PMIX_NAMESPACE", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    *("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
)
"""What accelerate, transformers and torch read as a group to join."""


def enter_allocation(environment: MutableMapping[str, str] = os.environ) -> Allocation:
    """Where this process is; from here on its libraries and children see no launcher."""
    place = allocation(environment) if _OURS in environment else _place(environment)
    for name in _GROUP:
        environment.pop(name, None)
    if place is not ALONE:
        environment[_OURS] = place.model_dump_json()
    return place


def allocation(environment: Mapping[str, str] = os.environ) -> Allocation:
    """What `enter_allocation` found in this process or in the one that started it."""
    text = environment.get(_OURS)
    return ALONE if text is None else Allocation.model_validate_json(text)


def _place(environment: Mapping[str, str]) -> Allocation:
    """By srun's own variables, else by torchrun's, Open MPI's or MPICH's numbers."""
    if (_number(environment, "SLURM_STEP_NUM_TASKS") or 1) > 1 and "GROUP_RANK" not in environment:
        return Allocation(
            id="-".join(environment.get(name, "") for name in ("SLURM_JOB_ID", "SLURM_STEP_ID")),
            node=_number(environment, "SLURM_NODEID") or 0,
            nodes=_number(environment, "SLURM_STEP_NUM_NODES") or 1,
            local=_number(environment, "SLURM_LOCALID") or 0,
            address=_address(environment, "MASTER_ADDR", "SLURM_LAUNCH_NODE_IPADDR"),
        )
    for size_name, rank_name, local_name, local_size_name, id_name in _NUMBERED:
        size, rank = _number(environment, size_name), _number(environment, rank_name)
        if size is not None and rank is not None and size > 1:
            on_node = _number(environment, local_size_name) or 1
            return Allocation(
                id=environment.get(id_name) or environment.get("MASTER_PORT", "launched"),
                node=rank // on_node,
                nodes=max(1, size // on_node),
                local=_number(environment, local_name) or 0,
                address=_address(environment, "MASTER_ADDR"),
            )
    return ALONE


def _address(environment: Mapping[str, str], *names: str) -> str:
    return next((environment[name] for name in names if environment.get(name)), ALONE.address)


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    return int(text) if text.isdigit() else None
