"""The closed list of a row's columns beside its conversation: what each means, and how it changes what is learned.

Contract: `with_columns` gives a conversation what its row says outside of it (system prompt, history, tools), raises
`RowLeftOut` for a row that says it is not to be learned, and `RowError` for what this program cannot honour. A column
that is neither here nor read by the row's shape is reported by `bench.data.formats.unused`, never read.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

from bench.data.formats.chat.messages import (
    OF_TOKENS,
    ignore_hint,
    is_good,
    is_message,
    message_turns,
    not_honoured,
    parsed_flag,
)
from bench.data.formats.chat.thoughts import as_thought, joined, with_one_block
from bench.data.formats.chat.tools import tool_list
from bench.data.formats.chat.turns import Turns
from bench.data.formats.convert import ANSWERS, CHOSEN, CONVERSATIONS
from bench.data.formats.fields import (
    RowError,
    RowLeftOut,
    as_text,
    holds_file,
    is_filled,
    kind_of,
    misspelt,
    misspelt_name,
    number,
    parsed,
)


class ColumnMeaning(StrEnum):
    """What a column means."""

    SYSTEM = "the system prompt"
    HISTORY = "earlier turns"
    REASONING = "what the assistant thought before its last answer"
    TOOLS = "functions that may be called"
    LABEL = "whether the row is a good example: true or false"
    WEIGHT = "how much the row counts: 1 or 0"
    FLAG = "whether the row counts, where it is true, false, 1 or 0; another number is a measure of the row"
    KEPT = "whether the row is kept: true or 1, false or 0"
    LEFT_OUT = "whether the row is left out: true or 1, false or 0"
    ACCEPTED = "the preferred answer, or beside an answer whether that is preferred: true or 1, false or 0"
    REJECTED = "the answer that is not learned, or beside an answer whether that is not: true or 1, false or 0"
    REFUSED = "something that this program cannot honour"
    NOTHING = "nothing that a model reads"


_REASONING = "reasoning reasoning_content reasoning_trace thinking thought thoughts chain_of_thought cot"
_REFUSED = """
image images image_path image_paths image_url img audio audios video videos pixel_values loss_mask weights
attention_mask input_ids mask masks train_mask assistant_masks completion_mask
chat_template_kwargs template_kwargs chat_template enable_thinking documents
train_on_input train_on_inputs train_on_prompt mask_prompt mask_input mask_inputs mask_history
tool_calls tool_call function_call function_calls
"""
_LEFT_OUT = "skip skipped ignore ignored exclude excluded masked is_masked mask_loss no_loss"
_ACCEPTED = "preferred winner better best selected approved is_chosen is_accepted is_preferred"
REJECTED = ("rejected", "dispreferred", "loser", "worse", "is_rejected")
_NOTHING = """
id _id idx index uid uuid guid row_id example_id sample_id question_id prompt_id conversation_id
conversation_hash message_tree_id tree_state __index_level_0__ hash sources dataset dataset_name origin
subset split domain category categories subject topics task_name task_type task_id type kind tag tags
keywords difficulty level lang country state url link license author model model_name generator
generation_model timestamp created created_at date time metadata meta extra_info quality score scores rating
ratings reward score_chosen score_rejected chosen_score rejected_score chosen-rating rejected-rating
chosen-model rejected-model chosen_model rejected_model rank margin upvote_ratio is_seed_task num_turns
num_tokens token_count length toxic redacted openai_moderation hashed_ip header turn avg_rating chosen_rating
rejected_rating rating_chosen rating_rejected chosen_avg_rating rejected_avg_rating rejected_response
non_preferred_output non_preferred_response response_k rejected_output
answer_rejected response_rejected output_rejected completion_rejected rejected_answer rejected_completion
"""

COLUMNS: dict[str, ColumnMeaning] = {
    **dict.fromkeys(("system", "system_prompt", "system_message"), ColumnMeaning.SYSTEM),
    "history": ColumnMeaning.HISTORY,
    **dict.fromkeys(_REASONING.split(), ColumnMeaning.REASONING),
    **dict.fromkeys(("tools", "functions"), ColumnMeaning.TOOLS),
    **dict.fromkeys(("label", "labels", "kto_tag", "kto_label"), ColumnMeaning.LABEL),
    **dict.fromkeys(("weight", "sample_weight", "loss_weight", "example_weight", "train"), ColumnMeaning.WEIGHT),
    **dict.fromkeys(("loss", "trainable", "training", "is_train"), ColumnMeaning.FLAG),
    **dict.fromkeys(("keep", "include", "included", "is_correct", "is_safe", "is_good"), ColumnMeaning.KEPT),
    **dict.fromkeys(_LEFT_OUT.split(), ColumnMeaning.LEFT_OUT),
    **dict.fromkeys((*CHOSEN, *_ACCEPTED.split()), ColumnMeaning.ACCEPTED),
    **dict.fromkeys(REJECTED, ColumnMeaning.REJECTED),
    **dict.fromkeys(_REFUSED.split(), ColumnMeaning.REFUSED),
    **dict.fromkeys(_NOTHING.split(), ColumnMeaning.NOTHING),
}
"""Columns and their meanings. `rejected_answer` and its like are the side of a pair that fine-tuning does not learn."""

_OF_TEXTS = (ColumnMeaning.SYSTEM, ColumnMeaning.HISTORY, ColumnMeaning.REASONING)
"""Meanings of columns that a suite names itself where it names those of the texts."""
_OF_ROW = {
    ColumnMeaning.KEPT: False, ColumnMeaning.LEFT_OUT: True,
    ColumnMeaning.ACCEPTED: False, ColumnMeaning.REJECTED: True,
}  # fmt: skip
"""Meanings by which a truth value leaves its row out, with that value; any other value is of some other meaning."""
_CLASSES = frozenset({"label", "labels"})
"""Labels that beside a plain text may be its class."""
_MEANT = frozenset(name for name, meaning in COLUMNS.items() if meaning is not ColumnMeaning.NOTHING)


def with_columns(record: Mapping[str, Any], turns: Turns, *, uses: Collection[str], mapped: bool) -> Turns:
    """The conversation with what the row says beside it, in columns that its shape does not use itself.

    `mapped`: the suite names the columns of the texts, so that no other one is a system prompt, a history or reasoning.
    """
    plain = bool(turns) and turns[0]["role"] == "text"
    for name in record:
        if name not in uses and (means := misspelt(name, _MEANT)) is not None and means not in record:
            _check_misspelt(name, means, record[name], mapped=mapped, plain=plain)
        if name not in uses and name not in COLUMNS and holds_file(record[name]):
            what = f"column `{name}` holds the content of files, and this program trains on text"
            raise RowError("data.not-honoured", what, ignore_hint(name))
    record = {name: record[name] for name in record if name in _MEANT and name not in uses and is_filled(record[name])}
    for name, value in record.items():
        _check_judgement(name, value, turns)
        _check_row(name, value, plain=plain)
    if not record:
        return turns
    if not turns or plain:
        return turns
    if not mapped:
        turns = _after_history(record, turns)
        turns = _under_system(record, turns)
        turns = _with_reasoning(record, turns)
    tools = [tool for name in _named(ColumnMeaning.TOOLS, record) for tool in tool_list(record[name], name)]
    return [{**turns[0], "tools": tools}, *turns[1:]] if tools else turns


def reads(name: str, value: object, *, mapped: bool, plain: bool = False) -> bool:
    """Whether a column with this value is used or known to mean nothing, beside texts that the suite names (`mapped`)
    or that are `plain`, too."""
    meaning = COLUMNS.get(name)
    if meaning in _OF_ROW and meaning is not ColumnMeaning.REJECTED and parsed_flag(value) is None:
        return False
    unread = (*_OF_TEXTS, ColumnMeaning.TOOLS) if plain else _OF_TEXTS if mapped else ()
    return meaning is not None and meaning not in unread


def judges(record: Mapping[str, Any], name: str) -> bool:
    """Whether a column of `CHOSEN` says if the row's answer is preferred, and is no answer itself: a truth value, or 0,
    1 or nothing beside an answer of another column."""
    value = record.get(name)
    if isinstance(value, bool):
        return True
    is_text = is_filled(value) and parsed_flag(value) is None
    if is_text or any(is_filled(record.get(other)) for other in REJECTED if not isinstance(record.get(other), bool)):
        return False
    others = ("text", *CONVERSATIONS, *(answer for answer in ANSWERS if answer not in CHOSEN))
    return any(is_filled(record.get(other)) for other in others)


def _named(meaning: ColumnMeaning, record: Mapping[str, Any]) -> list[str]:
    return [name for name in record if COLUMNS.get(name) is meaning]


def _check_row(name: str, value: object, *, plain: bool) -> None:
    """Raises `RowLeftOut` where a column says that its row is not learned, `RowError` where it cannot be honoured."""
    meaning = COLUMNS.get(name)
    if meaning is ColumnMeaning.REFUSED and is_filled(parsed(value)):
        raise not_honoured(f"column `{name}`", name)
    if meaning is ColumnMeaning.LABEL:
        _check_label(name, value, plain=plain)
    elif meaning is ColumnMeaning.WEIGHT or (meaning is ColumnMeaning.FLAG and parsed_flag(value) is not None):
        _check_weight(name, value)
    elif meaning in _OF_ROW and parsed_flag(value) is _OF_ROW[meaning]:
        raise RowLeftOut(f"{name} is {str(parsed_flag(value)).lower()}")


def _check_judgement(name: str, value: object, turns: Turns) -> None:
    """Refuses `yes` in `rejected` beside the answer `no`: the other answer, or a judgement of this one."""
    if COLUMNS.get(name) not in (ColumnMeaning.ACCEPTED, ColumnMeaning.REJECTED) or not isinstance(value, str):
        return
    answer = str(turns[-1]["content"]) if turns else ""
    pair = {value.strip().lower(), answer.strip().lower()}
    if any(pair <= words for words in ({"yes", "no"}, {"true", "false"}, {"0", "1"})):
        what = f"column `{name}` is {value!r} beside an answer of such words: another answer, or a judgement of that"
        raise RowError("data.label", what, ignore_hint(name))


def _check_misspelt(name: str, means: str, value: object, *, mapped: bool, plain: bool) -> None:
    """Refuses a column that would change what is learned if it were written in lower case."""
    if not is_filled(value) or not reads(means, value, mapped=mapped, plain=plain):
        return
    changes = COLUMNS[means] in (*_OF_TEXTS, ColumnMeaning.TOOLS)
    try:
        _check_row(means, value, plain=plain)
    except (RowError, RowLeftOut):
        changes = True
    if changes:
        raise misspelt_name(f"column `{name}`", name, means)


def _check_label(name: str, value: object, *, plain: bool) -> None:
    """A label is of the row, or the class of a plain text; a list of numbers is a label of each token."""
    items = parsed(value)
    if isinstance(items, list) and all(number(item) is not None for item in items):
        raise RowError("data.not-honoured", f"column `{name}` cannot be honoured: {OF_TOKENS}", ignore_hint(name))
    if plain and number(value) is not None:
        return
    if not is_good(name, value):
        if plain and name in _CLASSES:
            what = (
                f"column `{name}` is {str(value).strip().lower()}: the class of a text, or whether it is to be learned"
            )
            hint = f'ignore = ["{name}"] learns all texts; a column `keep` that is false leaves a text out'
            raise RowError("data.label", what, hint)
        raise RowLeftOut(f"{name} is {str(value).strip().lower()}")


def _check_weight(name: str, value: object) -> None:
    flag = parsed_flag(value)
    if flag is None and number(value) is None:
        what = f"column `{name}` is {str(value)[:40]!r}: neither learned (1, true) nor left out (0, false)"
        hint = f'put the rows to train on in a file of their own; ignore = ["{name}"] learns all rows alike'
        raise RowError("data.weight", what, hint)
    if flag is None:
        what = f"column `{name}` is {value!r}: a row is learned (1) or not (0), and a weighted loss is not available"
        by_score = f'select = {{ by = "score", column = "{name}", minimum = … }}'
        hint = f'{by_score} learns the heaviest rows alone, ignore = ["{name}"] all rows alike'
        raise RowError("data.weight", what, hint)
    if not flag:
        raise RowLeftOut(f"{name} is 0")


def _after_history(record: Mapping[str, Any], turns: Turns) -> Turns:
    """The history before the conversation, behind its system prompt."""
    earlier: Turns = []
    for name in _named(ColumnMeaning.HISTORY, record):
        earlier += history_turns(parsed(record[name]), name)
    if not earlier:
        return turns
    system = turns[:1] if turns[0]["role"] == "system" else []
    return [*system, *earlier, *turns[len(system) :]]


def history_turns(value: object, name: str) -> Turns:
    """Earlier turns: pairs of what user and assistant wrote, or messages. Raises `RowError`."""
    if isinstance(value, list) and all(is_message(item) for item in value):
        return message_turns(value)
    pairs = value if isinstance(value, list) else [value]
    turns: Turns = []
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            what = f"field `{name}` holds {kind_of(pair)}, not pairs of what the user and the assistant wrote"
            raise RowError("data.history", what, ignore_hint(name))
        question, answer = (as_text(text, f"a text of `{name}`") for text in pair)
        turns += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return turns


def _under_system(record: Mapping[str, Any], turns: Turns) -> Turns:
    """The system prompts of the row's columns, each once, before the conversation's own."""
    given = [as_text(record[name], f"field `{name}`") for name in _named(ColumnMeaning.SYSTEM, record)]
    own_texts = [turns[0]["content"]] if turns[0]["role"] == "system" else []
    texts = [text for text in dict.fromkeys([*given, *own_texts]) if text.strip()]
    if not given or not texts:
        return turns
    rest = turns[1:] if own_texts else turns
    return [{"role": "system", "content": "\n\n".join(texts)}, *rest]


def _with_reasoning(record: Mapping[str, Any], turns: Turns) -> Turns:
    """The row's reasoning in its last answer. Raises `RowError` where that has another of its own."""
    names = _named(ColumnMeaning.REASONING, record)
    texts = [as_thought(record[name], name) for name in names]
    last = turns[-1]
    if not texts or last["role"] != "assistant":
        return turns
    if (own := last.get("reasoning")) and own.split() not in [text.split() for text in texts]:
        what = f"`{names[0]}` and the last message give different reasoning"
        raise RowError("data.two-reasonings", what, ignore_hint(names[0]))
    return [*turns[:-1], with_one_block({**last, "reasoning": joined(texts, "\n\n")}, names)]
