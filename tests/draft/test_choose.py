"""What a first suite holds, by hand: lengths, budget, hold-out, control, evals and claim follow from the rows."""

import tomllib
from dataclasses import replace
from typing import Any

import pytest

from bench.draft.choose import Choices, Goal, answer_tokens, choose, metrics_for, targets
from bench.draft.flags import named_columns
from bench.draft.look import Answers, Looked, LookedBase
from bench.draft.quiz import refuse_multiple_choice
from bench.draft.suite_text import suite_text, training_seconds
from bench.errors import InputError
from bench.record.results.training.preview import Bin
from bench.run.estimate import job_costs
from bench.show.data import Shown
from bench.suite.tables.data import Columns

SHORT = Answers(words=2, long_words=4, tokens_per_word=1.25, json=False, numbers=False, text=False)


def base(**changes: Any) -> LookedBase:
    fields: dict[str, Any] = {
        "table": 'card = "x"', "name": "x", "context_length": 2048, "parameters": 135_000_000,
    }  # fmt: skip
    return LookedBase(**{**fields, **changes})


def looked(name: str, rows: int, *, tokens: int, longest: int = 100, answers: Answers = SHORT) -> Looked:
    """A file of which half was measured; all but one row have up to 60 tokens."""
    measured = rows // 2
    shown = Shown(
        arm=f"{name}/look", source=name, revision=None, template="chatml", template_note=None, loss_on="completion",
        max_length=2048, source_rows=rows, dropped={}, parts={}, rows=rows, measured=measured, tokens=tokens // 2,
        supervised_tokens=10, truncated=0, tokens_cut_off=0, nothing_supervised=0, duplicates=0, median=50,
        longest=longest, notes=(), examples=(),
        histogram=(Bin(from_tokens=1, to_tokens=60, rows=measured - 1), Bin(from_tokens=61, to_tokens=longest, rows=1)),
    )  # fmt: skip
    return Looked(name=name, source=f"{name}.jsonl", columns=None, shown=shown, answers=answers)


@pytest.mark.parametrize(
    ("unread", "asked"),
    [
        (("A", "B", "C"), 'choices = ["A", "B", "C"]'),
        (("topic", "option1", "option2"), 'choices = ["option1", "option2"]'),
        (("choices",), 'choices = "choices"'),
    ],
)
def test_options_that_training_leaves_out_are_refused_with_the_eval_that_asks_them(
    unread: tuple[str, ...], asked: str
) -> None:
    """Else the draft would teach "A" as the answer to a question without options."""
    file = looked("quiz", 100, tokens=1000)
    notes = tuple(f"100 rows: column `{name}` not used" for name in unread)
    quiz = replace(file, shown=file.shown.model_copy(update={"notes": notes}))
    with pytest.raises(InputError, match="multiple-choice questions") as caught:
        refuse_multiple_choice([file, quiz])
    [problem] = caught.value.problems
    assert asked in str(problem.hint)
    refuse_multiple_choice([replace(quiz, columns=Columns(prompt="question", completion="answer"))])


@pytest.mark.parametrize("unread", [("A",), ("topic", "comment")])
def test_other_columns_are_named_in_the_draft(unread: tuple[str, ...]) -> None:
    file = looked("rows", 100, tokens=1000)
    notes = (*(f"100 rows: column `{name}` not used" for name in unread), "3 rows: turns of one role merged")
    file = replace(file, shown=file.shown.model_copy(update={"notes": notes}))
    refuse_multiple_choice([file])
    text = suite_text("s", base(), [file], chosen("tune", file))
    assert f"; not used: {', '.join(unread)}\n" in text


def test_a_draft_that_trains_for_long_says_so_and_how_to_train_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files of LIMA's and Alpaca's size drafted days of training on two cores without a word."""
    monkeypatch.setattr(job_costs, "device", lambda: "cpu")
    files = [looked("lima", 1000, tokens=500_000), looked("alpaca", 50_000, tokens=9_000_000)]
    choices = chosen("data", *files)
    operations = 6 * 135e6 * 1_500_000 * 3 * 3
    assert training_seconds(base(), choices) == pytest.approx(operations / 2e10)
    text = suite_text("s", base(), files, choices)
    assert "take very roughly 151 h 52 min here" in text
    assert "amount = 9_900, about an hour" in text
    assert "very roughly" not in suite_text("s", base(parameters=500_000), files, choices)
    assert training_seconds(base(parameters=None), choices) is None


def chosen(goal: Goal, *files: Looked, **changes: Any) -> Choices:
    return choose(base(**changes), files, goal)


def test_two_files_get_a_control_of_the_smaller_ones_size() -> None:
    """Else the larger file's rows and its size cannot be told apart."""
    found = chosen("data", looked("big", 5000, tokens=400_000), looked("small", 1000, tokens=77_700))
    assert (found.control, found.control_of, found.control_size) == ("big_1000", "big", 'size_of = "small"')
    assert found.data == ("big", "small", "big_1000")
    assert found.claim == "small/full > big_1000/full"
    assert found.budget_tokens == 230_000, "three epochs of the smaller file, to two digits"


def test_files_of_one_size_are_compared_with_each_other() -> None:
    """The control was a draw of all rows of the first file: an arm was claimed to be better than itself."""
    files = [looked("first", 1000, tokens=50_000), looked("second", 1000, tokens=90_000)]
    found = chosen("data", *files)
    assert (found.data, found.control, found.claim) == (("first", "second"), "second", "first/full > second/full")
    assert "size_of" not in suite_text("s", base(), files, found)


def test_one_file_is_compared_with_half_of_itself() -> None:
    found = chosen("tune", looked("rows", 1000, tokens=50_000))
    assert (found.control, found.control_size, found.held_out) == ("rows_half", "size = 450", 100)
    assert found.claim == "rows/full > base"


def test_methods_are_compared_on_the_same_rows() -> None:
    found = chosen("method", looked("rows", 1000, tokens=50_000))
    assert found.recipes == ("full", "lora")
    assert found.rates == ("1e-5", "2e-4")
    assert found.claim == "rows/lora >= rows/full"


def test_a_large_base_is_tuned_by_lora() -> None:
    assert chosen("tune", looked("rows", 1000, tokens=50_000), parameters=7_000_000_000).recipes == ("lora",)


def test_the_length_holds_nearly_all_rows_within_the_models_limit() -> None:
    long = looked("rows", 1000, tokens=50_000, longest=1000)
    assert chosen("tune", long).max_length == 64, "one row in five hundred does not double the cost of all"
    assert chosen("tune", looked("rows", 20, tokens=50_000, longest=1000)).max_length == 1024
    assert chosen("tune", looked("rows", 20, tokens=50_000, longest=1000), context_length=512).max_length == 512


@pytest.mark.parametrize(("rows", "held_out"), [(10, 5), (100, 20), (1000, 100), (100_000, 200)])
def test_a_tenth_of_the_rows_is_held_out_within_bounds(rows: int, held_out: int) -> None:
    assert chosen("tune", looked("rows", rows, tokens=50_000)).held_out == held_out


def test_metrics_fit_the_answers() -> None:
    long = replace(SHORT, words=40, long_words=100)
    numbers = replace(long, numbers=True)
    assert [metrics_for(one) for one in (SHORT, long, numbers)] == [
        ("exact_match", "token_f1"),
        ("rouge",),
        ("numeric",),
    ]
    assert (answer_tokens(SHORT, 2048), answer_tokens(long, 2048), answer_tokens(long, 64)) == (16, 128, 32)


def test_answers_whose_end_decides_are_asked_for_whole_in_tokens() -> None:
    """By words, twice the median, 44% of GSM8K's answers were cut before their number."""
    gsm8k = replace(SHORT, words=49, long_words=103, tokens_per_word=2.41, numbers=True)
    assert answer_tokens(gsm8k, 8192) == 256
    assert answer_tokens(replace(gsm8k, words=10, numbers=False, json=True), 8192) == 256
    assert answer_tokens(replace(gsm8k, numbers=False), 8192) == 256
    assert answer_tokens(replace(gsm8k, words=20, numbers=False), 8192) == 128


def test_files_that_are_compared_are_each_evaluated_on() -> None:
    """On one file's rows alone the arm that trains on that file is favoured."""
    files = [looked("a", 100, tokens=1000), looked("b", 100, tokens=1000)]
    assert [*targets(files, "data")] == ["answers_a", "answers_b"]
    assert [*targets(files, "method")] == ["answers"]


def test_plain_text_has_no_answers() -> None:
    text = looked("t", 100, tokens=1000, answers=replace(SHORT, words=90, text=True))
    assert [*targets([text], "tune")] == ["heldout"]


def test_long_rows_are_shared_out_over_the_passes_of_a_step() -> None:
    """LIMA's rows, 16 in a pass, took 112 GiB with a base of 135M parameters."""
    file = looked("rows", 20, tokens=50_000, longest=4000)
    choices = chosen("tune", file, context_length=8192)
    assert (choices.max_length, choices.batch_rows) == (4096, 2)
    suite = tomllib.loads(suite_text("s", base(), [file], choices))
    assert (suite["recipe"]["full"]["batch_rows"], suite["recipe"]["full"]["accumulation"]) == (2, 8)
    assert chosen("tune", looked("rows", 20, tokens=900, longest=500)).batch_rows == 16
    assert "accumulation" not in suite_text("s", base(), [file], chosen("tune", looked("r", 20, tokens=9, longest=99)))
    assert chosen("tune", looked("r", 20, tokens=50_000, longest=30_000), context_length=32_768).batch_rows == 1


@pytest.mark.parametrize("text", ["prompt=q", "prompt=q,compltion=a", "q", "text=a,prompt=b"])
def test_columns_that_make_no_row_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="names no columns"):
        named_columns([text], ["a"])


def test_columns_are_one_for_all_files_or_one_for_each() -> None:
    one = Columns(prompt="q", completion="a")
    assert named_columns(["prompt=q,completion=a"], ["a", "b"]) == {"a": one, "b": one}
    assert named_columns(["text=t", "prompt=q,completion=a"], ["a", "b"]) == {"a": Columns(text="t"), "b": one}
    assert named_columns([], ["a"]) == {}
    with pytest.raises(InputError, match="2 times for 3 files"):
        named_columns(["text=t", "text=t"], ["a", "b", "c"])
