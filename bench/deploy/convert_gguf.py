"""A whole model in a Hugging Face folder as a GGUF file in fp32, which llama.cpp reads, and quantises from.

Contract: every tensor of the folder is in the file, under the name that the package `gguf` gives it, and read back by
transformers it computes the same logits. A configuration or a tokenizer that llama.cpp computes otherwise is refused,
never approximated.

Method: llama.cpp's `convert_hf_to_gguf.py`, which no package of the index brings.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer

from bench.errors import InputError, Problem
from bench.model.windows import narrowest_window
from bench.suite.tables.arms.deploy import GGUF_ARCHITECTURES

if TYPE_CHECKING:
    import gguf

_ROTATED_IN_PAIRS = "llama"
"""The architecture whose rotary positions turn neighbouring numbers of a head; in transformers they turn its halves."""
_LETTERS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_PRE_TOKENIZERS: Mapping[tuple[tuple[Any, ...], ...], str] = {
    (("ByteLevel", False, True),): "gpt-2",
    (("Digits", True), ("ByteLevel", False, True)): "smollm",
    (("Split", _LETTERS + r"\p{N}" + _REST), ("ByteLevel", False, False)): "qwen2",
    (("Split", _LETTERS + r"\p{N}{1,3}" + _REST), ("ByteLevel", False, False)): "llama-bpe",
}
"""llama.cpp's name of a pre-tokenizer, by the steps of the tokenizer's own."""


def convert_to_gguf(folder: Path, file: Path) -> None:
    """Write the model of `folder`, whose safetensors are in fp32, with its tokenizer as `file`.

    Raises `InputError` (`deploy.gguf`) for an architecture, a configuration or a tokenizer that has no equal there.
    """
    import gguf  # an extra

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    refuse_what_differs(config)
    writer = gguf.GGUFWriter(file, GGUF_ARCHITECTURES[config.model_type])
    try:
        _add_settings(writer, config)
        _add_vocabulary(writer, folder, tokenizer, config.vocab_size)
        for name, values in _tensors(folder, config):
            writer.add_tensor(name, values)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def refuse_what_differs(config: Any) -> None:
    """Raises `InputError` for a configuration that llama.cpp's architecture of that name does not compute."""
    rope = config.rope_parameters if getattr(config, "rope_parameters", None) else {}
    different = {
        f"model_type {config.model_type!r}": config.model_type not in GGUF_ARCHITECTURES,
        f"rope_type {rope.get('rope_type')!r}": rope.get("rope_type", "default") != "default",
        f"hidden_act {getattr(config, 'hidden_act', None)!r}": getattr(config, "hidden_act", None) != "silu",
        "a sliding window": narrowest_window(config) is not None,
        "attention_bias": bool(getattr(config, "attention_bias", False)),
        "mlp_bias": bool(getattr(config, "mlp_bias", False)),
    }
    found = next((what for what, differs in different.items() if differs), None)
    if found is not None:
        raise _refusal(f"no GGUF file of a model with {found} is written here")


def _add_settings(writer: "gguf.GGUFWriter", config: Any) -> None:
    heads = config.num_attention_heads
    each = getattr(config, "head_dim", None) or config.hidden_size // heads
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(each)
    writer.add_value_length(each)
    writer.add_rope_dimension_count(each)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_file_type(0)  # fp32


def _add_vocabulary(writer: "gguf.GGUFWriter", folder: Path, tokenizer: Any, size: int) -> None:
    """Tokens of every embedding, special ones marked, the merges, and the chat template."""
    import gguf

    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre_tokenizer_name(tokenizer))
    added, by_id = tokenizer.added_tokens_decoder, {number: text for text, number in tokenizer.get_vocab().items()}
    kinds = gguf.TokenType
    marked = {number: kinds.CONTROL if token.special else kinds.USER_DEFINED for number, token in added.items()}
    writer.add_token_list([by_id.get(number, f"[PAD{number}]") for number in range(size)])
    writer.add_token_types(
        [marked.get(number, kinds.NORMAL if number in by_id else kinds.UNUSED) for number in range(size)]
    )
    gguf.SpecialVocab(folder, load_merges=True, n_vocab=size).add_to_gguf(writer, quiet=True)


def pre_tokenizer_name(tokenizer: Any) -> str:
    """llama.cpp's name of the pre-tokenizer of `tokenizer`. Raises `InputError` for another kind of tokenizer."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    stored: dict[str, Any] = {} if backend is None else json.loads(backend.to_str())
    model, before = stored.get("model") or {}, stored.get("pre_tokenizer") or {}
    parts = before.get("pretokenizers", [before])
    name = _PRE_TOKENIZERS.get(tuple(_step(part) for part in parts))
    if model.get("type") != "BPE" or model.get("byte_fallback") or name is None:
        raise _refusal("llama.cpp has no tokenizer that splits text as this one does")
    return name


def _step(part: Mapping[str, Any]) -> tuple[Any, ...]:
    """A pre-tokenizer's step, with the settings that decide where it splits."""
    match part:
        case {"type": "ByteLevel", "add_prefix_space": prefix, "use_regex": regex}:
            return ("ByteLevel", prefix, regex)
        case {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}:
            return ("Split", regex)
        case {"type": "Digits", "individual_digits": each}:
            return ("Digits", each)
    return (part.get("type"),)


def _tensors(folder: Path, config: Any) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Name in the file and values of each tensor."""
    import gguf

    architecture = GGUF_ARCHITECTURES[config.model_type]
    kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
    names = gguf.get_tensor_name_map(kinds[architecture], config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for stored in sorted(folder.glob("*.safetensors")):
        with safe_open(stored, framework="np") as file:
            for name in file.keys():  # noqa: SIM118  # no mapping
                target = names.get_name(name, try_suffixes=(".weight", ".bias"))
                if target is None:
                    raise _refusal(f"llama.cpp's {architecture} has no place for the tensor {name}")
                values: NDArray[np.float32] = file.get_tensor(name)
                part = name.split(".")[-2]
                if architecture == _ROTATED_IN_PAIRS and part in heads:
                    values = _in_pairs(values, heads[part])
                yield target, values


def _in_pairs(values: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of each head, in which the halves alternate: the first of one, the first of the other."""
    halves = values.reshape(heads, 2, -1, *values.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(values.shape)


def _refusal(what: str) -> InputError:
    hint = "leave the form out; or convert the merged form by llama.cpp's own convert_hf_to_gguf.py, and give the file"
    return InputError(Problem(reference="deploy.gguf", what=what, where="deploy.forms", hint=hint))
