"""An executor from what a user names: `local`, `ray`, `slurm`, or a TOML file.

Contract: a suite names one of the first three; commands come from a file on the command line alone, because a suite
cannot execute code.
"""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from bench.errors import InputError, Problem
from bench.places import home
from bench.run.executors.backend import Backend
from bench.run.executors.command import command_backend
from bench.run.executors.executor import Executor
from bench.run.executors.ray import RayBackend, connected_ray
from bench.run.executors.ray_objects import RayObjectsBackend
from bench.run.executors.remote import RemoteExecutor
from bench.run.executors.slurm import SlurmBackend
from bench.suite.tables.executor import (
    CommandExecutor,
    ExecutorSpec,
    RayExecutor,
    SlurmExecutor,
    executor_adapter,
)
from bench.suite.tables.suite import Limits

_NAMED = {"ray": RayExecutor, "slurm": SlurmExecutor}


def choose_executor(named: str, *, limits: Limits) -> Executor | None:
    """`None` for this machine. Raises `InputError` for a name or file that is none."""
    if named == "local":
        return None
    spec, beside = _read(named)
    return RemoteExecutor(
        backend=_backend(spec, beside),
        jobs=spec.jobs,
        gpus=spec.gpus,
        limits=limits,
        attempts=spec.attempts,
        home=str(home()),
        **({} if spec.python is None else {"python": spec.python}),
    )


def _backend(spec: ExecutorSpec, beside: Path) -> Backend:
    if isinstance(spec, CommandExecutor):
        return command_backend(spec, beside)
    if isinstance(spec, SlurmExecutor):
        return SlurmBackend(spec=spec)
    ray = connected_ray(spec)
    return RayBackend(ray=ray) if spec.shared else RayObjectsBackend(ray=ray, home=home(), python=spec.python)


def _read(named: str) -> tuple[ExecutorSpec, Path]:
    if named in _NAMED:
        return _NAMED[named](), Path()
    path = Path(named)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return executor_adapter.validate_python(table, strict=False), path.absolute().parent
    except OSError as error:
        what = f"no executor is called {named!r}, and no such file can be read"
        hint = "local, ray, slurm, or a TOML file: see docs/scaling.md"
        raise InputError(Problem(reference="executor.unknown", what=what, hint=hint)) from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(Problem(reference="executor.toml", what=str(error), where=named)) from error
    except ValidationError as error:
        problems = [
            Problem(
                reference="executor.key",
                what=str(problem["msg"]).removeprefix("Value error, "),
                where=f"{named}: {'.'.join(map(str, problem['loc']))}",
            )
            for problem in error.errors()
        ]
        raise InputError(problems) from error
