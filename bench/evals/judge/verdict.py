"""Reads which of two answers a judge prefers. Tolerant of form, never guessing.

Contract: a verdict is `A`, `B` or `C` (a tie): as `[[A]]`, as JSON, as `Verdict: A`, or alone. Two verdicts that differ
are one only where the last closes the text; anything else is `None`, and the caller counts it.
"""

import re
from typing import Literal

from bench.endpoint.parsing import read_json
from bench.text import without_thoughts

JudgeVerdict = Literal["A", "B", "C"]

_KEYS = ("verdict", "winner", "preference", "preferred", "choice", "better", "answer", "result")
_WORD = r"(?:(?:answer|assistant|response|model|output)[ _]?)?(A|B|C|tie|draw|neither|both|equal)"
_BRACKETS = re.compile(rf"\[\[\s*{_WORD}\s*\]\]", re.IGNORECASE)
_BRACKET = re.compile(rf"\[\s*{_WORD}\s*\]", re.IGNORECASE)
_SAID = re.compile(
    rf"\b(?:verdict|winner|preference|choice|decision|judge?ment)\b[\s*_]*(?:is|:|=)[\s*_\"'`(]*{_WORD}\b(?!\s+(?:and|or)\b)",
    re.IGNORECASE,
)
_ALONE = re.compile(rf"^[\W_]*{_WORD}[\W_]*$", re.IGNORECASE | re.MULTILINE)
_WHOLE = re.compile(rf"[\W_]*{_WORD}[\W_]*", re.IGNORECASE)


def read_verdict(text: str) -> JudgeVerdict | None:
    """`A`: the answer shown first is better; `B`: the second; `C`: neither. `None` where none can be read."""
    text = without_thoughts(text)
    parsed = read_json(text)
    if isinstance(parsed, dict):
        named = {str(key).lower(): value for key, value in parsed.items()}
        for key in _KEYS:
            if key in named:
                value = _WHOLE.fullmatch(str(named[key]))
                return None if value is None else _letter(value[1])
    for pattern in (_BRACKETS, _SAID, _BRACKET, _ALONE):
        matches = list(pattern.finditer(text))
        if matches:
            return _agreed(matches, text)
    return None


def _agreed(matches: list[re.Match[str]], text: str) -> JudgeVerdict | None:
    letters = {_letter(match[1]) for match in matches}
    last = matches[-1]
    closes = not re.search(r"\w", text[last.end() :])
    return _letter(last[1]) if len(letters) == 1 or closes else None


def _letter(word: str) -> JudgeVerdict:
    upper = word.upper()
    return "A" if upper == "A" else "B" if upper == "B" else "C"
