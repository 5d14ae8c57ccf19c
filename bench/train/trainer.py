"""TRL's `SFTTrainer` on an exact schedule, metered, with the head at supervised positions and whole checkpoints.

Contract: a step's loss is the mean over *all* supervised tokens of the step, however many forward passes it takes, so
accumulation changes nothing but memory. A loss that is not finite ends the training before the weights are touched.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftConfig
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback
from trl import SFTConfig, SFTTrainer

from bench.record.result import Head, Step
from bench.train.batch import Collator, Counts, collate
from bench.train.checkpoint import CHECKPOINT, Checkpoint, save_checkpoint
from bench.train.head import SupervisedHead, model_inputs, summed_loss_everywhere
from bench.train.isolation import check_isolation
from bench.train.meter import Meter
from bench.train.schedule import Schedule


class DivergedError(Exception):
    """The loss was not finite; the step is on the meter with no loss."""


class MeteredTrainer(SFTTrainer):  # type: ignore[misc]  # trl is read as untyped
    """Trains on `schedule` in its order, once, and puts every step on `meter`."""

    lr_scheduler: Any
    loss_is_scaled_for_ga = True  # `compute_loss` divides by the whole step's supervised tokens

    def __init__(
        self,
        *,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        arguments: SFTConfig,
        adapter: PeftConfig | None,
        schedule: Schedule,
        packed: bool,
        rate_factor: Callable[[int], float],
        meter: Meter,
        on_step: Callable[[Step], None],
    ) -> None:
        pad = tokenizer.pad_token_id
        assert isinstance(pad, int), "load_tokenizer sees to it"
        super().__init__(
            model=model,
            args=arguments,
            data_collator=Collator(sequences=schedule.sequences, pad_token_id=pad, packed=packed),
            train_dataset=Dataset.from_dict({"sequence": list(range(len(schedule.sequences)))}),
            processing_class=tokenizer,
            peft_config=adapter,
        )
        self.remove_callback(PrinterCallback)
        self._meter, self._on_step, self._rate_factor = meter, on_step, rate_factor
        self._metered_step = 0
        self._saves: tuple[Path, str, int] | None = None
        self._resumed: Checkpoint | None = None
        self._supervised = self._supervised_head(collate(schedule.sequences[:1], pad, packed=packed))
        self.head: Head = self._pick_head()
        """Where the language-model head is applied."""
        if packed:
            fullest = max(schedule.sequences[: schedule.batch_rows], key=len)
            check_isolation(self.model, fullest, pad, arguments.device)

    def save_every(self, steps: int, *, folder: Path, digest: str) -> None:
        """Keeps a resumable checkpoint of the training `digest` in `folder`, renewed every so many steps."""
        self._saves = (folder, digest, steps)

    def resume(self, checkpoint: Checkpoint, folder: Path) -> None:
        """Trains on from `checkpoint`, which lies in `folder`, to the end."""
        self._resumed = checkpoint
        self._meter.resume(dict(checkpoint.meter))
        self._metered_step = len(self._meter.steps)
        self.train(resume_from_checkpoint=str(folder / CHECKPOINT))

    # --- the step ---------------------------------------------------------------------------------------------------

    def get_batch_samples(self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device) -> Any:
        """The forward passes of one step, and the step's supervised tokens."""
        self._meter.enter("data")
        samples = super().get_batch_samples(epoch_iterator, num_batches, device)
        self._meter.enter("other")
        return samples

    def _get_num_items_in_batch(self, batch_samples: list[dict[str, Any]], device: torch.device) -> int:
        return sum(batch["counts"].supervised_tokens for batch in batch_samples)

    def training_step(self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """Forward and backward of one batch. Raises `DivergedError` if its loss is not finite."""
        self._meter.enter("compute")
        counts: Counts = inputs["counts"]
        loss = super().training_step(model, inputs, num_items_in_batch)
        value = float(loss)
        self._meter.forward(counts, value)
        if not math.isfinite(value):
            self._on_step(self._meter.end_step(gradient_norm=None, learning_rate=self._get_learning_rate()))
            raise DivergedError
        self._meter.enter("other")
        return loss

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Sum of the negative log-likelihoods over this batch / the supervised tokens of the whole step."""
        if self.head == "fused":
            total = -model(**model_inputs(inputs), labels=inputs["labels"], fused_lm_head=True).log_probs.sum()
        elif self._supervised is not None:
            total = self._supervised.summed_loss(model, inputs)
        else:
            total = summed_loss_everywhere(model, inputs)
        return total / num_items_in_batch

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        self._meter.enter("optimizer")
        return super()._clip_grad_norm(model)

    def _maybe_log_save_evaluate(
        self, tr_loss: Any, grad_norm: Any, model: Any, *args: Any, learning_rate: float | None = None, **kwargs: Any
    ) -> None:
        """Called after each optimiser step, and once more at the end of the epoch."""
        if self.state.global_step > self._metered_step:
            self._metered_step = self.state.global_step
            step = self._meter.end_step(gradient_norm=float(grad_norm), learning_rate=float(learning_rate or 0.0))
            self._on_step(step)
            self._save_if_due(step.step)
        super()._maybe_log_save_evaluate(tr_loss, grad_norm, model, *args, learning_rate=learning_rate, **kwargs)

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LRScheduler:
        """The recipe's schedule."""
        if self.lr_scheduler is None:
            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, self._rate_factor)
            self._created_lr_scheduler = True
        scheduler: LRScheduler = self.lr_scheduler
        return scheduler

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not counted here: the estimate walks all parameters at every forward pass."""
        return 0

    def _pick_head(self) -> Head:
        if self.args.device.type == "cuda":
            return "fused"  # TRL's kernel: supervised positions only, and the logits are never all in memory
        return "all positions" if self._supervised is None else "supervised positions"

    def _supervised_head(self, batch: dict[str, Any]) -> SupervisedHead | None:
        if self.args.device.type == "cuda":
            return None
        on_device = {key: value.to(self.args.device) for key, value in batch.items() if torch.is_tensor(value)}
        return SupervisedHead.of(self.model, on_device)

    # --- checkpoints ------------------------------------------------------------------------------------------------

    def _save_if_due(self, step: int) -> None:
        if self._saves is None or step % self._saves[2] or step == self.state.max_steps:
            return
        folder, digest, _ = self._saves
        self._meter.enter("saving")
        trainable = {name: value.detach() for name, value in self.model.named_parameters() if value.requires_grad}
        random = {"cpu": torch.get_rng_state()}
        if self.args.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state()
        save_checkpoint(
            folder,
            Checkpoint(
                digest=digest,
                weights=trainable,
                optimizer=self.optimizer.state_dict(),
                scheduler=self.lr_scheduler.state_dict(),
                random=random,
                trainer=json.dumps(asdict(self.state)),
                meter=self._meter.state(),
            ),
        )
        self._meter.enter("other")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        parameters = dict(self.model.named_parameters())
        with torch.no_grad():
            for name, value in self._checkpoint().weights.items():
                parameters[name].copy_(value)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            self.optimizer.load_state_dict(dict(self._checkpoint().optimizer))
            self.lr_scheduler.load_state_dict(dict(self._checkpoint().scheduler))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            random = self._checkpoint().random
            torch.set_rng_state(random["cpu"])
            if "cuda" in random:
                torch.cuda.set_rng_state(random["cuda"])

    def _checkpoint(self) -> Checkpoint:
        assert self._resumed is not None, "only `resume` asks transformers to load a checkpoint"
        return self._resumed
