"""All private names of transformers that this project takes hold of, each behind a public one.

Contract: no other file names them. `tests/model/test_private_names.py` holds each name, its signature, and when
transformers calls it; dependencies are pinned to the minor version.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, dynamic_module_utils, trainer

from bench.model.accelerate_private import fsdp_on_processors

NAME_KEY = "_name_or_path"
"""Key of a stored configuration: where its model was loaded from."""
ATTENTION_KEY = "_attn_implementation"
"""Key, and attribute, of a configuration: the attention that it selects."""


def attention_implementation(config: Any) -> str | None:
    """The attention that a configuration selects, such as `sdpa`; `None` for a model with its own."""
    return getattr(config, ATTENTION_KEY, None)


def stays_fp32(model: torch.nn.Module, dtype: torch.dtype) -> Callable[[str], bool]:
    """Whether transformers keeps the weight of a name in fp32 where it loads `model` in `dtype`."""
    plans = [module._get_dtype_plan(dtype) for module in model.modules() if isinstance(module, PreTrainedModel)]
    patterns = [re.compile(glob.replace("*", ".*")) for plan in plans for glob in plan]
    return lambda name: any(pattern.search(name) for pattern in patterns)


def use_one_gpu(arguments: Any) -> None:
    """Keeps `TrainingArguments` from splitting each batch over all GPUs of the machine."""
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1


@contextmanager
def module_copies_in(folder: Path) -> Iterator[None]:
    """While open, Python files that a model brings are copied into `folder` before they are imported."""
    before = dynamic_module_utils.HF_MODULES_CACHE
    dynamic_module_utils.HF_MODULES_CACHE = str(folder)
    try:
        yield
    finally:
        dynamic_module_utils.HF_MODULES_CACHE = before


@contextmanager
def deepspeed_reads_no_checkpoint() -> Iterator[None]:
    """While open, `Trainer.train(resume_from_checkpoint=…)` does not have DeepSpeed look for its own files: the hook
    for the optimiser, which comes next, restores what they would."""
    before = trainer.deepspeed_load_checkpoint
    trainer.deepspeed_load_checkpoint = lambda *given, **named: None
    try:
        yield
    finally:
        trainer.deepspeed_load_checkpoint = before


class TrainerHooks:
    """Public methods in place of the private steps of `transformers.Trainer`; a mixin that comes before the trainer."""

    accelerator: Any
    args: Any
    control: Any
    lr_scheduler: Any
    optimizer: Any
    state: Any
    _last_step = 0

    def loss_divisor(self, batches: list[dict[str, Any]]) -> int:
        """Number that the loss of one optimiser step is divided by; `batches` are the step's forward passes."""
        raise NotImplementedError

    def before_optimizer(self) -> None:
        """All gradients of a step are there; clipping and the optimiser come next. Called once or twice."""

    def after_step(self, gradient_norm: float, learning_rate: float) -> None:
        """An optimiser step is over. `gradient_norm`: before clipping."""

    def load_checkpoint_weights(self) -> None:
        """Called by `train(resume_from_checkpoint=…)`."""

    def load_checkpoint_optimizer(self) -> None:
        """Called by `train(resume_from_checkpoint=…)` once optimiser and scheduler are made."""

    def load_checkpoint_random_states(self) -> None:
        """Called by `train(resume_from_checkpoint=…)` last before the first step."""

    def learning_rate(self) -> float:
        """The rate of the step in progress."""
        return float(self._get_learning_rate())  # type: ignore[attr-defined]  # the trainer's

    def on_device(self, batch: dict[str, Any]) -> dict[str, Any]:
        """`batch` with its tensors on the trainer's device."""
        placed: dict[str, Any] = self._prepare_inputs(batch)  # type: ignore[attr-defined]  # the trainer's
        return placed

    def use_scheduler(self, scheduler: Any) -> None:
        """Takes `scheduler` as if the trainer had made it, so that each training makes a new one."""
        self.lr_scheduler, self._created_lr_scheduler = scheduler, True

    def resume_step(self, step: int) -> None:
        """Steps up to `step` are over and are not reported again."""
        self._last_step = step

    def create_accelerator_and_postprocess(self) -> None:
        """Under FSDP on processors, too."""
        super().create_accelerator_and_postprocess()  # type: ignore[misc]  # the trainer's
        if fsdp_on_processors(self.accelerator.state, self.args.fsdp_plugin_args):
            self.is_fsdp_enabled = True

    # --- what transformers calls ------------------------------------------------------------------------------------

    def _get_num_items_in_batch(self, batch_samples: list[dict[str, Any]], device: torch.device) -> int:
        return self.loss_divisor(batch_samples)

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        self.before_optimizer()
        return super()._clip_grad_norm(model)  # type: ignore[misc]  # the trainer's

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:
        self.before_optimizer()  # without clipping, the first of the two
        return super()._get_grad_norm(model, grad_norm=grad_norm)  # type: ignore[misc]  # the trainer's

    def _maybe_log_save_evaluate(
        self, tr_loss: Any, grad_norm: Any, model: Any, *args: Any, learning_rate: float | None = None, **kwargs: Any
    ) -> None:
        """Called after each optimiser step, and once more at the end of the epoch."""
        if self.state.global_step > self._last_step:
            self._last_step = self.state.global_step
            self.after_step(float(grad_norm), float(learning_rate or 0.0))
        super()._maybe_log_save_evaluate(  # type: ignore[misc]  # the trainer's
            tr_loss, grad_norm, model, *args, learning_rate=learning_rate, **kwargs
        )

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        self.load_checkpoint_weights()

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            self.load_checkpoint_optimizer()

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            self.load_checkpoint_random_states()
