"""The private name of DeepSpeed that this project reads, without importing it: who does not shard with it may lack it.

Contract: no other file names it.
"""

from torch import Tensor


def steps_a_copy(parameter: Tensor) -> bool:
    """Whether the optimiser of ZeRO 1 or 2 steps a copy of the parameter in fp32."""
    return hasattr(parameter, "_hp_mapping")
