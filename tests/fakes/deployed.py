"""A finished run whose arms are shipped in other forms as well, from one without."""

from collections.abc import Mapping

from bench.record.record import DeploymentRecord, EvaluationRecord
from bench.record.results.evals.evaluation import ScoreRow
from bench.suite.reading.deployed_claims import with_deployed_claims
from bench.suite.tables.arms.arms import ArmRef
from bench.suite.tables.arms.deploy import DeployOptions
from tests.fakes.records import FakeRun
from tests.fakes.results import deploy_result


def with_forms(run: FakeRun, deploy: DeployOptions, *, broken: Mapping[str, int] | None = None) -> FakeRun:
    """`run` with the forms of `deploy`, whose scores are those of the trained arms. `broken`: by form, every how many
    of the right answers are wrong in it."""
    suite = with_deployed_claims(run.record.resolved.suite.model_copy(update={"deploy": deploy}), lambda _: True)
    forms = [arm for arm in suite.expand() if arm.deployed is not None]
    rows, evaluations = dict(run.rows), list(run.record.evaluations)
    for arm in forms:
        for trained in [evaluation for evaluation in run.record.evaluations if evaluation.arm == arm.trained]:
            form = _renamed(trained, arm)
            evaluations.append(form)
            every = (broken or {}).get(arm.deployed or "", 0)
            rows[form.eval, form.subject] = _scored(run.rows[trained.eval, trained.subject], every)
    made = tuple(
        DeploymentRecord(
            arm=arm.name,
            seed=training.seed,
            job=training.job.model_copy(update={"id": f"deploy:{arm.name}#{training.seed}", "alone": True}),
            result=deploy_result(arm.deployed or "merged"),
        )
        for arm in forms
        for training in run.record.trainings
        if training.arm == arm.trained
    )
    return run.with_suite(suite).changed(evaluations=tuple(evaluations), deployments=made, rows=rows)


def _renamed(evaluation: EvaluationRecord, arm: ArmRef) -> EvaluationRecord:
    return evaluation.model_copy(update={"arm": arm.name, "subject": f"{arm.name}#{evaluation.seed}"})


def _scored(rows: list[ScoreRow], every: int) -> list[ScoreRow]:
    return [
        row.model_copy(update={"metrics": dict.fromkeys(row.metrics, 0.0)}) if every and at % every == 0 else row
        for at, row in enumerate(rows)
    ]
