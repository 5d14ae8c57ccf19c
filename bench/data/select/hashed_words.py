"""Texts as hashed words: what near-duplicates and diversity are judged by.

Contract: words are runs of letters and digits, in lower case, and single other signs; a conversation's are those of all
its turns but the system's, in order. A hash depends on the word alone, on every machine.
"""

import hashlib
import json
import re

import numpy as np
from numpy.typing import NDArray

from bench.data.formats.chat.turns import texts_of

_WORD = re.compile(r"\w+|[^\w\s]")
_KNOWN_AT_MOST = 1 << 16
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))
"""Odd constants of 64 bits (those of splitmix and xxHash), so that the order of words counts."""

Hashes = NDArray[np.uint64]


class Hasher:
    """Hashes words, and remembers the frequent ones."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def words(self, conversation: bytes) -> Hashes:
        """The words of a stored conversation, shape `(words,)`; at least one."""
        turns = json.loads(conversation)
        texts = (text for turn in turns if turn["role"] != "system" for text in texts_of(turn))
        hashes = [self._hash(word) for text in texts for word in _WORD.findall(text.lower())]
        return np.array(hashes or [0], dtype=np.uint64)

    def _hash(self, word: str) -> int:
        value = self._known.get(word)
        if value is None:
            if len(self._known) >= _KNOWN_AT_MOST:
                self._known.clear()
            data = word.encode("utf-8", "surrogatepass")
            value = self._known[word] = int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
        return value


def grams(words: Hashes, size: int) -> Hashes:
    """One hash per run of `size` words; of fewer words, one for all of them."""
    size = min(size, len(words))
    count = len(words) - size + 1
    value = np.zeros(count, dtype=np.uint64)
    for place in range(size):
        value = (value ^ (words[place : place + count] * _MIX[place])) * _MIX[2 - place]
        value ^= value >> np.uint64(29)
    return value
