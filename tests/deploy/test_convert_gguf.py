"""A GGUF file must be the trained model: its logits, its tokens, its template; what it cannot say is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from gguf import GGUFReader
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from bench.deploy.convert_gguf import convert_to_gguf, pre_tokenizer_name, refuse_what_differs
from bench.errors import InputError
from bench.places import shipped
from bench.suite.tables.arms.deploy import GGUF_ARCHITECTURES
from tests.fakes.checkpoints import tiny_tokenizer

SMALL: dict[str, Any] = {
    "vocab_size": 384, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256, "bos_token_id": 0, "eos_token_id": 1,
}  # fmt: skip
ROPE = {"rope_type": "default", "rope_theta": 5e4}
CONFIGS: dict[str, Any] = {
    "llama": LlamaConfig(**SMALL, tie_word_embeddings=True, rope_parameters=ROPE),
    "mistral": MistralConfig(**SMALL, sliding_window=None),
    "qwen2": Qwen2Config(**SMALL),
    "qwen3": Qwen3Config(**{**SMALL, "head_dim": 128}, rms_norm_eps=1e-5),  # transformers reads no other width of heads
}


def test_every_architecture_that_is_named_is_tried() -> None:
    assert set(CONFIGS) == set(GGUF_ARCHITECTURES)


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_file_computes_the_trained_logits_and_reads_text_as_the_same_tokens(tmp_path: Path, kind: str) -> None:
    """Read back by transformers, whose reader undoes what llama.cpp's layout asks for by code of its own."""
    torch.manual_seed(0)
    model, tokenizer = AutoModelForCausalLM.from_config(CONFIGS[kind]).eval(), tiny_tokenizer(chat_template="{{ 1 }}")
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)  # norms and biases too, which all begin alike
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    convert_to_gguf(tmp_path, tmp_path / "model.gguf")
    read = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="model.gguf", dtype=torch.float32).eval()
    ids = torch.arange(2, 60).view(2, 29)
    with torch.no_grad():
        assert torch.allclose(read(input_ids=ids).logits, model(input_ids=ids).logits, atol=1e-5)
    of_file = AutoTokenizer.from_pretrained(tmp_path, gguf_file="model.gguf")
    text = "<s>The baker's 3 cows, and 12 sheep.</s>"
    assert of_file(text, add_special_tokens=False)["input_ids"] == tokenizer(text)["input_ids"]
    template = GGUFReader(tmp_path / "model.gguf").get_field("tokenizer.chat_template")
    assert template is not None
    assert template.contents() == "{{ 1 }}"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (LlamaConfig(**SMALL, attention_bias=True), "attention_bias"),
        (LlamaConfig(**SMALL, mlp_bias=True), "mlp_bias"),
        (LlamaConfig(**SMALL, hidden_act="gelu"), "hidden_act 'gelu'"),
        (LlamaConfig(**SMALL, rope_parameters={**ROPE, "rope_type": "linear", "factor": 2.0}), "rope_type 'linear'"),
        (MistralConfig(**SMALL, sliding_window=64), "a sliding window"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_llama_cpp_would_compute_otherwise_is_refused(config: Any, reason: str) -> None:
    with pytest.raises(InputError, match=f"no GGUF file of a model with {reason}"):
        refuse_what_differs(config)


def fast(*steps: Any, **settings: Any) -> PreTrainedTokenizerFast:
    """A tokenizer whose text is split by these steps."""
    tokenizer = Tokenizer(models.BPE(**settings))
    tokenizer.pre_tokenizer = steps[0] if len(steps) == 1 else pre_tokenizers.Sequence(list(steps))
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def split(digits: str) -> pre_tokenizers.PreTokenizer:
    """The regular expression of Qwen 2 and Llama 3, as their tokenizer files have it."""
    regex = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
        + digits
        + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    return pre_tokenizers.Split(Regex(regex), behavior="isolated", invert=False)


def test_pre_tokenizers_have_llama_cpps_names() -> None:
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_alone = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    assert pre_tokenizer_name(fast(plain)) == "gpt-2"
    assert pre_tokenizer_name(fast(pre_tokenizers.Digits(individual_digits=True), plain)) == "smollm"
    assert pre_tokenizer_name(fast(split(r"\p{N}"), bytes_alone)) == "qwen2"
    assert pre_tokenizer_name(fast(split(r"\p{N}{1,3}"), bytes_alone)) == "llama-bpe"


@pytest.mark.parametrize(
    "tokenizer",
    [
        fast(pre_tokenizers.ByteLevel(add_prefix_space=True)),
        fast(pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.ByteLevel(add_prefix_space=False)),
        fast(pre_tokenizers.ByteLevel(add_prefix_space=False), byte_fallback=True),
        AutoTokenizer.from_pretrained(shipped("models") / "micro"),
    ],
    ids=["prefix space", "digits together", "byte fallback", "micro"],
)
def test_a_tokenizer_that_splits_otherwise_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(InputError, match="no tokenizer that splits text as this one does"):
        pre_tokenizer_name(tokenizer)
