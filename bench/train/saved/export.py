"""Weights of a trained subject as a folder that plain transformers loads: with tokenizer, template, generation config.

Contract: the folder has what the subject is asked with here, so that `AutoModelForCausalLM.from_pretrained` (or
`PeftModel.from_pretrained` on the base, for an adapter) gives the same logits for the same text.
"""

import shutil
from pathlib import Path

import torch

from bench.errors import InputError, Problem
from bench.model.loading.load import load_tuned
from bench.model.loading.merging import unmerged
from bench.model.loading.stored_dtype import tuned_dtype
from bench.record.files import WEIGHTS
from bench.suite.peft_files import ADAPTER_CONFIG
from bench.suite.resolved import ResolvedModel
from bench.train.saved.portable import save_companions, save_model


def export_subject(model: ResolvedModel, training: Path, out: Path, *, merge: bool, precision: str) -> None:
    """Write the subject that was trained in `training` into the empty folder `out`.

    merge: an adapter goes into the base's weights, summed in fp32 and stored as a whole model that was trained in
    `precision`.
    Raises `InputError` for an adapter that cannot be merged, and for one alone whose training began from an arm.
    """
    weights = training / WEIGHTS
    if model.starts and not merge and (weights / ADAPTER_CONFIG).is_file():
        what = f"this adapter belongs on {model.starts[-1].arm}, which it began from, and not on the base"
        raise InputError(Problem(reference="weights.warm-start", what=what, where=str(weights), hint="add --merge"))
    if merge and (weights / ADAPTER_CONFIG).is_file():
        save_merged(model, weights, out, tuned_dtype(Path(model.path), precision))
    else:
        shutil.copytree(weights, out, dirs_exist_ok=True)
        save_companions(model, out)  # a stored step has none


def save_merged(model: ResolvedModel, weights: Path, out: Path, dtype: torch.dtype) -> None:
    """Write the whole model of an adapter's or a whole model's folder into `out`, summed in fp32 and rounded once to
    `dtype`.

    Raises `InputError` for an adapter that cannot be merged.
    """
    subject = load_tuned(model, weights, precision="fp32", device=torch.device("cpu"))
    if (why := unmerged(subject)) is not None:
        what = f"this adapter cannot be merged: {why}"
        hint = "leave it as an adapter, and load it with PEFT"
        raise InputError(Problem(reference="weights.no-merge", what=what, where=str(weights), hint=hint))
    save_model(model, subject, out, dtype)
    save_companions(model, out)
