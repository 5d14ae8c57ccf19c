"""Kept tokenizers: each base has its own, as `load_tokenizer` gives it, read once."""

from pathlib import Path

import pytest

from bench.model.loading import kept_tokenizers
from bench.model.loading.kept_tokenizers import KeptTokenizers
from bench.model.loading.load import load_tokenizer
from bench.suite.resolved import ResolvedModel
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.training import resolved_model


def test_each_base_has_its_own_tokenizer_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models, read = [resolved_model(tiny_checkpoint(tmp_path / name)) for name in ("one", "other")], list[str]()

    def reading(model: ResolvedModel) -> object:
        read.append(model.path)
        return load_tokenizer(model)

    monkeypatch.setattr(kept_tokenizers, "load_tokenizer", reading)
    tokenizer_of = KeptTokenizers()
    one, other, again = (tokenizer_of(model) for model in (*models, models[0]))
    assert read == [model.path for model in models]
    assert again is one
    assert other.name_or_path == models[1].path
