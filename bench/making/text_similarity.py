"""How alike two texts are: ROUGE-L and token F1 over words, and a fast search for near duplicates.

Sources: ROUGE-L is Lin (2004), the F measure with equal weights, as Self-Instruct uses it (Wang et al. 2023). The
longest common subsequence is found with bit vectors (Hyyrö 2004). The search leaves out only what cannot reach the
threshold: two texts that are so alike share one of each one's rarest words (prefix filter, Chaudhuri et al. 2006).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Runs of letters and digits, in lower case."""
    return _WORD.findall(text.casefold())


def rouge_l(left: Sequence[str], right: Sequence[str]) -> float:
    """F1 of the longest common subsequence, from 0 to 1; 0 where either is empty."""
    if not left or not right:
        return 0.0
    return 2 * common_subsequence(left, right) / (len(left) + len(right))


def token_f1(left: Sequence[str], right: Sequence[str]) -> float:
    """F1 of the words in common, with their counts (Rajpurkar et al. 2016), from 0 to 1; 0 where either is empty."""
    if not left or not right:
        return 0.0
    return 2 * sum((Counter(left) & Counter(right)).values()) / (len(left) + len(right))


def common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    places: dict[str, int] = {}
    for position, word in enumerate(left):
        places[word] = places.get(word, 0) | 1 << position
    everything = (1 << len(left)) - 1
    open_ = everything
    for word in right:
        matched = open_ & places.get(word, 0)
        open_ = (open_ + matched | open_ - matched) & everything
    return len(left) - open_.bit_count()


class NearDuplicates:
    """Texts seen so far, to be asked whether a new one is much like one of them."""

    def __init__(self, threshold: float) -> None:
        """`threshold`: least ROUGE-L F1, above 0."""
        self.threshold = threshold
        self._texts: list[list[str]] = []
        self._with_word: dict[str, list[int]] = {}
        self._empty = False

    def add(self, text: str) -> None:
        """Remember a text."""
        tokens = words(text)
        self._empty |= not tokens
        for word in set(tokens):
            self._with_word.setdefault(word, []).append(len(self._texts))
        self._texts.append(tokens)

    def has(self, text: str) -> bool:
        """Whether a remembered text has at least the threshold's ROUGE-L with `text`. Empty ones are alike."""
        tokens = words(text)
        if not tokens:
            return self._empty
        # F1 ≥ t needs a common subsequence of t (a + b) / 2 words; as b is at least that long, of t a / (2 - t).
        fewest = math.ceil(self.threshold * len(tokens) / (2 - self.threshold) - 1e-9)
        rarest = sorted(tokens, key=lambda word: len(self._with_word.get(word, ())))[: len(tokens) - fewest + 1]
        candidates = {index for word in set(rarest) for index in self._with_word.get(word, ())}
        return any(self._alike(tokens, self._texts[index]) for index in candidates)

    def _alike(self, left: list[str], right: list[str]) -> bool:
        most = 2 * min(len(left), len(right)) / (len(left) + len(right))
        return most >= self.threshold - 1e-12 and rouge_l(left, right) >= self.threshold - 1e-12
