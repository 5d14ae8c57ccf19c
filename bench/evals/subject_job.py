"""One eval job: load the subject, score it, write its scores.

Contract: base and tuned subjects go through the same code at the same precision. Scores are written whole or not at
all; what could not be scored is `None`, never NaN. A job that was killed resumes after its last batch.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from bench.data.render.render import make_renderer
from bench.emit import Emit, Event, ExamplesDone, PassTotals
from bench.evals.context import Context, ContextRenderer, draw_context
from bench.evals.engines import engine_use, with_engine
from bench.evals.held_out_drift import held_out_drift
from bench.evals.inference.partial_replies import PartialReplies
from bench.evals.inference.pass_counts import PassCounts, pass_counts
from bench.evals.inference.reply_memory import ReplyMemory
from bench.evals.outcome import EvalOutput, unscored, write_scores
from bench.evals.subject import Subject
from bench.machine.device import PRECISIONS
from bench.machine.other_load import OtherLoadCounter
from bench.machine.peak_memory import PeakMemory
from bench.model.loading.deployed import load_form
from bench.model.loading.load import load_subject, load_tokenizer, load_tuned, unused_positions
from bench.model.loading.packed_linear import pack_linears
from bench.record.files import WEIGHTS
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evaluation import EvalResult
from bench.record.results.ledger import Seconds

Evaluate = Callable[[EvalJob, Subject, Emit], EvalOutput]
"""One kind of eval: scores a loaded subject."""


def score_subject(
    job: EvalJob, folder: Path, emit: Emit, evaluate: Evaluate, *, partial: Path | None = None
) -> EvalResult:
    """Score one subject by `evaluate` and write `scores.jsonl` into `folder`.

    `emit` gets `{"type": "examples", "done": …, "total": …}` with `tokens`, `slots` and `work` of the subject's passes
    so far. partial: file of the replies so far, of which a job that was killed resumes; the caller removes it. Raises
    `InputError` for what the user can fix.
    """
    with tempfile.TemporaryDirectory(prefix="engine-") as replies:
        return _score(job, folder, emit, evaluate, partial=PartialReplies(partial), replies=Path(replies))


def _score(
    job: EvalJob, folder: Path, emit: Emit, evaluate: Evaluate, *, partial: PartialReplies, replies: Path
) -> EvalResult:
    """replies: folder for what a server says in this job; under one name it may have other weights in the next."""
    started = time.perf_counter()
    torch.set_num_threads(job.threads)
    subject, context = _load(job, partial)
    if job.engine is not None:
        subject = with_engine(subject, job, job.engine, replies)
    memory = PeakMemory(subject.model.device)
    memory.start()
    others = OtherLoadCounter(subject.model.device)
    loaded = time.perf_counter()
    passes = pass_counts(subject.model)
    outcome = evaluate(job, subject, _with_counts(emit, passes))
    evaluated, other_load = time.perf_counter(), others.seen()
    process_bytes, device_bytes = memory.process_bytes(), memory.device_bytes()
    write_scores(folder, outcome.rows)
    subject.memory.save()
    finished = time.perf_counter()
    return EvalResult(
        measures=outcome.measures,
        groups=outcome.groups,
        template=outcome.template,
        precision=PRECISIONS[subject.model.dtype],
        batch=outcome.batch,
        truncated=outcome.truncated,
        unscored=unscored(outcome.rows),
        strip_thinking=outcome.strip_thinking,
        unfinished_thinking=sum(row.unfinished_thinking for row in outcome.rows),
        tokens=passes.tokens,
        slots=passes.slots,
        recalled_share=subject.memory.recalled_share,
        generated_tokens=outcome.generated_tokens,
        generated=outcome.generated,
        seconds=Seconds(
            start_up=loaded - started,
            evaluation=evaluated - loaded,
            saving=finished - evaluated,
            wall=finished - started,
        ),
        peak_process_bytes=process_bytes,
        peak_device_bytes=device_bytes,
        drift=held_out_drift(job, subject),
        other_load=other_load,
        engine=engine_use(subject, job),
        versions=outcome.versions,
        datasets=outcome.datasets,
        shots=None if context is None else context.rows,
    )


def _with_counts(emit: Emit, passes: PassCounts) -> Emit:
    def emit_with_counts(event: Event) -> None:
        totals = PassTotals.model_validate(asdict(passes))
        emit(event.model_copy(update={"passes": totals}) if isinstance(event, ExamplesDone) else event)

    return emit_with_counts


def _load(job: EvalJob, partial: PartialReplies) -> tuple[Subject, Context | None]:
    """The subject, and the context of a `few_shot` one."""
    tokenizer = load_tokenizer(job.model)
    if job.form is not None:
        assert job.training_path is not None, "a deployed form was written by a job"
        model = load_form(job.model, Path(job.training_path) / WEIGHTS, job.form, precision=job.precision)
    elif job.given is not None:
        model = load_tuned(job.model, Path(job.given.path), precision=job.precision)
    else:
        training = None if job.training_path is None else Path(job.training_path)
        model = load_subject(job.model, training, precision=job.precision)
    pack_linears(model)
    positions = job.model.context_length - unused_positions(model)
    renderer, context = make_renderer(tokenizer, job.model, positions), None
    if job.shots is not None:
        context = draw_context(job.shots, renderer, context_length=positions)
        renderer = ContextRenderer.over(renderer, context.turns)
    subject = Subject(
        model=model,
        tokenizer=tokenizer,
        renderer=renderer,
        context_length=positions,
        checks_batches=job.checks_batches,
        memory=ReplyMemory(None if job.replies is None else Path(job.replies), partial),
    )
    return subject, context
