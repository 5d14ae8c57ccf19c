"""Where a template puts a question and an answer, seen on words that no template holds."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.data.render.row import ToolCall, Turn
from bench.data.render.thinking import without_opening
from bench.errors import InputError, Problem
from bench.suite.catalog.template import TemplateRefusedError

QUESTION = Turn(role="user", content="Qz7question")
_ANSWER = Turn(role="assistant", content="Qz7answer")
_SYSTEM = Turn(role="system", content="Qz7system")
_CALL = Turn(role="assistant", content="", tool_calls=(ToolCall(name="Qz7answer", arguments={}),))
_RESULT = Turn(role="tool", content="Qz7system")
_SECOND = Turn(role="user", content="Qz7system")
_TAG = re.compile(r"\s*(?:<[^<>\s]+>|\[[^\[\]\s]+\])")
_ROLE = re.compile("user|human|inst", re.IGNORECASE)


class Show(Protocol):
    """The template's text of turns. Raises `TemplateRefusedError`."""

    def __call__(self, turns: Sequence[Turn], *, add_generation_prompt: bool) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateLayout:
    """What a template prints around questions and answers."""

    answer_prefix: str
    """Between prompt and answer: a space in `dialogue`."""
    tail: str
    """Behind the last answer."""
    header: str
    """Opens an assistant's turn; empty where there is no such text."""
    closing: str
    """The tag that closes an earlier answer; empty where there is none."""
    after_answer: str
    """Behind an earlier answer; empty where that is unclear."""
    after_call: str
    """Behind an earlier call; empty where that is unclear."""
    keeps_prompt: bool
    """Whether the text before an answer is the prompt."""


def shows_system(show: Show) -> bool:
    """Whether the template takes a system turn."""
    try:
        return _SYSTEM.content in show([_SYSTEM, QUESTION], add_generation_prompt=True)
    except TemplateRefusedError:
        return False


def layout_of(show: Show, *, name: str) -> TemplateLayout:
    """The layout of the template `name`. Raises `InputError` where it leaves a turn out."""
    try:
        prompt = show([QUESTION], add_generation_prompt=True)
        full = show([QUESTION, _ANSWER], add_generation_prompt=False)
    except TemplateRefusedError as error:
        raise _unusable(name, "template.broken", f"fails: {error}") from error
    if QUESTION.content not in prompt or _ANSWER.content not in full:
        raise _unusable(name, "template.drops-content", "leaves the question or the answer out")
    before, _, tail = full.partition(_ANSWER.content)
    keeps_prompt = before.startswith(prompt)
    header, closing = _frame(show)
    return TemplateLayout(
        answer_prefix=before[len(prompt) :] if keeps_prompt else "",
        tail=tail,
        header=header,
        closing=closing,
        after_answer=_after(show, [QUESTION, _ANSWER], QUESTION),
        after_call=_after(show, [QUESTION, _CALL], _RESULT),
        keeps_prompt=keeps_prompt,
    )


def _frame(show: Show) -> tuple[str, str]:
    """What opens an assistant's turn, and the tag that closes an earlier one; empty where there is none."""
    try:
        prompt = show([QUESTION], add_generation_prompt=True)
        bare = show([QUESTION], add_generation_prompt=False)
        again = show([QUESTION, _ANSWER, _SECOND], add_generation_prompt=False)
    except TemplateRefusedError:
        return "", ""
    header = without_opening(prompt[len(bare) :]) if prompt.startswith(bare) else ""
    closing = _TAG.match(again.partition(_ANSWER.content)[2])
    return header, "" if closing is None or _ROLE.search(closing[0]) else closing[0].strip()


def _after(show: Show, turns: Sequence[Turn], following: Turn) -> str:
    """What the template prints behind the last of the turns where another follows; empty where that is unclear."""
    try:
        ended = show(turns, add_generation_prompt=False)
        longer = show([*turns, following], add_generation_prompt=False)
    except TemplateRefusedError:
        return ""
    return longer[len(ended) :] if longer.startswith(ended) else ""


def _unusable(name: str, reference: str, what: str) -> InputError:
    hint = 'choose another, such as model.template = "dialogue"'
    return InputError(Problem(reference=reference, what=f"template {name!r} {what}", where="model.template", hint=hint))
