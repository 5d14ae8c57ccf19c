"""Answers of a model on this machine to chat requests, through the same prompts and generation as every eval."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import torch

from bench.data.render.render import make_renderer
from bench.data.render.row import Turn
from bench.emit import AllAnswered, Emit, RequestCompleted, RequestFailed
from bench.endpoint.completion import CompletionRequest as Ask
from bench.endpoint.local_model import CompleteRequest, WriterRequest
from bench.evals.inference.generation.generator import generate
from bench.evals.inference.generation.request import GenerationRequest, TokenSampling
from bench.evals.subject.subject import Subject
from bench.model.loading.load import load_subject, load_tokenizer
from bench.model.loading.packed_linear import pack_linears
from bench.model.loading.prefix import unused_positions
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.models.precision import Precision

AT_ONCE = 32
"""Requests per batch."""
_TOO_LONG = "the prompt is longer than the model's context"


def load_writer(
    model: ResolvedModel, precision: Precision | Literal["auto"], *, training: Path | None = None
) -> Subject:
    """The base, or the model that the training in that folder made, with tokenizer and template, ready to answer."""
    tokenizer = load_tokenizer(model)
    weights = load_subject(model, training, precision=precision)
    pack_linears(weights)
    positions = model.context_length - unused_positions(weights)
    return Subject(
        model=weights,
        tokenizer=tokenizer,
        renderer=make_renderer(tokenizer, model, positions),
        context_length=positions,
    )


def answer(subject: Subject, work: CompleteRequest) -> Iterator[RequestCompleted | RequestFailed]:
    """An answer per request, or why there is none, batch by batch. Greedy without a temperature; else sampled by the
    request's seed."""
    for start in range(0, len(work.requests), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        yield from _batch(subject, work.requests[part], work.seeds[part], start)


def _batch(
    subject: Subject, requests: Sequence[Ask], seeds: Sequence[int], start: int
) -> Iterator[RequestCompleted | RequestFailed]:
    prompts = [
        subject.renderer.prompt([Turn(role=m.role, content=m.content) for m in request.messages])
        for request in requests
    ]
    room = [subject.context_length - len(prompt) for prompt in prompts]
    fitting = [index for index, left in enumerate(room) if left > 0]
    generated = generate(
        subject.model,
        subject.tokenizer,
        [_generation(subject, requests[i], prompts[i], room[i], seeds[i]) for i in fitting],
    )
    answers = dict(zip(fitting, generated, strict=True))
    for index, prompt in enumerate(prompts):
        generation = answers.get(index)
        if generation is not None:
            yield RequestCompleted(
                index=start + index,
                text=subject.renderer.clean(generation.text),
                finish_reason="stop" if generation.ended else "length",
                prompt_tokens=len(prompt),
                completion_tokens=len(generation.ids),
            )
        else:
            why = "the model's output is not finite" if index in answers else _TOO_LONG
            yield RequestFailed(index=start + index, why=why)


def serve(wanted: WriterRequest, emit: Emit, requests: Iterator[CompleteRequest]) -> None:
    """Load the model once and answer each request, in a child.

    Each answer is emitted as soon as its batch is done; `AllAnswered` follows the last.
    """
    torch.set_num_threads(wanted.threads)
    print(f"loading {wanted.model.name}")  # noqa: T201  # into the log: how often it was loaded
    training = None if wanted.training is None else Path(wanted.training)
    subject = load_writer(wanted.model, wanted.precision, training=training)
    for request in requests:
        for event in answer(subject, request):
            emit(event)
        emit(AllAnswered())


def _generation(subject: Subject, request: Ask, prompt: Sequence[int], room: int, seed: int) -> GenerationRequest:
    wanted = request.sampling
    sampling = None
    if wanted.temperature:
        sampling = TokenSampling(temperature=wanted.temperature, top_k=None, top_p=wanted.top_p, seed=seed)
    return GenerationRequest(
        prompt=tuple(prompt),
        stop_ids=frozenset(subject.renderer.stop_ids),
        until=(*subject.renderer.stop_strings, *wanted.stop),
        max_new_tokens=min(wanted.max_tokens, room),
        sampling=sampling,
    )
