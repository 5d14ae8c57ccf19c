"""Operations of a training's shape: counted once for a base, an adapter and what is computed again, then kept."""

from typing import IO

from peft import PeftConfig, PeftModel
from pydantic import TypeAdapter, ValidationError
from transformers import PreTrainedModel

from bench.model.size.flops import FlopModel, flop_model
from bench.record.jobs.train_job import TrainJob
from bench.train.arguments.adapters import plans_over_steps, skeleton
from bench.train.batches.planned_files import keep, planned_file

ADAPTERS = frozenset({"method", "lora", "quantization", "prefix", "prompt", "peft"})
"""Keys of a recipe that decide its adapter."""
_KEPT = TypeAdapter(FlopModel)


def training_rates(
    job: TrainJob, adapter: PeftConfig | None, *, checkpointing: bool, steps: int | None = None
) -> FlopModel:
    """Operations of the job's base with `adapter`, which is the one of its recipe. `steps`: of the training, for an
    adapter that plans over them. `checkpointing`: whether the forward pass that gradient checkpointing repeats counts.

    Raises `ValueError`, or what the architecture raises, where operations cannot be counted without weights.
    """
    recipe = job.recipe
    shape = [job.model.sha256, job.model.remote_code, recipe.model_dump(mode="json", include=set(ADAPTERS))]
    file = planned_file(job, "rates", shape, steps if plans_over_steps(recipe) else None, checkpointing)
    if file is not None:
        try:
            return _KEPT.validate_json(file.read_bytes())
        except (OSError, ValidationError):
            pass
    counted = counted_rates(skeleton(job.model, adapter), checkpointing=checkpointing)

    def write(opened: IO[bytes]) -> None:
        opened.write(_KEPT.dump_json(counted))

    if file is not None:
        keep(file, write)
    return counted


def counted_rates(model: PreTrainedModel | PeftModel, *, checkpointing: bool) -> FlopModel:
    """Operations of a model as it is trained. Gradient checkpointing is off in it, and is left on if it counts.

    Raises as `training_rates` does.
    """
    if checkpointing:
        _start_checkpointing(model)
    return flop_model(model)


def _start_checkpointing(model: PreTrainedModel | PeftModel) -> None:
    """Turn checkpointing on as the trainer does: under an adapter even the first layer's input has a gradient then."""
    model.gradient_checkpointing_enable({"use_reentrant": False})
    if isinstance(model, PeftModel):
        model.enable_input_require_grads()
