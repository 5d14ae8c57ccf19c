"""A Slurm cluster on loopback, from Debian's packages (`slurmctld slurmd slurm-client munge`), below one folder.

`python -m tests.fakes.slurm FOLDER COMMAND …` brings it up, runs the command with `SLURM_CONF` set, and takes it down.
It needs root, as slurmd does where jobs belong to users.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "sinfo")
_SECONDS = 60.0
NODE_MIB = 4096
"""Memory of each node, as far as Slurm knows."""


def missing() -> str | None:
    """Why there can be no cluster here; `None` if there can."""
    absent = [name for name in _PROGRAMS if _program(name) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    return None if os.geteuid() == 0 else "slurmd needs root"


@contextmanager
def slurm_cluster(folder: Path, *, nodes: int = 2) -> Iterator[Path]:
    """The configuration file of a running cluster. Everything that it started is ended at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    started: list[subprocess.Popen[bytes]] = []
    try:
        configuration = _configure(folder, nodes)
        started.append(_start(folder, "munged", _munge(folder)))
        _wait(lambda: (folder / "munge.socket").exists(), "munged")
        environment = {**os.environ, "SLURM_CONF": str(configuration)}
        started.append(_start(folder, "slurmctld", ["-D", "-f", str(configuration)], environment))
        started += [
            _start(
                folder, "slurmd", ["-D", "-f", str(configuration), "-N", f"n{node}"], environment, log=f"slurmd{node}"
            )
            for node in range(nodes)
        ]
        _wait(lambda: _idle(environment) == nodes, "the nodes")
        yield configuration
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGKILL)
            process.wait()


def _configure(folder: Path, nodes: int) -> Path:
    for name in ("state", "spool"):
        (folder / name).mkdir(exist_ok=True)
    control, *ports = _free_ports(nodes + 1)
    lines = [
        "ClusterName=bench", "SlurmctldHost=localhost(127.0.0.1)", f"SlurmctldPort={control}",
        "AuthType=auth/munge", f"AuthInfo=socket={folder}/munge.socket,cred_expire=5", "CredType=cred/munge",
        "SlurmUser=root", f"StateSaveLocation={folder}/state", f"SlurmdSpoolDir={folder}/spool/%n",
        f"SlurmctldPidFile={folder}/slurmctld.pid", f"SlurmdPidFile={folder}/slurmd-%n.pid",
        "ProctrackType=proctrack/pgid", "TaskPlugin=task/none", "MpiDefault=none", "ReturnToService=2",
        "CommunicationParameters=NoInAddrAny,NoCtldInAddrAny",  # nothing of it listens beyond loopback
        "SchedulerType=sched/backfill", "SelectType=select/cons_tres", "SelectTypeParameters=CR_CPU_Memory",
        "PreemptType=preempt/partition_prio", "PreemptMode=REQUEUE",
        "SlurmdTimeout=10", "InactiveLimit=0", "KillWait=1", "JobRequeue=1", "SwitchType=switch/none",
        *(f"NodeName=n{node} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=1 "
          f"RealMemory={NODE_MIB}"
          for node, port in enumerate(ports)),
        "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1",
        "PartitionName=short Nodes=ALL MaxTime=30 State=UP PriorityTier=1",
        "PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=2 PreemptMode=OFF",
    ]  # fmt: skip
    path = folder / "slurm.conf"
    path.write_text("\n".join(lines) + "\n")
    return path


def _munge(folder: Path) -> list[str]:
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    return [
        "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket",
        f"--pid-file={folder}/munged.pid", f"--log-file={folder}/munged.log", f"--seed-file={folder}/munged.seed",
    ]  # fmt: skip


def _start(
    folder: Path, name: str, arguments: list[str], environment: dict[str, str] | None = None, *, log: str | None = None
) -> subprocess.Popen[bytes]:
    program = _program(name)
    assert program is not None, "`missing` says so"
    with (folder / f"{log or name}.txt").open("wb") as output:
        return subprocess.Popen([program, *arguments], stdout=output, stderr=output, env=environment)


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")


def _idle(environment: dict[str, str]) -> int:
    command = ["sinfo", "-h", "-N", "-p", "main", "-o", "%T"]
    states = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return states.stdout.split().count("idle")


def _wait(ready: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come up")
        time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for bound in sockets:
            bound.bind(("127.0.0.1", 0))
        return [bound.getsockname()[1] for bound in sockets]
    finally:
        for bound in sockets:
            bound.close()


if __name__ == "__main__":
    with slurm_cluster(Path(sys.argv[1]).absolute()) as conf:
        sys.exit(subprocess.run(sys.argv[2:], env={**os.environ, "SLURM_CONF": str(conf)}, check=False).returncode)
