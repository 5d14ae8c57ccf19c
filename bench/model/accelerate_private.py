"""What of accelerate this project takes hold of beyond its documentation: it shards on processors, too, and looks once
for each package.

accelerate's code for FSDP 2 and DeepSpeed runs on processors; only its detection leaves a group of them out.

Contract: no other file names it. `tests/train/test_sharded_processes.py` trains with what is set here.
"""

import functools
import os
from typing import Any

from accelerate import PartialState
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin, imports


def fsdp_on_processors(state: AcceleratorState, plugin_args: dict[str, Any] | None) -> bool:
    """Turns the detected group of processors into FSDP's, where `plugin_args` ask for it; whether it did."""
    if plugin_args is None or state.distributed_type != DistributedType.MULTI_CPU:
        return False
    state.fsdp_plugin = FullyShardedDataParallelPlugin(**plugin_args)
    state.distributed_type = PartialState().distributed_type = DistributedType.FSDP
    if state.mixed_precision != "no":
        state.fsdp_plugin.set_mixed_precision(state.mixed_precision)
    return True


def deepspeed_on_processors() -> None:
    """Forms the group of processors as DeepSpeed's, before transformers looks for one."""
    os.environ["DS_ACCELERATOR"] = "cpu"
    AcceleratorState._reset_state(reset_partial_state=True)
    PartialState(cpu=True).distributed_type = DistributedType.DEEPSPEED


def remember_packages() -> None:
    """Has accelerate find out once whether a package is installed: it parses the package's metadata, 3 ms, whenever it
    asks whether a model has an adapter."""
    imports._is_package_available = functools.cache(imports._is_package_available)
