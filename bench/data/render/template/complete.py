"""Whether a template prints all that a conversation says.

Contract: `left_out` names the first part that is missing from the text; `None`: all of it is there. Of earlier answers
the thoughts may be missing, as several templates mean it to be.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bench.data.render.row import Turn
from bench.data.render.special_tokens import unguarded
from bench.data.render.thinking import thoughts_and_answer, with_thoughts
from bench.suite.catalog.template import TemplateRefusedError

Render = Callable[[Sequence[Turn]], str]
"""The guarded text of a conversation."""

_PROBE = "Qz7probe"
"""A text that no template and no row holds, to see whether a part is printed whose words are elsewhere, too."""


def left_out(turns: Sequence[Turn], text: str, render: Render) -> str | None:
    """The first part of the turns that their rendered `text` lacks, in a user's words."""
    shown = unguarded(text)
    last = len(turns)
    for number, turn in enumerate(turns, start=1):
        missing = _part_left_out(turn, shown, thoughts=number == last)
        if missing is not None:
            return f"{missing} of turn {number} ({turn.role})"
        if turn.role == "tool" and _is_taken_for_an_answer(turns, number - 1, text, render):
            return f"that turn {number} is a tool's, not the assistant's"
    for tool in next((turn.tools for turn in turns if turn.tools), ()):
        if str(_name_of(tool)) not in shown:
            return f"the tool {_name_of(tool)!r}"
    return _unprinted(turns, text, render)


def _part_left_out(turn: Turn, shown: str, *, thoughts: bool) -> str | None:
    content = unguarded(turn.content)
    thought, answer = thoughts_and_answer(content) if turn.role == "assistant" else ("", content)
    if not _shows(answer.strip(), shown):
        return "the text"
    if not _shows(unguarded(turn.input or "").strip(), shown):
        return "the input"
    if thoughts and not (thought in shown and (turn.reasoning or "").strip() in shown):
        return "the reasoning"
    if not all(call.name in shown and _shows(call.arguments, shown) for call in turn.tool_calls):
        return "a tool call"
    return None


def _shows(value: object, shown: str) -> bool:
    """Whether a text, or every text in an object, is there as it is or with JSON's escapes."""
    if isinstance(value, str) and value in shown:  # so is most of what is said
        return True
    return all(
        text in shown or any(json.dumps(text, ensure_ascii=escaped)[1:-1] in shown for escaped in (False, True))
        for text in _texts(value)
    )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _is_taken_for_an_answer(turns: Sequence[Turn], place: int, text: str, render: Render) -> bool:
    """Whether the template prints what a tool returned as if the assistant had written it."""
    as_answer = turns[place].model_copy(update={"role": "assistant"})
    return _renders_to([*turns[:place], as_answer, *turns[place + 1 :]], text, render)


def _unprinted(turns: Sequence[Turn], text: str, render: Render) -> str | None:
    """What the template prints the same text without, though that text may hold its words elsewhere."""
    if any(turn.tools for turn in turns) and _renders_to(_without(turns, {"tools": ()}), text, render):
        return "the tools"
    for number, turn in enumerate(turns, start=1):
        if not turn.tool_calls:
            continue
        before, after = turns[: number - 1], turns[number:]
        if _renders_to([*before, *_without([turn], {"tool_calls": ()}), *after], text, render):
            return f"a tool call of turn {number} ({turn.role})"
        said = thoughts_and_answer(turn.content)[1]
        beside_call = turn.model_copy(update={"content": turn.content.removesuffix(said) + _PROBE})
        if said.strip() and not _prints_probe([*before, beside_call, *after], render):
            return f"the text of turn {number} ({turn.role})"
    if (thinking := _thinking_probe(turns[-1])) is not None and not _prints_probe([*turns[:-1], thinking], render):
        return f"the reasoning of turn {len(turns)} ({turns[-1].role})"
    return None


def _thinking_probe(turn: Turn) -> Turn | None:
    """The turn that thinks the probe, in the field or the block of its text; `None` where it does not think."""
    if (turn.reasoning or "").strip():
        return turn.model_copy(update={"reasoning": _PROBE})
    if turn.role == "assistant" and thoughts_and_answer(turn.content)[0]:
        return turn.model_copy(update={"content": with_thoughts(turn.content, _PROBE)})
    return None


def _prints_probe(turns: Sequence[Turn], render: Render) -> bool:
    """Whether the probe is in the text; of turns that the template refuses nobody can say that it is not."""
    try:
        return _PROBE in render(turns)
    except TemplateRefusedError:
        return True


def _without(turns: Sequence[Turn], emptied: dict[str, Any]) -> list[Turn]:
    return [turn.model_copy(update=emptied) for turn in turns]


def _renders_to(turns: Sequence[Turn], text: str, render: Render) -> bool:
    try:
        return render(turns) == text
    except TemplateRefusedError:
        return False


def _name_of(tool: Any) -> object:
    return tool.get("function", tool).get("name")
