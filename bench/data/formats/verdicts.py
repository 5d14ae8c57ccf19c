"""What a preference says, in any public notation, as the number of one of the candidates.

Contract: every function returns the place of the preferred candidate, counted from 0, or raises `RowLeftOut` where none
is preferred, and `RowError` where the value names no candidate: a value that could mean either is never guessed.
Numbers may be text, as in CSV.
"""

import re
from collections.abc import Mapping, Sequence

from bench.data.formats.chat.messages import parsed_flag
from bench.data.formats.fields import RowError, RowLeftOut, is_filled, number

NO_PREFERENCE = "no preferred answer"

SIGNED = frozenset({"overall_preference", "preference_strength"})
"""Columns that are below 0 where the first of two is preferred, above 0 where the second is (HelpSteer)."""
_NOBODY = "tie ties tied draw both neither none equal equally same bothbad both_bad both_good unclear"
_TIES = frozenset(_NOBODY.split())
_NAMED = re.compile(
    r"(?:the )?(?:(?:model|response|assistant|answer|output|completion|conversation|candidate|option)[ _-]?)?(\w)"
)
_ORDINALS = {"first": 0, "second": 1, "third": 2, "fourth": 3}


def named_side(
    name: str, value: object, sides: Mapping[str, str], texts: Sequence[object], *, first_is_one: bool = False
) -> int:
    """The side that the column `name` names by `value`.

    sides: the column of each candidate by what its name ends with (`0`, `1` or `a`, `b`). texts: what the candidates
    say. first_is_one: 1 is the first of two sides, 0 the second (Stanford Human Preferences).
    """
    text = str(value).strip()
    word = text.lower()
    if not is_filled(value) or re.split(r"[\s(]", word)[0] in _TIES:
        raise RowLeftOut(NO_PREFERENCE)
    found: int | None = None
    if first_is_one:
        flag = parsed_flag(value)
        found = None if flag is None else int(not flag)
    elif name in SIGNED:
        found = _signed(value)
    elif not isinstance(value, bool):
        found = _place(name, text, list(sides), list(sides.values()), texts)
    if found is None:
        raise _unclear(name, value, ", ".join(f"`{column}`" for column in sides.values()))
    return found


def listed_place(name: str, value: object, count: int, items: Sequence[object]) -> int:
    """The place that the column `name` gives in a list of `count` candidates: counted from 0, or by its text."""
    if not is_filled(value) or number(value) == -1:
        raise RowLeftOut(NO_PREFERENCE)
    place = number(value)
    if place is not None and place in range(count):
        return int(place)
    if value in items:
        return items.index(value)
    raise _unclear(name, value, f"the {count} candidates, which are counted from 0")


def flagged_side(flags: Sequence[object]) -> int:
    """The one side whose flag is set (`winner_model_a`, `winner_model_b`)."""
    won = [parsed_flag(flag) is True for flag in flags]
    if sum(won) != 1:
        raise RowLeftOut(NO_PREFERENCE)
    return won.index(True)


def best_place(scores: Sequence[object], *, lowest: bool = False, ties: bool = False) -> int:
    """The place of the highest score, or of the lowest rank; a candidate without one is none. Of equals the first is
    best, unless `ties` leave the row out."""
    known = [(value, place) for place, score in enumerate(scores) if (value := number(score)) is not None]
    if not known or (ties and (len(known) < len(scores) or len({value for value, _ in known}) == 1)):
        raise RowLeftOut(NO_PREFERENCE)
    return min(known)[1] if lowest else min(known, key=lambda pair: (-pair[0], pair[1]))[1]


def _signed(value: object) -> int | None:
    by = number(value)
    if by == 0:
        raise RowLeftOut(NO_PREFERENCE)
    return None if by is None else int(by > 0)


def _place(name: str, text: str, ids: list[str], columns: list[str], texts: Sequence[object]) -> int | None:
    """By number, by a name that ends with the side's, or by the candidate's own text."""
    value, word = number(text), text.lower()
    if value is not None:
        if str(int(value)) in ids and value == int(value):
            return ids.index(str(int(value)))
        if name == "preference" and ids == ["1", "2"] and (value == 0 or 1 < value < 2):  # AlpacaFarm, AlpacaEval
            if value in (0, 1.5):
                raise RowLeftOut(NO_PREFERENCE)
            return int(value > 1.5)
        return None
    if text in columns:
        return columns.index(text)
    match = _NAMED.fullmatch(word)
    if match is not None and match[1] in (lowered := [side.lower() for side in ids]):
        return lowered.index(match[1])
    if _ORDINALS.get(word, len(ids)) < len(ids):
        return _ORDINALS[word]
    said = [str(item).strip() for item in texts]
    return said.index(text) if said.count(text) == 1 else None


def _unclear(name: str, value: object, candidates: str) -> RowError:
    what = f"column `{name}` is {str(value)[:40]!r}, which names none of {candidates}"
    hint = f'write the preferred answer into a column `chosen`, or ignore = ["{name}"]'
    return RowError("data.preference", what, hint)
