"""What another program wrote, held against the base as weights from elsewhere are."""

from pathlib import Path

from bench.errors import InputError, Problem
from bench.record.given_facts import GivenFacts
from bench.record.jobs.train_job import TrainJob
from bench.suite.peft_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from bench.suite.resolved import ResolvedWeights
from bench.train.applied.fit_given import given_facts


def facts_of_written(job: TrainJob, out: Path) -> GivenFacts:
    """Facts about the weights in `out`. Raises `InputError` where they are no adapter, or no whole model, as the
    recipe's method says, or do not fit the base."""
    adapter, wanted = (out / ADAPTER_CONFIG).is_file(), job.recipe.adapter is not None or job.recipe.method == "lora"
    if adapter != wanted or not any(out.glob("*.safetensors")):
        files = f"{ADAPTER_CONFIG} and {ADAPTER_WEIGHTS}" if wanted else (
            "config.json and *.safetensors, and no adapter"
        )  # fmt: skip
        found = ", ".join(sorted(file.name for file in out.iterdir())) or "nothing"
        what = f'method = "{job.recipe.method}" asks for {files}; the program wrote {found}'
        raise InputError(
            Problem(reference="recipe.command", what=what, where="${out}", hint="save_pretrained writes them")
        )
    form = "adapter" if adapter else "weights"
    weights = ResolvedWeights(source="${out}", form=form, revision=None, path=str(out), sha256=job.digest)
    return given_facts(job.model, weights)
