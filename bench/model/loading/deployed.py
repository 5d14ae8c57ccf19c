"""Loads a training in the form that it is shipped in, from the folder that `bench.deploy` wrote.

Contract: as `load`: safetensors or GGUF, no network. `adapter` computes with the adapter in its layers, unmerged; a
GGUF file is computed by llama.cpp.
"""

from pathlib import Path
from typing import Any, Literal, cast

from peft import PeftModel
from transformers import PreTrainedModel

from bench.machine.device import pick_device
from bench.model.loading.llama_cpp import GGUF_FILE, LlamaCppModel
from bench.model.loading.load import (
    QUANTIZATION,
    PlainBase,
    QuantizedBase,
    from_files,
    load_base,
    load_config,
    load_tuned,
)
from bench.model.loading.prefix import prefixed
from bench.model.loading.rounding import round_weights
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.arms.deploy import DeployedForm
from bench.suite.tables.models.precision import Precision


def load_form(
    model: ResolvedModel,
    folder: Path,
    form: DeployedForm,
    *,
    precision: Precision | Literal["auto"],
    plain: PlainBase = from_files,
) -> PreTrainedModel:
    """The model of `folder` in evaluation mode. `precision`: of the evals, for forms that have none of their own."""
    match form:
        case "adapter":
            return _with_adapter(model, folder, precision, plain)
        case "merged" | "int8":
            return load_tuned(model, folder, precision=precision, plain=plain)
        case "merged-bf16":
            return load_tuned(model, folder, precision="bf16", plain=plain)
        case "gguf-f16" | "gguf-q8_0" | "gguf-q4_k_m":
            return cast(PreTrainedModel, LlamaCppModel(folder / GGUF_FILE, load_config(model)))
        case _:
            raise NotImplementedError(f"{form} is refused before any work")


def _with_adapter(
    model: ResolvedModel, folder: Path, precision: Precision | Literal["auto"], plain: PlainBase
) -> PreTrainedModel:
    """The base, quantised as it was while training, with the adapter in its layers."""
    stored, place = folder / QUANTIZATION, pick_device()
    trained = QuantizedBase.model_validate_json(stored.read_bytes()) if stored.is_file() else None
    quantization = None if trained is None else trained.quantization
    base = load_base(model, precision=precision, device=place, quantization=quantization, plain=plain)
    adapted: Any = PeftModel.from_pretrained(base, folder, use_safetensors=True).eval()
    subject = prefixed(adapted) if adapted.active_peft_config.is_prompt_learning else adapted.get_base_model()
    if trained is None:
        round_weights(subject, base.dtype)
    return cast(PreTrainedModel, subject.eval())
