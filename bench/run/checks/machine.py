"""What a suite asks for and this machine cannot do, known without importing the heavy libraries.

Contract: looks at the driver and at what is installed, computes nothing, and finds all problems at once.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator, Mapping

from bench.errors import InputError, Problem
from bench.record.environment import device, gpus
from bench.suite.tables.optimizer import libraries_of
from bench.suite.tables.recipe import Recipe
from bench.suite.tables.suite import RunOptions, Suite

_GROUP_SIZES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")
"""What launchers set, and accelerate reads."""

_TRACKERS = {
    "tensorboard": (("tensorboard", "tensorboardX"), "tensorboard"),
    "wandb": (("wandb",), "wandb"),
    "trackio": (("trackio",), "trackio"),
}


def machine_problems(suite: Suite) -> list[Problem]:
    """Everything that trainings of `suite`'s arms ask for and that is not here."""
    used = {arm.recipe for arm in suite.expand() if not arm.is_given}
    recipes = {name: recipe for name, recipe in suite.recipe.items() if name in used}
    return [
        *_launcher_problems(),
        *_tracker_problems(suite.run),
        *_saving_problems(suite.run, recipes),
        *_recipe_problems(recipes),
    ]


def check_machine(suite: Suite) -> None:
    """Raises `InputError` with all of `machine_problems`."""
    problems = machine_problems(suite)
    if problems:
        raise InputError(dict.fromkeys(problems))


def _launcher_problems() -> Iterator[Problem]:
    """A training starts its own processes; under a launcher for several it would wait for others for ever."""
    for name in _GROUP_SIZES:
        size = os.environ.get(name, "")
        if size.isdigit() and int(size) > 1:
            yield Problem(
                reference="machine.launcher",
                what=f"this was started as one of several processes ({name}={size}), and a training starts its own",
                hint="start bench by itself, without torchrun, accelerate launch or mpirun; see a recipe's processes",
            )


def _recipe_problems(recipes: Mapping[str, Recipe]) -> Iterator[Problem]:
    for name, recipe in ((name, tried) for name, swept in recipes.items() for tried in _settings(swept)):
        for key, what, hint in (
            *_quantization(recipe),
            *_precision(recipe),
            *_processes(recipe),
            *_distribution(recipe),
            *_compiler(recipe),
            *_optimizer(recipe),
        ):
            where = f"recipe.{name}.{key}"
            yield Problem(reference=f"machine.{key.replace('_', '-')}", what=what, where=where, hint=hint)


def _settings(recipe: Recipe) -> Iterator[Recipe]:
    """The recipe with each setting of its sweep."""
    return (recipe.with_setting(setting) for setting in recipe.settings)


_Finding = tuple[str, str, str]
"""The recipe's key, what is wrong, what to do."""


def _kind() -> str:
    return device().partition(":")[0]


def _quantization(recipe: Recipe) -> Iterator[_Finding]:
    if recipe.method != "qlora":
        return
    if _kind() != "cuda":
        yield "method", f"qlora needs a CUDA GPU; this machine computes on {_kind()}", 'use method = "lora"'
    if not _installed("bitsandbytes"):
        yield "method", "qlora needs bitsandbytes, which is not installed", "pip install bitsandbytes"


def _precision(recipe: Recipe) -> Iterator[_Finding]:
    refused = {"cpu": {"fp16"}, "mps": {"fp16", "bf16"}}.get(_kind(), set())
    if recipe.precision in refused:
        yield "precision", f"{_kind()} cannot train in {recipe.precision}", 'use precision = "auto" or "fp32"'


def _processes(recipe: Recipe) -> Iterator[_Finding]:
    processes = recipe.processes
    if processes == 1:
        return
    if _kind() == "mps":
        yield "processes", "mps has one device, and no processes share it", "take the key out"
    if _kind() == "cuda" and processes > gpus():
        available = f"{gpus()} GPU{'s' if gpus() > 1 else ''}"
        yield (
            "processes",
            f"{processes} processes need as many GPUs; this machine has {available}",
            f"processes = {gpus()}",
        )


def _distribution(recipe: Recipe) -> Iterator[_Finding]:
    key = "deepspeed" if recipe.deepspeed is not None else "fsdp" if recipe.fsdp is not None else None
    if key is None:
        return
    if _kind() != "cuda":
        yield key, f"{key} needs a CUDA GPU; this machine computes on {_kind()}", "take the key out, or use a GPU"
    if key == "deepspeed" and not _installed("deepspeed"):
        yield key, "deepspeed is not installed", "pip install deepspeed"


def _compiler(recipe: Recipe) -> Iterator[_Finding]:
    if not recipe.torch_compile:
        return
    if _kind() == "cuda" and not _installed("triton"):
        yield "torch_compile", "torch_compile needs triton, which is not installed", "pip install triton"
    compilers = (os.environ.get("CXX"), "c++", "g++", "clang++")
    if _kind() != "cuda" and not any(shutil.which(name) for name in compilers if name):
        yield "torch_compile", "torch_compile needs a C++ compiler, and none is found", "install one, such as g++"


def _optimizer(recipe: Recipe) -> Iterator[_Finding]:
    for library in libraries_of(recipe.optimizer):
        if not _installed(library.module):
            what = f"optimizer {recipe.optimizer} needs {library.distribution}, which is not installed"
            yield "optimizer", what, f"pip install {library.distribution}"


def _tracker_problems(run: RunOptions) -> Iterator[Problem]:
    for tracker in run.track:
        modules, package = _TRACKERS[tracker]
        if not any(_installed(module) for module in modules):
            what, hint = f"{tracker} is not installed", f"pip install {package}"
            yield Problem(reference="machine.track", what=what, where="run.track", hint=hint)


def _saving_problems(run: RunOptions, recipes: Mapping[str, Recipe]) -> Iterator[Problem]:
    for name, recipe in recipes.items():
        if run.steps_between_saves is not None and (recipe.deepspeed is not None or recipe.fsdp is not None):
            yield Problem(
                reference="machine.saves",
                what="resumable checkpoints are not written under deepspeed or fsdp: no process has all weights",
                where=f"recipe.{name}",
                hint="take run.steps_between_saves out",
            )


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
