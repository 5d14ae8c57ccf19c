"""What a suite asks for and this machine cannot do, known without importing the heavy libraries.

Contract: looks at the driver and at what is installed, computes nothing, and finds all problems at once.
"""

import importlib.util
import os
import shutil
from collections.abc import Iterator, Mapping

from bench.errors import Problem
from bench.places import INSTALLED, engine_folder
from bench.record.environment import device, gpus
from bench.run.checks.endpoint_keys import key_problems
from bench.run.process.allocation import allocation
from bench.suite.tables.evaluation import EvaluationOptions
from bench.suite.tables.suite import RunOptions, Suite
from bench.suite.tables.training.optimizer import libraries_of
from bench.suite.tables.training.recipe import Recipe
from bench.units import plural

_TRACKERS = {
    "tensorboard": (("tensorboard", "tensorboardX"), "tensorboard"),
    "wandb": (("wandb",), "wandb"),
    "trackio": (("trackio",), "trackio"),
}

_NOT_HERE = {"cpu": {"fp16"}, "mps": {"fp16", "bf16"}}
"""Precisions that a device cannot compute in."""


def here_problems(suite: Suite) -> list[Problem]:
    """`machine_problems`, and the servers whose key is not set here."""
    return [*machine_problems(suite), *key_problems(suite)]


def machine_problems(suite: Suite) -> list[Problem]:
    """Everything that trainings of `suite`'s arms ask for and that is not here."""
    used = {arm.recipe for arm in suite.expand() if not arm.is_given}
    recipes = {name: recipe for name, recipe in suite.recipe.items() if name in used}
    found = [
        *_tracker_problems(suite.run),
        *_evaluation_problems(suite.evaluation),
        *_recipe_problems(recipes),
    ]
    return list(dict.fromkeys(found))


def _evaluation_problems(options: EvaluationOptions) -> Iterator[Problem]:
    if options.precision in _NOT_HERE.get(_kind(), set()):
        what = f"{_kind()} cannot compute in {options.precision}"
        where, hint = "evaluation.precision", 'use precision = "auto" or "fp32"'
        yield Problem(reference="machine.precision", what=what, where=where, hint=hint)


def _recipe_problems(recipes: Mapping[str, Recipe]) -> Iterator[Problem]:
    for name, recipe in ((name, tried) for name, swept in recipes.items() for tried in _settings(swept)):
        for key, what, hint in (
            *_quantization(recipe),
            *_precision(recipe),
            *_processes(recipe),
            *_distribution(recipe),
            *_compiler(recipe),
            *_optimizer(recipe),
            *_engine(recipe),
        ):
            where = f"recipe.{name}.{key}"
            yield Problem(
                reference=f"machine.{key.partition('.')[0].replace('_', '-')}", what=what, where=where, hint=hint
            )


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
    if recipe.precision in _NOT_HERE.get(_kind(), set()):
        hint = 'use precision = "auto" or "fp32"'
        if recipe.deepspeed_table is not None:
            hint += f"; where DeepSpeed's file asks for it, take {recipe.precision} out of the file"
        yield "precision", f"{_kind()} cannot train in {recipe.precision}", hint


def _processes(recipe: Recipe) -> Iterator[_Finding]:
    launch = recipe.launch
    if launch.processes == 1:
        return
    if _kind() == "mps":
        yield "launch", "mps has one device, and no processes share it", "take the key out"
    if _kind() == "cuda" and launch.per_node > gpus():
        available = plural(gpus(), "GPU")
        what = f"{launch.per_node} processes on a node need as many GPUs; this machine has {available}"
        yield "launch.processes", what, f"processes = {gpus() * launch.nodes}"
    here = allocation()
    if launch.nodes > here.nodes:
        began = "by itself" if here.nodes == 1 else f"on {here.nodes}"
        yield (
            "launch.nodes",
            f"{launch.nodes} nodes are needed, and this run was started {began}",
            f"start it on each: srun --nodes={launch.nodes} --ntasks-per-node=1 bench run …, or torchrun "
            f"--nnodes={launch.nodes} --no-python bench run …",
        )


def _distribution(recipe: Recipe) -> Iterator[_Finding]:
    library = "deepspeed" if recipe.deepspeed_table is not None else "fsdp" if recipe.fsdp_table is not None else None
    if library is None:
        return
    key = library if recipe.launch.strategy == "ddp" else "launch.strategy"
    if _kind() == "cpu":
        if recipe.processes == 1:
            what = f"{library} on a processor shards over several processes, and the recipe has one"
            yield key, what, "give launch = { processes = 2 }, or take the key out"
        if _offloads(recipe):
            yield key, "this machine has no memory beside the processor's to offload from", "take offload out"
        if library == "deepspeed" and not _has_compiler():
            yield key, "deepspeed needs a C++ compiler on a processor, and none is found", "install one, such as g++"
    elif _kind() != "cuda":
        yield key, f"{library} needs a CUDA GPU; this machine computes on {_kind()}", "take the key out, or use a GPU"
    if library == "deepspeed" and not _installed("deepspeed"):
        yield key, "deepspeed is not installed", "pip install deepspeed"


def _offloads(recipe: Recipe) -> bool:
    fsdp, deepspeed = recipe.fsdp_table or {}, recipe.deepspeed_table or {}
    zero = deepspeed.get("zero_optimization", {}) if isinstance(deepspeed, Mapping) else {}
    return bool(
        fsdp.get("cpu_offload") or fsdp.get("fsdp_cpu_offload") or any(key.startswith("offload_") for key in zero)
    )


def _compiler(recipe: Recipe) -> Iterator[_Finding]:
    if not recipe.torch_compile:
        return
    if _kind() == "cuda" and not _installed("triton"):
        yield "torch_compile", "torch_compile needs triton, which is not installed", "pip install triton"
    if _kind() != "cuda" and not _has_compiler():
        yield "torch_compile", "torch_compile needs a C++ compiler, and none is found", "install one, such as g++"


def _has_compiler() -> bool:
    compilers = (os.environ.get("CXX"), "c++", "g++", "clang++")
    return any(shutil.which(name) for name in compilers if name)


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


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _engine(recipe: Recipe) -> Iterator[tuple[str, str, str]]:
    """Engines that wait for a library or a device."""
    if recipe.engine == "liger" and importlib.util.find_spec("liger_kernel") is None:
        yield "engine", "liger-kernel is not installed", "pip install 'sft-bench[liger]'"
    elif recipe.engine == "liger" and not device().startswith("cuda"):
        yield "engine", "Liger's kernels are written for GPUs", 'use engine = "trl" on this machine'
    if recipe.engine == "unsloth" and not (engine_folder("unsloth") / INSTALLED).is_file():
        yield "engine", "unsloth has no environment here", "bench engines add unsloth"
