"""What a run's jobs leave in its record: a training, a probe, an evaluation, each finished or failed."""

import math

import numpy as np

from bench.digest import digest_json
from bench.record.record import EvaluationRecord, Failure, JobRecord, ProbeRecord, TrainingRecord
from bench.record.results.evals.evaluation import EvalResult, ScoreRow
from bench.record.results.training.ledger import Ledger, Seconds, Step
from bench.record.results.training.result import ProbeResult, TrainResult
from bench.record.results.training.seen_row import SeenRow, Segment
from bench.record.rundir import log_file, scores_file
from tests.fakes.flagship import LOSS
from tests.fakes.scores import make_measures


def make_training(arm: str, seed: int, rng: np.random.Generator, used: float, *, failed: bool) -> TrainingRecord:
    """used: share of the budget that it really used. failed: out of memory before its end."""
    if failed:
        failure = Failure(kind="out_of_memory", message="out of memory: 3.1 GiB asked, 2.0 GiB free")
        return TrainingRecord(arm=arm, seed=seed, job=_job(f"train:{arm}#{seed}", failure, seconds=1.5), result=None)
    count, lora = 50, arm.endswith("lora")
    start, end = 3.2, LOSS[arm]
    steps = tuple(
        Step(
            step=i,
            loss=end + (start - end) * math.exp(-i / 10) + 0.08 * float(rng.normal()),
            gradient_norm=1.0 / i + 0.3,
            learning_rate=1e-3 * (1 - (i - 1) / count),
            tokens=round(1200 * used),
            supervised_tokens=round(400 * used),
            slots=round(1500 * used),
            rows=16,
            seconds=0.1,
        )
        for i in range(1, count + 1)
    )
    ledger = Ledger(
        rows=800,
        distinct_rows=800,
        epochs=0.8 if "1k" in arm else 0.015,
        steps=count,
        slots=round(75_000 * used),
        tokens=round(60_000 * used),
        supervised_tokens=round(20_000 * used),
        truncated_rows=24 if "52k" in arm else 0,
        dropped_rows=0,
        seconds=Seconds(start_up=0.6, data=0.2, compute=4.6, optimizer=0.4, saving=0.1, other=0.2, wall=6.1),
        warmup_steps_left_out=3,
        tokens_per_second=9_000.0 + 500 * float(rng.normal()),
        peak_process_bytes=(640 if lora else 720) * 2**20,
        peak_device_bytes=None,
    )
    result = TrainResult(
        parameters=1_900_000 + 60_000 * lora,
        trainable_parameters=60_000 if lora else 1_900_000,
        precision="fp32",
        device="cpu",
        template="dialogue",
        seen_rows=(
            SeenRow(
                origin=f"{arm}.jsonl:{seed + 1}",
                tokens=9,
                supervised_tokens=4,
                segments=(
                    Segment(text="User: Where is it? <b>\nAssistant:", supervised=False),
                    Segment(text=" In a town.</s>", supervised=True),
                ),
            ),
        ),
        template_note=None,
        steps=steps,
        tail_loss=end,
        diverged=False,
        ledger=ledger,
        weights="weights",
    )
    return TrainingRecord(arm=arm, seed=seed, job=_job(f"train:{arm}#{seed}", None, seconds=6.6), result=result)


def make_probe(arm: str, rng: np.random.Generator) -> ProbeRecord:
    """The speed of an arm, measured alone."""
    lora = arm.endswith("lora")
    result = ProbeResult(
        steps=8,
        tokens=9_600,
        slots=12_000,
        tokens_per_second=(14_200.0 if lora else 11_000.0) + 200 * float(rng.normal()),
        peak_process_bytes=(640 if lora else 720) * 2**20,
        peak_device_bytes=None,
    )
    return ProbeRecord(arm=arm, job=_job(f"probe:{arm}", None, seconds=1.4, alone=True), result=result)


def make_evaluation(
    name: str, subject: str, arm: str | None, seed: int | None, rows: list[ScoreRow], failure: Failure | None
) -> EvaluationRecord:
    """rows: what `make_rows` drew. failure: why there is no result."""
    result = None
    if failure is None:
        result = EvalResult(
            measures=make_measures(name, rows),
            template="none" if name == "cloze" else "dialogue",
            precision="fp32",
            batch="by length, 4096 tokens",
            generated_tokens=900 if name in {"qa", "instructions"} else None,
            seconds=Seconds(start_up=0.4, evaluation=2.0, other=0.1, wall=2.5),
            peak_process_bytes=700 * 2**20,
            versions={f"micro_{name}": "1"},
        )
    job = _job(f"eval:{name}:{subject}", failure, seconds=2.9)
    scores = scores_file(name, subject) if failure is None else None
    return EvaluationRecord(subject=subject, arm=arm, seed=seed, eval=name, job=job, result=result, scores=scores)


def _job(name: str, failure: Failure | None, *, seconds: float, alone: bool = False) -> JobRecord:
    return JobRecord(
        id=name,
        digest=digest_json(name),
        status="done" if failure is None else "failed",
        reused=False,
        failure=failure,
        started="2026-01-02T03:04:05Z",
        seconds=seconds,
        alone=alone,
        log=log_file(name),
    )
