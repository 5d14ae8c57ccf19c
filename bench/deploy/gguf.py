"""A trained model as one GGUF file, quantised by llama.cpp from the sums in fp32.

Contract: the file's own tokenizer gives the token ids that the model was trained with, or the form is refused: what
reads the file has no other tokenizer.
"""

import tempfile
from pathlib import Path

import torch

from bench.deploy.convert_gguf import convert_to_gguf
from bench.model.loading.gguf_tokens import refuse_other_tokens
from bench.model.loading.llama_cpp import GGUF_FILE, LlamaCppModel
from bench.model.loading.load import load_config, load_tokenizer
from bench.record.jobs.deploy_job import DeployJob
from bench.train.applied.questions import QUESTIONS
from bench.train.saved.export import save_merged

_TEXTS = (
    *QUESTIONS,
    "In 1999, 3.14159 and 12,345,678 were numbers; so is 0007.",
    "def f(x):\n\tif x:\n\t\treturn  {'a': [1, 2]}\n\n\n    # done  ",
    "It's WE'LL and you'd've; café, naïve, Größe, 東京, Привет, 🙂!?...",
)
"""Texts that tokenizers split differently."""


def save_gguf(job: DeployJob, out: Path) -> None:
    """Write the trained model of `job` into `out`, in the type that its form names.

    Raises `InputError` for a model or a tokenizer that llama.cpp has no equal of.
    """
    import llama_cpp  # an extra

    types = {
        "gguf-f16": llama_cpp.LLAMA_FTYPE_MOSTLY_F16,
        "gguf-q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
        "gguf-q4_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    }
    with tempfile.TemporaryDirectory(prefix="merged-", dir=out.parent) as merged:
        save_merged(job.model, Path(job.weights), Path(merged), torch.float32)
        whole = Path(merged) / GGUF_FILE
        convert_to_gguf(Path(merged), whole)
        settings = llama_cpp.llama_model_quantize_default_params()
        settings.ftype, settings.nthread = types[job.form], job.threads
        status = llama_cpp.llama_model_quantize(str(whole).encode(), str(out / GGUF_FILE).encode(), settings)
    if status:
        raise RuntimeError(f"llama.cpp could not quantise the model (status {status})")
    refuse_other_tokens(LlamaCppModel(out / GGUF_FILE, load_config(job.model)), load_tokenizer(job.model), _TEXTS)
