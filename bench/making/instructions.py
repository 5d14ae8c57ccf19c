"""New tasks after the manner of seed tasks.

Source: Self-Instruct (Wang et al. 2023) as Alpaca simplified it (Taori et al. 2023): every request shows a few seed
tasks and asks for several new ones; one whose instruction is too like a seed's or an earlier one's by ROUGE-L is left
out. Which seeds a request shows depends on `seed` and its number alone, so that a resumed run asks the same.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.digest import digest_json
from bench.endpoint.completion import Completion, CompletionRequest, Reply
from bench.endpoint.parsing import read_items
from bench.making.context import MadeRow, MakingContext, fields
from bench.making.spec import MakeInstructions
from bench.making.tasks import Task
from bench.making.text_similarity import NearDuplicates

_ROUND = 64
"""Requests that are put together at most."""
_NO_INPUT = frozenset({"", "none", "n/a", "<noinput>", "noinput", "no input", "null"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    id: str
    instruction: str
    input: str
    output: str | None
    reply: Reply
    shown: tuple[Task, ...]

    @property
    def turn(self) -> dict[str, str]:
        turn = {"role": "user", "content": self.instruction}
        return {**turn, "input": self.input} if self.input else turn


def make_instructions(making: MakingContext[MakeInstructions]) -> Iterator[MadeRow]:
    """Rows until there are `size`, or `max_requests` were asked."""
    spec = making.spec
    pool = NearDuplicates(spec.near_duplicate)
    for text in (*(task.instruction for task in making.tasks), *map(_instruction_of, making.rows_by_id.values())):
        pool.add(text)
    number = 0
    while (missing := spec.size - len(making.rows_by_id)) > 0 and number < spec.most_requests:
        numbers = range(number, min(number + min(-(-missing // spec.per_request), _ROUND), spec.most_requests))
        number = numbers.stop
        shown = [_demonstrations(making, request_number) for request_number in numbers]
        requests = [_request(making, *pair) for pair in zip(numbers, shown, strict=True)]
        for demonstrations, completion in zip(shown, making.ask(requests), strict=True):
            new = [
                candidate
                for candidate in _candidates(making, completion, demonstrations)
                if _is_new(making, candidate, pool)
            ]
            for row in _answered(making, new):
                if row.id not in making.rows_by_id and len(making.rows_by_id) >= spec.size:
                    making.tally.left_out["surplus"] += 1
                else:
                    yield row


def _demonstrations(making: MakingContext[MakeInstructions], number: int) -> tuple[Task, ...]:
    if making.spec.tasks is None:
        return ()
    draw = random.Random(f"demonstrations:{making.spec.seed}:{number}")  # noqa: S311  # to be repeated, no secret
    return tuple(draw.sample(list(making.tasks), making.spec.demonstrations))


def _request(making: MakingContext[MakeInstructions], number: int, shown: tuple[Task, ...]) -> CompletionRequest:
    """The number makes it another sample where few seeds give the same demonstrations again."""
    demonstrations = [{"instruction": t.instruction, "input": t.input, "output": t.answer or ""} for t in shown]
    together = making.spec.answers == "same"
    text = making.prompt.render(demonstrations=demonstrations, count=making.spec.per_request, answers=together)
    return making.question(text, sample=number)


def _candidates(
    making: MakingContext[MakeInstructions], completion: Completion, shown: tuple[Task, ...]
) -> Iterator[_Candidate]:
    """The tasks that a reply holds. A reply that was cut off still gives its whole ones."""
    reply = completion.reply
    if reply is None:
        return
    items = read_items(reply.text)
    if not items:
        making.tally.left_out["unparsable"] += 1
    for position, item in enumerate(items):
        task = {"instruction": item} if isinstance(item, str) else item
        texts = _texts(task) if isinstance(task, dict) else None
        if texts is None:
            making.tally.left_out["unparsable"] += 1
            continue
        instruction, extra, output = texts
        yield _Candidate(
            id=digest_json([reply.digest, position])[:16],
            instruction=instruction,
            input=extra,
            output=output if making.spec.answers == "same" else None,
            reply=reply,
            shown=shown,
        )


def _texts(item: Mapping[str, Any]) -> tuple[str, str, str | None] | None:
    """Instruction, input and output; `None` where there is no instruction, or one of them is no text."""
    values = [_first(item, *names) for names in (("instruction", "task", "prompt", "question"), ("input", "context"),
                                                ("output", "answer", "response", "completion"))]  # fmt: skip
    if not all(value is None or isinstance(value, str | int | float) for value in values):
        return None
    instruction, extra, output = (None if value is None else str(value).strip() for value in values)
    if not instruction:
        return None
    return instruction, "" if (extra or "").lower() in _NO_INPUT else extra or "", output or None


def _first(item: Mapping[str, Any], *names: str) -> Any:
    return next((item[name] for name in names if name in item), None)


def _is_new(making: MakingContext[MakeInstructions], candidate: _Candidate, pool: NearDuplicates) -> bool:
    """Whether to take it; counts why not."""
    if candidate.id in making.rows_by_id:
        return True
    length = len(candidate.instruction.split())
    if not making.spec.min_words <= length <= making.spec.max_words:
        making.tally.left_out["too short or long"] += 1
        return False
    if pool.has(candidate.instruction):
        making.tally.left_out["duplicate"] += 1
        return False
    pool.add(candidate.instruction)
    return True


def _answered(making: MakingContext[MakeInstructions], candidates: list[_Candidate]) -> Iterator[MadeRow]:
    """Rows, in order; what has no answer yet is answered by the writer."""
    bare = [unanswered for unanswered in candidates if unanswered.output is None]
    requests = [making.answer_request([unanswered.turn]) for unanswered in bare]
    answers = {unanswered.id: completion for unanswered, completion in zip(bare, making.ask(requests), strict=True)}
    for candidate in candidates:
        more: dict[str, Any] = {}
        answer = candidate.output
        if answer is None:
            completion = answers[candidate.id]
            answer = making.usable(completion)
            more = {"answer_request": completion.digest, "answer_prompt_sha256": making.answering.sha256}
        if answer is not None:
            yield MadeRow(
                id=candidate.id,
                fields=fields(making.spec.shape, [candidate.turn], answer),
                provenance=making.provenance(candidate.reply, candidate.shown, **more),
            )


def _instruction_of(row: Mapping[str, Any]) -> str:
    """Instruction of a row of the file, in either shape."""
    if "messages" in row:
        return next((turn["content"] for turn in row["messages"] if turn["role"] == "user"), "")
    return str(row.get("instruction", ""))
