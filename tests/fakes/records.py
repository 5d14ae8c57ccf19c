"""A plausible finished run, made from a seed: a `Record` and its per-example scores, with effects that are known.

Nothing is trained. Whoever tests what stands right of the record (statistics, report, gate) takes a run from here:
`make_run()` is complete; its arguments plant a failed training, a failed eval, missing scores, one seed only, or
hostile text in prompts and outputs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.digest import digest_json
from bench.record.record import (
    Environment,
    EvaluationRecord,
    Failure,
    GitState,
    JobRecord,
    ProbeRecord,
    Record,
    TrainingRecord,
)
from bench.record.result import (
    EvalResult,
    Ledger,
    Measure,
    ProbeResult,
    ScoreRow,
    Seconds,
    Step,
    TrainResult,
)
from bench.record.rundir import log_file, scores_file
from bench.suite.resolved import ResolvedData, ResolvedModel, ResolvedSuite
from bench.suite.suite import Suite

DATA = ("lima_1k", "random_1k", "alpaca_52k")
RECIPES = ("full", "lora")
EVALS = ("qa", "choice", "instructions", "cloze", "heldout")
BANNER = "A simulation: a toy base in an invented world. No evidence about large models."
HOSTILE = "a|b `c` <script>alert(1)</script> [x](javascript:1) \x1b[31mred\x1b[0m [bold]B[/bold] \u202eevil\n# head"

RIGHT: dict[str, dict[str, float]] = {
    "qa": {
        "base": 0.02,
        "lima_1k/full": 0.62,
        "lima_1k/lora": 0.48,
        "random_1k/full": 0.51,
        "random_1k/lora": 0.47,
        "alpaca_52k/full": 0.60,
        "alpaca_52k/lora": 0.49,
    },
    "choice": {
        "base": 0.26,
        "lima_1k/full": 0.52,
        "lima_1k/lora": 0.44,
        "random_1k/full": 0.45,
        "random_1k/lora": 0.41,
        "alpaca_52k/full": 0.50,
        "alpaca_52k/lora": 0.25,
    },
    "instructions": {
        "base": 0.05,
        "lima_1k/full": 0.40,
        "lima_1k/lora": 0.30,
        "random_1k/full": 0.28,
        "random_1k/lora": 0.24,
        "alpaca_52k/full": 0.33,
        "alpaca_52k/lora": 0.29,
    },
    "cloze": {
        "base": 0.93,
        "lima_1k/full": 0.80,
        "lima_1k/lora": 0.91,
        "random_1k/full": 0.81,
        "random_1k/lora": 0.92,
        "alpaca_52k/full": 0.84,
        "alpaca_52k/lora": 0.92,
    },
}
"""The planted probability of a right answer, by eval and arm."""
LOSS = {
    "base": 3.1,
    "lima_1k/full": 1.9,
    "lima_1k/lora": 2.2,
    "random_1k/full": 1.7,
    "random_1k/lora": 2.0,
    "alpaca_52k/full": 1.6,
    "alpaca_52k/lora": 1.9,
}
"""The planted held-out loss, in nats per supervised token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeRun:
    """Has the interface of `bench.record.rundir.RunDirectory`."""

    path: Path
    record: Record
    rows: Mapping[tuple[str, str], list[ScoreRow]]
    """By eval and subject."""

    def load(self) -> Record:
        return self.record

    def scores(self, evaluation: EvaluationRecord) -> list[ScoreRow]:
        return self.rows[evaluation.eval, evaluation.subject]

    def write(self) -> Path:
        """Put record.json and the scores where a real run has them."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "record.json").write_text(self.record.model_dump_json(indent=1))
        for evaluation in self.record.evaluations:
            if evaluation.scores is not None:
                file = self.path / evaluation.scores
                file.parent.mkdir(parents=True, exist_ok=True)
                lines = [row.model_dump_json() for row in self.scores(evaluation)]
                file.write_text("".join(line + "\n" for line in lines))
        return self.path


def make_suite(*, seeds: tuple[int, ...] = (0, 1, 2), claims: tuple[dict[str, object], ...] | None = None) -> Suite:
    """The flagship's shape: 3 data × 2 recipes, a size control, five evals."""
    default_claims: tuple[dict[str, object], ...] = (
        {"says": "lima_1k/full >= alpaca_52k/full", "on": "instructions", "margin": 0.02},
        {"says": "lima_1k/full > random_1k/full", "on": "qa"},
        {"says": "alpaca_52k/lora > base", "on": "choice"},
        {"says": "lima_1k/full == base", "on": "cloze", "margin": 0.02},
    )
    lm_eval = {"kind": "lm_eval", "include": "tasks/micro"}
    return Suite.model_validate(
        {
            "name": "lima_vs_alpaca",
            "question": "Does 1K curated beat 52K mixed, with full fine-tuning and with LoRA?",
            "seeds": seeds,
            "control": "random_1k",
            "model": {"card": "micro"},
            "data": {
                "lima_1k": {"source": "micro:curated"},
                "random_1k": {"source": "micro:mixed", "select": {"by": "random", "size": 1000}},
                "alpaca_52k": {"source": "micro:mixed"},
            },
            "recipe": {
                "full": {"method": "full", "learning_rate": 1e-3},
                "lora": {"method": "lora", "learning_rate": 5e-3, "lora": {"r": 16, "alpha": 32}},
            },
            "budget": {"unit": "tokens", "amount": 60_000},
            "arms": {"data": DATA, "recipe": RECIPES},
            "eval": [
                {**lm_eval, "name": "qa", "tasks": ["micro_qa_people", "micro_qa_towns"]},
                {**lm_eval, "name": "choice", "tasks": ["micro_choice"]},
                {**lm_eval, "name": "instructions", "tasks": ["micro_instructions"]},
                {**lm_eval, "name": "cloze", "tasks": ["micro_cloze"], "role": "retention", "template": "none"},
                {"kind": "loss", "name": "heldout", "data": {"source": "micro:heldout"}},
            ],
            "claim": default_claims if claims is None else claims,
        }
    )


def make_run(
    path: Path = Path("reports/lima_vs_alpaca/micro-0123abcd"),
    *,
    seed: int = 0,
    seeds: tuple[int, ...] = (0, 1, 2),
    examples: int = 120,
    seed_spread: float = 0.02,
    missing: float = 0.0,
    failed_training: str | None = None,
    failed_eval: str | None = None,
    hostile: bool = False,
    shared_speed: bool = False,
    budget_used: Mapping[str, float] | None = None,
    claims: tuple[dict[str, object], ...] | None = None,
    simulation: str | None = BANNER,
    rates: Mapping[str, Mapping[str, float]] | None = None,
) -> FakeRun:
    """A run of the flagship's shape.

    examples: per eval. missing: share of scores that are `None`. failed_training: a subject such as
    `alpaca_52k/lora#1`; what depends on it fails too. failed_eval: `EVAL:SUBJECT`. budget_used: share of the budget
    that an arm really used, by arm. rates: planted probabilities of a right answer other than `RIGHT`.
    """
    suite = make_suite(seeds=seeds, claims=claims)
    rng = np.random.default_rng(seed)
    arms = [arm.name for arm in suite.expand()]
    subjects = [("base", None, None), *((f"{arm}#{s}", arm, s) for arm in arms for s in seeds)]
    rows: dict[tuple[str, str], list[ScoreRow]] = {}
    evaluations = []
    for name in EVALS:
        difficulty = rng.normal(0.0, 1.5, size=examples)
        for subject, arm, arm_seed in subjects:
            failure = _failure(name, subject, failed_training=failed_training, failed_eval=failed_eval)
            shift = 0.0 if arm is None else float(rng.normal(0.0, seed_spread))
            own = arm or "base"
            planted = (rates or {}).get(name, {}).get(own, RIGHT.get(name, {}).get(own, 0.0))
            made = _rows(name, own, difficulty, planted, shift, rng, missing=missing, hostile=hostile)
            if failure is None:
                rows[name, subject] = made
            evaluations.append(_evaluation(name, subject, arm, arm_seed, made, failure))
    used = budget_used or {}
    trainings = tuple(
        _training(arm, s, rng, used.get(arm, 1.0), failed=failed_training == f"{arm}#{s}")
        for arm in arms
        for s in seeds
    )
    probes = () if shared_speed else tuple(_probe(arm, rng) for arm in arms)
    record = _record(suite, trainings, probes, tuple(evaluations), simulation)
    return FakeRun(path=path, record=record, rows=rows)


def _failure(name: str, subject: str, *, failed_training: str | None, failed_eval: str | None) -> Failure | None:
    if subject == failed_training:
        return Failure(kind="dependency", message=f"train:{subject} failed: out of memory")
    if f"{name}:{subject}" == failed_eval:
        return Failure(kind="timeout", message="stopped after 600 s")
    return None


def _rows(
    name: str,
    arm: str,
    difficulty: np.ndarray,
    planted: float,
    shift: float,
    rng: np.random.Generator,
    *,
    missing: float,
    hostile: bool,
) -> list[ScoreRow]:
    """One `ScoreRow` per example. Examples share their difficulty over the subjects, so that pairing pays."""
    rows = []
    for index, hard in enumerate(difficulty):
        gone = bool(rng.random() < missing)
        if name == "heldout":
            value: float = max(0.01, LOSS[arm] + shift + 0.5 * float(hard) + float(rng.normal(0, 0.1)))
            metrics = {"loss": None if gone else value, "bits_per_byte": None if gone else value / math.log(2) / 3.5}
            rows.append(
                ScoreRow(
                    task="heldout",
                    id=str(index),
                    metrics=metrics,
                    weight=float(10 + index % 20),
                    prompt=f"Held-out prompt {index}",
                    target="An answer.",
                )
            )
            continue
        rate = min(0.99, max(0.01, planted + shift))
        logit = 1.8 * math.log(rate / (1 - rate)) - float(hard)
        right = bool(rng.random() < 1 / (1 + math.exp(-logit)))
        task, example = _task(name, index, len(difficulty))
        prompt = f"User: Where does Person {index} live?\nAssistant:" if name != "cloze" else f"Person {index} lives in"
        target = f"Town {index}"
        output = target if right else ("Person lives lives lives" if arm == "base" else f"Town {index + 1}")
        if hostile:
            prompt, output = f"{HOSTILE} {index}", f"{HOSTILE} {output}"
        rows.append(
            ScoreRow(
                task=task,
                id=example,
                metrics={_metric(name): None if gone else float(right)},
                prompt=prompt,
                target=target,
                output=output,
            )
        )
    return rows


def _task(name: str, index: int, examples: int) -> tuple[str, str]:
    """The first third of qa belongs to one task, the rest to another, so that the macro average matters."""
    if name != "qa":
        return f"micro_{name}", str(index)
    first = examples // 3
    return ("micro_qa_people", str(index)) if index < first else ("micro_qa_towns", str(index - first))


def _metric(name: str) -> str:
    return {"qa": "exact_match", "instructions": "strict", "choice": "acc", "cloze": "acc"}[name]


def _measures(name: str, rows: list[ScoreRow]) -> tuple[Measure, ...]:
    measures = []
    for task in dict.fromkeys(row.task for row in rows):
        mine = [row for row in rows if row.task == task]
        for position, metric in enumerate(mine[0].metrics):
            seen = [(row.metrics[metric], row.weight) for row in mine if row.metrics[metric] is not None]
            value = sum(v * w for v, w in seen if v is not None) / sum(w for _, w in seen) if seen else None
            measures.append(
                Measure(
                    task=task,
                    metric=metric,
                    value=value,
                    n=len(seen),
                    missing=len(mine) - len(seen),
                    higher_is_better=name != "heldout",
                    binary=name != "heldout",
                    chance=0.25 if name == "choice" else None,
                    headline=position == 0,
                )
            )
    return tuple(measures)


def _evaluation(
    name: str, subject: str, arm: str | None, seed: int | None, rows: list[ScoreRow], failure: Failure | None
) -> EvaluationRecord:
    result = None
    if failure is None:
        result = EvalResult(
            measures=_measures(name, rows),
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


def _job(name: str, failure: Failure | None, *, seconds: float) -> JobRecord:
    return JobRecord(
        id=name,
        digest=digest_json(name),
        status="done" if failure is None else "failed",
        reused=False,
        failure=failure,
        started="2026-01-02T03:04:05Z",
        seconds=seconds,
        log=log_file(name),
    )


def _training(arm: str, seed: int, rng: np.random.Generator, used: float, *, failed: bool) -> TrainingRecord:
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
        alone=False,
        peak_process_bytes=(640 if lora else 720) * 2**20,
        peak_device_bytes=None,
    )
    result = TrainResult(
        parameters=1_900_000 + 60_000 * lora,
        trainable_parameters=60_000 if lora else 1_900_000,
        precision="fp32",
        device="cpu",
        template="dialogue",
        template_note=None,
        steps=steps,
        final_loss=end,
        diverged=False,
        ledger=ledger,
        weights="weights",
    )
    return TrainingRecord(arm=arm, seed=seed, job=_job(f"train:{arm}#{seed}", None, seconds=6.6), result=result)


def _probe(arm: str, rng: np.random.Generator) -> ProbeRecord:
    lora = arm.endswith("lora")
    result = ProbeResult(
        steps=8,
        tokens=9_600,
        slots=12_000,
        tokens_per_second=(14_200.0 if lora else 11_000.0) + 200 * float(rng.normal()),
        peak_process_bytes=(640 if lora else 720) * 2**20,
        peak_device_bytes=None,
    )
    return ProbeRecord(arm=arm, job=_job(f"probe:{arm}", None, seconds=1.4), result=result)


def _record(
    suite: Suite,
    trainings: tuple[TrainingRecord, ...],
    probes: tuple[ProbeRecord, ...],
    evaluations: tuple[EvaluationRecord, ...],
    simulation: str | None,
) -> Record:
    sizes = {"lima_1k": (1000, 1000), "random_1k": (1000, 52_000), "alpaca_52k": (52_000, 52_000)}
    data = {
        name: ResolvedData(
            name=name,
            source=spec.source,
            revision=None,
            rows=sizes[name][0],
            source_rows=sizes[name][1],
            dropped={},
            sha256=f"{index + 1}" * 64,
            path=f"data/{name}.jsonl",
        )
        for index, (name, spec) in enumerate(suite.data.items())
    }
    model = ResolvedModel(
        name="micro",
        source="card:micro",
        revision=None,
        path="models/micro",
        sha256="a" * 64,
        context_length=256,
        parameters=1_900_000,
        template="dialogue",
        template_sha256=None,
        end_of_turn=None,
        lora_target_modules="all-linear",
        simulation=simulation,
    )
    resolved = ResolvedSuite(
        suite=suite,
        profile="micro",
        overrides=(),
        model=model,
        data=data,
        tasks_sha256=dict.fromkeys(EVALS[:4], "b" * 64),
        tasks_path=dict.fromkeys(EVALS[:4], "suites/tasks/micro"),
    )
    versions = {"torch": "2.13.0", "transformers": "5.1.0", "trl": "1.16.0", "peft": "0.21.0", "lm-eval": "0.4.13"}
    environment = Environment(
        python="3.11.9",
        platform="Linux",
        processor="x86_64",
        cores=2,
        memory_bytes=8 * 2**30,
        device="cpu",
        versions=versions,
        workers=2,
        threads=1,
    )
    return Record(
        created="2026-01-02T03:04:00Z",
        finished="2026-01-02T03:08:00Z",
        command=("bench", "run", "suites/lima_vs_alpaca.toml"),
        digest="0123abcd" + "0" * 56,
        resolved=resolved,
        suite_toml_sha256="c" * 64,
        environment=environment,
        git=GitState(commit="d" * 40, dirty=False),
        wall_seconds=212.4,
        trainings=trainings,
        probes=probes,
        evaluations=evaluations,
    )
