"""Places of the assistant's earlier turns in a row's text, each with its ending.

Contract: every earlier answer is marked, the conversation is rendered again, and the marks are read: what the template
does between turns does not matter. Spans are characters of the text without guards and marks. A turn whose thoughts the
template leaves out is in no span: it would teach an answer without them.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import Any

from bench.data.render.row import Row, Turn
from bench.data.render.special_tokens import CLOSE, OPEN, unguarded, unmarked
from bench.data.render.template.chat_template import ChatTemplate
from bench.data.render.template.messages import has_thinking
from bench.data.render.thinking import empty_block, opening_before, thoughts_and_answer
from bench.errors import InputError, Problem
from bench.suite.catalog.template import MessageFields, TemplateRefusedError

THOUGHTS_LEFT_OUT = "the template leaves out what earlier turns think: such turns are context, not learned"

Span = tuple[int, int]


def earlier_answers(chat: ChatTemplate, row: Row, chosen: Callable[[Turn], bool], endings: Sequence[str]) -> list[Span]:
    """The spans of the earlier assistant turns that are `chosen`. `endings`: texts that may close a turn.

    Raises `InputError` where the template does not print an earlier turn as it is.
    """
    wanted = [turn.role == "assistant" and chosen(turn) for turn in row.turns[:-1]]
    if not any(wanted):
        return []
    places = [place for place, want in enumerate(wanted) if want]
    full = chat.whole(row.turns)
    marked = _marked_text(chat, row.turns, wanted)
    if marked is None or unmarked(marked) != full or {marked.count(OPEN), marked.count(CLOSE)} != {len(places)}:
        raise unfindable(row, "the template rewrites earlier turns")
    if _is_behind_a_result(chat, row, wanted):
        raise unfindable(row, "the template prints what a tool returns before the text of the turn that calls it")
    plain_endings = [ending for ending in (chat.layout.closing, *endings) if ending]
    spans = []
    for at, (before, answer, after) in zip(places, _parts(marked), strict=True):
        turn = row.turns[at]
        start = _start(chat, before, turn)
        if not _shows_thoughts(turn, before[start:]):
            chat.notes[THOUGHTS_LEFT_OUT] = None
            continue
        place = len(unguarded(before[:start]))
        length = len(unguarded(before[start:])) + len(answer)
        spans.append((place, place + length + _closing(chat, row, at, after, plain_endings)))
    return spans


def unfindable(row: Row, why: str) -> InputError:
    """Earlier turns that cannot be told apart from the rest of a row's tokens."""
    return InputError(
        Problem(
            reference="recipe.loss-on",
            what=f"earlier assistant turns cannot be supervised: {why}",
            where=row.origin,
            hint='use loss_on = "completion", or another template, such as model.template = "chatml"',
        )
    )


def _marked_text(chat: ChatTemplate, turns: Sequence[Turn], wanted: Sequence[bool]) -> str | None:
    messages = chat.messages_of(turns)
    skipped = len(turns) - len(messages)  # a system turn that went into the first question
    for place, want in enumerate(wanted):
        if want:
            messages[place - skipped] = _marked(messages[place - skipped])
    try:
        return chat.whole(turns, messages)
    except TemplateRefusedError:
        return None


def _is_behind_a_result(chat: ChatTemplate, row: Row, wanted: Sequence[bool]) -> bool:
    """Whether the text of a wanted turn that calls is printed behind a tool's result, which its span would hold."""
    calling = [
        want and bool(turn.tool_calls and turn.content.strip()) for want, turn in zip(wanted, row.turns, strict=False)
    ]
    if not any(calling):
        return False
    results = [turn.role == "tool" for turn in row.turns[:-1]]
    marked = _marked_text(chat, row.turns, [a or b for a, b in zip(calling, results, strict=True)])
    places = [place for place, (call, result) in enumerate(zip(calling, results, strict=True)) if call or result]
    said = [text for _, text, _ in _parts(marked or "")]
    return len(said) == len(places) and said != [unguarded(row.turns[place].content).strip() for place in places]


def _marked(message: MessageFields) -> MessageFields:
    """A message with marks around what it says; around the first text among its arguments where it only calls, else
    around the name that it calls."""
    content = str(message["content"])
    answer = thoughts_and_answer(content)[1]
    if core := answer.strip():
        at = len(content) - len(answer) + answer.index(core)
        return {**message, "content": f"{content[:at]}{OPEN}{core}{CLOSE}{content[at + len(core) :]}"}
    calls = [dict(call) for call in message.get("tool_calls", ())]
    if calls:
        function = dict(calls[0]["function"])
        arguments = _with_first_text_marked(function["arguments"])
        marked = {"arguments": arguments} if arguments is not None else {"name": _between_marks(function["name"])}
        calls[0]["function"] = function | marked
    return {**message, "tool_calls": calls} if calls else {**message, "content": f"{content}{OPEN}{CLOSE}"}


def _with_first_text_marked(value: Any) -> Any | None:
    """The value with marks around the first text in it; `None` where it holds none."""
    if isinstance(value, str):
        return _between_marks(value) if value.strip() else None
    items = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for key, item in items:
        if (marked := _with_first_text_marked(item)) is not None:
            changed: Any = dict(value) if isinstance(value, dict) else list(value)
            changed[key] = marked
            return changed
    return None


def _between_marks(text: str) -> str:
    return f"{OPEN}{text}{CLOSE}"


def _parts(marked: str) -> Iterator[tuple[str, str, str]]:
    """Per marked turn: the text up to it, what it says, and the text behind it; without the marks of others."""
    at = 0
    while (start := marked.find(OPEN, at)) >= 0:
        end = marked.index(CLOSE, start)
        yield unmarked(marked[:start]), unguarded(marked[start:end]), unguarded(marked[end:].partition(OPEN)[0])
        at = end


def _start(chat: ChatTemplate, before: str, turn: Turn) -> int:
    """Where in the text before it an assistant's turn begins: behind the header and a block of thinking that is empty,
    with the thoughts and the blank before its words."""
    header = chat.layout.header
    place = before.rfind(header) if header.strip() else -1
    if place >= 0:
        start = place + len(header)
        return start + (0 if has_thinking(turn) else empty_block(before[start:]))
    blank = chat.layout.answer_prefix if not chat.layout.answer_prefix.strip() else ""
    start = len(before) - len(blank) if blank and before.endswith(blank) else len(before)
    thought = thoughts_and_answer(turn.content)[0] or (turn.reasoning or "").strip()
    shown = before.rfind(thought) if thought else -1
    return opening_before(before, shown) if shown >= 0 else start


def _shows_thoughts(turn: Turn, text: str) -> bool:
    thought = thoughts_and_answer(turn.content)[0] or (turn.reasoning or "").strip()
    return thought in unguarded(text)


def _closing(chat: ChatTemplate, row: Row, place: int, after: str, endings: Sequence[str]) -> int:
    """Length of what belongs to the turn at `place` behind what it says: its calls, and the text that closes it."""
    if not row.turns[place].tool_calls:
        return next((len(ending) for ending in endings if after.startswith(ending)), 0)
    alone = _marked_text(chat, row.turns[: place + 1], [False] * place + [True])
    if alone is None or CLOSE not in alone:
        raise unfindable(row, "the template does not print a call alone")
    pairs = zip(unguarded(alone.partition(CLOSE)[2]), after, strict=False)
    common = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    ends = [common.index(ending) + len(ending) for ending in endings if ending in common]
    if ends:
        return min(ends)
    opened = next((ending for ending in endings if after[len(common) :].startswith(ending)), None)
    return len(common.rstrip()) if opened is None else len(common) + len(opened)
