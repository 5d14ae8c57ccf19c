"""A source of which no row is left: why, and what helps.

Contract: the hint is about the reason that left out most rows; columns are named only where a prompt or an answer was
not found.
"""

import re
from collections import Counter

from bench.data.formats.chat.turns import NO_OPENING, NOT_LEARNED, UNFINISHED
from bench.data.formats.conversation import Rules
from bench.data.formats.verdicts import NO_PREFERENCE
from bench.data.sources.row_faults import COLUMNS_HINT
from bench.errors import Problem
from bench.suite.tables.data import PERHAPS_SPLITS, SPLIT_COLUMNS, SPLIT_FLAGS

_HINTS = {
    NO_OPENING: "the assistant speaks first in these rows: begin each with the turn of the user that it answers",
    NOT_LEARNED: "a key of the messages (weight, train, label, masked or its like) says that no answer is to be "
    "learned: name that key in ignore to learn these answers",
    UNFINISHED: "a limit cut these answers off inside their thinking: give whole answers",
    NO_PREFERENCE: "the rows prefer no candidate: give the column that says which is better",
}
_SAYS = re.compile(r"(\w+) is \S")
"""A reason that a column gives: its name and its value."""


def no_rows_left(dropped: Counter[str], rules: Rules, label: str) -> Problem:
    """The problem of a source whose rows were all left out, for the reasons counted in `dropped`."""
    reasons = ", ".join(f"{reason} ({count:,})" for reason, count in dropped.items())
    needed = "both a prompt and an answer" if rules.answered else "a prompt"
    what = f"no row with {needed} is left: {reasons}" if reasons else "holds no whole conversation"
    most = dropped.most_common(1)[0][0] if dropped else ""
    return Problem(reference="data.no-answers", what=what, where=label, hint=_hint_of(most, rules))


def _hint_of(reason: str, rules: Rules) -> str:
    if reason.removeprefix("with ") in rules.leave_out:
        return "see leave_out in the data's table"
    if reason in _HINTS:
        return _HINTS[reason]
    if rules.score is not None and reason == f"no {rules.score}":
        return "select.column names the column that holds the score"
    if (says := _SAYS.match(reason)) is None:
        return COLUMNS_HINT
    if says[1] in (*SPLIT_COLUMNS, *PERHAPS_SPLITS, *SPLIT_FLAGS):
        return "split in the data's table names a split that rows of the file have"
    return f'the column `{says[1]}` leaves these rows out: ignore = ["{says[1]}"] in the data\'s table does not read it'
