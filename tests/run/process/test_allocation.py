"""Where a process is among those that a launcher started."""

import pytest

from bench.run.process.allocation import ALONE, Allocation, allocation, enter_allocation

SRUN = {
    "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "2", "SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0",
    "SLURM_LOCALID": "0", "SLURM_NODEID": "1", "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.1",
}  # fmt: skip
TORCHRUN = {
    "WORLD_SIZE": "4", "RANK": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "1",
    "TORCHELASTIC_RUN_ID": "a", "MASTER_ADDR": "10.0.0.2", "MASTER_PORT": "29500",
}  # fmt: skip
MPIRUN = {
    "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "2", "PMIX_NAMESPACE": "n",
}  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "place", "role"),
    [
        ({}, ALONE, "head"),
        ({"WORLD_SIZE": "1", "RANK": "0"}, ALONE, "head"),
        (SRUN, Allocation(id="7-0", node=1, nodes=2, address="10.0.0.1"), "node"),
        ({**SRUN, "SLURM_NODEID": "0"}, Allocation(id="7-0", nodes=2, address="10.0.0.1"), "head"),
        (TORCHRUN, Allocation(id="a", node=1, nodes=2, address="10.0.0.2"), "node"),
        (
            {**TORCHRUN, "RANK": "1", "LOCAL_RANK": "1"},
            Allocation(id="a", nodes=2, local=1, address="10.0.0.2"),
            "idle",
        ),
        ({**SRUN, **TORCHRUN}, Allocation(id="a", node=1, nodes=2, address="10.0.0.2"), "node"),
        (MPIRUN, Allocation(id="n", local=1), "idle"),
        ({"PMI_SIZE": "2", "PMI_RANK": "1", "PMI_ID": "p"}, Allocation(id="p", node=1, nodes=2), "node"),
    ],
)
def test_a_process_knows_its_place_and_hides_the_launcher_from_libraries(
    environment: dict[str, str], place: Allocation, role: str
) -> None:
    """accelerate would wait for a group of the launched processes, which never forms."""
    seen = {**environment, "PATH": "/bin"}
    assert enter_allocation(seen) == place
    assert place.role == role
    assert not {"WORLD_SIZE", "RANK", "MASTER_ADDR", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"} & seen.keys()
    assert seen["PATH"] == "/bin"
    assert allocation(seen) == place
    assert enter_allocation(seen) == place
