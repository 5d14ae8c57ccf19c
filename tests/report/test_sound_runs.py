"""What is no flaw of a run, and so has no sanity verdict."""

from typing import Any

import pytest

from bench.record.record import Record
from bench.report.compare import compare
from bench.report.render.view import Table
from bench.report.sections.training.applied import applied_section
from tests.fakes.records import FakeRun, make_run
from tests.report.flawed_runs import ARM, applied, as_the_base, checked, found, named


def several_draws(**options: Any) -> FakeRun:
    run = make_run(**options)
    data = run.record.resolved.suite.data
    select = data["random_1k"].select.model_copy(update={"seeds": (0, 1, 2)})
    return run.with_suite(data={**data, "random_1k": data["random_1k"].model_copy(update={"select": select})})


def test_rounding_is_no_difference_between_trained_and_evaluated() -> None:
    assert not named(checked(5.7557), "as evaluated ≠ as trained")
    assert named(checked(5.7957), "as evaluated ≠ as trained")


def test_a_training_that_was_applied_has_no_verdict_and_a_row_in_the_report() -> None:
    run = applied(0, kl=0.2)
    assert not {finding.name for finding in found(run)} & {"same as base", "not applied in part"}
    section = applied_section(compare(run, replicates=100))
    assert any(ARM in cell.text for block in section.blocks if isinstance(block, Table) for cell in block.rows[0])


def test_wrong_answers_to_every_question_do_not_make_an_arm_its_base() -> None:
    run = make_run(examples=20)
    rows = {
        key: [row.model_copy(update={"metrics": dict.fromkeys(row.metrics, 0.0)}) for row in scored]
        for key, scored in run.rows.items()
        if key[0] == "choice"
    }
    evals = tuple(e for e in run.record.evaluations if e.eval == "choice")
    assert not named(run.changed(evaluations=evals, rows=rows), "same as base")


def test_one_other_score_is_enough_not_to_be_the_base() -> None:
    assert not named(as_the_base(but_for=5), "same as base")


@pytest.mark.parametrize(("evals", "named_so"), [(("choice",), False), (("choice", "heldout"), True)])
def test_equal_right_and_wrong_answers_of_an_arm_that_was_seen_to_differ_are_chance(
    evals: tuple[str, ...], named_so: bool
) -> None:
    """An adapter that changed every sixth token answered 60 questions as the base did. Equal losses are no
    chance."""
    run, same = applied(0, kl=0.05), as_the_base()
    kept = tuple(e for e in run.record.evaluations if e.eval in evals)
    rows = {key: scored for key, scored in same.rows.items() if key[0] in evals}
    assert bool(named(run.changed(evaluations=kept, rows=rows), "same as base")) is named_so


def clean(record: Record) -> Record:
    trainings = tuple(
        t.model_copy(
            update={
                "result": t.result.model_copy(
                    update={"ledger": t.result.ledger.model_copy(update={"truncated_rows": 0})}
                )
            }
        )
        for t in record.trainings
        if t.result is not None
    )
    return record.model_copy(update={"trainings": trainings})


def test_a_run_without_a_flaw_has_only_verdicts_about_its_scores() -> None:
    """A list that is never empty is not read."""
    run = several_draws(examples=60)
    names = {finding.name for finding in found(FakeRun(path=run.path, record=clean(run.record), rows=run.rows))}
    scores = {"at chance", "below chance", "nothing right", "below base", "bare prompts"}
    assert names <= scores | {"rows unseen"}, "one pool is larger than its budget"


def test_the_budget_is_called_matched_within_one_per_cent() -> None:
    assert not named(make_run(examples=20, budget_used={ARM: 1.009}), "budget mismatch")
