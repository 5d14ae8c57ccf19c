"""Rows made from rows: the same with a mark of their quality, or with their instruction rewritten.

Sources: marking by a model to select rows is AlpaGasus (Chen et al. 2023); the ways of rewriting are those of
Evol-Instruct (Xu et al. 2023) and plain paraphrase.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench.digest import digest_json
from bench.endpoint.completion import Outcome, Request
from bench.endpoint.parsing import read_json, read_score
from bench.making.context import CHUNK, Row, Work, chunks, fields, plain, said_before
from bench.making.spec import MakeAugment, MakeScore
from bench.making.tasks import Task


def make_score(work: Work[MakeScore]) -> Iterator[Row]:
    """Every row that got a mark, as it was read, with the key `score`."""
    answered = [task for task in work.tasks if task.answer is not None]
    _count(work, "no answer to mark", len(work.tasks) - len(answered))
    for tasks in chunks(answered, CHUNK):
        outcomes = work.ask([_mark(work, task) for task in tasks])
        for task, outcome in zip(tasks, outcomes, strict=True):
            if outcome.reply is None:
                continue
            score = read_score(outcome.reply.text, low=work.spec.low, high=work.spec.high)
            if score is None:
                work.tally.left_out["unparsable"] += 1
                continue
            more = {"of": plain(task.record["provenance"])} if "provenance" in task.record else {}
            yield Row(
                id=_id(outcome, task),
                fields={**plain(dict(task.record)), "score": score},
                provenance=work.provenance(outcome.reply, [task], scores=[score], **more),
            )


def make_augment(work: Work[MakeAugment]) -> Iterator[Row]:
    """Each task once per way, with its old answer or a new one."""
    keep = work.spec.answers == "keep"
    usable = [task for task in work.tasks if task.answer is not None or not keep]
    _count(work, "no answer to keep", len(work.tasks) - len(usable))
    pairs = [(task, way) for task in usable for way in work.spec.ways]
    for chunk in chunks(pairs, CHUNK):
        outcomes = list(work.ask([_rewrite(work, task, way) for task, way in chunk]))
        rewritten = [
            (task, way, outcome, turns)
            for (task, way), outcome in zip(chunk, outcomes, strict=True)
            if (turns := _turns(work, task, outcome)) is not None
        ]
        asked = [] if keep else [work.answer_request(turns) for _, _, _, turns in rewritten]
        answers = iter(list(work.ask(asked)))
        for task, way, outcome, turns in rewritten:
            answer, more = task.answer, {}
            if not keep:
                answering = next(answers)
                answer = work.usable(answering)
                more = {"answer_request": answering.digest, "answer_prompt_sha256": work.answering.sha256}
            if answer is not None and outcome.reply is not None:
                yield Row(
                    id=_id(outcome, task),
                    fields=fields(work.spec.shape, turns, answer),
                    provenance=work.provenance(outcome.reply, [task], way=way, answer=work.spec.answers, **more),
                )


def _id(outcome: Outcome, task: Task) -> str:
    """Of the request and the row: a prompt of the user's own may show less than the row has."""
    return digest_json([outcome.digest, plain(dict(task.record))])[:16]


def _count(work: Work[Any], reason: str, number: int) -> None:
    if number:
        work.tally.left_out[reason] += number


def _mark(work: Work[MakeScore], task: Task) -> Request:
    return work.question(
        work.prompt.render(
            instruction=said_before(task),
            input=task.input if task.single else "",
            output=task.answer,
            reference=None,
            low=f"{work.spec.low:g}",
            high=f"{work.spec.high:g}",
        )
    )


def _rewrite(work: Work[MakeAugment], task: Task, way: str) -> Request:
    return work.question(
        work.prompt.render(instruction=task.instruction, input=task.input, output=task.answer or "", way=way)
    )


def _turns(work: Work[MakeAugment], task: Task, outcome: Outcome) -> list[Mapping[str, str]] | None:
    """The conversation with its last question rewritten; `None`, and counted, where the reply gives none."""
    if outcome.reply is None:
        return None
    found = read_json(outcome.reply.text)
    text = found.get("instruction") if isinstance(found, dict) else None
    if not isinstance(text, str) or not text.strip():
        work.tally.left_out["unparsable"] += 1
        return None
    if " ".join(text.casefold().split()) == " ".join(task.instruction.casefold().split()):
        work.tally.left_out["duplicate"] += 1
        return None
    return [*task.turns[:-1], {**task.turns[-1], "content": text.strip()}]
