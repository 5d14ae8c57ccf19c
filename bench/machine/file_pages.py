"""Tensors whose memory is pages of files, which the system reads again when they are needed.

Contract: Linux alone tells where memory comes from; elsewhere no tensor is known to be of a file.
"""

import ctypes
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

_MAPS = Path("/proc/self/maps")
_DONTNEED = 4
"""MADV_DONTNEED of madvise(2): pages of a private mapping that nobody wrote to are read from the file again."""

Pages = tuple[int, int]
"""First address of a mapping, and the first one behind it."""


def file_pages(tensors: Iterable[Tensor]) -> set[Pages] | None:
    """Mappings of files that hold the tensors; `None` where one of them is in other memory."""
    places = pages_of(tensors)
    held = {place for place in places if place is not None}
    return None if None in places or not _MAPS.exists() else held


def pages_of(tensors: Iterable[Tensor]) -> list[Pages | None]:
    """The mapping of a file that holds each tensor; `None` of one in other memory."""
    lines = [line.split(maxsplit=5) for line in _MAPS.read_text().splitlines()] if _MAPS.exists() else []
    mappings = [(int(first, 16), int(end, 16)) for first, _, end in (line[0].partition("-") for line in lines)]
    places = list[Pages | None]()
    for tensor in tensors:
        first, size = tensor.data_ptr(), tensor.numel() * tensor.element_size()
        at = bisect_right(mappings, first, key=lambda pages: pages[0]) - 1
        inside = at >= 0 and first + size <= mappings[at][1]
        of_file = inside and len(lines[at]) == 6 and lines[at][5].startswith("/")
        places.append(mappings[at] if of_file else None)
    return places


def give_back(mappings: Iterable[Pages]) -> None:
    """Takes the pages out of this process's resident set. Nobody may have written to them: that would be lost."""
    system = ctypes.CDLL(None, use_errno=True)
    for first, end in mappings:
        if system.madvise(ctypes.c_void_p(first), ctypes.c_size_t(end - first), _DONTNEED):
            raise OSError(ctypes.get_errno(), "madvise")
