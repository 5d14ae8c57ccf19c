"""Whether an answer has the form that the suite asks for.

Contract: a pattern that goes on and on (catastrophic backtracking) costs seconds, never the eval: it is given
`PATIENCE_SECONDS` for an answer, and after `TRIES` answers on which that was not enough it is tried no more.
"""

from __future__ import annotations

import regex

from bench.suite.evals import FormatSpec
from bench.text import is_json

PATIENCE_SECONDS = 1.0
TRIES = 3
TOO_SLOW = "the format's pattern takes too long on the answer"
"""Why an example has no score."""


class Form:
    """A format to hold answers against."""

    def __init__(self, spec: FormatSpec) -> None:
        self._keys = frozenset(spec.keys)
        self._pattern = None if spec.pattern is None else regex.compile(spec.pattern, regex.DOTALL)
        self._tries = TRIES

    def holds(self, text: str) -> bool | None:
        """Whether the answer, without white space around it, is what is asked for; `None` where its pattern takes too
        long to say."""
        if self._pattern is None:
            return is_json(text, self._keys)
        if not self._tries:
            return None
        try:
            return self._pattern.fullmatch(text.strip(), timeout=PATIENCE_SECONDS) is not None
        except TimeoutError:
            self._tries -= 1
            return None
