"""DeepSpeed and FSDP: one process group of one process, and the proof that what was asked for is what runs.

accelerate falls back in silence where it cannot distribute; here that is an error.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from bench.errors import InputError, Problem
from bench.suite.recipe import Recipe


def join_group(recipe: Recipe) -> None:
    """Sets what torch's launcher would set for a single process, where the recipe distributes and nothing is set."""
    if recipe.deepspeed is None and recipe.fsdp is None:
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alone = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in alone.items():
        os.environ.setdefault(name, value)


def check_distribution(recipe: Recipe, trainer: Any) -> None:
    """Raises `InputError` unless `trainer` runs under what the recipe names."""
    wanted = "DEEPSPEED" if recipe.deepspeed is not None else "FSDP" if recipe.fsdp is not None else "NO"
    found = trainer.accelerator.distributed_type.value
    if found != wanted:
        raise InputError(
            Problem(
                reference="recipe.distribution",
                what=f"the recipe asks for distribution {wanted}, and this machine gave {found}",
                where="recipe.*." + ("deepspeed" if wanted == "DEEPSPEED" else "fsdp" if wanted == "FSDP" else "*"),
                hint="see bench doctor for what this machine has",
            )
        )
