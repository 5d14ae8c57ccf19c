"""Weights of a trained subject as a folder that plain transformers loads: with tokenizer, template, generation config.

Contract: the folder has what the subject is asked with here, so that `AutoModelForCausalLM.from_pretrained` (or
`PeftModel.from_pretrained` on the base, for an adapter) gives the same logits for the same text.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers import AutoTokenizer, GenerationConfig, PreTrainedModel

from bench.data.render.render import make_renderer
from bench.errors import InputError, Problem
from bench.model.load import WEIGHTS, load_config, load_subject, load_tokenizer, runs_code, unused_positions
from bench.suite.resolved import ResolvedModel
from bench.suite.template import TOKENIZER
from bench.train.training_data import UNCUT

_ADAPTER = "adapter_config.json"


def export_subject(model: ResolvedModel, training: Path, out: Path, *, merge: bool) -> None:
    """Write the subject that was trained in `training` into the empty folder `out`.

    merge: an adapter goes into the base's weights, summed in fp32 and rounded to the base's own type.
    Raises `InputError` for an adapter that cannot be merged.
    """
    weights = training / WEIGHTS
    if merge and (weights / _ADAPTER).is_file():
        _merged(model, training).save_pretrained(out)
    else:
        shutil.copytree(weights, out, dirs_exist_ok=True)
    _save_tokenizer(model, out)
    if (Path(model.path) / "generation_config.json").is_file() and not (out / "generation_config.json").exists():
        GenerationConfig.from_pretrained(model.path, local_files_only=True).save_pretrained(out)


def _merged(model: ResolvedModel, training: Path) -> PreTrainedModel:
    subject = load_subject(model, training, precision="fp32", device=torch.device("cpu"))
    if unused_positions(subject) or any(isinstance(module, BaseTunerLayer) for module in subject.modules()):
        what = "this adapter cannot be merged: it is no change of the base's weights"
        hint = "leave --merge out, and load the adapter with PEFT"
        raise InputError(Problem(reference="weights.no-merge", what=what, where=str(training / WEIGHTS), hint=hint))
    kind = load_config(model).dtype
    return subject.to(kind) if isinstance(kind, torch.dtype) else subject


def _save_tokenizer(model: ResolvedModel, out: Path) -> None:
    """The base's tokenizer as it was loaded, with the template that the subject was trained and asked in."""
    tokenizer = AutoTokenizer.from_pretrained(model.path, local_files_only=True, trust_remote_code=runs_code(model))
    template = make_renderer(load_tokenizer(model), model, UNCUT).template
    if template.name != TOKENIZER:
        tokenizer.chat_template = template.text
    tokenizer.save_pretrained(out)
