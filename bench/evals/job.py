"""Eval jobs by kind of eval.

Contract: an eval's kind has a module of its own, whose imports are all the code that can change its scores: digests of
eval jobs name the same modules (`bench.run.plan.digests`).
"""

from pathlib import Path

from bench.emit import Emit
from bench.evals.generated.eval import evaluate_generation
from bench.evals.generated.questions import answer_questions
from bench.evals.judge.judge import run_judge
from bench.evals.lm_eval.choice import evaluate_choice
from bench.evals.lm_eval.run import evaluate_tasks
from bench.evals.loss import evaluate_loss
from bench.evals.served.job import run_served
from bench.evals.subject.loader import SubjectLoader
from bench.evals.subject_job import Evaluate, score_subject
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import EvalResult

KINDS: dict[str, Evaluate] = {
    "lm_eval": evaluate_tasks,
    "choice": evaluate_choice,
    "loss": evaluate_loss,
    "generation": evaluate_generation,
    "questions": answer_questions,
}
"""Functions by `kind` of eval; `judge` is not among them, because it loads no subject."""


def run_eval(
    job: EvalJob, folder: Path, emit: Emit, *, partial: Path | None = None, loader: SubjectLoader | None = None
) -> EvalResult:
    """Score one subject on one eval and write `scores.jsonl` into `folder`; as `score_subject`,
    `run_served` and `run_judge`."""
    if job.judging is not None:
        return run_judge(job, folder, emit)
    if job.served is not None:
        return run_served(job, folder, emit)
    return score_subject(job, folder, emit, KINDS[job.eval.kind], partial=partial, loader=loader)
