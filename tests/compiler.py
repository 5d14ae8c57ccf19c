"""Whether this machine can compile what is compiled where it runs."""

import pytest

from bench.model.native.library import has_tiles, native_library

needs_compiler = pytest.mark.skipif(native_library() is None, reason="no C++ compiler, or no AVX2")
needs_tiles = pytest.mark.skipif(not has_tiles(), reason="no tiles of bf16 (AMX), or a compiler without them")


def without_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has weights multiplied as on a processor without tiles."""
    monkeypatch.setattr("bench.model.native.packed_weight.has_tiles", lambda: False)
