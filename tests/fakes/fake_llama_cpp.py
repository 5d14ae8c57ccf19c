"""The part of `llama_cpp` that is used, by a model whose next token depends on all tokens of a sequence so far.

Contract: as llama.cpp, a sequence's tokens have to come in order, and a context has so many cells; a token that several
sequences share is one cell. What a caller may not do fails.
"""

import ctypes
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

VOCABULARY = 384


def next_logits(tokens: Sequence[int]) -> NDArray[np.float32]:
    """Logits [vocabulary] behind a sequence."""
    return np.random.default_rng(tuple(tokens)).standard_normal(VOCABULARY).astype(np.float32)


class FakeLlamaCpp:
    """Stands for the module."""

    llama_token = ctypes.c_int32
    LLAMA_FTYPE_MOSTLY_F16, LLAMA_FTYPE_MOSTLY_Q8_0, LLAMA_FTYPE_MOSTLY_Q4_K_M = 1, 7, 15

    def __init__(self, tokenize: Callable[[str], list[int]]) -> None:
        self.tokenize = tokenize
        self.quantised: list[int] = []
        """Type of each file that was quantised."""
        self.passes: list[int] = []
        """Tokens of each pass."""

    def llama_backend_init(self) -> None: ...

    def llama_model_default_params(self) -> SimpleNamespace:
        return SimpleNamespace()

    def llama_model_load_from_file(self, path: bytes, settings: SimpleNamespace) -> Path | None:
        assert settings.n_gpu_layers == 0
        file = Path(path.decode())
        return file if file.stat().st_size > 100 else None

    def llama_model_free(self, model: Path) -> None: ...

    def llama_model_get_vocab(self, model: Path) -> Path:
        return model

    def llama_model_size(self, model: Path) -> int:
        return model.stat().st_size

    def llama_tokenize(self, _: Any, text: bytes, size: int, ids: Any, most: int, *flags: bool) -> int:
        assert (size, flags) == (len(text), (False, True))
        found = self.tokenize(text.decode())
        assert len(found) <= most
        ids[: len(found)] = found
        return len(found)

    def llama_context_default_params(self) -> SimpleNamespace:
        return SimpleNamespace()

    def llama_init_from_model(self, model: Path, settings: SimpleNamespace) -> SimpleNamespace:
        return SimpleNamespace(rows={}, settings=settings, logits={})

    def llama_free(self, context: SimpleNamespace) -> None: ...

    def llama_get_memory(self, context: SimpleNamespace) -> SimpleNamespace:
        return context

    def llama_memory_clear(self, context: SimpleNamespace, data: bool) -> None:
        context.rows.clear()

    def llama_memory_seq_rm(self, context: SimpleNamespace, row: int, *_: int) -> None:
        del context.rows[row]

    def llama_batch_init(self, tokens: int, embeddings: int, rows: int) -> SimpleNamespace:
        names = ("token", "pos", "n_seq_id", "logits")
        return SimpleNamespace(seq_id=[[0] * rows for _ in range(tokens)], **{name: [0] * tokens for name in names})

    def llama_batch_free(self, batch: SimpleNamespace) -> None: ...

    def llama_decode(self, context: SimpleNamespace, batch: SimpleNamespace) -> int:
        self.passes.append(batch.n_tokens)
        if sum(map(len, context.rows.values())) + batch.n_tokens > context.settings.n_ctx:
            return 1
        context.logits.clear()
        for at in range(batch.n_tokens):
            for row in batch.seq_id[at][: batch.n_seq_id[at]]:
                assert row < context.settings.n_seq_max
                tokens = context.rows.setdefault(row, [])
                assert batch.pos[at] == len(tokens), "tokens of a row come in order"
                tokens.append(batch.token[at])
            if batch.logits[at]:
                context.logits[at] = next_logits(tokens)
        return 0

    def llama_get_logits_ith(self, context: SimpleNamespace, at: int) -> Any:
        return context.logits[at].ctypes.data_as(ctypes.POINTER(ctypes.c_float))

    def llama_model_quantize_default_params(self) -> SimpleNamespace:
        return SimpleNamespace()

    def llama_model_quantize(self, source: bytes, target: bytes, settings: SimpleNamespace) -> int:
        shutil.copyfile(source.decode(), target.decode())
        self.quantised.append(settings.ftype)
        return 0


def install(patch: pytest.MonkeyPatch, tokenize: Callable[[str], list[int]]) -> FakeLlamaCpp:
    """The fake in place of the module."""
    fake = FakeLlamaCpp(tokenize)
    patch.setitem(sys.modules, "llama_cpp", fake)
    return fake
