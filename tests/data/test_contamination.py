"""Examples that stand in the training rows are found, and nothing else is."""

import numpy as np
import pytest

from bench.data.contamination import Overlap, Question, _words, overlaps, row_text, wanted_of


def text(seed: int, words: int) -> str:
    generator = np.random.default_rng(seed)
    return " ".join(f"w{number}" for number in generator.integers(0, 5_000, words))


def question(prompt: str, target: str | None = None, task: str = "t") -> Question:
    return Question(task=task, prompt=prompt, target=target)


def one(questions: list[Question], rows: list[str], **options: int) -> Overlap:
    return overlaps(wanted_of([questions], **options), rows)[0]


def by_hand(questions: list[str], rows: list[str], n: int) -> set[int]:
    """Every window as a tuple of words."""
    grams = {tuple(words[i : i + n]) for words in map(_words, rows) for i in range(len(words) - n + 1)}
    found = set()
    for index, asked in enumerate(questions):
        words = _words(asked)
        if any(tuple(words[i : i + n]) in grams for i in range(len(words) - n + 1)):
            found.add(index)
    return found


@pytest.mark.parametrize("n", [2, 3, 5])
def test_the_same_are_found_as_by_comparing_every_window(n: int) -> None:
    """Few different words, so that windows of unlike texts often agree in part."""
    generator = np.random.default_rng(1)
    texts = [" ".join(f"w{w}" for w in generator.integers(0, 12, 14)) for _ in range(150)]
    asked, rows = texts[:9], texts[9:]  # ten or fewer: nothing is taken for the eval's own formula
    overlap = one([question(t) for t in asked], rows, ngram=n, shortest=2)
    assert set(overlap.found) == by_hand(asked, rows, n)


def test_thirteen_words_in_a_row_give_an_example_away_and_twelve_do_not() -> None:
    asked = [question(text(1, 30)), question(text(2, 30))]
    words = asked[0].prompt.split()
    assert one(asked, ["before " + " ".join(words[5:18]) + " after"]).found == (0,)
    assert one(asked, ["before " + " ".join(words[5:17]) + " after"]).found == ()


def test_no_sequence_reaches_from_one_row_into_the_next() -> None:
    asked = [question(text(1, 13)), question(text(2, 13))]
    words = asked[0].prompt.split()
    assert one(asked, [" ".join(words[:7]), " ".join(words[7:])]).found == ()


def test_case_and_punctuation_do_not_hide_a_copy() -> None:
    asked = [question("The quick, brown fox - jumps over THE lazy dog; twice a day, they say!"), question(text(2, 20))]
    assert one(asked, ["the Quick brown fox jumps over the lazy dog twice a day they say"]).found == (0,)


def test_a_short_example_counts_only_as_a_whole_and_a_very_short_one_is_not_judged() -> None:
    """A few common words in a row would accuse every arm."""
    asked = [question(text(1, 9)), question(text(2, 9)), question(text(3, 5))]
    rows = [f"so {asked[0].prompt} then", " ".join(asked[1].prompt.split()[:8]), asked[2].prompt]
    overlap = one(asked, rows)
    assert (overlap.judged, overlap.found) == (2, (0,))
    assert one(asked, rows, shortest=5).found == (0, 2)


def test_question_and_answer_are_judged_together_without_the_template() -> None:
    asked = [
        question(f"User: {text(n, 6)}\nAssistant:", target=text(100 + n, 4)) for n in range(5)
    ]  # fmt: skip
    row = [{"role": "user", "content": text(3, 6)}, {"role": "assistant", "content": text(103, 4)}]
    assert one(asked, [row_text(row)]).found == (3,)


def test_a_formula_that_the_evals_own_examples_share_accuses_nobody() -> None:
    formula = "answer the following question with one of the letters a b c or d please and explain"
    asked = [question(f"{text(n, 3)} {formula} {text(50 + n, 15)}") for n in range(40)]
    assert one(asked, [formula]).found == ()
    assert one(asked[:5], [formula]).found == (0, 1, 2, 3, 4), "among five it could be chance, and is reported"


def test_fixed_examples_before_every_question_are_left_out() -> None:
    shots = text(9, 60)
    asked = [question(f"{shots} {text(n, 20)}") for n in range(4)]
    assert one(asked, [shots, text(2, 20)]).found == (2,)


def test_a_row_keeps_the_order_of_its_turns_and_alpacas_input() -> None:
    turns = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "q", "input": "i"},
        {"role": "assistant", "content": "a"},
    ]
    assert row_text(turns).split() == ["s", "q", "i", "a"]


def test_several_evals_in_one_pass_do_not_disturb_each_other() -> None:
    first, second = [question(text(n, 20)) for n in range(3)], [question(text(n, 15)) for n in range(10, 14)]
    rows = [text(1, 20), text(12, 15)]
    assert overlaps(wanted_of([first, second]), rows) == (one(first, rows), one(second, rows))
    assert [overlap.found for overlap in overlaps(wanted_of([first, second]), rows)] == [(1,), (2,)]


@pytest.mark.parametrize("rows", [[], ["", "…"]])
def test_nothing_to_compare_is_no_contamination(rows: list[str]) -> None:
    assert one([question(text(1, 20)), question("")], rows) == Overlap(judged=1, found=())
    assert one([], [text(1, 20)]) == Overlap(judged=0, found=())


def test_lengths_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="between 1 and ngram"):
        one([question("a b c")], ["a"], ngram=5, shortest=6)
