"""Answers to given prompts: a teacher's (distillation), or the best of several samples (rejection sampling)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.digest import digest_json
from bench.endpoint.completion import Outcome, Reply, Request
from bench.endpoint.parsing import read_score
from bench.making.context import CHUNK, Marking, Row, Work, chunks, fields, said_before
from bench.making.reward import reward
from bench.making.spec import MakeBestOf, MakeDistil
from bench.making.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """One answer to a task."""

    number: int
    reply: Reply
    text: str


def make_distil(work: Work[MakeDistil]) -> Iterator[Row]:
    """Every whole answer; equal answers to one prompt once."""
    for task, outcomes in _sampled(work, work.spec.samples):
        seen: set[str] = set()
        for sample in _samples(work, outcomes):
            if sample.text in seen:
                work.tally.left_out["duplicate"] += 1
                continue
            seen.add(sample.text)
            yield Row(
                id=sample.reply.digest[:16],
                fields=fields(work.spec.shape, task.turns, sample.text),
                provenance=work.provenance(sample.reply, [task], sample=sample.number),
            )


def make_best_of(work: Work[MakeBestOf]) -> Iterator[Row]:
    """Per prompt the answer with the highest score; of equals the first. All scores go into the provenance."""
    spec = work.spec
    for task, outcomes, samples, scores in _scored(work):
        known = [(score, -place) for place, score in enumerate(scores) if score is not None]
        if not known:
            if samples:
                work.tally.left_out["unscored"] += 1
            continue
        score, place = max(known)
        best = samples[-place]
        if spec.minimum is not None and score < spec.minimum:
            work.tally.left_out["below minimum"] += 1
            continue
        by_number = {sample.number: mark for sample, mark in zip(samples, scores, strict=True)}
        yield Row(
            id=digest_json([outcome.digest for outcome in outcomes])[:16],
            fields=fields(spec.shape, task.turns, best.text),
            provenance=work.provenance(
                best.reply,
                [task],
                sample=best.number,
                scores=[by_number.get(number) for number in range(spec.samples)],
                scorer=_scorer(work),
            ),
        )


def _scorer(work: Work[MakeBestOf]) -> dict[str, object]:
    scorer, marking = work.spec.scorer, work.marking
    if marking is None:
        return scorer.model_dump(mode="json", exclude_none=True)
    judge = {"model": marking.completer.name, "host": marking.completer.host}
    return {"kind": "judge", **judge, "prompt_sha256": marking.prompt.sha256}


def _sampled(work: Work[MakeDistil] | Work[MakeBestOf], samples: int) -> Iterator[tuple[Task, list[Outcome]]]:
    """Each task with the outcomes of its samples."""
    for tasks in chunks(work.tasks, CHUNK // samples):
        requests = [work.answer_request(task.turns, sample) for task in tasks for sample in range(samples)]
        outcomes = chunks(work.ask(requests), samples)
        yield from zip(tasks, outcomes, strict=True)


def _samples(work: Work[MakeDistil] | Work[MakeBestOf], outcomes: Sequence[Outcome]) -> Iterator[_Sample]:
    for number, outcome in enumerate(outcomes):
        text = work.usable(outcome)
        if text is not None and outcome.reply is not None:
            yield _Sample(number=number, reply=outcome.reply, text=text)


def _scored(
    work: Work[MakeBestOf],
) -> Iterator[tuple[Task, list[Outcome], list[_Sample], list[float | None]]]:
    """Each task with its samples and their scores; a chunk of answers is marked at once."""
    scorer = work.spec.scorer
    for sampled in chunks(_sampled(work, work.spec.samples), CHUNK // work.spec.samples):
        answered = [(task, outcomes, list(_samples(work, outcomes))) for task, outcomes in sampled]
        if scorer.kind != "judge" or work.marking is None:
            assert scorer.kind != "judge", "a judge comes with its marking"
            for task, outcomes, samples in answered:
                yield task, outcomes, samples, [reward(scorer, one.text, task.answer) for one in samples]
            continue
        requests = [_mark(work.marking, task, one.text) for task, _, samples in answered for one in samples]
        marks = iter([_marked(work, work.marking, one) for one in work.ask(requests, work.marking.completer)])
        for task, outcomes, samples in answered:
            yield task, outcomes, samples, [next(marks) for _ in samples]


def _mark(marking: Marking, task: Task, answer: str) -> Request:
    judge = marking.judge
    text = marking.prompt.render(
        instruction=said_before(task),
        input=task.input if task.single else "",
        output=answer,
        reference=task.answer if judge.show_reference else None,
        low=f"{judge.low:g}",
        high=f"{judge.high:g}",
    )
    return Request.ask(text, sampling=judge.sampling)


def _marked(work: Work[MakeBestOf], marking: Marking, outcome: Outcome) -> float | None:
    if outcome.reply is None:
        return None
    score = read_score(outcome.reply.text, low=marking.judge.low, high=marking.judge.high)
    if score is None:
        work.tally.left_out["unparsable mark"] += 1
    return score
