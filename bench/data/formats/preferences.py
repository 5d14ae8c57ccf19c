"""Preference data to what supervised fine-tuning learns of it: the preferred side, by one rule for all public layouts.

Contract: `preference_shape` finds in a record the question, the candidates (in columns of their own or in a list) and
the verdict between them; the shape's converter then gives the conversation with the preferred candidate, or raises
`RowLeftOut` where a record prefers none. Where the preferred answer has a column of its own (`chosen`), it is an answer
like any other (`bench.data.formats.convert.question_and_answer`).
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from bench.data.formats.chat.messages import ends_with_answer
from bench.data.formats.chat.turns import Turns
from bench.data.formats.columns import REJECTED, history_turns, judges
from bench.data.formats.convert import (
    CHOSEN,
    CONVERSATIONS,
    EXTRAS,
    PROMPTS,
    conversation_of,
    question_and_answer,
    said_by,
)
from bench.data.formats.fields import RowError, field_of, is_filled, kind_of, number, parsed, turn_list
from bench.data.formats.shape import Shape
from bench.data.formats.verdicts import best_place, flagged_side, listed_place, named_side

_SIDE = re.compile(
    r"(response|output|answer|completion|human_ref|conversation|sample|candidate|generation|reply|summary)"
    r"(_?)([0-9]|[a-dA-D])"
)
_NAMING = """
better_response_id safer_response_id labels winner overall_preference preference_strength preference overall_response
preferred preferred_response_id choice best better selected chosen label
"""
_VERDICTS = tuple(_NAMING.split())
"""Columns that name one of the candidates, the most telling first."""
_COUNTING = """
chosen_index chosen_idx chosen_id best_index best_idx best_id preferred_index preferred_id choice best better selected
preferred preference winner chosen label
"""
_INDEXES = tuple(_COUNTING.split())
"""Columns that say which of a list of candidates is preferred."""
_LISTS = (
    "responses", "completions", "answers", "outputs", "candidates", "generations", "summaries",
    "candidates_completions", "all_generated_responses", "responses_and_scores",
)  # fmt: skip
_RANKS = ("rank", "ranks", "ranking", "rankings")
_SCORES = (
    "overall_score", "fine-grained_score", "pm_score", "score", "scores", "rating", "ratings", "reward", "rewards",
    "all_rm_scores", "preference_scores",
)  # fmt: skip
_TEXTS = ("response", "answer", "text", "completion", "output", "generation", "content")
"""Keys of a candidate that hold what it says."""
_QUESTIONS = (*PROMPTS, "post", "history", "context", "info", "user_input", *CONVERSATIONS)
_ABOUT = """
models model_a model_b winner_tie correct_answers incorrect_answers individual_preference worker batch extra quotes_0
quotes_1 tokens_0 tokens_1 generator_1 generator_2 judge raw_preference seconds_difference score_ratio c_root_id_A
c_root_id_B created_at_utc_A created_at_utc_B post_id prompt_source qid
"""
_BESIDE = frozenset(_ABOUT.split())
"""Columns about the candidates that nobody learns from."""

Choose = Callable[[Mapping[str, Any]], tuple[Mapping[str, Any], str]]
"""A record to the object and the name of its field that hold the preferred answer."""


def preference_shape(record: Mapping[str, Any]) -> Shape | None:
    """The layout of a record that prefers one of several candidates; `None` for any other record.

    A conversation that ends with an answer says itself what is to be learned, and so does a column of `CHOSEN`.
    """
    if any(ends_with_answer(parsed(record.get(name))) for name in CONVERSATIONS):
        return None
    question = next((name for name in _QUESTIONS if is_filled(record.get(name))), None)
    sides = _sides(record)
    if sides is not None and (verdict := _verdict_of_sides(record, sides)) is not None:
        return _of_sides(question, tuple(sides.items()), verdict)
    for name in _LISTS:
        items = parsed(record.get(name))
        said = _verdict_of_list(record, items) if isinstance(items, list) and items else None
        if said is not None and question is not None:
            return _of_list(question, name, said)
    return None


def _sides(record: Mapping[str, Any]) -> dict[str, str] | None:
    """The columns of two or more candidates by what their names end with: `0`, `1`; `1`, `2`; `a`, `b`."""
    groups: dict[tuple[str, str], dict[str, str]] = {}
    for name in record:
        if (match := _SIDE.fullmatch(str(name))) is not None:
            groups.setdefault((match[1], match[2]), {})[match[3]] = name
    for (stem, _), found in groups.items():
        if "2" in found and "1" not in found and stem in record:  # response, response2
            found["1"] = stem
        ids = sorted(found)
        if len(ids) > 1 and "".join(ids) in "0123456789 123456789 abcd ABCD" and ids[0] in "01aA":
            return {side: found[side] for side in ids}
    return None


def _own_answer(record: Mapping[str, Any], names: Collection[str]) -> bool:
    """Whether a column of its own holds the preferred answer, not the number or one of the names of a candidate."""
    for column in CHOSEN:
        value = record.get(column)
        if not is_filled(value) or judges(record, column) or number(value) is not None or str(value).strip() in names:
            continue
        if column != "chosen" or is_filled(record.get("rejected")) or not isinstance(parsed(value), str):
            return True
    return False


def _verdict_of_sides(record: Mapping[str, Any], sides: Mapping[str, str]) -> tuple[str, ...] | None:
    """The column that names the preferred side, or the columns with a flag or a score of each."""
    if _own_answer(record, sides.values()):
        return None
    if (named := next((name for name in _VERDICTS if name in record), None)) is not None:
        return (named,)
    per_side = [
        *([f"winner_model_{side}" for side in sides], [f"winner_{side}" for side in sides]),
        *([f"{stem}_{side}" for side in sides] for stem in _SCORES),
        *([f"{column}_{stem}" for column in sides.values()] for stem in _SCORES),
    ]
    return next((tuple(names) for names in per_side if all(name in record for name in names)), None)


def _verdict_of_list(record: Mapping[str, Any], items: Sequence[object]) -> str | None:
    """What prefers one of the list: a key of its objects, or a column with a number or a list of them."""
    if _own_answer(record, ()):
        return None
    if isinstance(items[0], dict):
        keys = items[0].keys() if any(text in items[0] for text in _TEXTS) else ()
        if (key := next((key for key in (*_RANKS, *_SCORES) if key in keys), None)) is not None:
            return f"[].{key}"
    elif isinstance(parsed(items[0]), list | dict):
        return None
    for name in _INDEXES:
        value = record.get(name)
        if name in record and (number(value) is not None or value in items):
            return name
    return next((name for name in (*_RANKS, *_SCORES) if isinstance(parsed(record.get(name)), list)), None)


@lru_cache(maxsize=256)
def _of_sides(question: str | None, sides: tuple[tuple[str, str], ...], verdict: tuple[str, ...]) -> Shape:
    by_side = dict(sides)
    columns = list(by_side.values())

    def choose(record: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
        values = [field_of(record, name) for name in verdict]
        if len(values) == 1:
            texts = [field_of(record, column) for column in columns]
            is_shp = (columns[0], verdict[0]) == ("human_ref_A", "labels")
            place = named_side(verdict[0], values[0], by_side, texts, first_is_one=is_shp)
        else:
            place = flagged_side(values) if verdict[0].startswith("winner") else best_place(values, ties=True)
        return record, columns[place]

    return _shape(question, choose, [*columns, *verdict], f"{', '.join(columns)}, {', '.join(verdict)}")


@lru_cache(maxsize=256)
def _of_list(question: str, name: str, verdict: str) -> Shape:
    def choose(record: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
        items = turn_list(record, name)
        place = _best_of_list(record, items, name, verdict)
        best = items[place]
        if not isinstance(best, dict):
            return {name: best}, name
        return best, next((key for key in _TEXTS if key in best), _TEXTS[0])

    return _shape(question, choose, [name, verdict], f"{name}: […], {verdict}")


def _best_of_list(record: Mapping[str, Any], items: Sequence[Any], name: str, verdict: str) -> int:
    key = verdict.removeprefix("[].")
    if key != verdict:
        for item in items:
            if not isinstance(item, dict):
                raise RowError("data.not-ranked", f"field `{name}` holds {kind_of(item)}, not objects with {key}")
        keys = (key,) if key in _RANKS else (key, *(other for other in _SCORES if other != key))
        scores = [next((item[k] for k in keys if number(item.get(k)) is not None), None) for item in items]
        return best_place(scores, lowest=key in _RANKS)
    value = parsed(field_of(record, verdict))
    if not isinstance(value, list):
        return listed_place(verdict, value, len(items), items)
    if len(value) != len(items):
        what = f"field `{verdict}` has {len(value)} values for the {len(items)} of `{name}`"
        raise RowError("data.not-ranked", what)
    return best_place(value, lowest=verdict in _RANKS)


def _shape(question: str | None, choose: Choose, reads: Sequence[str], fields: str) -> Shape:
    def convert(record: Mapping[str, Any]) -> Turns:
        holder, column = choose(record)
        asked = None if question is None else parsed(record.get(question))
        answers = parsed(holder[column]) if column in holder else None
        if isinstance(asked, list) and isinstance(answers, list) and asked and isinstance(asked[0], str):
            return _paired(asked, answers, str(question))
        if holder is record:
            return question_and_answer(question, column)(record)
        prompt = question_and_answer(question, None)(record)
        answer = said_by("assistant", holder, column)
        return conversation_of(prompt, answer, f"`{question}`", f"the preferred `{column}`")

    uses = frozenset([*(() if question is None else (question,)), *reads, *EXTRAS, *_BESIDE, *REJECTED])
    asked = "" if question is None else f"{question}, "
    return Shape(name="preferences", fields=asked + fields, uses=uses, matches=lambda record: True, convert=convert)


def _paired(asked: Sequence[object], answers: Sequence[object], name: str) -> Turns:
    """What was asked turn by turn, and the answers (Chatbot Arena's lists of texts)."""
    if len(asked) != len(answers):
        raise RowError("data.not-a-turn", f"{len(asked)} prompts and {len(answers)} responses do not pair")
    return history_turns(list(zip(asked, answers, strict=True)), name)
