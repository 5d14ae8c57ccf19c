"""A model out of a GGUF file must be the file's own numbers, in a folder that plain transformers loads."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

from bench.errors import InputError
from bench.model.loading import gguf
from bench.places import shipped


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> LlamaForCausalLM:
    """The model that the file holds; reading files is transformers' own work."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
                    tie_word_embeddings=True)
    )  # fmt: skip
    plain, load = AutoTokenizer.from_pretrained(shipped("models") / "micro"), AutoModelForCausalLM.from_pretrained

    def loaded(folder: Any, **options: Any) -> Any:
        return model if options.pop("gguf_file", None) else load(folder, **options)

    monkeypatch.setattr(gguf.AutoModelForCausalLM, "from_pretrained", loaded)
    monkeypatch.setattr(gguf.AutoTokenizer, "from_pretrained", lambda *_, **__: plain)
    return model


def test_the_folder_loads_and_has_the_files_numbers(read: LlamaForCausalLM, tmp_path: Path) -> None:
    count = gguf.unpack(tmp_path / "x.gguf", tmp_path / "out", reader=tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype="auto")
    assert loaded.dtype == torch.bfloat16
    assert count == sum(parameter.numel() for parameter in loaded.parameters())
    expected = {name: tensor.to(torch.bfloat16) for name, tensor in read.state_dict().items()}
    assert all(torch.equal(tensor, expected[name]) for name, tensor in loaded.state_dict().items())
    assert (tmp_path / "out" / "tokenizer.json").is_file()


def test_a_tensor_without_a_place_is_refused(read: LlamaForCausalLM, tmp_path: Path) -> None:
    read.register_parameter("odd", torch.nn.Parameter(torch.zeros(1)))
    with pytest.raises(InputError, match="1 tensors do not fit LlamaForCausalLM, such as odd"):
        gguf.unpack(tmp_path / "x.gguf", tmp_path / "out", reader=tmp_path)
