"""Fast search for texts that are near duplicates by ROUGE-L, the measure of Self-Instruct (Wang et al. 2023).

The search skips only texts that cannot reach the threshold: two texts above it share one of each text's rarest words
(prefix filter, Chaudhuri et al. 2006).
"""

import math

from bench.text import subsequence_f1, words


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
        return most >= self.threshold - 1e-12 and subsequence_f1(left, right) >= self.threshold - 1e-12
