"""Fixtures for all tests: no network, one BLAS thread, real inputs where they are at hand."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import hypothesis
import psutil
import pytest

from tests.fakes import fork_server, forked_worker
from tests.fakes.known_peak import know_peak

os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TOKENIZERS_PARALLELISM="false",
    OMP_NUM_THREADS="1",
    OMP_WAIT_POLICY="PASSIVE",
    GOMP_SPINCOUNT="0",
)

# Tests write to memory where the system has files there, and room: instant runs take a sixth less processor time.
MEMORY, ROOM = "/dev/shm", 6 << 30  # noqa: S108 - pytest makes a folder of its own there
free = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) if os.access(MEMORY, os.W_OK) else 0
if free >= ROOM and "TMPDIR" not in os.environ:
    os.environ["TMPDIR"] = tempfile.tempdir = MEMORY

# The same examples everywhere, however busy the machine, so that CI's answer is the code's alone; `make fuzz` looks for
# new ones.
ANY_SPEED = hypothesis.settings(
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
)
hypothesis.settings.register_profile("fixed", ANY_SPEED, derandomize=True)
hypothesis.settings.register_profile("search", ANY_SPEED, max_examples=3000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))

gc.disable()  # until the tests are collected: nothing that is imported is garbage

ROOT = Path(__file__).parent.parent
LONG = tuple(f"tests/{room}/" for room in ("functional", "gate", "making", "perf", "run", "stats", "train"))
"""Folders with files that take long: whole suites, trainings, simulations."""
FORK_SERVERS = pytest.StashKey[dict[str, str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update-golden` rewrites the golden files instead of comparing with them."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config, specs: list[Any]) -> None:
    """The same fork servers for all workers of pytest-xdist, which come from one of their own."""
    config.stash[FORK_SERVERS] = fork_server.start(config.args)
    for spec in specs:
        spec.python = forked_worker.command(config.stash[FORK_SERVERS]["collected"])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Where a worker asks for its children."""
    node.workerinput["fork_servers"] = node.config.stash[FORK_SERVERS]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that no worker begins a long one when the others have nothing left; by their own names, so
    that files that wait for processes, which lie in one folder, run beside files that compute."""
    items.sort(key=lambda item: (not item.nodeid.startswith(LONG), item.path.name, item.path))


@pytest.fixture(scope="session", autouse=True)
def fork_servers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Children come from the tests' fork servers, which have every worker that tests ask for and outlive runs that
    fail."""
    from bench.run.process.server import ChildServer  # after the environment: libraries read it while imported

    fork = ChildServer._fork

    def fork_from(server: ChildServer, request: Any) -> Any:
        if server.method == "forkserver":
            fork_server.use_for(server.module)
        return fork(server, request)

    with pytest.MonkeyPatch.context() as patch:
        fork_server.join(getattr(request.config, "workerinput", {}).get("fork_servers", {}), patch.setattr)
        patch.setattr(forkserver, "set_forkserver_preload", lambda names: None)
        patch.setattr(ChildServer, "_fork", fork_from)
        patch.setattr(ChildServer, "kill", lambda self: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def known_peak() -> Iterator[None]:
    """No training of the tests' own process measures the peak."""
    with pytest.MonkeyPatch.context() as patch:
        know_peak(patch)
        yield


@pytest.fixture(scope="module", autouse=True)
def frozen_heap() -> None:
    """What was imported is out of the garbage collector's sight, as in a job's process: accelerate collects
    twice a training, which would look at every module of every library."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be rewritten."""
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Real data and a real small base beside the checkout; the test skips where they are missing."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("real data is not at hand (../shared)")
    return folder
