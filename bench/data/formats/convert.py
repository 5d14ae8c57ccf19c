"""One raw record to a conversation, by layout: question and answer, lists of turns, dialogues in one text, trees.

Contract: a converter takes the record and returns `Turns`, or raises `RowError` naming what is wrong with it. Where the
names of the fields differ from file to file, they are arguments of a function that makes the converter.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bench.data.formats.chat.messages import is_message, is_role, message_turns, role_of, speaker_and_content
from bench.data.formats.chat.tools import call_list, tool_list
from bench.data.formats.chat.turns import Turns, texts_of, user_turn
from bench.data.formats.fields import (
    RowError,
    as_text,
    field_of,
    is_filled,
    kind_of,
    number,
    parsed,
    text_of,
    turn_list,
)

Converter = Callable[[Mapping[str, Any]], Turns]
"""One raw record to its conversation."""

_PAIRS = (("input", "output"), ("human", "assistant"), ("user", "assistant"), ("question", "answer"),
          ("instruction", "output"), ("prompt", "response"), ("query", "response"))  # fmt: skip
"""Keys of an object in a conversation that hold what the user and the assistant wrote."""
CONVERSATIONS = ("messages", "conversations", "conversation", "dialogue", "dialog", "chat", "trajectory")
"""Columns that hold a whole conversation."""
PROMPTS = ("instruction", "question", "prompt", "query", "problem", "input", "inputs", "user", "human")
"""Columns that hold a prompt, the likelier first; `user` may be a name."""
CHOSEN = (
    "chosen", "chosen_response", "preferred_output", "preferred_response", "accepted", "response_j",
    "answer_chosen", "response_chosen", "output_chosen", "completion_chosen", "chosen_answer", "chosen_output",
    "chosen_completion",
)  # fmt: skip
"""Columns that hold the preferred answer of several."""
OPPOSED = (("winner", "loser"), ("preferred", "dispreferred"), ("preferred", "rejected"), ("better", "worse"))
"""Columns that hold the preferred answer and the other where both are there; alone, the first may name a candidate."""
ANSWERS = (
    *CHOSEN, "output", "response", "completion", "solution", "answer", "assistant", "target", "targets", "generation",
)  # fmt: skip
"""Columns that hold an answer, the likelier first."""
EXTRAS = ("input", "context")
"""Columns that belong to the prompt of a question, where it is not in one of them itself."""

_HH_TURN = re.compile(r"\n\n(Human|Assistant):[ ]?")


def question_and_answer(prompt: str | None, completion: str | None) -> Converter:
    """One prompt with its extras, and its answer where one is asked for.

    Either may be a text, a message, a list of messages, or a dialogue; an answer that begins with another's turn is the
    whole conversation, and needs no prompt. A prompt that ends with an answer of its own is refused: it would be joined
    to the answer.
    """
    extras = [name for name in EXTRAS if name != prompt]

    def convert(record: Mapping[str, Any]) -> Turns:
        if completion in CHOSEN and _is_judgement(record, completion):
            value = str(record[completion]).lower()
            what = f"field `{completion}` is {value}: whether an answer is preferred, and no answer"
            raise RowError("data.not-an-answer", what, "name the columns of prompt and completion with columns")
        answer = [] if completion is None else said_by("assistant", record, completion)
        is_whole = bool(answer) and answer[0]["role"] != "assistant"
        if is_whole and (prompt is None or not _holds_prompt(record, prompt)):
            return answer
        if prompt is None:
            raise RowError("data.no-prompt", f"field `{completion}` holds an answer, and no column holds its prompt")
        more = [text_of(record, name) for name in extras if name in record]
        asked = said_by("user", record, prompt, extra="\n".join(text for text in more if text.strip()))
        if is_whole:
            return conversation_of(asked, answer, f"`{prompt}`", f"`{completion}`")
        if answer and asked[-1]["role"] == "assistant" and asked[-1]["content"].strip():
            what = f"field `{prompt}` ends with an answer, and `{completion}` holds another"
            raise RowError("data.two-answers", what, f'ignore = ["{completion}"] learns the conversation as it is')
        return [*asked, *answer]

    return convert


def _is_judgement(record: Mapping[str, Any], name: str) -> bool:
    """Whether a value says of an answer if it is preferred: a truth value, or 0 or 1 with no other answer beside."""
    value = record.get(name)
    others = (key for key in record if "reject" in str(key) or key in {bad for _, bad in OPPOSED})
    return isinstance(value, bool) or (number(value) in (0, 1) and not any(is_filled(record[key]) for key in others))


def _holds_prompt(record: Mapping[str, Any], prompt: str) -> bool:
    """Whether a column holds what a whole conversation can be compared with: a text, or messages."""
    value = parsed(record.get(prompt))
    return is_filled(value) and (prompt not in CONVERSATIONS or (isinstance(value, list) and is_message(value[0])))


def conversation_of(asked: Turns, answer: Turns, prompt: str, completion: str) -> Turns:
    """A prompt with its answer, or an answer that is the whole conversation. Raises `RowError` where that is another
    than the prompt's."""
    if not answer or answer[0]["role"] == "assistant":
        return [*asked, *answer]
    said = _words(text for turn in answer for text in texts_of(turn))
    first = _words(texts_of(next((turn for turn in answer if turn["role"] == "user"), answer[0])))
    other = next((text for turn in asked for text in texts_of(turn) if _words([text]) not in said), None)
    if other is not None and asked[-1]["role"] == "assistant":
        names = [name.strip("`") for name in (completion, prompt)]
        what = f"field {prompt} ends with an answer, and {completion} holds another"
        raise RowError(
            "data.two-answers", what, f'ignore = ["{names[0]}"] learns {prompt}, and ["{names[1]}"] the other'
        )
    if other is not None and first not in _words([other]):  # a prompt as its template prints it holds the question
        what = f"{prompt} is not in the conversation of {completion}, which has a prompt of its own"
        raise RowError("data.two-prompts", what, f"ignore = [{prompt.replace('`', chr(34))}] learns the conversation")
    return answer


def _words(texts: Iterable[str]) -> str:
    """Texts one after the other, white space apart."""
    return " ".join(" ".join(texts).split())


def said_by(role: str, record: Mapping[str, Any], name: str, *, extra: str = "") -> Turns:
    """Content of a column: messages, a dialogue (`\\n\\nHuman: …`), or one text that `role` says."""
    given = field_of(record, name)
    value = parsed(given)
    if role == "user" and isinstance(value, dict) and (turns := _asked_by_object(value, named=name == "info")):
        return turns
    items = [value] if is_message(value) else value
    if isinstance(items, list) and items and is_message(items[0]):
        if not isinstance(given, str) or all(map(_is_whole_message, items)):
            return message_turns(items)
        value = given  # an answer that is JSON
    text = value if isinstance(value, str) else text_of(record, name)
    if text.startswith("\n\nHuman:"):
        return dialogue(text)
    return [user_turn(text, extra) if role == "user" else {"role": role, "content": text}]


def _is_whole_message(item: object) -> bool:
    """Whether an object from a text is a message beyond doubt: other texts are JSON with a key `from`, too."""
    if not isinstance(item, dict):
        return False
    speaker, content = speaker_and_content(item)
    return content in item and is_role(item.get(speaker))


def _asked_by_object(value: Mapping[str, Any], *, named: bool) -> Turns:
    """What a prompt that is an object asks: messages (OpenAI's preference files), a text (WebGPT), or, where `named`,
    the summary of a post (Stiennon et al. 2020, with their prompt). Nothing where it is none of these."""
    given = value.get("messages")
    if isinstance(given, list) and given and all(map(_is_whole_message, given)):
        tools = tool_list(value.get("tools"), "tools")
        first, *rest = message_turns(given)
        return [{**first, "tools": tools} if tools else first, *rest]
    if isinstance(value.get("full_text"), str):
        return [user_turn(value["full_text"])]
    names = {"SUBREDDIT": "subreddit", "TITLE": "title", "POST": "post", "ARTICLE": "article"}
    lines = [f"{name}: {value[key]}" for name, key in names.items() if is_filled(value.get(key))]
    return [user_turn("\n".join([*lines, "TL;DR:"]))] if named and lines else []


def whole_dialogue(name: str) -> Converter:
    """A dialogue in one text, or as a list of messages."""

    def convert(record: Mapping[str, Any]) -> Turns:
        value = parsed(field_of(record, name))
        return message_turns(value) if isinstance(value, list) else dialogue(text_of(record, name))

    return convert


def plain_text(name: str) -> Converter:
    """A field that is no conversation, learned from beginning to end."""
    return lambda record: [{"role": "text", "content": text_of(record, name)}]


def text_alone(record: Mapping[str, Any]) -> Turns:
    """A plain text in the column `text`. Raises `RowError` where a column beside it holds an answer to it."""
    [turn] = plain_text("text")(record)
    for name in (answer for answer in ANSWERS if answer not in CHOSEN):
        value = record.get(name)
        if (
            isinstance(value, str)
            and is_filled(value)
            and number(value) is None
            and value.strip() not in turn["content"]
        ):
            what = f"`text` would be learned as plain text, and `{name}` beside it, which may be its answer, would not"
            hint = f'columns = {{ prompt = "text", completion = "{name}" }}, or ignore = ["{name}"]'
            raise RowError("data.text-or-prompt", what, hint)
    return [turn]


def messages(name: str) -> Converter:
    """A list of messages."""
    return lambda record: message_turns(turn_list(record, name))


def alternating(name: str) -> Converter:
    """Texts alone, of which the user says the first (LIMA, UltraChat)."""

    def convert(record: Mapping[str, Any]) -> Turns:
        turns: Turns = []
        for position, item in enumerate(turn_list(record, name), start=1):
            text = _turn_text(item, position)
            turns.append({"role": "user" if position % 2 else "assistant", "content": text})
        return turns

    return convert


def pair_keys(item: object) -> tuple[str, str] | None:
    """The keys of an object that hold what the user and the assistant wrote; `None` where it is no such pair."""
    if not isinstance(item, dict):
        return None
    return next((keys for keys in _PAIRS if item.keys() >= set(keys)), None)


def pairs(name: str) -> Converter:
    """A list of objects with what the user and the assistant wrote (Capybara, BELLE)."""

    def convert(record: Mapping[str, Any]) -> Turns:
        turns: Turns = []
        for item in turn_list(record, name):
            if not isinstance(item, dict):
                raise RowError("data.not-a-turn", f"field `{name}` holds {kind_of(item)}, not objects")
            asked, answered = pair_keys(item) or _PAIRS[0]
            turns += [user_turn(text_of(item, asked)), {"role": "assistant", "content": text_of(item, answered)}]
        return turns

    return convert


def dialogue(text: str) -> Turns:
    """A dialogue in one text, as Anthropic's HH-RLHF writes it; an open turn of the assistant at its end is none."""
    parts = _HH_TURN.split(text)
    if len(parts) < 3 or parts[0].strip():
        raise RowError("data.not-a-dialogue", "the dialogue does not begin with a turn `Human:`")
    turns: Turns = []
    for speaker, said in zip(parts[1::2], parts[2::2], strict=True):
        role = role_of(speaker)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += "\n\n" + said
        else:
            turns.append({"role": role, "content": said})
    return turns[:-1] if turns[-1] == {"role": "assistant", "content": ""} else turns


def best_branch(record: Mapping[str, Any]) -> Turns:
    """OASST: from the root along the best ranked reply (rank 0 is best; unranked last) to the end."""
    node = field_of(record, "prompt")
    if not isinstance(node, dict):
        raise RowError(
            "data.not-a-tree", f"field `prompt` is {kind_of(node)}, not an object with role, text and replies"
        )
    turns: Turns = []
    while isinstance(node, dict):
        turns.append({"role": role_of(field_of(node, "role")), "content": text_of(node, "text")})
        replies = [reply for reply in node.get("replies") or [] if isinstance(reply, dict)]
        node = min(replies, key=_rank) if replies else None
    return turns


def called(record: Mapping[str, Any]) -> Turns:
    """A question that is answered by calls of tools (xLAM)."""
    calls = call_list(field_of(record, "answers"))
    return [user_turn(text_of(record, "query")), {"role": "assistant", "content": "", "tool_calls": calls}]


def questions_by_turn(record: Mapping[str, Any]) -> Turns:
    """MT-Bench: what the user says turn by turn, and perhaps a reference for each; answers between are left open."""
    texts = [_turn_text(item, position) for position, item in enumerate(turn_list(record, "turns"), start=1)]
    wanted = record.get("reference")
    references = wanted if isinstance(wanted, list) and len(wanted) == len(texts) else [""] * len(texts)
    turns: Turns = []
    for position, (text, reference) in enumerate(zip(texts, references, strict=True), start=1):
        last = position == len(texts)
        answer = reference if last and isinstance(reference, str) else ""
        turns += [user_turn(text), {"role": "assistant", "content": answer}]
    return turns


def _turn_text(item: object, position: int) -> str:
    if not is_filled(item) and not isinstance(item, str):
        raise RowError("data.not-text", f"turn {position} is {kind_of(item)}, not text")
    return as_text(item, f"turn {position}")


def _rank(reply: Mapping[str, Any]) -> float:
    rank = number(reply.get("rank"))
    return float("inf") if rank is None else rank
