"""How scores read texts: what one reading gets wrong, every score and every choice between samples inherits."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from bench.text import (
    bag_f1,
    common_subsequence,
    final_number,
    is_blank,
    numeric_match,
    opens_thinking,
    rouge_l,
    split_thinking,
    squad_form,
    subsequence_f1,
    token_f1,
    without_thoughts,
    words,
)

_texts = st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=12)


@pytest.mark.parametrize(
    ("text", "blank"),
    [
        ("", True),
        (" \t\r\n\u3000", True),
        ("\u200b\ufeff\x00", True),
        ("\u200ba", False),
        (".", False),
        ("\u0301", False),
    ],
)
def test_a_text_without_anything_to_see_is_blank(text: str, blank: bool) -> None:
    assert is_blank(text) is blank


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("She sold 48/2 = <<48/2=24>>24 clips.\n#### 72", "72"),
        ("#### 1,200 dollars, not 7", "1200"),
        ("First 3, then 4, so the answer is 12.", "12"),
        ("1,000,000", "1000000"),
        ("It is -5.50", "-5.5"),
        ("about .5 of it", "0.5"),
        ("12.", "12"),
    ],
)
def test_the_number_that_an_answer_comes_to(text: str, number: str) -> None:
    assert final_number(text) == Decimal(number)


@pytest.mark.parametrize("text", ["none", "", "#### none", "seven"])
def test_an_answer_without_a_number_has_none(text: str) -> None:
    assert final_number(text) is None


def test_a_number_before_the_mark_is_not_the_answer() -> None:
    """A model that works to 5 and then concludes nothing has not answered 5."""
    assert final_number("5 apples #### many") is None


@pytest.mark.parametrize(
    ("answer", "references", "score"),
    [
        ("So 1,200 + 34 is 1,234.", ["#### 1234"], 1.0),
        ("12 or 13", ["12"], 0.0),
        ("No idea", ["12"], 0.0),
        ("It is 3", ["4", "3.0"], 1.0),
        ("It is 3", ["three"], None),
    ],
)
def test_a_numeric_answer_is_its_final_number(answer: str, references: list[str], score: float | None) -> None:
    assert numeric_match(answer, references) == score


def test_squads_normal_form() -> None:
    assert squad_form("  The Cat's, an  Apple! ") == "cats apple"


def test_bag_f1_counts_each_word_once() -> None:
    assert bag_f1(["a", "a", "b"], ["a", "c"]) == pytest.approx(2 * 1 / 5)
    assert bag_f1([], []) == 1.0
    assert bag_f1(["a"], []) == 0.0


def test_token_f1_is_of_the_best_reference_and_missing_without_words() -> None:
    assert token_f1("the cat, the dog", ["The dog the bird"]) == 0.75
    assert token_f1("a b", ["c d", "b"]) == pytest.approx(2 / 3)
    assert token_f1("x", ["?!"]) is None


def test_words_of_every_script_are_words() -> None:
    """An ASCII tokenizer would see none, and score every Russian answer 0."""
    assert words("Привет, Мир_2! café") == ["привет", "мир", "2", "café"]


def plain_lcs(left: Sequence[str], right: Sequence[str]) -> int:
    """The textbook's table."""
    row = [0] * (len(right) + 1)
    for word in left:
        before = row[:]
        for n, other in enumerate(right, start=1):
            row[n] = before[n - 1] + 1 if word == other else max(before[n], row[n - 1])
    return row[-1]


@given(_texts, _texts)
def test_the_common_subsequence_is_the_longest(left: list[str], right: list[str]) -> None:
    assert common_subsequence(left, right) == plain_lcs(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Name three colours of the rainbow.", "Name three nice colours of a rainbow"),
        ("the cat sat on the mat", "on the mat the cat sat"),
        ("one", "two"),
    ],
)
def test_rouge_l_is_that_of_the_reference_implementation(left: str, right: str) -> None:
    expected = RougeScorer(["rougeL"]).score(right, left)["rougeL"].fmeasure
    assert rouge_l(left, [right]) == pytest.approx(expected)
    assert subsequence_f1(words(left), words(right)) == pytest.approx(expected)


def test_rouge_l_is_of_the_best_reference_and_missing_without_words() -> None:
    assert rouge_l("a b", ["x", "a b"]) == 1.0
    assert rouge_l("a b", ["—"]) is None


@pytest.mark.parametrize(
    ("text", "begun", "answer", "thinking", "finished"),
    [
        ("plain", False, "plain", None, True),
        ("<think>\na\n</think>\n\n8", False, "8", "a", True),
        ("a\n</think>\n\n8", True, "8", "a", True),
        ("a </think>8", False, "8", "a", True),
        ("<think></think>8", False, "8", "", True),
        ("<think>never done", False, "", "never done", False),
        ("never done", True, "", "never done", False),
        ("a</think>8<think>b</think>9", True, "89", "a\nb", True),
        ("8 <think>again", False, "8 ", "again", False),
        ("[THINK]a[/THINK]8", False, "8", "a", True),
        ("<seed:think>a</seed:think>8", False, "8", "a", True),
        ("<|channel>thought\na<channel|>8", False, "8", "a", True),
        ("I think <b>so</b>", False, "I think <b>so</b>", None, True),
    ],
)
def test_thinking_and_answer_are_parted(
    text: str, begun: bool, answer: str, thinking: str | None, finished: bool
) -> None:
    """A number in the thinking is not the answer; a block that never ends leaves none."""
    split = split_thinking(text, begun=begun)
    assert (split.answer, split.thinking, split.finished) == (answer, thinking, finished)


@pytest.mark.parametrize(
    ("prompt", "opens"),
    [("<|assistant|>\n<think>\n", True), ("<think>\n\n</think>\n\n", False), ("<|assistant|>\n", False)],
)
def test_a_prompt_may_begin_the_thinking(prompt: str, opens: bool) -> None:
    assert opens_thinking(prompt) is opens


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>maybe 7</think>It is 8.", "It is 8."),
        ("<thinking>a</thinking> b <THINK>c</THINK>", "b"),
        ("<think>never done", ""),
        ("plain", "plain"),
    ],
)
def test_thinking_is_no_part_of_the_answer(text: str, answer: str) -> None:
    assert without_thoughts(text) == answer
