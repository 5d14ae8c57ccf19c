"""Loads a base, its tokenizer, and a tuned model: safetensors only, no remote code, no network.

Contract: nothing is downloaded and no code of a model repository runs. A tokenizer without a pad token pads with its
end-of-sequence token; who pads masks by position, never by id. A LoRA subject comes back merged, so that it costs what
the base costs to evaluate.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, cast

import torch
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from bench.errors import InputError, Problem
from bench.suite.model import Precision
from bench.suite.resolved import ResolvedModel

WEIGHTS = "weights"
"""Folder of a training's adapter or model, relative to the training's folder."""

_DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def pick_device() -> torch.device:
    """The first CUDA (or ROCm) device, else Apple's, else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def pick_precision(precision: Precision | Literal["auto"], device: torch.device) -> Precision:
    """The precision to compute in. `auto`: bf16 on a GPU that has it, else fp32.

    Raises `InputError` for a precision that this device cannot compute in: nothing is downgraded in silence.
    """
    cuda = device.type == "cuda"
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False) if cuda else device.type == "cpu"
    if precision == "auto":
        return "bf16" if cuda and bf16 else "fp32"
    if (precision == "bf16" and not bf16) or (precision == "fp16" and not cuda):
        raise InputError(
            Problem(
                reference="recipe.precision",
                what=f"{device.type} cannot compute in {precision}",
                where="recipe.*.precision",
                hint='use precision = "auto" or "fp32"',
            )
        )
    return precision


def dtype_of(precision: Precision) -> torch.dtype:
    """The torch type of a precision."""
    return _DTYPES[precision]


def load_tokenizer(model: ResolvedModel) -> PreTrainedTokenizerBase:
    """The base's tokenizer, padding on the right, with a pad token."""
    tokenizer = cast(
        PreTrainedTokenizerBase,
        AutoTokenizer.from_pretrained(model.path, local_files_only=True, trust_remote_code=False),
    )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token_id is None:
        raise InputError(
            Problem(
                reference="model.tokenizer",
                what="the tokenizer has no pad, end-of-sequence or unknown token to pad with",
                where=model.path,
                hint="name one in its tokenizer_config.json",
            )
        )
    tokenizer.padding_side = "right"
    return tokenizer


def load_skeleton(model: ResolvedModel) -> PreTrainedModel:
    """The base on the meta device: shapes and parameter counts, no memory, no weights read."""
    config = AutoConfig.from_pretrained(model.path, local_files_only=True, trust_remote_code=False)
    with torch.device("meta"):
        return cast(PreTrainedModel, AutoModelForCausalLM.from_config(config, trust_remote_code=False))


def load_base(
    model: ResolvedModel, *, precision: Precision | Literal["auto"], device: torch.device | None = None
) -> PreTrainedModel:
    """The base with its weights in `precision` on `device` (default: `pick_device()`), in evaluation mode."""
    place = device or pick_device()
    return _from_pretrained(Path(model.path), dtype_of(pick_precision(precision, place))).to(place)


def load_subject(
    model: ResolvedModel,
    training_path: Path | None,
    *,
    precision: Precision | Literal["auto"],
    device: torch.device | None = None,
) -> PreTrainedModel:
    """The base (`training_path` is `None`) or the model that the training in that folder made, in evaluation mode.

    An adapter is merged in fp32 and the sum rounded once to `precision`.
    """
    if training_path is None:
        return load_base(model, precision=precision, device=device)
    place = device or pick_device()
    dtype = dtype_of(pick_precision(precision, place))
    weights = training_path / WEIGHTS
    if not (weights / "adapter_config.json").is_file():
        return _from_pretrained(weights, dtype).to(place)
    base = _from_pretrained(Path(model.path), torch.float32)
    adapted = cast(Any, PeftModel.from_pretrained(base, weights, use_safetensors=True))
    merged = cast(PreTrainedModel, adapted.merge_and_unload())
    return merged.to(device=place, dtype=dtype).eval()


def count_parameters(model: torch.nn.Module) -> tuple[int, int]:
    """All parameters and the trainable ones; tied weights count once."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, trainable in sizes if trainable)


def _from_pretrained(folder: Path, dtype: torch.dtype) -> Any:
    transformers_logging.disable_progress_bar()  # its bars would tear the live display's lines
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, use_safetensors=True, local_files_only=True, trust_remote_code=False
    ).eval()
