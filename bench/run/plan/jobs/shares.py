"""An eval whose questions are shared out over several jobs: the shares, and the job that scores all replies."""

from bench.record.jobs.eval_job import AnswerJob, EvalJob, QuestionShare, ShareJob
from bench.run.plan.digests import share_digest
from bench.run.plan.jobs.context import PlanContext


def shared_out(context: PlanContext, job: EvalJob | AnswerJob) -> tuple[EvalJob | AnswerJob, list[ShareJob]]:
    """The job as it scores replies, and the jobs that get these. No shares where it asks all by itself: another program
    answers, or it has replies from before; of an eval whose result is there, the shares that it was made from."""
    asking = job.asking if isinstance(job, AnswerJob) else job
    shares = context.resolved.suite.run.shares.get(asking.eval.name, 1)
    if shares == 1 or asking.served or asking.engine or asking.replies:
        return job, []
    jobs = [_share(context, asking, QuestionShare(number=number, shares=shares)) for number in range(1, shares + 1)]
    if not context.fresh and context.store.done(job.digest) is not None:
        jobs = [share for share in jobs if context.store.done(share.digest) is not None]
    scoring = asking.model_copy(update={"shares": tuple(str(context.store.folder(share.digest)) for share in jobs)})
    return job.model_copy(update={"asking": scoring}) if isinstance(job, AnswerJob) else scoring, jobs


def _share(context: PlanContext, asking: EvalJob, share: QuestionShare) -> ShareJob:
    asked = asking.model_copy(update={"share": share, "checks_batches": False})
    return ShareJob(asking=asked, digest=share_digest(asking=asking.digest, share=share, code=context.code))
