"""Gives memory that was freed, and that allocators keep for later, back to the system and to the device."""

import ctypes
import gc

import torch


def give_back_freed(*, circles: bool) -> None:
    """Empties the caches of allocators. circles: after a search for what is garbage and refers to itself, as a model
    does, which looks at every object there is. Elsewhere than with the GNU C library the processor's allocator decides
    by itself."""
    if circles:
        gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
