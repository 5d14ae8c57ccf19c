"""A trainer made ready from a job: data, model, adapter, arguments, ledger's clock.

Contract: the same job gives the same trainer, to the last bit, in every process that makes it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import torch
from trl import SFTConfig

from bench.emit import Emit, StepDone
from bench.machine.device import pick_device, pick_precision
from bench.model.loading.load import load_base, load_config
from bench.model.loading.stored_dtype import tuned_dtype
from bench.model.transformers_private import attention_implementation
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.ledger import Step
from bench.suite.tables.models.precision import Precision
from bench.suite.tables.training.budget import Budget
from bench.train.accounting.across_ranks import exchanged
from bench.train.accounting.ledger import LedgerInput
from bench.train.accounting.meter import Meter
from bench.train.accounting.utilization import device_peak
from bench.train.arguments.adapters import check_gradients, peft_config, plans_over_steps, target_modules
from bench.train.arguments.rate import make_scheduler
from bench.train.arguments.sft_config import optimizer_name, sft_config
from bench.train.isolation import row_separation
from bench.train.loop.kept_step.validation import Watch
from bench.train.loop.loss.router import describe_router_loss, router_loss
from bench.train.loop.trainer import MeteredTrainer
from bench.train.loop.trainer_plan import TrainerPlan
from bench.train.processes.distribution import check_distribution, join_group
from bench.train.processes.ranks import Ranks, current_ranks
from bench.train.training_data import TrainingData, build_training_data

RANK_SEED_STRIDE = 2**32
"""Distance between the seeds of two processes, so that no process shares a replicate's seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A trainer ready to go, and what it was made from."""

    job: TrainJob
    trainer: MeteredTrainer
    ranks: Ranks
    data: TrainingData
    """Training data with the schedule that is trained on, which a probe ends early."""
    watch: Watch | None
    meter: Meter
    device: torch.device
    precision: Precision
    peak_before: float | None = None
    """FLOP/s of the device before the first step, once it is measured."""

    def with_peak(self) -> Self:
        """A copy with the device's peak, which the main process measures while nothing trains."""
        peak = device_peak(self.precision, self.device) if self.ranks.is_main_process else None
        return replace(self, peak_before=peak)

    @property
    def trained(self) -> LedgerInput:
        """Input of the ledger, once the training is over."""
        return LedgerInput(
            job=self.job,
            schedule=self.data.schedule,
            meter=self.meter,
            head=self.trainer.head,
            device=self.device,
            precision=self.precision,
            peak_before=self.peak_before,
        )

    @property
    def resolved(self) -> dict[str, str]:
        """Values that the recipe left open, in words."""
        model = self.trainer.model
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        words = {
            "optimizer": optimizer_name(self.job.recipe),
            "attention": attention_implementation(model.config) or "the model's own",
            "max_length": str(self.data.max_length),
            "distributed": self.trainer.accelerator.distributed_type.value.lower(),
            "trained_in": ", ".join(dict.fromkeys(str(value.dtype).removeprefix("torch.") for value in trained)),
        }
        if self.trainer.sdpa is not None and self.trainer.sdpa.used:
            words["attention"] += ", of trained rows in C++"
        if self.trainer.fuses_layers:
            words["layers"] = "each as two functions, in C++ between products, attention included"
        if (router := describe_router_loss(load_config(self.job.model))) is not None:
            words["router_loss"] = router
        if self.job.recipe.adapter is None:
            words["stored_in"] = str(tuned_dtype(Path(self.job.model.path), self.precision)).removeprefix("torch.")
        if self.job.recipe.processes > 1:
            words["processes"] = str(self.job.recipe.processes)
        if modules := target_modules(model):
            words["adapter_modules"] = ", ".join(modules)
        return words


def prepare(
    job: TrainJob,
    folder: Path,
    emit: Emit,
    *,
    budget: Budget,
    only_steps: int | None = None,
    with_largest_pass: bool = False,
    timed: bool = False,
    since: float | None = None,
) -> Prepared:
    """The trainer of `job`. `budget`: the job's, or the tokens that its seconds are worth. `only_steps`: its first
    ones; `with_largest_pass`: the largest pass behind the first step is in the second; `timed`: for their speed alone,
    so that no later step is scheduled, and the rate falls over these, unless the adapter plans over the whole training.
    `since`: when the start-up began, by `time.perf_counter`.

    Raises `InputError` for what the recipe asks for and cannot have.
    """
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)  # adapters draw their start before the trainer seeds itself
    device = pick_device()
    ranks, precision = current_ranks(job.recipe, device), pick_precision(job.recipe.precision, device)
    meter = Meter(synchronize=_synchronize(device), exchange=partial(exchanged, ranks), since=since)
    begun = only_steps if timed and not with_largest_pass and not plans_over_steps(job.recipe) else None
    data = build_training_data(job, budget=budget, steps=begun)
    whole = data.schedule
    if only_steps is not None:
        data = data.first(only_steps, with_largest_pass=with_largest_pass)
    join_group(job.recipe, device)
    watch = _watch(job, data, ranks) if only_steps is None else None
    adapter = peft_config(job.recipe, job.model, steps=whole.steps)
    # Full fine-tuning keeps fp32 master weights under autocast; a frozen base needs none.
    stored = "fp32" if adapter is None else precision
    model = load_base(job.model, precision=stored, device=device, quantization=job.recipe.quantization)
    plan = _trainer_plan(job, data, ranks, watch=watch, whole=whole.steps)
    trainer = MeteredTrainer(
        model=model,
        tokenizer=data.tokenizer,
        arguments=_arguments(job, data, folder, precision, device=device, tracked=only_steps is None),
        adapter=adapter,
        plan=plan,  # it tries a model, and from ZeRO 3's arguments on none can be built until the training is over
        meter=meter,
        on_step=_announce(emit, data.schedule.steps, meter),
    )
    check_gradients(trainer.model)
    check_distribution(job.recipe, trainer)
    if not ranks.is_main_process:
        torch.manual_seed(job.seed + ranks.index * RANK_SEED_STRIDE)  # else all would drop out the same units
    return Prepared(
        job=job, trainer=trainer, ranks=ranks, data=data, watch=watch, meter=meter, device=device, precision=precision
    )


def _arguments(
    job: TrainJob, data: TrainingData, folder: Path, precision: Precision, *, device: torch.device, tracked: bool
) -> SFTConfig:
    """TRL's arguments. tracked: whether the job's trackers are reported to."""
    return sft_config(
        job.recipe,
        steps=data.schedule.steps,
        seed=job.seed,
        precision=precision,
        device=device,
        folder=folder,
        track=job.track if tracked else (),
        log_every=job.log_every,
        name=job.id,
    )


def _trainer_plan(job: TrainJob, data: TrainingData, ranks: Ranks, *, watch: Watch | None, whole: int) -> TrainerPlan:
    """What the trainer follows. `whole`: steps of the training, which a probe ends early."""
    return TrainerPlan(
        schedule=data.schedule,
        separation=row_separation(job.model) if job.recipe.packed else None,
        make_scheduler=make_scheduler(job.recipe, whole),
        router=router_loss(load_config(job.model)),
        seconds=job.budget.amount if job.budget.unit == "seconds" else None,
        watch=watch,
        validation=data.validation,
        loss_average=job.recipe.loss_average,
        weight_decay_on=job.recipe.weight_decay_on,
        ranks=ranks,
    )


def _watch(job: TrainJob, data: TrainingData, ranks: Ranks) -> Watch | None:
    """Best weights are kept by the main process alone."""
    if job.recipe.validation is None:
        return None
    keep_best = job.recipe.validation.keep_best and ranks.is_main_process
    return Watch(job.recipe.validation.model_copy(update={"keep_best": keep_best}), steps=data.schedule.steps)


def _announce(emit: Emit, steps: int, meter: Meter) -> Callable[[Step], None]:
    def announce(step: Step) -> None:
        speed = meter.running_tokens_per_second
        emit(
            StepDone(
                step=step.step,
                steps=steps,
                loss=step.loss,
                gradient_norm=step.gradient_norm,
                tokens=meter.tokens,
                tokens_per_second=speed,
            )
        )

    return announce


def _synchronize(device: torch.device) -> Callable[[], None] | None:
    return {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}.get(device.type)
