"""A finished run whose trainings were scored over their steps: at the first as the base is, then as the arm is."""

from typing import Any

from bench.record.record import Record, ScoredStep, TrainingRecord, TrajectoryRecord
from bench.record.results.evals.evaluation import ScoreRow
from bench.record.results.training.result import DevPoint
from bench.record.rundir import scores_file
from bench.suite.tables.training.evaluate_at import EvaluateAt
from tests.fakes.records import FakeRun, make_run
from tests.fakes.scores import make_measures

STEPS = (10, 30, 50)
"""Of the fifty that the fake trainings have."""


def stepped_run(*, kept: bool = False, claims: tuple[dict[str, object], ...] = (), **asked: Any) -> FakeRun:
    """The flagship's arms, scored on `qa` and `cloze` at `STEPS`. kept: whether seed 0 of each arm kept step 30."""
    run = make_run(examples=60, claims=claims)
    keep = {"keep": "best on qa"} if kept else {}
    table = EvaluateAt.model_validate({"steps": 3, "evals": ("qa", "cloze"), **keep, **asked})
    rows = dict(run.rows)
    trajectories = [
        _trajectory(run.record, rows, subject, arm, seed, name)
        for name in table.evals
        for subject, arm, seed in dict.fromkeys((e.subject, e.arm, e.seed) for e in run.record.evaluations)
    ]
    trainings = tuple(_chosen(t) if kept and t.seed == 0 else t for t in run.record.trainings)
    scored = run.with_suite(evaluate_at=table)
    return scored.changed(trajectories=tuple(trajectories), trainings=trainings, rows=rows)


def _trajectory(
    record: Record,
    rows: dict[tuple[str, str], list[ScoreRow]],
    subject: str,
    arm: str | None,
    seed: int | None,
    name: str,
) -> TrajectoryRecord:
    steps = []
    for step in STEPS if arm is not None else (0,):
        scored = rows[name, "base" if step == STEPS[0] else subject]
        at_step = subject if arm is None else f"{subject}@{step}"
        rows[f"{name}@dev", at_step] = scored
        steps.append(
            ScoredStep(
                eval=name,
                subject=at_step,
                step=step,
                measures=make_measures(name, scored),
                scores=scores_file(f"{name}@dev", at_step),
            )
        )
    job = record.evaluations[0].job.model_copy(update={"id": f"trajectory:{name}:{subject}"})
    return TrajectoryRecord(subject=subject, arm=arm, seed=seed, eval=name, job=job, steps=tuple(steps))


def _chosen(training: TrainingRecord) -> TrainingRecord:
    points = tuple(DevPoint(step=step, score=score) for step, score in zip(STEPS, (0.1, 0.6, 0.5), strict=True))
    changes = {"dev": points, "kept_step": 30, "stored_steps": STEPS, "stopped": "early"}
    return training.model_copy(update={"result": training.result.model_copy(update=changes)})
