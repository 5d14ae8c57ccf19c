"""Process groups, DeepSpeed and FSDP: what they need around them, and the proof that what was asked for is what runs.

accelerate falls back in silence where it cannot distribute; here that is an error. What it reports is compared before
the training, and what the model's weights became is looked at when the training begins.
"""

import os
import socket
import sys
from collections.abc import Mapping
from typing import Any

import torch
from torch.distributed.fsdp import CPUOffloadPolicy
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback

from bench.errors import InputError, Problem
from bench.model.accelerate_private import deepspeed_on_processors
from bench.suite.tables.training.recipe import Recipe


def join_group(recipe: Recipe, device: torch.device) -> None:
    """Sets what torch's launcher would set for a single process, where the recipe distributes and nothing is set.

    Several processes have it from whoever started them; on a processor they find each other over loopback.
    """
    if recipe.processes > 1 and device.type == "cpu":
        os.environ["OMP_NUM_THREADS"] = str(torch.get_num_threads())  # else it sets a number of its own
        if sys.platform == "linux" and recipe.launch.nodes == 1:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # gloo would look for the host's name in the network
        if recipe.deepspeed_table is not None:
            deepspeed_on_processors()
        else:
            os.environ["ACCELERATE_USE_CPU"] = "true"  # else accelerate sees no group without a GPU
    if recipe.processes > 1 and device.type == "cuda":
        torch.cuda.set_device(device)
    if recipe.processes > 1 or not recipe.sharded:
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in alone.items():
        os.environ.setdefault(name, value)


def check_distribution(recipe: Recipe, trainer: Any) -> None:
    """Raises `InputError` unless `trainer` runs under what the recipe names, in as many processes; and when training
    begins, unless FSDP's settings are the recipe's and each process has its part of every weight."""
    _, wanted = _wanted(recipe)
    kind, processes = trainer.accelerator.distributed_type.value, trainer.accelerator.num_processes
    if kind not in wanted or processes != recipe.processes:
        wanted_text = f"{wanted[0]} in {_processes(recipe.processes)}"
        raise _refused(
            recipe, f"the recipe asks for distribution {wanted_text}, and this machine gave {kind} in {processes}"
        )
    if recipe.sharded:
        trainer.add_callback(_ShardCheck(recipe, trainer))


class _ShardCheck(TrainerCallback):  # type: ignore[misc]  # transformers is read as untyped
    """Looks at the weights when they have been sharded and no step has been taken."""

    def __init__(self, recipe: Recipe, trainer: Any) -> None:
        self._recipe, self._trainer = recipe, trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Raises `InputError` for a setting or a weight that is not as the recipe says."""
        if self._recipe.fsdp_table is not None:
            fault = fsdp_fault(self._recipe, self._trainer.accelerator.state.fsdp_plugin, self._trainer.model)
        else:
            fault = zero_fault(self._recipe, self._trainer.deepspeed)
        if fault:
            raise _refused(self._recipe, fault)


def zero_fault(recipe: Recipe, engine: Any) -> str | None:
    """What of DeepSpeed's `engine` is not what the recipe says; `None` if all is."""
    table = recipe.deepspeed_table
    assert isinstance(table, Mapping), "a file is read when the suite is"
    asked = (table["zero_optimization"].get("stage", 0), recipe.processes)
    given = (engine.zero_optimization_stage(), engine.world_size)
    if given != asked:
        return f"DeepSpeed runs with stage, processes = {given}, and the recipe asks for {asked}"
    return None


def fsdp_fault(recipe: Recipe, plugin: Any, model: torch.nn.Module) -> str | None:
    """What of `model` and of accelerate's `plugin` is not what the recipe says; `None` if all is."""
    table = {key.removeprefix("fsdp_"): value for key, value in (recipe.fsdp_table or {}).items()}
    asked = (2, bool(table.get("reshard_after_forward", True)), bool(table.get("cpu_offload", False)))
    offloads = isinstance(plugin.cpu_offload, CPUOffloadPolicy)
    given = (plugin.fsdp_version, plugin.reshard_after_forward, offloads)
    if given != asked:
        return f"FSDP runs with version, reshard_after_forward, cpu_offload = {given}, and the recipe asks for {asked}"
    whole = [
        name
        for name, value in model.named_parameters()
        if value.is_floating_point() and not _is_part(value, recipe.processes)
    ]
    return (
        f"{len(whole)} weights are not sharded over {_processes(recipe.processes)}, {whole[0]} first" if whole else None
    )


def _is_part(value: torch.Tensor, processes: int) -> bool:
    return isinstance(value, DTensor) and value.device_mesh.size() == processes


def _refused(recipe: Recipe, what: str) -> InputError:
    where, hint = f"recipe.*.{_wanted(recipe)[0]}", "see bench doctor for what this machine has"
    return InputError(Problem(reference="recipe.distribution", what=what, where=where, hint=hint))


def _wanted(recipe: Recipe) -> tuple[str, tuple[str, ...]]:
    """The recipe's key, and what accelerate may call it."""
    if recipe.deepspeed_table is not None:
        return "launch" if recipe.deepspeed is None else "deepspeed", ("DEEPSPEED",)
    if recipe.fsdp_table is not None:
        return "launch" if recipe.fsdp is None else "fsdp", ("FSDP",)
    return ("launch", ("MULTI_GPU", "MULTI_CPU")) if recipe.processes > 1 else ("*", ("NO",))


def _processes(count: int) -> str:
    return "one process" if count == 1 else f"{count} processes"
