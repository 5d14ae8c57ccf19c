"""A model of a GGUF file, written as a folder that plain transformers loads: bf16 safetensors, tokenizer, template.

Contract: quantised weights are read back to the numbers that they stand for. Every tensor of the file is used, and only
a tied head may have none of its own.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import import_utils

from bench.errors import InputError, Problem
from bench.model.transformers_private import NAME_KEY

_OF_THE_FILE = ("quantization_config", NAME_KEY)
"""Keys of the configuration that say how and where the file was, not what the model is."""


def unpack(gguf: Path, out: Path, *, reader: Path) -> int:
    """Write the model into `out`; returns its number of parameters.

    `reader`: folder with the package `gguf`, which transformers needs. Raises `InputError` for tensors without a place.
    """
    sys.path.append(str(reader))
    import_utils.is_gguf_available.cache_clear()
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    # A model that was read from a GGUF file counts as quantised and cannot be saved: its numbers move to a plain one.
    settings = {key: value for key, value in read.config.to_dict().items() if key not in _OF_THE_FILE}
    model = type(read)(type(read.config)(**settings)).float()
    misplaced = model.load_state_dict(
        {name: tensor.clone() for name, tensor in read.state_dict().items()}, strict=False
    )
    if misplaced.unexpected_keys or set(misplaced.missing_keys) - {"lm_head.weight"}:
        names = [*misplaced.unexpected_keys, *misplaced.missing_keys]
        what = f"{len(names)} tensors do not fit {type(read).__name__}, such as {names[0]}"
        raise InputError(
            Problem(reference="model.gguf", what=what, where=str(gguf), hint="another version of the file")
        )
    model.tie_weights()
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    return sum(parameter.numel() for parameter in model.parameters())
