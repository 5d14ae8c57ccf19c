"""The compiled library: made once, whole, and done without where there is no compiler."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from bench.model.loading.packed_linear import pack_linears
from bench.model.native.library import SOURCES, native_library
from tests.compiler import needs_compiler


@pytest.fixture(autouse=True)
def _not_loaded() -> Iterator[None]:
    native_library.cache_clear()
    yield
    native_library.cache_clear()


@needs_compiler
def test_the_second_process_compiles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert native_library() is not None
    (made,) = (tmp_path / "sft-bench").iterdir()
    native_library.cache_clear()
    monkeypatch.setattr("subprocess.run", None)
    assert native_library() is not None
    assert [*(tmp_path / "sft-bench").iterdir()] == [made], "nothing is left behind"


@pytest.mark.parametrize("changed", sorted(file.name for file in SOURCES.iterdir()))
def test_another_source_or_header_is_another_library(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr("bench.model.native.library._compile", lambda _, to: made.append(to))
    monkeypatch.setattr("bench.model.native.library.SOURCES", shutil.copytree(SOURCES, tmp_path / "cpp"))
    native_library()
    with (tmp_path / "cpp" / changed).open("a") as file:
        file.write("// changed\n")
    native_library.cache_clear()
    native_library()
    first, second = made
    assert first != second


@pytest.mark.parametrize("compiler", [None, "false", "true"], ids=["absent", "fails", "writes nothing"])
def test_without_a_library_layers_are_packed_by_onednn(
    compiler: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda _: compiler)
    assert native_library() is None
    layer, given = torch.nn.Sequential(torch.nn.Linear(5, 7)), torch.randn(3, 5)
    plain = layer(given)
    assert pack_linears(layer) == 1
    assert not hasattr(layer[0], "packed")
    assert torch.allclose(layer(given), plain, atol=1e-6)
