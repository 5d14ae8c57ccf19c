"""The jobs of judge evals: who is compared with whom, after which answers.

Contract: each subject's answers are got once, by an `AnswerJob`; a judge job needs those of both sides and loads no
model of the suite. The reference itself is not judged: its scores are ties by definition. Against controls a base has
nothing to be compared with, and is no subject of that eval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from bench.record.job import AnswerJob, EvalJob, Job, Judging
from bench.record.store import JobStore
from bench.run.plan.digests import judge_digest
from bench.run.resolve.suite import reference_data
from bench.suite.endpoint import EndpointSpec
from bench.suite.evals import JudgeSpec
from bench.suite.resolved import ResolvedSuite
from bench.suite.suite import Suite

Entry: TypeAlias = tuple[Job, tuple[str, ...], str | None, int | None]
"""A job, digests of those that it needs, its arm, its seed."""


def judge_entries(
    resolved: ResolvedSuite, entries: Sequence[Entry], *, store: JobStore, workers: int
) -> Iterator[Entry]:
    """A judge job for each `AnswerJob` among `entries`, to stand behind all of these."""
    for spec in resolved.suite.eval:
        if isinstance(spec, JudgeSpec):
            asked = [entry for entry in entries if isinstance(entry[0], AnswerJob) and _eval_name(entry) == spec.name]
            answers = {job.asking.subject: job for job, *_ in asked if isinstance(job, AnswerJob)}
            for job, _, arm, seed in asked:
                assert isinstance(job, AnswerJob), "chosen"
                yield _entry(spec, job, arm, seed, answers, resolved, store, workers)


def is_asked(spec: JudgeSpec, arm: str | None) -> bool:
    """Whether a base (`arm` is `None`) or an arm is a subject of the eval."""
    return arm is not None or spec.against != "control"


def _eval_name(entry: Entry) -> str | None:
    job = entry[0]
    return job.asking.eval.name if isinstance(job, AnswerJob) else None


def _entry(
    spec: JudgeSpec,
    job: AnswerJob,
    arm: str | None,
    seed: int | None,
    answers: Mapping[str, AnswerJob],
    resolved: ResolvedSuite,
    store: JobStore,
    workers: int,
) -> Entry:
    against = _against(spec, job.asking.subject, arm, seed, resolved.suite)
    other = None if against is None else answers[against]
    stored = resolved.data.get(reference_data(spec.name))
    data = job.asking.data
    assert data is not None, "a judge eval has rows"
    judging = Judging(
        judge=resolved.judges[spec.name],
        answers=job.digest,
        answers_path=str(store.folder(job.digest)),
        against=against or (data if stored is None else stored).source,
        reference=None if other is None else other.digest,
        reference_path=None if other is None else str(store.folder(other.digest)),
        stored=stored,
        replies=str(store.home / "replies"),
    )
    threads = job.asking.threads if spec.judge.local is None else spec.judge.local.threads
    judged = EvalJob(
        **{name: getattr(job.asking, name) for name in ("subject", "model", "data", "training", "shots", "precision")},
        eval=_sharing(spec, workers),
        tasks_path=None,
        training_path=None,
        judging=judging,
        threads=threads,
        digest=judge_digest(evaluation=spec, data=data, judging=judging, threads=threads),
    )
    after = tuple(dict.fromkeys((job.digest, *(() if other is None else (other.digest,)))))
    return judged, after, arm, seed


def _against(spec: JudgeSpec, subject: str, arm: str | None, seed: int | None, suite: Suite) -> str | None:
    """The subject that `subject` is compared with; `None` for stored answers."""
    if spec.against == "reference":
        return None
    if arm is None:
        return subject
    ref = next(ref for ref in suite.expand() if ref.name == arm)
    return ref.base if spec.against == "base" else f"{suite.control_of(ref) or arm}#{seed}"


def _sharing(spec: JudgeSpec, workers: int) -> JudgeSpec:
    """With the endpoint's limits divided among the jobs that may ask it at the same time."""
    endpoint = spec.judge.endpoint
    if endpoint is None or workers == 1:
        return spec
    limits = {
        name: max(1, value // workers)
        for name in ("concurrency", "requests_per_minute", "tokens_per_minute")
        if (value := getattr(endpoint, name)) is not None
    }
    shared: EndpointSpec = endpoint.model_copy(update=limits)
    return spec.model_copy(update={"judge": spec.judge.model_copy(update={"endpoint": shared})})
