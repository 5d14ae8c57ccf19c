"""TRL's `SFTTrainer` on an exact schedule, metered, with the head at supervised positions and whole checkpoints.

Contract: a step's loss is the mean over *all* supervised tokens of the step, however many forward passes it takes, so
accumulation changes nothing but memory. A loss that is not finite ends the training before the weights are touched.
Reported losses are negative log-likelihoods, whatever is minimised.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import torch
from datasets import Dataset
from peft import PeftConfig
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback
from trl import SFTConfig, SFTTrainer

from bench.model.head import full_logits, selected_logits, selects
from bench.record.files import CHECKPOINT
from bench.record.ledger import Step
from bench.record.training import Head
from bench.train.accounting.meter import Meter
from bench.train.arguments.adapters import RankAllocation
from bench.train.batches.collate import BatchCounts, Collator, collate, model_inputs
from bench.train.batches.encoded_row import Batch
from bench.train.batches.schedule import Schedule
from bench.train.isolation import check_isolation
from bench.train.loop.checkpoint import Checkpoint, save_checkpoint
from bench.train.loop.tracking import place_logs, step_log
from bench.train.loop.validation import Watch, load_weights, trainable_weights
from bench.train.processes.ranks import SINGLE_PROCESS, Ranks


def upcast_trainable_bf16(model: torch.nn.Module) -> None:
    """What is trained in fp32: on a quantised base TRL puts an adapter into bf16 whatever the precision, where small
    updates are lost and fp16's gradients cannot be scaled."""
    for parameter in model.parameters():
        if parameter.requires_grad and parameter.dtype == torch.bfloat16:
            parameter.data = parameter.data.float()


def padded_to_ranks(batches: int, ranks: int) -> int:
    """Batches with the idle ones that give each rank as many: they are dealt one by one in turn."""
    return -(-batches // ranks) * ranks


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
        seconds: float | None = None,
        watch: Watch | None = None,
        validation: Sequence[Batch] = (),
        ranks: Ranks = SINGLE_PROCESS,
    ) -> None:
        """`packed`: rows that share a sequence are blind to each other. `seconds`: of work, after which the training
        ends. `watch` follows the loss on the `validation` batches. `ranks`: among whom batches are dealt, in turn."""
        pad = tokenizer.pad_token_id
        assert isinstance(pad, int), "load_tokenizer sees to it"
        super().__init__(
            model=model,
            args=arguments,
            data_collator=Collator(batches=schedule.batches, pad_token_id=pad, packed=packed),
            train_dataset=Dataset.from_dict({"batch": list(range(padded_to_ranks(len(schedule.batches), ranks.size)))}),
            processing_class=tokenizer,
            peft_config=adapter,
        )
        if not arguments.bf16:
            upcast_trainable_bf16(self.model)
        self.remove_callback(PrinterCallback)
        if RankAllocation.wanted_by(self.model):
            self.add_callback(RankAllocation())
        place_logs(self.callback_handler.callbacks, Path(arguments.output_dir))
        self._pad, self._meter, self._on_step, self._rate_factor = pad, meter, on_step, rate_factor
        self._metered_step = 0
        self._seconds, self._watch, self._validation, self._ranks = seconds, watch, validation, ranks
        self._saves: tuple[Path, str, int] | None = None
        self._resumed: Checkpoint | None = None
        self._loss = 0.0
        self.stopped: Literal["budget", "early", "seconds"] = "budget"
        """Why the training ended."""
        first = schedule.batches[0]
        self.head: Head = self._pick_head(collate(first[:1], pad, packed=packed))
        """Where the language-model head is applied."""
        if packed:
            check_isolation(self.model, max(first, key=len), pad, arguments.device)

    def save_every(self, steps: int, *, folder: Path, digest: str) -> None:
        """Keeps a resumable checkpoint of the training `digest` in `folder`, renewed every so many steps."""
        self._saves = (folder, digest, steps)

    def resume(self, checkpoint: Checkpoint, folder: Path) -> None:
        """Trains on from `checkpoint`, which lies in `folder`, to the end."""
        self._resumed = checkpoint
        self._meter.resume(dict(checkpoint.meter))
        if self._watch is not None and checkpoint.validation is not None:
            self._watch.resume(checkpoint.validation, checkpoint.best)
        self._metered_step = len(self._meter.steps)
        self.train(resume_from_checkpoint=str(folder / CHECKPOINT))

    def save_weights(self, folder: Path) -> None:
        """Writes the adapter, or the whole model, as safetensors. All ranks bring what they have; the first writes."""
        state = None
        if self.is_deepspeed_enabled or self.is_fsdp_enabled:
            state = self.accelerator.get_state_dict(self.model_wrapped)  # gathers what is sharded
        if self.is_main_process:
            whole = self.accelerator.unwrap_model(self.model, keep_torch_compile=False)
            whole.save_pretrained(folder, state_dict=state)

    @property
    def is_main_process(self) -> bool:
        """Whether this process is the one that writes."""
        return self._ranks.is_main_process

    # --- the step ---------------------------------------------------------------------------------------------------

    def get_batch_samples(self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device) -> Any:
        """The forward passes of one step, and the step's supervised tokens."""
        self._meter.enter("data")
        samples = super().get_batch_samples(epoch_iterator, num_batches, device)
        self._meter.enter("other")
        return samples

    def _get_num_items_in_batch(self, batch_samples: list[dict[str, Any]], device: torch.device) -> int:
        supervised: int = sum(batch["counts"].supervised_tokens for batch in batch_samples)
        return max(1, int(self._ranks.all_reduce_sum(supervised)))

    def training_step(self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """Forward and backward of one batch. Raises `DivergedError` if its loss is not finite on any rank."""
        self._meter.enter("compute")
        counts: BatchCounts = inputs["counts"]
        loss = super().training_step(model, inputs, num_items_in_batch)
        self._meter.forward(counts, self._loss)
        if not math.isfinite(self._ranks.all_reduce_sum(self._loss)):
            self._on_step(self._meter.end_step(gradient_norm=None, learning_rate=self._get_learning_rate()))
            raise DivergedError
        self._meter.enter("other")
        return loss

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """What is minimised, summed over this batch / the supervised tokens of the whole step.

        Times the number of processes, over which gradients are averaged.
        """
        losses = -self._log_probabilities(model, inputs)
        idle = inputs["counts"].slots == 0
        scale = 0.0 if idle else self._ranks.size
        likelihood = losses.sum() / num_items_in_batch
        self._loss = 0.0 if idle else float(likelihood.detach())
        if self.args.loss_type == "nll":
            return likelihood * scale
        return (losses * (-losses).exp().detach()).sum() / num_items_in_batch * scale  # Dynamic Fine-Tuning

    def _log_probabilities(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        """Of the supervised tokens (n,); of all positions where TRL's kernel is used, zero at those not supervised."""
        if self.head == "fused":
            found: torch.Tensor = model(**model_inputs(batch), labels=batch["labels"], fused_lm_head=True).log_probs
            return found
        read = selected_logits if self.head == "supervised positions" else full_logits
        logits = read(model, batch["rows"], batch["columns"], **model_inputs(batch))
        return -torch.nn.functional.cross_entropy(logits.float(), batch["targets"], reduction="none")

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        self._meter.enter("optimizer")
        return super()._clip_grad_norm(model)

    def _get_grad_norm(self, model: torch.nn.Module, grad_norm: Any = None) -> Any:
        self._meter.enter("optimizer")  # without clipping, the first to come
        return super()._get_grad_norm(model, grad_norm=grad_norm)

    def _maybe_log_save_evaluate(
        self, tr_loss: Any, grad_norm: Any, model: Any, *args: Any, learning_rate: float | None = None, **kwargs: Any
    ) -> None:
        """Called after each optimiser step, and once more at the end of the epoch."""
        if self.state.global_step > self._metered_step:
            self._metered_step = self.state.global_step
            step = self._meter.end_step(gradient_norm=float(grad_norm), learning_rate=float(learning_rate or 0.0))
            self._on_step(step)
            if self.args.report_to:
                self.log(step_log(step))
            self._validate_if_due(step.step)
            self._stop_in_time(step.step)
            self._save_if_due(step.step)
        super()._maybe_log_save_evaluate(tr_loss, grad_norm, model, *args, learning_rate=learning_rate, **kwargs)

    def _stop_in_time(self, step: int) -> None:
        if self._seconds is not None and self._meter.work_seconds >= self._seconds and step < self.state.max_steps:
            self.stopped = "seconds"
            self.control.should_training_stop = True

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

    def _pick_head(self, batch: dict[str, Any]) -> Head:
        virtual = getattr(getattr(self.model, "active_peft_config", None), "is_prompt_learning", False)
        if self.args.device.type == "cuda" and not virtual:
            return "fused"  # TRL's kernel: supervised positions only, and the logits are never all in memory
        if self.args.torch_compile:
            return "all positions"  # a compiled graph does not see a hook that comes and goes
        placed = {key: value.to(self.args.device) for key, value in batch.items() if torch.is_tensor(value)}
        narrowed = selects(self.model, placed["rows"], placed["columns"], **model_inputs(placed))
        return "supervised positions" if narrowed else "all positions"

    # --- validation -------------------------------------------------------------------------------------------------

    def _validate_if_due(self, step: int) -> None:
        if self._watch is None or not self._watch.due(step):
            return
        self._meter.enter("evaluation")
        loss = self._validation_loss()
        if self._watch.note(step, loss, self.model):
            self.stopped = "early"
            self.control.should_training_stop = True
        if self.args.report_to and loss is not None:
            self.log({"eval_loss": loss})
        self._meter.enter("other")

    @torch.no_grad()
    def _validation_loss(self) -> float | None:
        """Mean negative log-likelihood per supervised token; `None` if it is not finite. The same on all ranks."""
        self.model.eval()
        total, tokens = 0.0, 0
        for batch in self._validation[self._ranks.index :: self._ranks.size]:
            inputs = self._prepare_inputs(collate(batch, self._pad, packed=False))
            with self.compute_loss_context_manager():
                total -= float(self._log_probabilities(self.model, inputs).sum())
            tokens += inputs["counts"].supervised_tokens
        self.model.train()
        total, tokens = self._ranks.all_reduce_sum(total), int(self._ranks.all_reduce_sum(tokens))
        return total / tokens if math.isfinite(total) else None

    # --- checkpoints ------------------------------------------------------------------------------------------------

    def _save_if_due(self, step: int) -> None:
        if self._saves is None or step % self._saves[2] or step == self.state.max_steps:
            return
        folder, digest, _ = self._saves
        self._meter.enter("saving")
        random = self._random_states()
        if not self.is_main_process:
            self._meter.enter("other")
            return
        save_checkpoint(
            folder,
            Checkpoint(
                digest=digest,
                weights=trainable_weights(self.model),
                optimizer=self.optimizer.state_dict(),
                scheduler=self.lr_scheduler.state_dict(),
                random=random,
                trainer=json.dumps(asdict(self.state)),
                meter=self._meter.state(),
                validation=None if self._watch is None else self._watch.state(),
                best={} if self._watch is None else self._watch.best_weights,
            ),
        )
        self._meter.enter("other")

    def _random_states(self) -> dict[str, torch.Tensor]:
        """Of all ranks' generators, by device type and rank."""
        own = {"cpu": torch.get_rng_state()}
        if self.args.device.type == "cuda":
            own["cuda"] = torch.cuda.get_rng_state()
        return {
            f"{kind}.{rank}": state
            for kind, mine in own.items()
            for rank, state in enumerate(self._ranks.gather_tensor(mine))
        }

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        load_weights(self.model, self._checkpoint().weights)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            self.optimizer.load_state_dict(dict(self._checkpoint().optimizer))
            self.lr_scheduler.load_state_dict(dict(self._checkpoint().scheduler))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            random, rank = self._checkpoint().random, self._ranks.index
            torch.set_rng_state(random[f"cpu.{rank}"])
            if f"cuda.{rank}" in random:
                torch.cuda.set_rng_state(random[f"cuda.{rank}"])

    def _checkpoint(self) -> Checkpoint:
        assert self._resumed is not None, "only `resume` asks transformers to load a checkpoint"
        return self._resumed
