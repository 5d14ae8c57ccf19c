"""`bench plan --resolve`: the base asked twice and one arm trained once, as jobs that the run then uses.

Contract: the pilot is the first training of an arm and the base's first answers are its evals, with the digests that
the run gives them, so that nothing is done twice but the base's second answers. No run directory and no look is left
behind."""

import tempfile
from dataclasses import replace
from pathlib import Path

from bench.design.instrument import AnsweredRows, Instrument, check_instrument
from bench.digest import digest_json
from bench.errors import InputError, Problem, did_you_mean
from bench.record.jobs.eval_job import AnswerJob, EvalJob, Judging
from bench.record.jobs.job import Job
from bench.record.store import JobStore
from bench.report.analysis.aligned.score_rows import read_rows
from bench.report.compare import compare_record
from bench.run.display import Display
from bench.run.executors.local import LocalExecutor
from bench.run.plan.plan import plan
from bench.run.plan.types import PlannedJob
from bench.run.process.server import ChildServer
from bench.run.resolve.suite import resolve
from bench.run.run import run_suite
from bench.run.scheduling.scheduler import Scheduler
from bench.suite.load import LoadedSuite
from bench.suite.tables.evals.eval_spec import EvalSpec


def pilot_of(loaded: LoadedSuite, asked: str | None) -> str:
    """The arm of the pilot: as asked, else the first that a claim names, else the first. Raises `InputError`."""
    suite = loaded.suite
    arms = suite.arm_names
    if asked is not None and asked not in arms:
        what = f"the suite has no arm {asked!r}"
        raise InputError(
            Problem(reference="run.unknown-arm", what=what, where="--pilot", hint=did_you_mean(asked, arms))
        )
    claimed = [side for claim in suite.claim for side in (claim.parts()[0], claim.parts()[2]) if side in arms]
    return asked or next(iter(claimed), arms[0])


def pilot_suite(loaded: LoadedSuite) -> LoadedSuite:
    """The suite with its first seed alone; the looks that it plans are the whole run's."""
    first = loaded.suite.seeds[:1]
    alone = loaded.suite.model_copy(update={"seeds": first, "sequential": None})
    return replace(loaded, suite=alone, overrides=(*loaded.overrides, f"seeds={list(first)}"))


def resolve_instrument(
    whole: LoadedSuite,
    *,
    pilot: str,
    home: Path,
    display: Display,
    trust_task_code: bool,
) -> Instrument:
    """Run the pilot and the base twice, and read them. Raises as `run_suite` does."""
    first = pilot_suite(whole)
    with tempfile.TemporaryDirectory() as folder:
        directory = run_suite(
            first,
            only=(pilot,),
            trust_task_code=trust_task_code,
            go_on=True,
            home=home,
            reports=Path(folder),
            temporary=True,
            display=display,
            command=("bench", "plan", "--resolve"),
        )
        record = directory.load()
        rows = read_rows(directory, record)
        again = _base_again(first, pilot, home=home, display=display, trust_task_code=trust_task_code)
        return check_instrument(
            compare_record(record, rows), rows, again, whole.suite.claim, pilot=pilot, seeds=len(whole.suite.seeds)
        )


def _base_again(
    loaded: LoadedSuite, pilot: str, *, home: Path, display: Display, trust_task_code: bool
) -> AnsweredRows:
    """The base's evals once more, under digests of their own; a judge compares the second answers with what it compares
    the base with, or with the first ones where the base is its own reference."""
    server, store = ChildServer(), JobStore(home=home)
    planned = plan(
        resolve(loaded, home=home, server=server, partial=True),
        only=(pilot,),
        home=home,
        trust_task_code=trust_task_code,
    )
    again = [
        _again(job, store)
        for job in planned.jobs
        if job.arm is None and job.selected and isinstance(job.job, EvalJob | AnswerJob)
    ]
    display.note("the base is asked a second time")
    display.plan(replace(planned, jobs=tuple(again)))
    scheduler = Scheduler(
        executor=LocalExecutor(server=server),
        store=store,
        workers=planned.workers,
        display=display,
        on_end=lambda job, outcome: None,
    )
    scheduler.run([job for job in again if job.to_do and not job.stuck])
    done = [job.job for job in again if isinstance(job.job, EvalJob) and store.done(job.digest) is not None]
    return {(job.eval.name, job.subject): store.scores(job) for job in done}


def _again(planned: PlannedJob, store: JobStore) -> PlannedJob:
    """The job with a digest of its own; of a judge, after the second answers."""
    digest = _second(planned.digest)
    match planned.job:
        case AnswerJob(asking=asking) as job:
            asked = asking.asked_anew(digest=digest, eval=_resampled(asking.eval))
            second: Job = job.model_copy(update={"digest": digest, "asking": asked})
            after = planned.after
        case EvalJob(judging=Judging() as judging) as job:
            answers = _second(judging.answers)
            pair = judging.model_copy(update={"answers": answers, "answers_path": str(store.folder(answers))})
            second = job.model_copy(update={"digest": digest, "judging": pair})
            after = (answers,)
        case EvalJob() as job:
            second = job.asked_anew(digest=digest, eval=_resampled(job.eval))
            after = planned.after
        case other:
            raise TypeError(f"{other.kind} is asked once")
    return replace(planned, job=second, after=after, fresh=False, cached=store.done(digest))


def _second(digest: str) -> str:
    """Digest of the same job done again."""
    return digest_json({"again": digest})


def _resampled(spec: EvalSpec) -> EvalSpec:
    """The eval with another seed of sampling, where its answers are sampled."""
    decoding = getattr(spec, "decoding", None)
    if decoding is None or not decoding.temperature:
        return spec
    return spec.model_copy(update={"decoding": decoding.model_copy(update={"seed": decoding.seed + 1})})
