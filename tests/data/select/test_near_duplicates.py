"""Near-duplicates and diversity: what they promise, against plain implementations of the same definitions."""

import random
from pathlib import Path

import numpy as np
import pytest

from bench.data.select import diverse as diversity
from bench.data.select import near_duplicates
from bench.data.select.diverse import DIMENSIONS, diverse, represent
from bench.data.select.hashed_words import Hasher, grams
from bench.data.select.near_duplicates import THRESHOLD, distinct, near_distinct
from bench.data.sources.table import RowTable

WORDS = [f"word{number}" for number in range(400)]


def _table(folder: Path, texts: list[str]) -> RowTable:
    table = RowTable("x", folder)
    for row, text in enumerate(texts, start=1):
        table.append(row, [{"role": "user", "content": "Say it"}, {"role": "assistant", "content": text}])
    return table


def _prose(generator: random.Random, words: int = 60) -> list[str]:
    return [generator.choice(WORDS) for _ in range(words)]


def _changed(generator: random.Random, words: list[str], changes: int) -> str:
    other = list(words)
    for place in generator.sample(range(len(words)), changes):
        other[place] = "changed"
    return " ".join(other)


def _every(table: RowTable) -> np.ndarray:
    return np.arange(len(table), dtype=np.uint32)


def _triples(text: str) -> set[tuple[str, ...]]:
    words = ["say", "it", *text.lower().split()]
    return {tuple(words[place : place + 3]) for place in range(len(words) - 2)}


def _by_definition(texts: list[str]) -> list[int]:
    kept: list[int] = []
    sets = [_triples(text) for text in texts]
    for row, own in enumerate(sets):
        if not any(len(own & sets[other]) >= THRESHOLD * len(own | sets[other]) for other in range(row)):
            kept.append(row)
    return kept


def test_near_duplicates_go_and_the_first_of_each_stays(tmp_path: Path) -> None:
    """Copies with 1 to 8 of 60 words changed, similarities from 0.95 to 0.45: as pairwise comparison has it."""
    generator = random.Random(3)
    texts: list[str] = []
    for _ in range(40):
        words = _prose(generator)
        texts += [" ".join(words), *(_changed(generator, words, changes) for changes in (1, 2, 3, 5, 8))]
    generator.shuffle(texts)
    table = _table(tmp_path, texts)
    assert list(near_distinct(table, _every(table))) == _by_definition(texts)
    assert 0 < len(_by_definition(texts)) < len(texts)
    table.close()


def test_short_answers_are_no_near_duplicates_of_each_other(tmp_path: Path) -> None:
    table = _table(tmp_path, ["Yes", "No", "yes", "Maybe so", "42", "43"])
    assert list(near_distinct(table, _every(table))) == [0, 1, 3, 4, 5]
    table.close()


def test_many_rows_are_sorted_part_by_part_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = random.Random(5)
    originals = [" ".join(_prose(generator, 20)) for _ in range(300)]
    texts = [generator.choice(originals) for _ in range(900)]
    table = _table(tmp_path, texts)
    whole = [list(distinct(table, _every(table))), list(near_distinct(table, _every(table)))]
    monkeypatch.setattr(near_duplicates, "_PART", 100)
    assert [list(distinct(table, _every(table))), list(near_distinct(table, _every(table)))] == whole
    assert len(whole[0]) == len(set(texts))
    table.close()


def _by_rule(table: RowTable, size: int, seed: int) -> list[int]:
    """k-centre greedy in exact whole numbers."""
    hasher = Hasher()
    vectors = [represent(hasher.words(text)).astype(int) for text, _ in table.rows(range(len(table)))]
    taken = [random.Random(f"diverse:{seed}").randrange(len(vectors))]
    while len(taken) < size:
        nearest = [max(int(vector @ vectors[centre]) for centre in taken) for vector in vectors]
        taken.append(min((row for row in range(len(vectors)) if row not in taken), key=lambda row: (nearest[row], row)))
    return sorted(taken)


@pytest.mark.parametrize("whole", [True, False])
def test_each_centre_is_the_row_farthest_from_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    generator = random.Random(7)
    table = _table(tmp_path, [" ".join(_prose(generator, 12)) for _ in range(120)])
    if not whole:
        monkeypatch.setattr(diversity, "_WHOLE_ROWS", 10)
        monkeypatch.setattr(diversity, "_BLOCK_ROWS", 17)
    assert list(diverse(table, _every(table), size=15, seed=2)) == _by_rule(table, 15, 2)
    table.close()


def test_a_diverse_selection_reaches_every_topic(tmp_path: Path) -> None:
    """Nine in ten rows are about one thing; a random draw of ten has all six topics about once in 30,000."""
    generator = random.Random(11)
    topics = [[f"t{topic}w{number}" for number in range(30)] for topic in range(6)]
    of_row = [0] * 270 + [1 + number % 5 for number in range(30)]
    generator.shuffle(of_row)
    table = _table(tmp_path, [" ".join(generator.choices(topics[topic], k=40)) for topic in of_row])
    chosen = diverse(table, _every(table), size=10, seed=0)
    assert {of_row[row] for row in chosen} == set(range(6))
    table.close()


def test_similarities_are_whole_numbers_that_fp32_holds() -> None:
    """Otherwise another machine's rounding would select other rows."""
    generator = np.random.default_rng(0)
    for words in (1, 2, 50, 5000):
        vector = represent(generator.integers(0, 2**64, size=words, dtype=np.uint64))
        assert vector.shape == (DIMENSIONS,)
        assert int(vector.astype(np.int64) @ vector.astype(np.int64)) < 2**24


def test_the_order_of_words_counts_in_a_gram() -> None:
    hasher = Hasher()
    one, other = (
        grams(hasher.words(f'[{{"role": "user", "content": "{text}"}}]'.encode()), 3) for text in ("a b c", "c b a")
    )
    assert one.shape == other.shape == (1,)
    assert one[0] != other[0]
