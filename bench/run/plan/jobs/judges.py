"""The jobs of judge evals: who is compared with whom, after which answers.

Contract: each subject's answers are got once, by an `AnswerJob`; a judge job needs those of both sides and loads no
model of the suite. The reference itself is not judged: its scores are ties by definition. Against controls a base has
nothing to be compared with, and is no subject of that eval.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.record.files import REPLIES
from bench.record.jobs.eval_job import AnswerJob, EvalJob, Judging
from bench.run.plan.digests import judge_digest
from bench.run.plan.jobs.context import PlanContext
from bench.run.plan.types import JobEntry
from bench.run.resolve.data_specs import reference_data
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.models.endpoint import EndpointSpec
from bench.suite.tables.suite import Suite


def judge_entries(context: PlanContext, entries: Sequence[JobEntry]) -> Iterator[JobEntry]:
    """A judge job for each `AnswerJob` among `entries`, to be added after all of these."""
    for spec in context.resolved.suite.evals_as_run():
        if isinstance(spec, JudgeSpec):
            asked = [
                (entry, entry.job)
                for entry in entries
                if isinstance(entry.job, AnswerJob) and entry.job.asking.eval.name == spec.name
            ]
            builder = _JudgeJobs(context=context, spec=spec, answers={job.asking.subject: job for _, job in asked})
            for entry, job in asked:
                yield builder.judged(entry, job)


def is_asked(spec: JudgeSpec, arm: str | None) -> bool:
    """Whether a base (`arm` is `None`) or an arm is a subject of the eval."""
    return arm is not None or spec.against != "control"


@dataclass(frozen=True, slots=True, kw_only=True)
class _JudgeJobs:
    """Builds the judge jobs of one eval."""

    context: PlanContext
    spec: JudgeSpec
    answers: Mapping[str, AnswerJob]
    """By subject."""

    def judged(self, entry: JobEntry, job: AnswerJob) -> JobEntry:
        """The job that judges the answers of `job`, which `entry` holds."""
        asking, judging = job.asking, self._judging(entry, job)
        assert asking.data is not None, "a judge eval has rows"
        local = self.spec.judge.local
        threads = asking.threads if local is None else local.threads
        judged = EvalJob(
            **{name: getattr(asking, name) for name in ("subject", "model", "data", "training", "shots", "precision")},
            eval=_sharing(self.spec, self.context.workers),
            tasks_path=None,
            training_path=None,
            judging=judging,
            threads=threads,
            digest=judge_digest(
                evaluation=self.spec, data=asking.data, judging=judging, threads=threads, code=self.context.code
            ),
        )
        after = tuple(dict.fromkeys(digest for digest in (job.digest, judging.reference) if digest is not None))
        return JobEntry(job=judged, after=after, arm=entry.arm, seed=entry.seed)

    def _judging(self, entry: JobEntry, job: AnswerJob) -> Judging:
        against = _against(self.spec, job.asking.subject, entry.arm, entry.seed, self.context.resolved.suite)
        other = None if against is None else self.answers[against]
        stored = self.context.resolved.data.get(reference_data(self.spec.name))
        source = stored or job.asking.data
        assert source is not None, "a judge eval has rows"
        return Judging(
            judge=self.context.resolved.judges[self.spec.name],
            answers=job.digest,
            answers_path=str(self.context.store.folder(job.digest)),
            against=against or source.source,
            reference=None if other is None else other.digest,
            reference_path=None if other is None else str(self.context.store.folder(other.digest)),
            stored=stored,
            replies=str(self.context.store.home / REPLIES),
        )


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
    if endpoint is None:
        return spec
    return spec.model_copy(update={"judge": spec.judge.model_copy(update={"endpoint": shared(endpoint, workers)})})


def shared(endpoint: EndpointSpec, workers: int) -> EndpointSpec:
    """The endpoint with its limits divided among the jobs that may ask it at the same time."""
    if workers == 1:
        return endpoint
    limits = {
        name: max(1, value // workers)
        for name in ("concurrency", "requests_per_minute", "tokens_per_minute")
        if (value := getattr(endpoint, name)) is not None
    }
    divided: EndpointSpec = endpoint.model_copy(update=limits)
    return divided
