"""Whether an answer has the format that the suite asks for.

Contract: a pattern with catastrophic backtracking costs seconds, never the eval: it gets `PATIENCE_SECONDS` for an
answer, and is given up after `TRIES` answers on which that was not enough.
"""

import regex

from bench.suite.tables.evals.generation import FormatSpec
from bench.text import is_json

PATIENCE_SECONDS = 1.0
TRIES = 3
TOO_SLOW = "the format's pattern takes too long on the answer"
"""Why an example has no score."""


class Form:
    """A format that answers are checked against."""

    def __init__(self, spec: FormatSpec) -> None:
        self._keys = frozenset(spec.keys)
        self._pattern = None if spec.pattern is None else regex.compile(spec.pattern, regex.DOTALL)
        self._tries = TRIES

    def holds(self, text: str) -> bool | None:
        """Whether the answer, without white space around it, has the format; `None` where the check takes too long."""
        if self._pattern is None:
            return is_json(text, self._keys)
        if not self._tries:
            return None
        try:
            return self._pattern.fullmatch(text.strip(), timeout=PATIENCE_SECONDS) is not None
        except TimeoutError:
            self._tries -= 1
            return None
