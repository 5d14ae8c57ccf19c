"""Examples of an eval that occur, word for word, in training rows.

Contract: pure. An example counts as contaminated where `ngram` words of it in a row occur in one training row. Words
are runs of letters and digits, whatever their case. An example of fewer words counts if all of it occurs in a row,
if it has at least `shortest` words; a shorter one is not judged, for a handful of words says nothing. What comes before
and after the question in every prompt of a task (the template, a fixed instruction, fixed examples) is left out, and so
are word sequences that many examples of one eval share.

Method: Brown et al. 2020, "Language Models are Few-Shot Learners", appendix C, who take 8 to 13 words. Sequences are
compared by 64-bit hashes: with a million sequences in the eval and ten million in the rows, a false match anywhere has
a probability of about one in two million.
"""

import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, repeat
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.data.formats.chat.turns import Turns, texts_of
from bench.text import words

NGRAM = 13
SHORTEST = 8
SHARED_BY, SHARED_SHARE = 10, 0.01
"""A sequence in more examples of one eval than both of these is its own formula, and no trace of training rows."""

_BASE = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2**64
_INVERSE = np.uint64(pow(int(_BASE), -1, 2**64))
_ROWS_AT_ONCE = 4_000
_UNKNOWN = -1
_Codes: TypeAlias = NDArray[np.int64]
_Hashes: TypeAlias = NDArray[np.uint64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One example, as its eval gave it to the model. task: examples of one task share what is left out."""

    task: str
    prompt: str
    target: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Contamination of one eval by one set of rows."""

    judged: int
    """Examples that are long enough."""
    found: tuple[int, ...]
    """Indices of the contaminated ones."""


def row_text(turns: Turns) -> str:
    """All that a training row says, in order, without any template."""
    return "\n".join(text for turn in turns for text in texts_of(turn))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What gives the examples of some evals away, to be looked for in any number of row sets."""

    vocabulary: dict[str, int]
    """Code of each word of the examples."""
    by_eval: tuple["_Needles", ...]


def wanted_of(evals: Sequence[Sequence[Question]], *, ngram: int = NGRAM, shortest: int = SHORTEST) -> Wanted:
    """What gives the examples of each eval away. Raises ValueError unless 1 <= shortest <= ngram."""
    if not 1 <= shortest <= ngram:
        raise ValueError("shortest must be between 1 and ngram")
    vocabulary: dict[str, int] = {}
    needles = tuple(_needles(questions, vocabulary, ngram, shortest) for questions in evals)
    return Wanted(vocabulary=vocabulary, by_eval=needles)


def overlaps(wanted: Wanted, rows: Iterable[str]) -> tuple[Overlap, ...]:
    """The overlap of each eval with the texts `rows`, all in one pass over them."""
    needles = wanted.by_eval
    lengths = sorted({length for needles_of_eval in needles for length in needles_of_eval.by_length})
    hashes_of = {
        length: np.unique(np.concatenate([_hashes_of(needles_of_eval, length) for needles_of_eval in needles]))
        for length in lengths
    }
    seen: dict[int, list[_Hashes]] = {length: [] for length in lengths}
    for codes in _coded(rows, wanted.vocabulary):
        for length in lengths:
            hashes, _ = _windows(codes, length)
            seen[length].append(_common(hashes_of[length], hashes))
    present = {length: np.unique(np.concatenate(parts)) for length, parts in seen.items() if parts}
    return tuple(_overlap(needles_of_eval, present) for needles_of_eval in needles)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Needles:
    """by_length: hashes of the word sequences that would give an example away, and the example of each."""

    by_length: dict[int, tuple[_Hashes, _Codes]]
    judged: int


def _needles(questions: Sequence[Question], vocabulary: dict[str, int], ngram: int, shortest: int) -> _Needles:
    texts = [[vocabulary.setdefault(word, len(vocabulary)) for word in text] for text in _own_words(questions)]
    by_length: dict[int, list[tuple[_Hashes, int]]] = {}
    judged = 0
    for index, codes in enumerate(texts):
        if len(codes) < shortest:
            continue
        judged += 1
        length = min(ngram, len(codes))
        by_length.setdefault(length, []).append((_windows(np.array(codes, dtype=np.int64), length)[0], index))
    limit = max(SHARED_BY, SHARED_SHARE * len(questions))
    return _Needles(by_length={length: _rare(parts, limit) for length, parts in by_length.items()}, judged=judged)


def _rare(parts: Sequence[tuple[_Hashes, int]], limit: float) -> tuple[_Hashes, _Codes]:
    """Hashes with their examples, each once per example, without those of more than `limit` examples."""
    distinct = [np.unique(hashes) for hashes, _ in parts]
    hashes = np.concatenate(distinct)
    owners = np.repeat(np.array([index for _, index in parts]), [part.size for part in distinct])
    _, which, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    rare = counts[which] <= limit
    return hashes[rare], owners[rare]


def _own_words(questions: Sequence[Question]) -> list[list[str]]:
    """The words of each example, without what all prompts of its task begin and end with."""
    prompts = [_words(question.prompt) for question in questions]
    shared = {task: _shared([p for q, p in zip(questions, prompts, strict=True) if q.task == task])
              for task in dict.fromkeys(question.task for question in questions)}  # fmt: skip
    texts = []
    for question, prompt in zip(questions, prompts, strict=True):
        head, tail = shared[question.task]
        texts.append(prompt[head : len(prompt) - tail] + _words(question.target or ""))
    return texts


def _shared(prompts: Sequence[list[str]]) -> tuple[int, int]:
    """How many words all prompts begin with, and end with; none where they are all the same."""
    shortest, longest = min(prompts), max(prompts)  # in the order of the alphabet: all others lie between
    if shortest == longest:
        return 0, 0
    head = _common_length(shortest, longest)
    backwards = [prompt[::-1] for prompt in prompts]
    tail = _common_length(min(backwards), max(backwards))
    return head, min(tail, min(map(len, prompts)) - head)


def _common_length(first: Sequence[str], second: Sequence[str]) -> int:
    return next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )


def _words(text: str) -> list[str]:
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return words(plain)


def _coded(rows: Iterable[str], vocabulary: dict[str, int]) -> Iterator[_Codes]:
    """Some thousand rows at a time as word codes, with an unknown word between rows: no sequence reaches over it."""
    code_of, left = vocabulary.get, iter(rows)
    while chunk := list(islice(left, _ROWS_AT_ONCE)):
        codes = array("q")
        for text in chunk:
            codes.extend(map(code_of, _words(text), repeat(_UNKNOWN)))
            codes.append(_UNKNOWN)
        yield np.frombuffer(codes, dtype=np.int64)


def _windows(codes: _Codes, length: int) -> tuple[_Hashes, _Codes]:
    """Hashes of every `length` known words in a row, and where each begins.

    A polynomial in `_BASE` over scrambled codes, by prefix sums modulo 2**64: the length costs nothing.
    """
    if codes.size < length:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
    unknown = np.concatenate([[0], np.cumsum(codes < 0)])
    starts = np.flatnonzero(unknown[length:] == unknown[:-length])
    powers = np.cumprod(np.concatenate([[np.uint64(1)], np.full(codes.size - 1, _BASE)]), dtype=np.uint64)
    sums = np.concatenate([[np.uint64(0)], np.cumsum(_scrambled(codes) * powers, dtype=np.uint64)])
    inverses = np.cumprod(np.concatenate([[np.uint64(1)], np.full(codes.size - 1, _INVERSE)]), dtype=np.uint64)
    return (sums[starts + length] - sums[starts]) * inverses[starts], starts


def _scrambled(codes: _Codes) -> _Hashes:
    """A fixed random-looking number for each code: SplitMix64, Steele, Lea & Flood 2014."""
    mixed = (codes.astype(np.uint64) + np.uint64(1)) * _BASE
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _hashes_of(needles: _Needles, length: int) -> _Hashes:
    return needles.by_length[length][0] if length in needles.by_length else np.empty(0, dtype=np.uint64)


def _common(wanted: _Hashes, hashes: _Hashes) -> _Hashes:
    """Hashes of the sorted `wanted` that occur in `hashes`."""
    if not wanted.size:
        return wanted
    place = np.minimum(np.searchsorted(wanted, hashes), wanted.size - 1)
    return np.unique(wanted[place[wanted[place] == hashes]])


def _overlap(needles: _Needles, present: dict[int, _Hashes]) -> Overlap:
    hit: set[int] = set()
    for length, (hashes, owners) in needles.by_length.items():
        if length in present:
            hit.update(owners[np.isin(hashes, present[length])].tolist())
    return Overlap(judged=needles.judged, found=tuple(sorted(hit)))
