"""Process groups, DeepSpeed and FSDP: what they need around them, and the proof that what was asked for is what runs.

accelerate falls back in silence where it cannot distribute; here that is an error.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any

import torch

from bench.errors import InputError, Problem
from bench.suite.tables.training.recipe import Recipe


def join_group(recipe: Recipe, device: torch.device) -> None:
    """Sets what torch's launcher would set for a single process, where the recipe distributes and nothing is set.

    Several processes have it from whoever started them; on a processor they find each other over loopback.
    """
    if recipe.processes > 1 and device.type == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "true"  # else accelerate sees no group without a GPU
        os.environ["OMP_NUM_THREADS"] = str(torch.get_num_threads())  # else it sets a number of its own
        if sys.platform == "linux" and recipe.launch.nodes == 1:
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # gloo would look for the host's name in the network
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
    """Raises `InputError` unless `trainer` runs under what the recipe names, in as many processes."""
    key, wanted = _wanted(recipe)
    kind, processes = trainer.accelerator.distributed_type.value, trainer.accelerator.num_processes
    if kind not in wanted or processes != recipe.processes:
        wanted_text = f"{wanted[0]} in {_processes(recipe.processes)}"
        raise InputError(
            Problem(
                reference="recipe.distribution",
                what=f"the recipe asks for distribution {wanted_text}, and this machine gave {kind} in {processes}",
                where=f"recipe.*.{key}",
                hint="see bench doctor for what this machine has",
            )
        )


def _wanted(recipe: Recipe) -> tuple[str, tuple[str, ...]]:
    """The recipe's key, and what accelerate may call it."""
    if recipe.deepspeed_table is not None:
        return "launch" if recipe.deepspeed is None else "deepspeed", ("DEEPSPEED",)
    if recipe.fsdp_table is not None:
        return "launch" if recipe.fsdp is None else "fsdp", ("FSDP",)
    return ("launch", ("MULTI_GPU", "MULTI_CPU")) if recipe.processes > 1 else ("*", ("NO",))


def _processes(count: int) -> str:
    return "one process" if count == 1 else f"{count} processes"
