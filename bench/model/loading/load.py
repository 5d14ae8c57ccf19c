"""Loads a base, its tokenizer, and a tuned model: safetensors only, no network.

Contract: nothing is downloaded, and no code of a model repository runs but where the command line allowed it. A
tokenizer without a pad token pads with its end-of-sequence token; who pads masks by position, never by id. A subject
with an adapter that can be merged comes back merged, so that it costs what the base costs to evaluate; one that cannot,
with the adapter in its layers; a learned prompt, as keys and values before every row.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast

import torch
from peft import PeftModel
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from bench.errors import InputError, Problem
from bench.machine.device import dtype_of, pick_device, pick_precision
from bench.model.causal import refuse_other_kinds
from bench.model.loading.merging import merged, unmerged
from bench.model.loading.prefix import prefixed
from bench.model.loading.rounding import round_weights
from bench.record.files import WEIGHTS
from bench.spec import Spec
from bench.suite.peft_files import ADAPTER_CONFIG
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.arms.weights_form import GGUF
from bench.suite.tables.models.precision import Precision
from bench.suite.tables.training.adapter import QuantizationSpec

QUANTIZATION = "quantization.json"
"""File beside an adapter that was trained on a quantised base: how the base was quantised."""


class QuantizedBase(Spec):
    """The base that an adapter was trained on: rounded to `precision`, then quantised."""

    quantization: QuantizationSpec
    precision: Precision


PlainBase = Callable[[ResolvedModel, torch.dtype], PreTrainedModel]
"""What gives a base as its files have it: on the processor, in a type, no warm start, not quantised."""


def runs_code(model: ResolvedModel) -> bool:
    """Whether the base runs Python files of its own, which the command line allowed
    (`bench.run.resolve.remote_code`)."""
    return model.remote_code is not None


def load_config(model: ResolvedModel) -> PretrainedConfig:
    """The base's configuration. Raises `InputError` for one of no causal language model."""
    config = AutoConfig.from_pretrained(model.path, local_files_only=True, trust_remote_code=runs_code(model))
    if not runs_code(model):
        refuse_other_kinds(config, str(Path(model.path) / "config.json"))
    return cast(PretrainedConfig, config)


def load_tokenizer(model: ResolvedModel) -> PreTrainedTokenizerBase:
    """The base's tokenizer, padding on the right, with a pad token."""
    tokenizer = cast(
        PreTrainedTokenizerBase,
        AutoTokenizer.from_pretrained(model.path, local_files_only=True, trust_remote_code=runs_code(model)),
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


def load_skeleton(model: ResolvedModel, *, device: Literal["meta", "cpu"] = "meta") -> PreTrainedModel:
    """The base without its weights: shapes and parameter counts. On the processor its numbers are random, the same each
    time, and take memory."""
    config = load_config(model)
    with torch.random.fork_rng(devices=[]), torch.device(device):
        torch.manual_seed(0)
        return cast(PreTrainedModel, AutoModelForCausalLM.from_config(config, trust_remote_code=runs_code(model)))


def from_files(model: ResolvedModel, dtype: torch.dtype) -> PreTrainedModel:
    """The base as its files have it."""
    return cast(PreTrainedModel, _from_pretrained(model, Path(model.path), dtype))


def load_base(
    model: ResolvedModel,
    *,
    precision: Precision | Literal["auto"],
    device: torch.device | None = None,
    quantization: QuantizationSpec | None = None,
    plain: PlainBase = from_files,
) -> PreTrainedModel:
    """The base with its weights in `precision` on `device` (default: `pick_device()`), in evaluation mode.

    `quantization`: how bitsandbytes quantises its matrices.
    """
    place = device or pick_device()
    dtype = dtype_of(pick_precision(precision, place))
    if quantization is not None:
        quantised_loading = {
            "quantization_config": _bits_and_bytes(quantization, dtype),
            "device_map": {"": str(place)},
        }
        return cast(PreTrainedModel, _from_pretrained(model, Path(model.path), dtype, **quantised_loading))
    if model.starts:
        start = load_start(model, plain=plain)
        round_weights(start, dtype)
        return start.to(place)
    return plain(model, dtype).to(place)


def load_start(model: ResolvedModel, *, plain: PlainBase = from_files) -> PreTrainedModel:
    """The model that trainings with a warm start begin from, in fp32 on the processor: the base with the weights of
    each of `model.starts`, one merged into what those before it made.

    Raises `InputError` where one of them is no change of weights, such as a learned prompt.
    """
    *earlier, last = model.starts
    below = model.model_copy(update={"starts": tuple(earlier)})
    subject = load_tuned(below, Path(last.path), precision="fp32", device=torch.device("cpu"), plain=plain)
    if (why := unmerged(subject)) is not None:
        what = f"{last.arm} cannot be merged into its base, so nothing can begin from it: {why}"
        hint = "begin from an arm that changes the base's own weights, such as LoRA or full fine-tuning"
        raise InputError(Problem(reference="recipe.no-start", what=what, where="recipe.*.from", hint=hint))
    return subject.requires_grad_(True)  # PEFT froze what it was put into


def load_subject(
    model: ResolvedModel,
    training_path: Path | None,
    *,
    precision: Precision | Literal["auto"],
    device: torch.device | None = None,
    plain: PlainBase = from_files,
) -> PreTrainedModel:
    """The base (`training_path` is `None`) or the model that the training in that folder made, in evaluation mode."""
    if training_path is None:
        return load_base(model, precision=precision, device=device, plain=plain)
    return load_tuned(model, training_path / WEIGHTS, precision=precision, device=device, plain=plain)


def load_tuned(
    model: ResolvedModel,
    weights: Path,
    *,
    precision: Precision | Literal["auto"],
    device: torch.device | None = None,
    plain: PlainBase = from_files,
) -> PreTrainedModel:
    """The model of an adapter's or a whole model's folder, in evaluation mode.

    An adapter is merged in fp32, and the sum rounded once to `precision`; into the base as it was while training, where
    that was quantised.
    """
    place = device or pick_device()
    dtype = dtype_of(pick_precision(precision, place))
    if weights.suffix == GGUF:
        return load_gguf(weights, dtype)[0].to(place)
    if not (weights / ADAPTER_CONFIG).is_file():
        return cast(PreTrainedModel, _from_pretrained(model, weights, dtype).to(place))
    base = _trained_base(model, weights / QUANTIZATION, place, plain)
    adapted = cast(Any, PeftModel.from_pretrained(base, weights, use_safetensors=True)).eval()
    subject = prefixed(adapted) if adapted.active_peft_config.is_prompt_learning else merged(adapted)
    round_weights(subject, dtype)
    return cast(PreTrainedModel, subject.to(place).eval())


def load_gguf(file: Path, dtype: torch.dtype) -> tuple[Any, frozenset[str]]:
    """The model of a GGUF file, dequantised, and the names of tensors that the file lacks.

    Raises `InputError` where transformers cannot read the file.
    """
    transformers_logging.disable_progress_bar()
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=dtype, local_files_only=True, output_loading_info=True
        )
    except (ValueError, RuntimeError, OSError, KeyError, ImportError) as error:
        what = f"transformers cannot read it: {str(error).splitlines()[0]}"
        hint = "give the weights as safetensors, as they were before llama.cpp converted them"
        raise InputError(Problem(reference="given.gguf", what=what, where=str(file), hint=hint)) from error
    leave_router_logits_out(model.config)
    for mark in ("hf_quantizer", "is_quantized", "quantization_method"):  # its weights are plain numbers by now
        delattr(model, mark)
    del model.config.quantization_config
    return model.eval(), frozenset({*info["missing_keys"], *(key for key, *_ in info.get("mismatched_keys", ()))})


def _trained_base(model: ResolvedModel, quantization: Path, place: torch.device, plain: PlainBase) -> Any:
    """The base in fp32 on the processor; a quantised one is quantised as in training, then dequantised."""
    if not quantization.is_file():
        return load_start(model, plain=plain) if model.starts else plain(model, torch.float32)
    trained = QuantizedBase.model_validate_json(quantization.read_bytes())
    quantised: Any = load_base(model, precision=trained.precision, device=place, quantization=trained.quantization)
    return quantised.dequantize().float()


def _bits_and_bytes(spec: QuantizationSpec, dtype: torch.dtype) -> BitsAndBytesConfig:
    if spec.bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=spec.type,
        bnb_4bit_use_double_quant=spec.double,
        bnb_4bit_compute_dtype=dtype,
    )


def _from_pretrained(model: ResolvedModel, folder: Path, dtype: torch.dtype, **options: Any) -> Any:
    transformers_logging.disable_progress_bar()  # its bars would tear the live display's lines
    loaded = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        trust_remote_code=runs_code(model),
        **options,
    ).eval()
    leave_router_logits_out(loaded.config)
    return loaded


def leave_router_logits_out(config: Any) -> None:
    """Has a mixture of experts compute its router loss only where a forward pass asks for it: generation fails with it,
    and training asks by itself (`bench.train.loop.loss.router`)."""
    text = config.get_text_config()
    if getattr(text, "output_router_logits", False):
        text.output_router_logits = False
