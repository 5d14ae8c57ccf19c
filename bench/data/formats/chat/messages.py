"""One message to one turn: the closed list of a message's keys, what each means, and the names of roles.

Contract: `message_turns` uses each key by its meaning or refuses the message with `RowError`; a key that is not in the
list is reported by `bench.data.formats.unused`, never read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from bench.data.formats.chat.channels import ROUTES, by_channel
from bench.data.formats.chat.parts import Said, said_in
from bench.data.formats.chat.thoughts import as_thought, joined, with_one_block
from bench.data.formats.chat.tools import call_list
from bench.data.formats.chat.turns import Turns
from bench.data.formats.fields import RowError, as_text, field_of, is_filled, kind_of, misspelt, misspelt_name, number
from bench.text import is_blank


class Key(StrEnum):
    """What a key of a message means."""

    ROLE = "who speaks"
    CONTENT = "content"
    REASONING = "reasoning before the content"
    LEARNED = "whether the turn is learned: true or 1, false or 0"
    MASKED = "whether the turn is context alone: true or 1, false or 0"
    LABEL = "whether the turn is a good example: true or false"
    CALLS = "calls of tools"
    CALL_ID = "the call that a tool answers"
    NAME = "the speaker's or the tool's name"
    ROUTE = "whom it is for"
    REFUSED = "something that this program cannot honour"
    NOTHING = "nothing that a model reads"


_NOTHING = """
id uid uuid message_id parent_id index turn turn_id turn_identifier timestamp create_time created_at updated_at
date time model lang language annotations metadata meta prefix cache_control markdown rank score source
openai_id redacted toxic hashed_ip header country state type status user author finish_reason end_turn token_count
replies
"""

OF_TOKENS = "a turn is learned whole or not at all, without weights or masks by token or within it"
"""Why masks are refused."""
_REASONS = {
    "image images image_path image_paths image_url img audio audios video videos pixel_values": (
        "this program trains on text"
    ),
    "train_detail training_detail weights mask masks loss_mask attention_mask input_ids train_mask assistant_masks "
    "completion_mask": OF_TOKENS,
    "tools functions": "a row's tools are in a column of its own, `tools`",
    "tool_calls tool_call function_call function_calls": (
        "calls of tools are read from the key `tool_calls` of messages"
    ),
    "chat_template_kwargs template_kwargs chat_template enable_thinking": (
        "all rows of a data set are printed alike, as template and thinking under [model] say"
    ),
    "documents": "no template is given documents: what the prompt quotes of them belongs in its text",
    "train_on_input train_on_inputs train_on_prompt mask_prompt mask_input mask_inputs mask_history": (
        "loss_on in the recipe is for all rows"
    ),
    "refusal": "what the model refuses with is read from the content",
    "ignore ignored skip skipped exclude excluded": (
        "it may leave the turn out of what is learned (`train` says that) or out of the conversation"
    ),
}
_REASON_OF = {name: reason for names, reason in _REASONS.items() for name in names.split()}
_REFUSED = """
image images image_url img audio audios video videos train_detail training_detail weights mask masks tools functions
tool_call function_calls refusal ignore ignored skip skipped exclude excluded
"""
_UNLESS_TRUE = frozenset({"ignore", "ignored", "skip", "skipped", "exclude", "excluded"})
"""Keys that say something only where they are not false."""

MESSAGE_KEYS: dict[str, Key] = {
    **dict.fromkeys(("role", "from", "speaker"), Key.ROLE),
    **dict.fromkeys(("content", "value", "text"), Key.CONTENT),
    **dict.fromkeys(
        ("reasoning_content", "reasoning", "reasoning_trace", "thinking", "thought", "thoughts"), Key.REASONING
    ),
    **dict.fromkeys(
        ("weight", "train", "loss", "training", "trainable", "train_on_turn", "loss_weight", "loss_mask"), Key.LEARNED
    ),
    **dict.fromkeys(("masked", "is_masked", "mask_loss", "no_loss"), Key.MASKED),
    "label": Key.LABEL,
    **dict.fromkeys(("tool_calls", "function_call"), Key.CALLS),
    "tool_call_id": Key.CALL_ID,
    "name": Key.NAME,
    **dict.fromkeys(_REFUSED.split(), Key.REFUSED),
    **dict.fromkeys(ROUTES, Key.ROUTE),
    **dict.fromkeys(_NOTHING.split(), Key.NOTHING),
}
"""A message's keys and their meanings."""

_MEANT = frozenset(key for key, meaning in MESSAGE_KEYS.items() if meaning is not Key.NOTHING)

_PAIRED = {"role": "content", "from": "value", "speaker": "text"}
"""The key that holds the content, by the key that names the speaker."""

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "ipython": "tool",
    "tool_response": "tool",
    "function_response": "tool",
}
"""The role that a file's name for a speaker stands for."""

CALLERS = frozenset({"function_call", "tool_call"})
"""Speakers whose text is the assistant's call, as JSON."""


def role_of(name: object) -> str:
    """The role of a speaker, of which `CALLERS` are the assistant. Raises `RowError` for an unknown one."""
    speaker = name.strip().lower() if isinstance(name, str) else ""
    role = "assistant" if speaker in CALLERS else ROLES.get(speaker)
    if role is None:
        raise RowError("data.unknown-role", f"unknown role {name!r}; known: {', '.join([*ROLES, *sorted(CALLERS)])}")
    return role


def is_role(name: object) -> bool:
    """Whether a name is a speaker's."""
    speaker = name.strip().lower() if isinstance(name, str) else ""
    return speaker in ROLES or speaker in CALLERS


def message_turns(items: Iterable[object]) -> Turns:
    """A list of messages as turns. Raises `RowError` with the turn's number."""
    return by_channel(_read(items))


def _read(items: Iterable[object]) -> Iterator[tuple[Mapping[str, Any], Turns]]:
    """Each message with its turns."""
    for position, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise RowError("data.not-a-turn", f"turn {position} is {kind_of(item)}, not an object")
        speaker, content = speaker_and_content(item)
        try:
            turns = _turns(item, speaker, content)
        except RowError as error:
            hint = error.hint or f"a turn is an object with {speaker} and {content}"
            raise RowError(error.reference, f"turn {position}: {error.what}", hint) from None
        yield item, turns


def ends_with_answer(items: object) -> bool:
    """Whether a list of messages ends with what the assistant says."""
    last = items[-1] if isinstance(items, list) and items else None
    if not isinstance(last, dict) or not is_message(last):
        return False
    name = last.get(speaker_and_content(last)[0])
    return is_role(name) and role_of(name) == "assistant"


def is_message(item: object) -> bool:
    """Whether an object looks like a message: it names who speaks."""
    return isinstance(item, dict) and any(key in item for key in _PAIRED)


def speaker_and_content(item: Mapping[str, Any]) -> tuple[str, str]:
    """The keys of a message that hold who speaks and the content."""
    speaker = next((key for key in _PAIRED if key in item), "role")
    content_key = _PAIRED[speaker]
    return speaker, content_key if content_key in item else next(
        (key for key in _PAIRED.values() if key in item), content_key
    )


def _turns(item: Mapping[str, Any], speaker: str, content: str) -> Turns:
    """The turn of a message, behind what tools returned where the message brings that, too."""
    name = field_of(item, speaker)
    role, given = role_of(name), _by_meaning(item)
    _check_honoured(item)
    said = _said(item, content, by_tool=role == "tool", calls=given.get(Key.CALLS, []))
    _check_single(item, content, said.text)
    if said.results and role != "user":
        raise RowError("data.not-honoured", f"what a tool returned, in a turn of {role}")
    if isinstance(name, str) and name.strip().lower() in CALLERS:
        said.calls, said.text = [*said.calls, *call_list(said.text)], ""
    turn: dict[str, Any] = {"role": role, "content": said.text}
    reasoning = {key: item[key] for key, meaning in _filled(item) if meaning is Key.REASONING}
    thoughts = [as_thought(value, key) for key, value in reasoning.items()]
    for key, value in (("reasoning", joined([*filter(None, (*thoughts, said.thought))])), ("tool_calls", said.calls)):
        if value and role != "assistant":
            raise RowError("data.not-honoured", f"{key.replace('_', ' ')} in a turn of {role}")
        if value:
            turn[key] = value
    turn = with_one_block(turn, [*reasoning] or [content])
    if role == "assistant" and not all(_learned(key, item[key]) for key, _ in _filled(item)):
        turn["train"] = False
    for meaning, key in ((Key.NAME, "name"), (Key.CALL_ID, "tool_call_id")):
        if meaning in given:
            turn[key] = as_text(given[meaning][0], f"`{key}`")
    return [*said.results, turn] if not said.results or not is_blank(said.text) else said.results


def _said(item: Mapping[str, Any], content: str, *, by_tool: bool, calls: Sequence[object]) -> Said:
    """What a message says, with its `calls` before those of its content, which a message of calls may lack."""
    named = [call for value in calls for call in call_list(value)]
    said = Said() if named and content not in item else said_in(field_of(item, content), by_tool=by_tool)
    said.calls = [*named, *said.calls]
    return said


def _filled(item: Mapping[str, Any]) -> list[tuple[str, Key]]:
    """The keys of a message that are known and have a value, with their meanings."""
    return [(key, MESSAGE_KEYS[key]) for key, value in item.items() if key in MESSAGE_KEYS and is_filled(value)]


def _by_meaning(item: Mapping[str, Any]) -> dict[Key, list[Any]]:
    """The filled values of a message, by meaning."""
    given: dict[Key, list[Any]] = {}
    for key, meaning in _filled(item):
        given.setdefault(meaning, []).append(item[key])
    return given


def _check_single(item: Mapping[str, Any], content: str, text: str) -> None:
    """A message with two texts, or of two speakers, is refused: nobody can say which is meant."""
    others = [key for key in _PAIRED.values() if key != content and is_filled(item.get(key))]
    if other := next((key for key in others if item[key] != text), None):
        what = f"`{content}` and `{other}` say different things"
        raise RowError("data.two-texts", what, f'ignore = ["{other}"] learns `{content}`')
    speakers = {role_of(item[key]): key for key in _PAIRED if is_role(item.get(key))}
    if len(speakers) > 1:
        names = " and ".join(f"`{key}`" for key in speakers.values())
        raise RowError("data.two-speakers", f"{names} name different speakers", "remove one of the two")


def _check_honoured(item: Mapping[str, Any]) -> None:
    for key, value in item.items():
        if key not in MESSAGE_KEYS and (means := misspelt(key, _MEANT)) is not None and is_filled(value):
            raise misspelt_name(f"`{key}`", key, means)
        says_nothing = not is_filled(value) or (key in _UNLESS_TRUE and parsed_flag(value) is False)
        if MESSAGE_KEYS.get(key) is Key.REFUSED and not says_nothing:
            raise not_honoured(f"`{key}`", key)


def not_honoured(name: str, key: str) -> RowError:
    """The refusal of a column or message key, with the reason; `name` is the key as a sentence names it."""
    return RowError("data.not-honoured", f"{name} cannot be honoured: {_REASON_OF[key]}", ignore_hint(key))


BAD = ("undesirable", "rejected", "bad")
"""Labels of an example of what not to say."""


def is_good(name: str, value: object) -> bool:
    """Whether a label lets its row or turn be learned: a truth value and a word for a bad example are honoured, other
    text is a class. Raises `RowError` for a number, which might be either."""
    word = str(value).strip().lower()
    if number(value) is not None:
        what = f"`{name}` is {value}: true or false would say whether it is to be learned"
        raise RowError("data.label", what, ignore_hint(name))
    return word not in (*BAD, "false")


def _learned(key: str, value: object) -> bool:
    """Whether a flag, weight or label lets its turn be learned. Raises `RowError` for a weight between, which changes
    that."""
    if MESSAGE_KEYS.get(key) is Key.LABEL:
        return is_good(key, value)
    meaning = MESSAGE_KEYS.get(key)
    if meaning not in (Key.LEARNED, Key.MASKED):
        return True
    flag = parsed_flag(value)
    if flag is None:
        what = f"a weight of {value!r} cannot be honoured: a turn is learned (1, true) or not (0, false)"
        raise RowError("data.weight", what, ignore_hint(key))
    return flag if meaning is Key.LEARNED else not flag


def parsed_flag(value: object) -> bool | None:
    """A truth value, 0 or 1, also as text; `None` for anything else."""
    text = str(value).strip().lower()
    return True if text in ("true", "1", "1.0", "yes") else False if text in ("false", "0", "0.0", "no") else None


def ignore_hint(key: str) -> str:
    """What a suite may say about a column or key that cannot be honoured."""
    return f'leave it out with ignore = ["{key}"], or such rows with leave_out = ["{key}"]'
