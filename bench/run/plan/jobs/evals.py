"""Jobs that score one subject on one eval: by its weights, or by the server that has it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from bench.record.files import MEASURED, REPLIES, SCORED
from bench.record.jobs.deploy_job import DeployJob
from bench.record.jobs.eval_job import EvalJob, Served, ServerEngineJob, Shots
from bench.record.jobs.train_job import TrainJob
from bench.run.plan.digests import eval_digest, served_digest
from bench.run.plan.jobs.context import PlanContext
from bench.run.plan.jobs.judges import shared
from bench.suite.catalog.answered_in_text import surely_writes
from bench.suite.resolved import ResolvedData, ResolvedModel, ResolvedWeights
from bench.suite.tables.evals.eval_spec import EvalSpec, data_of, with_all_examples
from bench.suite.tables.models.endpoint import EndpointSpec


def eval_job(
    context: PlanContext,
    spec: EvalSpec,
    subject: str,
    model: ResolvedModel,
    *,
    part: Literal["dev", "test"] = "test",
    made: TrainJob | DeployJob | None = None,
    shots: Shots | None = None,
    given: ResolvedWeights | None = None,
) -> EvalJob:
    """One subject on one eval. part: of the examples, where the eval has dev examples. made: the job that brings the
    subject's weights."""
    if getattr(spec, "template", "suite") == "none":
        shots = None  # no template, no place for turns: the subject is the base, and shares its result
    covered: dict[str, Any] = {  # by the digest, as it is in the job
        "model": model,
        "part": context.part_of(spec, part),
        "training": None if made is None else made.digest,
        "given": given,
        "engine": _engine(context, spec, model, made=made, given=given),
        "shots": shots,
        "precision": context.precision,
        "threads": context.threads,
    }
    tasks_sha256 = context.resolved.tasks_sha256.get(spec.name)
    digested = {**covered, "tasks_sha256": tasks_sha256, "code": context.code, "texts": context.texts}
    data = _rows(context, spec)
    return context.job_of(
        EvalJob,
        spec,
        model,
        **covered,
        subject=subject,
        eval=spec,
        data=data,
        tasks_path=context.resolved.tasks_path.get(spec.name),
        training_path=None if made is None else str(context.store.folder(made.digest)),
        form=made.form if isinstance(made, DeployJob) else None,
        trust_task_code=context.trust_task_code,
        replies=_replies(context, spec, digested),
        measured=str(context.store.home / MEASURED),
        digest=eval_digest(evaluation=spec, data=data, **digested),
    )


def served_job(
    context: PlanContext, spec: EvalSpec, subject: str, model: ResolvedModel, endpoint: EndpointSpec
) -> EvalJob:
    """A model behind a server on one eval that text is enough for."""
    data, part = _rows(context, spec), context.part_of(spec, "test")
    return EvalJob(
        subject=subject,
        eval=spec,
        model=model,
        data=data,
        part=part,
        tasks_path=context.resolved.tasks_path.get(spec.name),
        training=None,
        training_path=None,
        served=Served(endpoint=shared(endpoint, context.workers), replies=str(context.store.home / REPLIES)),
        precision=context.precision,
        threads=context.threads,
        trust_task_code=context.trust_task_code,
        digest=served_digest(
            evaluation=spec,
            endpoint=endpoint,
            data=data,
            tasks_sha256=context.resolved.tasks_sha256.get(spec.name),
            code=context.code,
            part=part,
        ),
    )


def _rows(context: PlanContext, spec: EvalSpec) -> ResolvedData | None:
    return None if data_of(spec) is None else context.resolved.data[f"eval:{spec.name}"]


def _engine(
    context: PlanContext,
    spec: EvalSpec,
    model: ResolvedModel,
    *,
    made: TrainJob | DeployJob | None,
    given: ResolvedWeights | None,
) -> ServerEngineJob | None:
    """The server that generates the subject's answers: those of the base, and of LoRA adapters where it loads them;
    `None` where this program does."""
    engine = context.resolved.suite.engine
    folder = context.resolved.tasks_path.get(spec.name)
    if engine is None or model.starts or not surely_writes(spec, None if folder is None else Path(folder)):
        return None
    if made is None and given is None:
        return ServerEngineJob(spec=engine, adapter=False)
    lora = isinstance(made, TrainJob) and made.recipe.method == "lora"
    adapter = lora or (given is not None and given.form == "adapter")
    return ServerEngineJob(spec=engine, adapter=True) if adapter and engine.adapters else None


def _replies(context: PlanContext, spec: EvalSpec, digested: Mapping[str, Any]) -> str | None:
    """Where a subject's replies to an eval that may grow are kept: one file, whatever the number of examples."""
    plan = context.resolved.suite.sequential
    if plan is None or spec.name not in plan.max_examples or context.fresh:
        return None
    digest = eval_digest(evaluation=with_all_examples(spec), data=None, **digested)
    return str(context.store.home / SCORED / f"{digest}.jsonl")
