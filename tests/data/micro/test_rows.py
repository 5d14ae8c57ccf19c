"""Training rows: without these, the two data sets would not be what the suite says they are."""

import functools
import re
from collections import Counter

import pytest

from bench.data.micro import ROW_SETS, rows
from bench.data.micro.exercises import FAMILIES, INSTRUCTION_KINDS
from bench.data.micro.rows import (
    CURATED_ROWS,
    CUT_OFF_RATE,
    FAMILY_SHARES,
    HELDOUT_ROWS,
    INPUT_RATE,
    MIXED_ROWS,
    NEAR_DUPLICATE_RATE,
    OPENERS,
    STYLE_SHARES,
    WRONG_RATE,
    LabelledRow,
    labelled_rows,
)
from bench.data.micro.world import world

made_once = functools.cache(rows)
"""52,000 rows take a second."""


@pytest.fixture(scope="module")
def mixed() -> list[LabelledRow]:
    return labelled_rows("mixed", seed=0)


def words_of(made: list[dict[str, str]]) -> set[str]:
    return set(re.findall(r"[a-z]+", "\n".join(" ".join(row.values()) for row in made).lower()))


@pytest.mark.parametrize("name", ["curated", "mixed"])
@pytest.mark.parametrize("seed", [0, 1])
def test_no_training_row_mentions_an_eval_entity(name: str, seed: int) -> None:
    """Otherwise the evals would ask for what training has told."""
    reserved = {form.lower() for e in world().half("eval") for form in (e.name, e.plural)}
    assert not words_of(made_once(name, seed)) & reserved


def test_heldout_rows_mention_no_training_entity() -> None:
    known = {form.lower() for e in world().half("train") for form in (e.name, e.plural)}
    assert not words_of(rows("heldout")) & known


def test_curated_is_balanced_correct_and_in_one_style() -> None:
    made = labelled_rows("curated")
    assert len(made) == CURATED_ROWS
    assert Counter(row.exercise.family for row in made) == dict.fromkeys(FAMILIES, CURATED_ROWS // 5)
    assert all(row.correct and row.style == "bare" and row.output == row.exercise.answer for row in made)
    assert len({row.instruction for row in made}) == CURATED_ROWS
    kinds = Counter(row.exercise.kind for row in made if row.exercise.family == "instruction")
    assert set(kinds) == set(INSTRUCTION_KINDS)
    assert max(kinds.values()) - min(kinds.values()) <= 3


def test_mixed_holds_its_stated_rates(mixed: list[LabelledRow]) -> None:
    assert len(mixed) == MIXED_ROWS
    share = {
        NEAR_DUPLICATE_RATE: sum(row.near_duplicate for row in mixed),
        WRONG_RATE: sum(row.wrong for row in mixed),
        CUT_OFF_RATE: sum(row.cut_off for row in mixed),
        INPUT_RATE: sum(bool(row.input) for row in mixed),
    }
    assert share == {rate: round(rate * MIXED_ROWS) for rate in share}
    for stated, counted in (
        (FAMILY_SHARES, Counter(row.exercise.family for row in mixed)),
        (STYLE_SHARES, Counter(row.style for row in mixed)),
    ):
        assert counted == {label: round(rate * MIXED_ROWS) for label, rate in stated.items()}


def test_the_flags_of_mixed_rows_tell_the_truth(mixed: list[LabelledRow]) -> None:
    """Whether an answer is right is found out from its text, apart from how it was made."""
    for row in mixed:
        answer, full = row.exercise.answer, row.exercise.full
        wholes = (answer, full, *(opener.format(full) for opener in OPENERS))
        assert (row.output in wholes) == row.correct, row.alpaca()
        if row.cut_off:
            assert row.output
            assert any(whole.startswith(row.output) for whole in wholes)


def test_near_duplicates_repeat_an_original(mixed: list[LabelledRow]) -> None:
    originals = {id(row.exercise) for row in mixed if not row.near_duplicate}
    assert all(id(row.exercise) in originals for row in mixed if row.near_duplicate)


@pytest.mark.parametrize("name", ROW_SETS)
def test_rows_depend_on_their_seed_alone(name: str) -> None:
    made = rows(name, 1)
    assert made == made_once(name, 1)
    assert made != made_once(name, 0)
    assert all(set(row) == {"instruction", "input", "output"} and row["output"] for row in made)


def test_heldout_is_large_enough() -> None:
    assert len(rows("heldout")) == HELDOUT_ROWS >= 500


def test_an_unknown_set_is_refused() -> None:
    with pytest.raises(KeyError):
        rows("curted")


def test_no_curated_row_asks_what_a_heldout_row_asks() -> None:
    """Else data loading takes such rows out of training, and the curated thousand is no thousand."""
    asked = {row["instruction"] for row in rows("curated")}
    assert not [row for row in rows("heldout") if row["instruction"] in asked]
