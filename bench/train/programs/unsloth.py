"""A training by unsloth, in the environment that `bench engines add unsloth` builds.

Contract: unsloth replaces parts of transformers, TRL and PEFT where it is imported, so it has a process and libraries
of its own (`unsloth_script.py` beside this file). It gets the batches of the schedule, the adapter's first weights and
the learning rate of each step as TRL's trainer would have them here; its first steps are held against that trainer's,
and what it wrote against the base. It keeps no checkpoint: a training that was interrupted begins again.
"""

import gc
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from bench.emit import Emit, ignore_event
from bench.machine.device import device_name
from bench.machine.other_load import OtherLoadCounter
from bench.model.size.parameters import count_parameters
from bench.places import INSTALLED
from bench.record.files import WEIGHTS
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.ledger import PhaseMemory
from bench.record.results.training.result import TrainResult
from bench.suite.tables.models.precision import Precision
from bench.train.accounting.energy import EnergyCounter
from bench.train.accounting.ledger import LedgerInput, make_ledger
from bench.train.accounting.tail_loss import tail_loss
from bench.train.arguments.rate import learning_rates
from bench.train.equality import STEPS, FirstSteps, compare, plain_steps
from bench.train.prepare import prepare
from bench.train.probe import known_budget
from bench.train.programs.process import environment_of, run_program
from bench.train.programs.rows import ROWS, write_rows
from bench.train.programs.step_reports import MARK, StepReports
from bench.train.programs.written import facts_of_written
from bench.train.saved.portable import save_companions
from bench.train.training_data import TrainingData

_SCRIPT = Path(__file__).with_name("unsloth_script.py")
_DTYPES: Mapping[Precision, str] = {"fp32": "float32", "bf16": "bfloat16"}
_QUIET = {"HF_HUB_OFFLINE": "1", "UNSLOTH_DISABLE_STATISTICS": "1"}
_TOLD = ("unsloth", "torch", "transformers", "peft")
"""Distributions whose versions the result names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """What a training begins with, by TRL's trainer, which is gone."""

    data: TrainingData
    device: torch.device
    precision: Precision
    peak: float | None
    """FLOP/s of the device."""
    parameters: tuple[int, int]
    """All, and the trainable ones."""
    resolved: dict[str, str]
    settings: dict[str, Any]
    """Settings of the script."""


def run_unsloth(job: TrainJob, folder: Path, emit: Emit) -> TrainResult:
    """Train by unsloth. Raises `RuntimeError` with the end of its log where it fails, and `InputError` where what it
    wrote does not fit the base."""
    out = folder / WEIGHTS
    shutil.rmtree(out, ignore_errors=True)  # of a training that was interrupted
    out.mkdir(parents=True)
    began = time.perf_counter()
    start = _begin(job, folder)
    prepared = time.perf_counter()
    equality = compare(plain_steps(job), _first_steps(job, start, folder)).words
    started, energy, others = time.perf_counter(), EnergyCounter(start.device), OtherLoadCounter(start.device)
    reports = _train(job, start, folder, emit, out=out)
    ended, used, other_load = time.perf_counter(), energy.used(), others.seen()
    facts = None if reports.diverged else facts_of_written(job, out)
    save_companions(job.model, out)
    for name in (ROWS, "start.safetensors"):
        (folder / name).unlink()  # made again from the job at any time
    saving, checking = float(reports.end["saving"]), time.perf_counter() - ended
    start_up = prepared - began + ended - started - saving - sum(reports.work().values())
    meter = reports.meter({"start_up": start_up, "saving": saving, "evaluation": checking})
    trained = LedgerInput(
        job=job,
        schedule=start.data.schedule,
        meter=meter,
        head="all positions",
        device=start.device,
        precision=start.precision,
        peak_before=start.peak,
    )
    peaks = (reports.end["peak_process_bytes"], reports.end["peak_device_bytes"])
    memory = PhaseMemory(phase="training", process_bytes=peaks[0], device_bytes=peaks[1])
    return TrainResult(
        parameters=start.parameters[0],
        trainable_parameters=start.parameters[1],
        precision=start.precision,
        device=device_name(start.device),
        template=start.data.planned.template,
        template_note=start.data.planned.template_note,
        head=trained.head,
        resolved={**start.resolved, "engine": equality, "unsloth": _versions(job)},
        steps=tuple(reports.steps),
        tail_loss=None if reports.diverged else tail_loss(reports.steps),
        diverged=reports.diverged,
        ledger=make_ledger(trained, [memory], used, other_load),
        weights=WEIGHTS,
        weights_check=None if facts is None else facts.weights_check,
        applied=None if facts is None else facts.applied,
    )


def _begin(job: TrainJob, folder: Path) -> _Start:
    """The rows and the adapter's first weights in `folder`, and the settings that name them."""
    prepared = prepare(job, folder, ignore_event, budget=known_budget(job)).with_peak()
    model, data = prepared.trainer.model, prepared.data
    write_rows(folder / ROWS, job, data.schedule)
    first = folder / "start.safetensors"
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    save_file({name: value.detach().float().cpu().contiguous() for name, value in trained.items()}, first)
    adapter, recipe = model.peft_config["default"], job.recipe
    settings = {
        "mark": MARK,
        "model": job.model.path,
        "rows": str(folder / ROWS),
        "start": str(first),
        "lora": {
            "r": adapter.r,
            "lora_alpha": adapter.lora_alpha,
            "lora_dropout": adapter.lora_dropout,
            "target_modules": sorted(adapter.target_modules),
            "use_rslora": adapter.use_rslora,
        },
        "dtype": _DTYPES[prepared.precision],
        "max_length": data.max_length,
        "pad_token_id": data.tokenizer.pad_token_id,
        "learning_rates": learning_rates(recipe, data.schedule.steps),
        "betas": recipe.betas,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "loss_average": recipe.loss_average,
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "seed": job.seed,
        "threads": job.threads,
    }
    start = _Start(
        data=data,
        device=prepared.device,
        precision=prepared.precision,
        peak=prepared.peak_before,
        parameters=count_parameters(model),
        resolved=prepared.resolved,
        settings=settings,
    )
    prepared.trainer.release()
    del prepared, model, trained
    gc.collect()  # a trainer is a circle
    torch.cuda.empty_cache()
    return start


def _first_steps(job: TrainJob, start: _Start, folder: Path) -> FirstSteps:
    """The first steps by unsloth; no weights are kept."""
    gradient = folder / "gradient.safetensors"
    reports = _train(job, start, folder, ignore_event, gradient=gradient, steps=STEPS)
    taken = load_file(gradient)
    gradient.unlink()
    return FirstSteps(losses=tuple(step.loss for step in reports.steps), gradient=taken)


def _train(
    job: TrainJob,
    start: _Start,
    folder: Path,
    emit: Emit,
    *,
    out: Path | None = None,
    gradient: Path | None = None,
    steps: int | None = None,
) -> StepReports:
    """Run the script over all steps, or the first ones. out: folder for the adapter. gradient: file for that of the
    first step."""
    rates = start.settings["learning_rates"][:steps]
    file = folder / "settings.json"
    settings = {
        **start.settings,
        "learning_rates": rates,
        "out": None if out is None else str(out),
        "gradient": None if gradient is None else str(gradient),
    }
    file.write_text(json.dumps(settings), encoding="utf-8")
    parts = list(start.data.schedule.first(len(rates)).each_step())
    reports = StepReports(parts=parts, learning_rates=rates, emit=emit)
    run_program(
        [str(_environment(job) / "bin" / "python"), "-P", str(_SCRIPT), str(file)],  # this file is no `unsloth`
        folder,
        lambda home: {**environment_of(home, job.threads), **_QUIET},
        name="unsloth",
        hear=reports.hear,
    )
    file.unlink()
    return reports


def _environment(job: TrainJob) -> Path:
    """The folder of unsloth's environment, where the list of what is installed is."""
    (installed,) = (file for file in job.program if file.name == INSTALLED)
    return Path(installed.path).parent


def _versions(job: TrainJob) -> str:
    """`unsloth 2026.10.9, torch 2.13.0, …`."""
    lines = (_environment(job) / INSTALLED).read_text(encoding="utf-8").split()
    versions = dict(line.split("==", 1) for line in lines if "==" in line)
    return ", ".join(f"{name} {versions[name]}" for name in _TOLD if name in versions)
