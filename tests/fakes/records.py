"""A plausible finished run, made from a seed: a `Record` and its per-example scores, with effects that are known.

Nothing is trained. Whoever tests what stands right of the record (statistics, report, gate) takes a run from here:
`make_run()` is complete; its arguments plant a failed training, a failed eval, missing scores, one seed only, or
hostile text in prompts and outputs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from bench.record.record import (
    Environment,
    EvaluationRecord,
    Failure,
    GitState,
    ProbeRecord,
    Record,
    ScoredStep,
    TrainingRecord,
)
from bench.record.results.evals.evaluation import ScoreRow
from bench.suite.resolved import ResolvedData, ResolvedModel
from bench.suite.resolved_suite import ResolvedSuite
from bench.suite.tables.conclusions.sequential import SequentialOptions
from bench.suite.tables.suite import Suite
from tests.fakes.flagship import EVALS, RIGHT, make_suite
from tests.fakes.jobs import make_evaluation, make_probe, make_training
from tests.fakes.remembered import remembered
from tests.fakes.scores import make_rows

BANNER = "A simulation: a toy base in an invented world. No evidence about large models."


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeRun:
    """Has the interface of `bench.record.rundir.RunDirectory`."""

    path: Path
    record: Record
    rows: Mapping[tuple[str, str], list[ScoreRow]]
    """By eval and subject."""

    def load(self) -> Record:
        return self.record

    def scores(self, evaluation: EvaluationRecord | ScoredStep) -> list[ScoreRow]:
        name = evaluation.dev_eval if isinstance(evaluation, ScoredStep) else evaluation.eval
        return self.rows[name, evaluation.subject]

    def changed(self, *, rows: Mapping[tuple[str, str], list[ScoreRow]] | None = None, **record: Any) -> "FakeRun":
        """The run with other rows, or with other fields of its record."""
        return replace(self, record=self.record.model_copy(update=record), rows=self.rows if rows is None else rows)

    def with_suite(self, suite: Suite | None = None, **fields: Any) -> "FakeRun":
        """The run of another suite, or of one with other fields."""
        suite = (suite or self.record.resolved.suite).model_copy(update=fields)
        return self.changed(resolved=self.record.resolved.model_copy(update={"suite": suite}))

    def only(self, *evals: str) -> "FakeRun":
        """The run of a suite with these evals alone, and with the claims on them: less to compute, to the same
        figures."""
        suite = self.record.resolved.suite
        claims = tuple(claim for claim in suite.claim if claim.eval is None or claim.eval in evals)
        return self.with_suite(eval=tuple(spec for spec in suite.eval if spec.name in evals), claim=claims).changed(
            evaluations=tuple(evaluation for evaluation in self.record.evaluations if evaluation.eval in evals),
            rows={key: scored for key, scored in self.rows.items() if key[0] in evals},
        )

    def write(self) -> Path:
        """Put record.json and the scores where a real run has them."""
        self.path.mkdir(parents=True, exist_ok=True)
        (self.path / "record.json").write_text(self.record.model_dump_json(indent=1))
        steps = (step for trajectory in self.record.trajectories for step in trajectory.steps)
        for evaluation in (*self.record.evaluations, *steps):
            if evaluation.scores is not None:
                file = self.path / evaluation.scores
                file.parent.mkdir(parents=True, exist_ok=True)
                lines = [row.model_dump_json() for row in self.scores(evaluation)]
                file.write_text("".join(line + "\n" for line in lines))
        return self.path


def make_run(path: Path = Path("reports/lima_vs_alpaca/micro-0123abcd"), **planted: Any) -> FakeRun:
    """A run of the flagship's shape at `path`; `planted`: the arguments of `planted_run`."""
    return replace(_planted_run(**planted), path=path)


def planted_run(
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
    more_seeds: Mapping[str, tuple[int, ...]] | None = None,
    max_seeds: int | None = None,
    more_examples: Mapping[str, int] | None = None,
    max_examples: Mapping[str, int] | None = None,
) -> FakeRun:
    """A run of the flagship's shape.

    examples: per eval. missing: share of scores that are `None`. failed_training: a subject such as
    `alpaca_52k/lora#1`; what depends on it fails too. failed_eval: `EVAL:SUBJECT`. budget_used: share of the budget
    that an arm really used, by arm. rates: planted probabilities of a right answer other than `RIGHT`. more_seeds: of
    single arms. max_seeds: at the last planned look. more_examples: of single evals, which then have `examples` as
    their limit. max_examples: of these at the last planned look.
    """
    suite = make_suite(seeds=seeds, claims=claims)
    further, most = dict(more_examples or {}), dict(max_examples or {})
    planned = None if max_seeds is None else SequentialOptions(max_seeds=max_seeds, max_examples=most)
    limited = tuple(
        spec.model_copy(update={"limit": examples}) if spec.name in {*further, *most} else spec for spec in suite.eval
    )
    growing = {"more_seeds": dict(more_seeds or {}), "more_examples": further, "sequential": planned, "eval": limited}
    suite = suite.model_copy(update=growing)
    rng = np.random.default_rng(seed)
    arms = [arm.name for arm in suite.expand()]
    subjects = [("base", None, None), *((f"{arm}#{s}", arm, s) for arm in arms for s in suite.seeds_of(arm))]
    rows: dict[tuple[str, str], list[ScoreRow]] = {}
    evaluations = []
    for name in EVALS:
        difficulty = rng.normal(0.0, 1.5, size=examples + further.get(name, 0))
        for subject, arm, arm_seed in subjects:
            failure = _failure(name, subject, failed_training=failed_training, failed_eval=failed_eval)
            shift = 0.0 if arm is None else float(rng.normal(0.0, seed_spread))
            own = arm or "base"
            planted = (rates or {}).get(name, {}).get(own, RIGHT.get(name, {}).get(own, 0.0))
            made = make_rows(name, own, difficulty, planted, shift, rng, missing=missing, hostile=hostile)
            if failure is None:
                rows[name, subject] = made
            evaluations.append(make_evaluation(name, subject, arm, arm_seed, made, failure))
    used = budget_used or {}
    trainings = tuple(
        make_training(arm, s, rng, used.get(arm, 1.0), failed=failed_training == f"{arm}#{s}")
        for arm in arms
        for s in suite.seeds_of(arm)
    )
    probes = () if shared_speed else tuple(make_probe(arm, rng) for arm in arms)
    record = _record(suite, trainings, probes, tuple(evaluations), simulation)
    return FakeRun(path=Path(), record=record, rows=MappingProxyType(rows))


_planted_run = remembered(planted_run, size=24)


def _failure(name: str, subject: str, *, failed_training: str | None, failed_eval: str | None) -> Failure | None:
    if subject == failed_training:
        return Failure(kind="dependency", message=f"train:{subject} failed: out of memory")
    if f"{name}:{subject}" == failed_eval:
        return Failure(kind="timeout", message="stopped after 600 s")
    return None


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
