"""A subject whose answers a server generates, and what the record says of that."""

from dataclasses import replace
from pathlib import Path

from bench.digest import digest_json
from bench.evals.inference.engines.engine_generator import EngineComparison
from bench.evals.inference.engines.server_engine import ServerEngine
from bench.evals.subject.subject import Subject
from bench.record.files import WEIGHTS
from bench.record.jobs.eval_job import EvalJob, ServerEngineJob
from bench.record.results.evals.engine_use import EngineUse


def with_engine(subject: Subject, job: EvalJob, wanted: ServerEngineJob, replies: Path) -> Subject:
    """The subject with the server as its engine. Raises `InputError` where the server does not load its adapter."""
    engine = ServerEngine.open(wanted.spec.server, subject.tokenizer, cache=replies)
    if wanted.adapter:
        folder = _adapter(job)
        weights = job.training if job.given is None else job.given.sha256
        engine.load_adapter(folder, digest_json([weights, str(folder)])[:16])
    comparison = EngineComparison(asked=wanted.spec.compared, tolerance=wanted.spec.tolerance)
    return replace(subject, engine=engine, comparison=comparison)


def engine_use(subject: Subject, job: EvalJob) -> EngineUse | None:
    """The comparison that let the server generate; `None` where it generated nothing."""
    if job.engine is None or subject.comparison is None or not subject.comparison.compared:
        return None
    assert isinstance(subject.engine, ServerEngine), "the only other engine"
    return EngineUse(
        host=job.engine.spec.server.host,
        model=subject.engine.model,
        compared=subject.comparison.compared,
        equal=subject.comparison.equal,
        tolerance=subject.comparison.tolerance,
        own_tokens_per_second=subject.comparison.own_tokens_per_second,
        tokens_per_second=subject.comparison.tokens_per_second,
    )


def _adapter(job: EvalJob) -> Path:
    """Folder of the subject's adapter."""
    if job.given is not None:
        return Path(job.given.path)
    assert job.training_path is not None, "an adapter was trained or given"
    return Path(job.training_path) / WEIGHTS
