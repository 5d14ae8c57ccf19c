"""TRL's `SFTTrainer` on an exact schedule, metered, with the head at supervised positions and whole checkpoints.

Contract: each planned batch is trained on once, in order. A loss that is not finite ends the training before the
weights are touched.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from datasets import Dataset
from peft import PeftConfig
from torch.optim.lr_scheduler import LRScheduler
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PrinterCallback
from transformers.integrations.deepspeed import unset_hf_deepspeed_config
from trl import SFTConfig, SFTTrainer

from bench.model.loading.load import leave_router_logits_out
from bench.model.transformers_private import TrainerHooks, deepspeed_reads_no_checkpoint
from bench.record.files import CHECKPOINT
from bench.record.results.training.ledger import Step
from bench.record.results.training.result import Head
from bench.train.accounting.meter import Meter
from bench.train.arguments.adapters import RankAllocation
from bench.train.batches.collate import Collator, collate
from bench.train.batches.encoded_row import beginning
from bench.train.isolation import check_isolation
from bench.train.loop.checkpoints.checkpoint import Checkpoint
from bench.train.loop.checkpoints.checkpointer import Checkpointer, SavePlan
from bench.train.loop.checkpoints.sharded import gather_state
from bench.train.loop.kept_step.evaluated_steps import EvaluatedSteps
from bench.train.loop.kept_step.weights import upcast_trainable_bf16
from bench.train.loop.layers.fused import can_fuse, fused
from bench.train.loop.layers.sdpa import SdpaInCpp, computes_as_torch
from bench.train.loop.loss.lm_head import pick_head
from bench.train.loop.loss.step_loss import StepLoss
from bench.train.loop.steps import DivergedError, StepAccount
from bench.train.loop.tracking import place_logs, steps_log, training_log
from bench.train.loop.trainer_plan import TrainerPlan

_TRIED_TOKENS = 16
"""Length of the row that shows where the head can be applied: as much as a whole one, which may be thousands."""


class MeteredTrainer(TrainerHooks, SFTTrainer):  # type: ignore[misc]  # trl is read as untyped
    """Trains on a schedule in its order, once, and puts every step on the meter."""

    loss_is_scaled_for_ga = True  # `compute_loss` divides by the whole step's supervised tokens

    def __init__(
        self,
        *,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        arguments: SFTConfig,
        adapter: PeftConfig | None,
        plan: TrainerPlan,
        meter: Meter,
        on_step: Callable[[Step], None],
    ) -> None:
        """Raises `InputError` where packed rows of `model` are not blind to each other."""
        pad, schedule = tokenizer.pad_token_id, plan.schedule
        assert isinstance(pad, int), "load_tokenizer sees to it"
        super().__init__(
            model=model,
            args=arguments,
            data_collator=Collator(batches=schedule.batches, pad_token_id=pad, separation=plan.separation),
            train_dataset=Dataset.from_dict({"batch": list(range(plan.dealt_batches))}),
            processing_class=tokenizer,
            peft_config=adapter,
        )
        leave_router_logits_out(self.model.config)  # TRL asks for them whether the base does or not
        if not arguments.bf16:
            upcast_trainable_bf16(self.model)
        self._set_callbacks()
        self._plan, self._account = plan, StepAccount(meter, on_step, plan.ranks)
        self._loss = StepLoss(
            average=plan.loss_average, dynamic=arguments.loss_type == "dft", router=plan.router, ranks=plan.ranks
        )
        self._validator = plan.validator(pad)
        self._checkpoints = Checkpointer(ranks=plan.ranks, meter=meter, validator=self._validator)
        self.stopped: Literal["budget", "early", "seconds"] = "budget"
        """Why the training ended."""
        first = schedule.batches[0]
        longest = max((example for sequence in first for example in sequence), key=lambda example: example.tokens)
        self.head: Head = pick_head(
            self.model,
            collate(((beginning(longest, _TRIED_TOKENS),),), pad, plan.separation),
            device=arguments.device,
            compiled=arguments.torch_compile,
            fused=plan.router is None,  # TRL's kernel counts the padding of packed rows
        )
        """Where the language-model head is applied."""
        alone = plan.ranks.size == 1 and not (self.is_sharded or arguments.torch_compile)
        alone_on_processor = alone and arguments.device.type == "cpu"
        with self.accelerator.autocast():
            self.fuses_layers = alone_on_processor and can_fuse(self.model)
        """Whether the layers are computed as `bench.train.loop.layers` has them."""
        self.sdpa = SdpaInCpp() if alone_on_processor and computes_as_torch() else None
        """What computes attention in place of torch, in layers that are not fused."""
        if plan.separation is not None:
            check_isolation(self.model, max(first, key=len), pad, device=arguments.device, separation=plan.separation)

    def get_decay_parameter_names(self, model: torch.nn.Module) -> list[str]:
        """Names of the parameters that decay: without biases and norms, or all of them."""
        if self._plan.weight_decay_on == "all":
            return [name for name, _ in model.named_parameters()]
        names: list[str] = super().get_decay_parameter_names(model)
        return names

    def save_every(self, steps: int, *, folder: Path, digest: str) -> None:
        """Keeps a resumable checkpoint of the training `digest` in `folder`, renewed every so many steps."""
        self._checkpoints = replace(self._checkpoints, plan=SavePlan(folder=folder, digest=digest, every=steps))

    def evaluate_at(self, steps: EvaluatedSteps) -> None:
        """Stores these steps for evaluation, and ends where their scores say so."""
        self._checkpoints = replace(self._checkpoints, evaluated=steps)

    def train(self, *given: Any, **named: Any) -> Any:
        """Trains as transformers does, with fused layers and attention in C++ where the model can have them."""
        attention = nullcontext() if self.sdpa is None else self.sdpa.open()
        with attention, fused(self.model) if self.fuses_layers else nullcontext():
            return super().train(*given, **named)

    def run(self, checkpoint: Checkpoint | None = None, folder: Path | None = None) -> bool:
        """Trains to the end, from `checkpoint` in `folder` if there is one. Whether the training diverged."""
        try:  # up to the first batch it is still starting up
            if checkpoint is not None and folder is not None:
                self.resume(checkpoint, folder)
            else:
                self.train()
        except DivergedError:
            return True
        finally:
            self._account.enter("other")
            unset_hf_deepspeed_config()  # else every later model would be sharded as it is made, over all ranks
        return False

    def resume(self, checkpoint: Checkpoint, folder: Path) -> None:
        """Trains on from `checkpoint` in `folder` to the end."""
        self._checkpoints = replace(self._checkpoints, resumed=checkpoint)
        self._checkpoints.restore_account()
        self.resume_step(len(self._account.meter.steps))
        with deepspeed_reads_no_checkpoint():
            self.train(resume_from_checkpoint=str(folder / CHECKPOINT))

    @property
    def whole_model(self) -> Any:
        """The model without what accelerate wrapped around it."""
        return self.accelerator.unwrap_model(self.model, keep_torch_compile=False)

    @property
    def is_sharded(self) -> bool:
        """Whether no rank may have all weights and optimiser states."""
        return bool(self.is_deepspeed_enabled or self.is_fsdp_enabled)

    def gathered_state(self) -> dict[str, torch.Tensor] | None:
        """Weights by name where they are sharded over the ranks, which all have to call this; else `None`. The
        adapter's where there is one; empty on all ranks but the main process."""
        if not self.is_sharded:
            return None
        model = self.whole_model
        return gather_state(model, adapter_only=hasattr(model, "peft_config"), keep=self.is_main_process)

    def release(self) -> None:
        """Gives back the memory of the optimiser and the gradients: there is nothing more to train."""
        self.model.zero_grad(set_to_none=True)
        self.optimizer = self.lr_scheduler = None
        self.accelerator.free_memory()

    @property
    def is_main_process(self) -> bool:
        """Whether this process is the one that writes."""
        return self._plan.ranks.is_main_process

    def _set_callbacks(self) -> None:
        self.remove_callback(PrinterCallback)
        if RankAllocation.wanted_by(self.model):
            self.add_callback(RankAllocation())
        place_logs(self.callback_handler.callbacks, Path(self.args.output_dir))

    # --- the step ---------------------------------------------------------------------------------------------------

    def get_batch_samples(self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device) -> Any:
        """Forward passes of one step, and the step's supervised tokens."""
        self._account.enter("data")
        samples = super().get_batch_samples(epoch_iterator, num_batches, device)
        self._account.enter("other")
        return samples

    def loss_divisor(self, batches: list[dict[str, Any]]) -> int:
        """What the losses of one step are divided by, over all ranks."""
        return self._loss.divisor(batch["counts"] for batch in batches)

    def training_step(self, model: torch.nn.Module, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        """Forward and backward of one batch. Raises `DivergedError` if its loss is not finite on any rank."""
        self._account.enter("compute")
        counts = inputs["counts"]
        loss = super().training_step(model, inputs, num_items_in_batch)
        self._account.end_forward(counts, self.learning_rate)
        return loss

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Loss that is minimised, of one forward pass."""
        passes = 1 if self._plan.router is None else self.current_gradient_accumulation_steps
        minimised, self._account.loss = self._loss.of(
            model, inputs, self.head, step_divisor=num_items_in_batch, accumulation=passes
        )
        return minimised

    def before_optimizer(self) -> None:
        """Begin the optimiser's time."""
        self._account.enter("optimizer")

    def after_step(self, gradient_norm: float, learning_rate: float) -> None:
        """Reports the step; validates, stops and saves where that is due."""
        step = self._account.end_step(gradient_norm, learning_rate)
        if self.args.report_to and step.step % self.args.logging_steps == 0:
            steps = self._account.meter.steps
            rows = sum(measured.rows for measured in steps)
            self.state.epoch = rows / self._plan.schedule.available_rows  # transformers counts passes over the schedule
            self.log(steps_log(steps[-int(self.args.logging_steps) :]))
        self._validate_if_due(step.step)
        self._evaluate_if_due(step.step)
        self._stop_in_time(step.step)
        if self._checkpoints.due(step.step, self.state.max_steps):
            self._account.enter("saving")
            self._checkpoints.save(self)
            self._account.enter("other")

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LRScheduler:
        """The recipe's schedule."""
        if self.lr_scheduler is None:
            self.use_scheduler(self._plan.make_scheduler(optimizer or self.optimizer))
        scheduler: LRScheduler = self.lr_scheduler
        return scheduler

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """To the trackers. transformers counts a batch as one sample in its last report; here rows are counted."""
        if "train_runtime" in logs:
            inner = self.accelerator.unwrap_model(self.model)
            parameters = inner.num_parameters(exclude_embeddings=True) if hasattr(inner, "num_parameters") else 0
            logs |= training_log(self._account.meter.steps, seconds=logs["train_runtime"], parameters=parameters)
        super().log(logs, start_time)

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Not counted here: the estimate walks all parameters at every forward pass."""
        return 0

    # --- validation and stop ----------------------------------------------------------------------------------------

    def _validate_if_due(self, step: int) -> None:
        if self._validator is None or not self._validator.watch.due(step):
            return
        self._account.enter("evaluation")
        loss = self._validator.loss(self)
        if self._validator.watch.note(step, loss, self.model):
            self._stop("early")
        if self.args.report_to and loss is not None:
            self.log({"eval_loss": loss})
        self._account.enter("other")

    def _evaluate_if_due(self, step: int) -> None:
        evaluated = self._checkpoints.evaluated
        if evaluated is None or step not in evaluated.due:
            return
        self._account.enter("saving" if evaluated.best is None else "evaluation")
        if evaluated.take(step, self.model) and step < self.state.max_steps:
            self._stop("early")
        self._account.enter("other")

    def _stop_in_time(self, step: int) -> None:
        limit = self._plan.seconds
        if limit is not None and self._account.meter.work_seconds >= limit and step < self.state.max_steps:
            self._stop("seconds")

    def _stop(self, why: Literal["early", "seconds"]) -> None:
        self.stopped = why
        self.control.should_training_stop = True

    # --- resuming ---------------------------------------------------------------------------------------------------

    def load_checkpoint_weights(self) -> None:
        """Weights of the checkpoint."""
        self._checkpoints.restore_weights(self.model)

    def load_checkpoint_optimizer(self) -> None:
        """Optimiser and scheduler of the checkpoint."""
        self._checkpoints.restore_optimizer(self)

    def load_checkpoint_random_states(self) -> None:
        """Random numbers of the checkpoint."""
        self._checkpoints.restore_random_states()
