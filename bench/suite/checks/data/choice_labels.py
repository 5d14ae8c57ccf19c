"""Which option of a `choice` eval's row is right, by what its answer says.

Contract: an answer gives the option's text, letter or number, one way for the whole file. `count_from` says that
answers are numbers. Answers that can be read in two ways with different results are refused rather than guessed.
"""

import re
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

from bench.errors import InputError, Problem
from bench.units import plural

_FAULTS_SHOWN = 3
_LETTER = re.compile(r"\(?([A-Za-z])\)?[.:]?")

_Labels = list[int | None]
_Way = Callable[[tuple[str, ...], str], int | None]


def right_options(
    rows: Sequence[tuple[tuple[str, ...], str]], count_from: Literal[0, 1] | None, path: Path, where: str
) -> list[int]:
    """The number of each row's right option, from 0. Raises `InputError`. `rows`: options and answer."""
    if count_from is not None:
        return _all(rows, [_labels(rows, _by_number(count_from))], f"number from {count_from}", path, where)
    text, letter, *numbers = (_labels(rows, way) for way in (_by_text, _by_letter, _by_number(0), _by_number(1)))
    fitting = [(name, labels) for name, labels in (("letters", letter), *(("numbers", labels) for labels in numbers))
               if None not in labels]  # fmt: skip
    if fitting and (said := _said_in_text(rows)):
        if not any(_agree(labels, said) for _, labels in fitting):
            raise _two_ways(fitting[0][0], path, where)
        if None not in text:
            return _whole(text)
    if None in text and [name for name, _ in fitting] == ["numbers", "numbers"]:
        what, hint = f"the answers of {path.name} may count from 0 or from 1", "count_from = 0 or count_from = 1"
        raise InputError(Problem(reference="choice.count", what=what, where=f"{where}.answer", hint=hint))
    return _all(rows, [text, letter, *numbers], "letter or number", path, where)


def raise_faults(faults: Sequence[tuple[int, str]], path: Path, where: str) -> None:
    """Raises `InputError` with the first faults and the number of rows that have one."""
    if not faults:
        return
    rows = len({number for number, _ in faults})
    shown = "; ".join(f"row {number} {what}" for number, what in islice(faults, _FAULTS_SHOWN))
    what = f"{plural(rows, 'row')} of {path.name} cannot be used: {shown}"
    raise InputError(Problem(reference="choice.rows", what=what, where=where, hint="fix or remove these rows"))


def _all(
    rows: Sequence[tuple[tuple[str, ...], str]], ways: Sequence[_Labels], named: str, path: Path, where: str
) -> list[int]:
    """The labels by the first way that fits every row; raises `InputError` with what the nearest way cannot read."""
    labels = min(ways, key=lambda labels: labels.count(None))
    faults = [
        (number, f"has the answer {answer[:40]!r}, which is no {named} of {len(options)} options")
        for number, ((options, answer), label) in enumerate(zip(rows, labels, strict=True), start=1)
        if label is None
    ]
    raise_faults(faults, path, f"{where}.answer")
    return _whole(labels)


def _whole(labels: _Labels) -> list[int]:
    return [label for label in labels if label is not None]


def _labels(rows: Sequence[tuple[tuple[str, ...], str]], way: _Way) -> _Labels:
    return [way(options, answer) for options, answer in rows]


def _said_in_text(rows: Sequence[tuple[tuple[str, ...], str]]) -> list[set[int]] | None:
    """The options with the answer's text in each row, whatever the case; `None` if a row has none."""
    said = [
        {place for place, option in enumerate(options) if option.casefold() == answer.casefold()}
        for options, answer in rows
    ]
    return said if all(said) else None


def _agree(labels: _Labels, said: Sequence[set[int]]) -> bool:
    return all(label in places for label, places in zip(labels, said, strict=True))


def _two_ways(other: str, path: Path, where: str) -> InputError:
    what = f"the answers of {path.name} may be the options' texts or their {other}, which are different options"
    hint = "give the answers as numbers, with count_from = 0 or count_from = 1"
    return InputError(Problem(reference="choice.two-ways", what=what, where=f"{where}.answer", hint=hint))


def _by_text(options: tuple[str, ...], answer: str) -> int | None:
    return options.index(answer) if options.count(answer) == 1 else None


def _by_letter(options: tuple[str, ...], answer: str) -> int | None:
    letter = _LETTER.fullmatch(answer)
    number = ord(letter[1].upper()) - ord("A") if letter else len(options)
    return number if number < len(options) else None


def _by_number(start: int) -> _Way:
    def way(options: tuple[str, ...], answer: str) -> int | None:
        number = int(answer) - start if answer.isdecimal() else -1
        return number if 0 <= number < len(options) else None

    return way
