"""Rows made from rows: the same with a mark of their quality, or with their instruction rewritten.

Sources: marking by a model to select rows is AlpaGasus (Chen et al. 2023); the ways of rewriting are those of
Evol-Instruct (Xu et al. 2023) and plain paraphrase.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bench.digest import digest_json
from bench.endpoint.completion import Completion, CompletionRequest
from bench.endpoint.parsing import read_json, read_score
from bench.making.context import CHUNK, MadeRow, MakingContext, chunks, fields, mark_prompt, plain
from bench.making.spec import MakeAugment, MakeScore
from bench.making.tasks import Task


def make_score(making: MakingContext[MakeScore]) -> Iterator[MadeRow]:
    """Every row that got a mark, as it was read, with the key `score`."""
    answered = [task for task in making.tasks if task.answer is not None]
    _count(making, "no answer to mark", len(making.tasks) - len(answered))
    for tasks in chunks(answered, CHUNK):
        completions = making.ask([_mark(making, task) for task in tasks])
        for task, completion in zip(tasks, completions, strict=True):
            if completion.reply is None:
                continue
            score = read_score(completion.reply.text, low=making.spec.low, high=making.spec.high)
            if score is None:
                making.tally.left_out["unparsable"] += 1
                continue
            more = {"of": plain(task.record["provenance"])} if "provenance" in task.record else {}
            yield MadeRow(
                id=_id(completion, task),
                fields={**plain(dict(task.record)), "score": score},
                provenance=making.provenance(completion.reply, [task], scores=[score], **more),
            )


def make_augment(making: MakingContext[MakeAugment]) -> Iterator[MadeRow]:
    """Each task once per way, with its old answer or a new one."""
    keep = making.spec.answers == "keep"
    usable = [task for task in making.tasks if task.answer is not None or not keep]
    _count(making, "no answer to keep", len(making.tasks) - len(usable))
    pairs = [(task, way) for task in usable for way in making.spec.ways]
    for chunk in chunks(pairs, CHUNK):
        completions = list(making.ask([_rewrite(making, task, way) for task, way in chunk]))
        rewritten = [
            (task, way, completion, turns)
            for (task, way), completion in zip(chunk, completions, strict=True)
            if (turns := _turns(making, task, completion)) is not None
        ]
        requests = [] if keep else [making.answer_request(turns) for _, _, _, turns in rewritten]
        answers = iter(list(making.ask(requests)))
        for task, way, completion, turns in rewritten:
            answer, more = task.answer, {}
            if not keep:
                answering = next(answers)
                answer = making.usable(answering)
                more = {"answer_request": answering.digest, "answer_prompt_sha256": making.answering.sha256}
            if answer is not None and completion.reply is not None:
                yield MadeRow(
                    id=_id(completion, task),
                    fields=fields(making.spec.shape, turns, answer),
                    provenance=making.provenance(completion.reply, [task], way=way, answer=making.spec.answers, **more),
                )


def _id(completion: Completion, task: Task) -> str:
    """Id of a made row, from the request and the row: a user's prompt may show less than the row has."""
    return digest_json([completion.digest, plain(dict(task.record))])[:16]


def _count(making: MakingContext[Any], reason: str, number: int) -> None:
    if number:
        making.tally.left_out[reason] += number


def _mark(making: MakingContext[MakeScore], task: Task) -> CompletionRequest:
    return making.question(mark_prompt(making.prompt, making.spec, task, task.answer))


def _rewrite(making: MakingContext[MakeAugment], task: Task, way: str) -> CompletionRequest:
    return making.question(
        making.prompt.render(instruction=task.instruction, input=task.input, output=task.answer or "", way=way)
    )


def _turns(making: MakingContext[MakeAugment], task: Task, completion: Completion) -> list[Mapping[str, Any]] | None:
    """The conversation with its last question rewritten; `None`, and counted, where the reply gives none."""
    if completion.reply is None:
        return None
    parsed = read_json(completion.reply.text)
    text = parsed.get("instruction") if isinstance(parsed, dict) else None
    if not isinstance(text, str) or not text.strip():
        making.tally.left_out["unparsable"] += 1
        return None
    if " ".join(text.casefold().split()) == " ".join(task.instruction.casefold().split()):
        making.tally.left_out["duplicate"] += 1
        return None
    return [*task.turns[:-1], {**task.turns[-1], "content": text.strip()}]
