"""Whether this machine can compile what is compiled where it runs."""

import pytest

from bench.model.native.library import Products, bf16_products, native_library

needs_compiler = pytest.mark.skipif(native_library() is None, reason="no C++ compiler, or no AVX2")
each_way = pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, marks=pytest.mark.skipif(way > bf16_products(), reason="not of this processor or compiler"))
        for way in Products
    ],
    ids=[way.name.lower() for way in Products],
)


def multiplied(way: Products, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has weights of bf16 multiplied this way, as on a processor that knows no better."""
    monkeypatch.setattr("bench.model.native.packed_weight.bf16_products", lambda: way)
