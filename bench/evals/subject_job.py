"""One eval job: load the subject, score it, write its scores.

Contract: base and tuned subjects go through the same code at the same precision. Scores are written whole or not at
all; what could not be scored is `None`, never NaN. A job that was killed resumes after its last batch.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from bench.data.render.render import make_renderer
from bench.emit import Emit, Event, ExamplesDone, PassTotals, StageDone
from bench.evals.inference.partial_replies import PartialReplies
from bench.evals.inference.pass_counts import PassCounts, count_from_here
from bench.evals.inference.reply_memory import ReplyMemory
from bench.evals.inference.slot_budget import answer_slots, slot_budget
from bench.evals.outcome import EvalOutput, write_scores
from bench.evals.subject.context import Context, ContextRenderer, draw_context
from bench.evals.subject.engines import engine_use, with_engine
from bench.evals.subject.held_out_drift import held_out_drift
from bench.evals.subject.loader import SubjectLoader
from bench.evals.subject.subject import Subject
from bench.machine.device import PRECISIONS
from bench.machine.other_load import OtherLoadCounter
from bench.machine.peak_memory import PeakMemory
from bench.model.loading.gguf_tokens import refuse_other_tokens
from bench.model.loading.llama_cpp import LlamaCppModel
from bench.model.loading.prefix import unused_positions
from bench.record.files import SHARE_REPLIES
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import EvalResult
from bench.record.results.training.ledger import Seconds

Evaluate = Callable[[EvalJob, Subject, Emit], EvalOutput]
"""One kind of eval: scores a loaded subject."""


def score_subject(
    job: EvalJob,
    folder: Path,
    emit: Emit,
    evaluate: Evaluate,
    *,
    partial: Path | None = None,
    loader: SubjectLoader | None = None,
) -> EvalResult:
    """Score one subject by `evaluate` and write `scores.jsonl` into `folder`.

    `emit` gets a `StageDone` once the subject is loaded, then `{"type": "examples", "done": …, "total": …}` with
    `tokens`, `slots` and `work` of the subject's passes so far. partial: file of the replies so far, of which a job
    that was killed resumes; the caller removes it. loader: keeps the subject for the next eval of it. Raises
    `InputError` for what the user can fix.
    """
    with tempfile.TemporaryDirectory(prefix="engine-") as replies:
        started = time.perf_counter()
        torch.set_num_threads(job.threads)
        loader = loader or SubjectLoader()
        kept, loads = loader.has(job), loader.base.loads
        subject, context = _load(job, _partial(job, partial), loader)
        if job.engine is not None:
            # A folder of this job alone: under one name a server may have other weights in the next.
            subject = with_engine(subject, job, job.engine, Path(replies))
        emit(StageDone(stage="loaded"))
        result = _score(job, subject, folder, emit, evaluate, started=started)
        shots = None if context is None else context.rows
        drift = None if job.share is not None else held_out_drift(job, subject, loader.base)
        loader.prepared.trim()
        loads = loader.base.loads - loads
        return result.model_copy(update={"shots": shots, "drift": drift, "weights_kept": kept, "base_loads": loads})


def _score(
    job: EvalJob, subject: Subject, folder: Path, emit: Emit, evaluate: Evaluate, *, started: float
) -> EvalResult:
    memory = PeakMemory(subject.model.device)
    memory.start()
    others = OtherLoadCounter(subject.model.device)
    loaded = time.perf_counter()
    passes = count_from_here(subject.model)
    outcome = evaluate(job, subject, _with_counts(emit, passes))
    if isinstance(subject.model, LlamaCppModel):
        refuse_other_tokens(subject.model, subject.tokenizer, {row.prompt for row in outcome.rows})
    evaluated, other_load = time.perf_counter(), others.seen()
    process_bytes, device_bytes = memory.process_bytes(), memory.device_bytes()
    write_scores(folder, outcome.rows)
    subject.prepared.examples = len(outcome.rows)
    subject.memory.save()
    finished = time.perf_counter()
    return EvalResult(
        **outcome.reported(),
        precision=PRECISIONS[subject.model.dtype],
        tokens=passes.tokens,
        slots=passes.slots,
        recalled_share=subject.memory.recalled_share,
        seconds=Seconds(
            start_up=loaded - started,
            evaluation=evaluated - loaded,
            saving=finished - evaluated,
            wall=finished - started,
        ),
        peak_process_bytes=process_bytes,
        peak_device_bytes=device_bytes,
        other_load=other_load,
        engine=engine_use(subject, job),
    )


def _partial(job: EvalJob, path: Path | None) -> PartialReplies:
    return PartialReplies(path, share=job.share, shares=[Path(folder) / SHARE_REPLIES for folder in job.shares])


def _with_counts(emit: Emit, passes: PassCounts) -> Emit:
    def emit_with_counts(event: Event) -> None:
        totals = PassTotals.model_validate(asdict(passes))
        emit(event.model_copy(update={"passes": totals}) if isinstance(event, ExamplesDone) else event)

    return emit_with_counts


def _load(job: EvalJob, partial: PartialReplies, loader: SubjectLoader) -> tuple[Subject, Context | None]:
    """The subject, and the context of a `few_shot` one."""
    model, tokenizer = loader.load(job)
    positions = job.model.context_length - unused_positions(model)
    renderer, context = make_renderer(tokenizer, job.model, positions), None
    if job.shots is not None:
        context = draw_context(job.shots, renderer, context_length=positions)
        renderer = ContextRenderer.over(renderer, context.turns)
    slots = slot_budget(model, None if job.measured is None else Path(job.measured))
    subject = Subject(
        model=model,
        tokenizer=tokenizer,
        renderer=renderer,
        context_length=positions,
        slots=slots,
        answer_slots=answer_slots(model, slots),
        checks_batches=job.checks_batches,
        memory=ReplyMemory(None if job.replies is None else Path(job.replies), partial),
        prepared=loader.prepared.of(job, positions=positions),
    )
    return subject, context
