"""Answers to given prompts: a teacher's (distillation), or the best of several samples (rejection sampling)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.digest import digest_json
from bench.endpoint.completion import Completion, CompletionRequest, Reply
from bench.endpoint.parsing import read_score
from bench.making.context import CHUNK, MadeRow, MakingContext, Marking, chunks, fields, mark_prompt
from bench.making.reward import reward
from bench.making.spec import MakeBestOf, MakeDistil
from bench.making.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """One answer to a task."""

    number: int
    reply: Reply
    text: str


def make_distil(making: MakingContext[MakeDistil]) -> Iterator[MadeRow]:
    """Every whole answer; equal answers to one prompt once."""
    for task, completions in _sampled(making, making.spec.samples):
        seen: set[str] = set()
        for sample in _samples(making, completions):
            if sample.text in seen:
                making.tally.left_out["duplicate"] += 1
                continue
            seen.add(sample.text)
            yield MadeRow(
                id=sample.reply.digest[:16],
                fields=fields(making.spec.shape, task.turns, sample.text),
                provenance=making.provenance(sample.reply, [task], sample=sample.number),
            )


def make_best_of(making: MakingContext[MakeBestOf]) -> Iterator[MadeRow]:
    """Per prompt the answer with the highest score; of equals the first. All scores go into the provenance."""
    spec = making.spec
    for task, completions, samples, scores in _scored(making):
        ranked = [(score, -place) for place, score in enumerate(scores) if score is not None]
        if not ranked:
            if samples:
                making.tally.left_out["unscored"] += 1
            continue
        score, place = max(ranked)
        best = samples[-place]
        if spec.minimum is not None and score < spec.minimum:
            making.tally.left_out["below minimum"] += 1
            continue
        by_number = {sample.number: mark for sample, mark in zip(samples, scores, strict=True)}
        yield MadeRow(
            id=digest_json([completion.digest for completion in completions])[:16],
            fields=fields(spec.shape, task.turns, best.text),
            provenance=making.provenance(
                best.reply,
                [task],
                sample=best.number,
                scores=[by_number.get(number) for number in range(spec.samples)],
                scorer=_scorer(making),
            ),
        )


def _scorer(making: MakingContext[MakeBestOf]) -> dict[str, object]:
    scorer, marking = making.spec.scorer, making.marking
    if marking is None:
        return scorer.model_dump(mode="json", exclude_none=True)
    judge = {"model": marking.completer.name, "host": marking.completer.host}
    return {"kind": "judge", **judge, "prompt_sha256": marking.prompt.sha256}


def _sampled(
    making: MakingContext[MakeDistil] | MakingContext[MakeBestOf], samples: int
) -> Iterator[tuple[Task, list[Completion]]]:
    """Each task with the completions of its samples."""
    for tasks in chunks(making.tasks, CHUNK // samples):
        requests = [making.answer_request(task.turns, sample) for task in tasks for sample in range(samples)]
        completions = chunks(making.ask(requests), samples)
        yield from zip(tasks, completions, strict=True)


def _samples(
    making: MakingContext[MakeDistil] | MakingContext[MakeBestOf], completions: Sequence[Completion]
) -> Iterator[_Sample]:
    for number, completion in enumerate(completions):
        text = making.usable(completion)
        if text is not None and completion.reply is not None:
            yield _Sample(number=number, reply=completion.reply, text=text)


def _scored(
    making: MakingContext[MakeBestOf],
) -> Iterator[tuple[Task, list[Completion], list[_Sample], list[float | None]]]:
    """Each task with its samples and their scores; a chunk of answers is marked at once."""
    scorer = making.spec.scorer
    for sampled in chunks(_sampled(making, making.spec.samples), CHUNK // making.spec.samples):
        answered = [(task, completions, list(_samples(making, completions))) for task, completions in sampled]
        if scorer.kind != "judge" or making.marking is None:
            assert scorer.kind != "judge", "a judge comes with its marking"
            for task, completions, samples in answered:
                yield task, completions, samples, [reward(scorer, sample.text, task.answer) for sample in samples]
            continue
        requests = [_mark(making.marking, task, sample.text) for task, _, samples in answered for sample in samples]
        marks = iter(
            [
                _marked(making, making.marking, completion)
                for completion in making.ask(requests, making.marking.completer)
            ]
        )
        for task, completions, samples in answered:
            yield task, completions, samples, [next(marks) for _ in samples]


def _mark(marking: Marking, task: Task, answer: str) -> CompletionRequest:
    judge = marking.judge
    text = mark_prompt(marking.prompt, judge, task, answer, reference=task.answer if judge.show_reference else None)
    return CompletionRequest.ask(text, sampling=judge.sampling)


def _marked(making: MakingContext[MakeBestOf], marking: Marking, completion: Completion) -> float | None:
    if completion.reply is None:
        return None
    score = read_score(completion.reply.text, low=marking.judge.low, high=marking.judge.high)
    if score is None:
        making.tally.left_out["unparsable mark"] += 1
    return score
