"""A Ray of one process: objects are values, tasks are generators that run as they are read."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench.units import GIB


class FakeRay:
    """What `RayObjectsBackend` asks of Ray, with one node."""

    def __init__(self, *, lose: int = 0) -> None:
        """lose: the task, by its number, whose node goes away after its first message."""
        self.lose = lose
        self.got_bytes: list[int] = []
        """Sizes of the objects that were read."""
        self.tasks = 0
        self.memory: list[int | None] = []
        """Bytes that each task asked for."""

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"memory": 3.0 * GIB}}, {"Alive": False, "Resources": {"memory": 1e15}}]

    def put(self, content: bytes) -> tuple[bytes]:
        return (content,)

    def get(self, reference: tuple[Any]) -> Any:
        (value,) = reference
        if isinstance(value, bytes):
            self.got_bytes.append(len(value))
        return value

    def cancel(self, messages: Any, *, force: bool) -> None:
        messages.close()

    def remote(self, function: Callable[..., Iterator[Any]]) -> "FakeRemote":
        return FakeRemote(self, function)


class FakeRemote:
    """A function of Ray's."""

    def __init__(self, ray: FakeRay, function: Callable[..., Iterator[Any]]) -> None:
        self._ray, self._function = ray, function

    def options(self, **options: Any) -> "FakeRemote":
        assert options["max_retries"] == 0, "the run submits a lost job again, and says so"
        self._ray.memory.append(options["memory"])
        return self

    def remote(self, *arguments: Any) -> Iterator[tuple[Any]]:
        self._ray.tasks += 1
        return self._messages(self._ray.tasks == self._ray.lose, arguments)

    def _messages(self, lost: bool, arguments: tuple[Any, ...]) -> Iterator[tuple[Any]]:
        for message in self._function(*arguments):
            yield (message,)
            if lost:
                raise ConnectionError("the node went away\nand took its objects")


def node_environment(home: Path) -> dict[str, str]:
    """Variables of a node that has the program and a home, and no folder of the run's."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return {"BENCH_HOME": str(home), "BENCH_NODE_NAME": "apart", "PYTHONPATH": os.pathsep.join(paths)}
