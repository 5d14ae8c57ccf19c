"""Side-by-side answers: chosen before they are looked at, or they prove nothing."""

import re
from dataclasses import replace
from typing import Any

import pytest

from bench.report.analysis.aligned.align import align
from bench.report.analysis.answers.side_by_side import Exhibit, SubjectAnswer, exhibits
from bench.report.analysis.run_facts.absence import Absence
from bench.report.compare import compare
from bench.report.render.view import Paragraph
from bench.report.sections.answers.side_by_side import answer_cell, answers_section
from bench.report.sections.marks import why_absent
from tests.fakes.records import FakeRun, make_run


def shown(run: FakeRun) -> tuple[Exhibit, ...]:
    return exhibits(run.record, align(run.record, run.rows), run.rows)


def test_ten_questions_spread_over_the_evals_that_generate() -> None:
    found = shown(make_run(examples=40))
    assert [exhibit.eval for exhibit in found] == ["qa"] * 5 + ["instructions"] * 5
    assert len({(exhibit.eval, exhibit.task, exhibit.id) for exhibit in found}) == 10


def test_which_questions_does_not_depend_on_the_answers() -> None:
    """Otherwise the report could show the flattering ones."""

    def ids(run: FakeRun) -> list[tuple[str, str]]:
        return [(exhibit.task, exhibit.id) for exhibit in shown(run)]

    assert ids(make_run(examples=40, seed=1)) == ids(make_run(examples=40, seed=2, hostile=True, missing=0.3))


def test_every_arm_answers_the_same_question_with_its_own_words() -> None:
    run = make_run(examples=40)
    for exhibit in shown(run):
        assert [answer.arm for answer in exhibit.answers][:2] == ["base", "lima_1k/full"]
        for answer in exhibit.answers:
            row = next(
                r for r in run.rows[exhibit.eval, answer.subject] if (r.task, r.id) == (exhibit.task, exhibit.id)
            )
            assert answer.text == row.output
            assert answer.score == row.metrics[exhibit.metric]


def test_an_arm_whose_first_seed_failed_speaks_through_the_next() -> None:
    found = shown(make_run(examples=40, failed_training="lima_1k/full#0"))
    assert {answer.subject for exhibit in found for answer in exhibit.answers if answer.arm == "lima_1k/full"} == {
        "lima_1k/full#1"
    }


def test_few_examples_are_all_shown_and_no_text_is_no_section() -> None:
    assert len(shown(make_run(examples=3))) == 6
    run = make_run(examples=5)
    mute = {key: [row.model_copy(update={"output": None}) for row in rows] for key, rows in run.rows.items()}
    assert shown(run.changed(rows=mute)) == ()


def test_the_question_is_the_users_text_without_the_template() -> None:
    """The first 48 characters of a chat template are the same for every question."""
    questions = [exhibit.question for exhibit in shown(make_run(examples=40))]
    assert all(question.startswith("Where does Person ") for question in questions)
    run = make_run(examples=40)
    bare = {key: [row.model_copy(update={"question": None}) for row in rows] for key, rows in run.rows.items()}
    assert all(exhibit.question.startswith("User: ") for exhibit in shown(run.changed(rows=bare)))


@pytest.mark.parametrize(("binary", "shown"), [(True, "✗ No."), (False, "0.000 No.")])
def test_only_a_right_or_wrong_answer_is_ticked(binary: bool, shown: str) -> None:
    """An answer without a word in common with its reference is not wrong: it has a ROUGE of 0."""
    answer = SubjectAnswer(arm="base", subject="base", text="No.", score=0.0)
    exhibit = Exhibit(
        eval="e",
        task="e",
        id="1",
        question="Q",
        target="A",
        options=(),
        metric="rouge_l",
        binary=binary,
        answers=(answer,),
    )
    assert answer_cell(exhibit, answer, 48).text == shown


def test_a_question_says_by_what_its_answers_are_right_and_between_what_they_chose() -> None:
    run = make_run(examples=20)
    chosen = run.only("choice")
    said = [
        block.text
        for each in (run, chosen)
        for section in [answers_section(compare(each, replicates=100))]
        if section is not None
        for block in section.blocks
        if isinstance(block, Paragraph)
    ]
    assert any("✓ right and ✗ wrong by the measure that is named with the question" in text for text in said)
    assert any(re.fullmatch(r"qa, example \d+; expected: Town \d+; scored by exact_match", text) for text in said)
    choice = r"choice, example \d+; expected: Town (\d+); options: Town \1 \| Town \d+; scored by acc"
    assert any(re.fullmatch(choice, text) for text in said)


def test_whether_answers_are_right_or_wrong_is_the_measures() -> None:
    run = make_run(examples=40)
    ratings = [entry.measurand.name for entry in align(run.record, run.rows) if not entry.measurand.binary]
    assert all(exhibit.binary == (exhibit.eval not in ratings) for exhibit in shown(run))


def test_what_has_not_run_yet_has_not_failed() -> None:
    """The report of a run that goes on called every open cell failed."""
    absences = make_absences("pending"), make_absences("out_of_memory"), make_absences("left_out")
    result = next(iter(compare(make_run(examples=20), replicates=100).results.values()))
    words = [replace(result, absent=absent).absent_word for absent in absences]
    assert (why_absent(absences[0]), words[0]) == ("not run yet", "not run yet")
    assert (why_absent(absences[1]), words[1]) == ("failed: out of memory", "failed")
    assert (why_absent(absences[2]), words[2]) == ("left out", "left out"), "`not run yet` was said of what never will"
    assert why_absent((*absences[0], *absences[1])).startswith("failed: ")


def make_absences(kind: str) -> tuple[Absence, ...]:
    """One job without a result."""
    status: Any = "pending" if kind in ("pending", "left_out") else "failed"
    return (
        Absence(job="eval:e:a#0", subject="a#0", eval="e", status=status, kind=kind, message="", log=None),
    )  # fmt: skip
