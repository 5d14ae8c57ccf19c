"""What an arm cost, and whether the budgets were equal: an unequal budget explains most surprising results."""

import dataclasses

import pytest

from bench.report.analysis.run_facts.run_info import run_info
from bench.report.analysis.training.costs.budget_match import budget_match
from bench.report.analysis.training.costs.cost import costs
from bench.report.analysis.training.costs.phases import seconds_by_phase
from bench.report.sections.training.costs import budget_sentence, measured_sentence
from tests.fakes.records import FakeRun, make_run

ARM = "lima_1k/full"


def test_equal_budgets_are_called_matched() -> None:
    found = costs(make_run(examples=5).record)
    assert budget_match(found).excess == 0.0
    assert budget_sentence(budget_match(found)) == (
        "Budget: 60,000 tokens per training; used: 60,000. The arms' tokens are matched within 1%."
    )


def test_unequal_budgets_are_stated_by_how_much() -> None:
    found = costs(make_run(examples=5, budget_used={ARM: 1.1}).record)
    assert budget_match(found).excess == pytest.approx(0.1)
    assert budget_sentence(budget_match(found)).endswith("The arms are not matched: they differ by up to 10.0%.")


def test_nothing_is_called_matched_while_an_arm_is_missing() -> None:
    run = make_run(examples=5)
    trainings = tuple(t.model_copy(update={"result": None}) if t.arm == ARM else t for t in run.record.trainings)
    found = costs(run.record.model_copy(update={"trainings": trainings}))
    assert budget_sentence(budget_match(found)).endswith("Not every arm finished.")
    assert next(cost for cost in found if cost.arm == ARM).tokens is None


def test_a_missing_arm_does_not_hide_that_the_others_differ() -> None:
    run = make_run(examples=5, budget_used={"random_1k/lora": 1.1})
    trainings = tuple(t.model_copy(update={"result": None}) if t.arm == ARM else t for t in run.record.trainings)
    found = costs(run.record.model_copy(update={"trainings": trainings}))
    assert budget_sentence(budget_match(found)).endswith(
        "Not every arm finished; those that did differ by up to 10.0%."
    )


def test_a_diverged_training_is_no_measure_of_what_the_others_should_have_used() -> None:
    run = make_run(examples=5, budget_used={ARM: 0.5})
    trainings = tuple(
        t.model_copy(update={"result": t.result.model_copy(update={"diverged": True})}) if t.arm == ARM else t
        for t in run.record.trainings
        if t.result is not None
    )
    found = costs(run.record.model_copy(update={"trainings": trainings}))
    assert {cost.arm: cost.excess for cost in found}[ARM] is None
    assert all(cost.excess is not None and cost.excess < 0.01 for cost in found if cost.arm != ARM)
    assert budget_sentence(budget_match(found)).endswith("Not every arm finished.")


def test_a_training_too_short_to_be_timed_says_why_it_has_no_speed() -> None:
    found = costs(make_run(examples=5).record)
    assert "fewer than two steps" not in measured_sentence(found)
    short = dataclasses.replace(found[0], tokens_per_second=None, shared_tokens_per_second=None)
    assert "warm-up steps left out, – where fewer than two steps remain." in measured_sentence([short, *found[1:]])


def test_speed_comes_from_the_lone_probe() -> None:
    """Speed measured beside another job would blame the arm for its neighbour."""
    run = make_run(examples=5)
    probe = next(p.result for p in run.record.probes if p.arm == ARM)
    cost = next(cost for cost in costs(run.record) if cost.arm == ARM)
    assert cost.tokens_per_second == probe.tokens_per_second


def test_speed_that_was_never_alone_is_none() -> None:
    found = costs(make_run(examples=5, shared_speed=True).record)
    assert [cost.tokens_per_second for cost in found] == [None] * 6
    assert all(cost.shared_tokens_per_second for cost in found)


def test_counts_equal_the_ledgers() -> None:
    run = make_run(examples=5, budget_used={ARM: 1.1})
    ledgers = [t.result.ledger for t in run.record.trainings if t.arm == ARM and t.result is not None]
    cost = next(cost for cost in costs(run.record) if cost.arm == ARM)
    assert cost.tokens == pytest.approx(sum(ledger.tokens for ledger in ledgers) / 3)
    assert cost.supervised_tokens == pytest.approx(sum(ledger.supervised_tokens for ledger in ledgers) / 3)
    assert cost.packing_efficiency == pytest.approx(ledgers[0].tokens / ledgers[0].slots)


def test_phases_and_process_add_up_to_what_the_jobs_took() -> None:
    run: FakeRun = make_run(examples=5)
    for spent in seconds_by_phase(run.record):
        assert sum(spent.phases.values()) + spent.process == pytest.approx(spent.total)
    assert sum(spent.jobs for spent in seconds_by_phase(run.record)) == len(run.record.jobs), "each job is in a row"
    training = seconds_by_phase(run.record)[0]
    assert training.total == pytest.approx(sum(t.job.seconds or 0 for t in run.record.trainings))


def test_reused_jobs_are_counted() -> None:
    run = make_run(examples=5)
    first, *others = run.record.trainings
    reused = first.model_copy(update={"job": first.job.model_copy(update={"reused": True})})
    record = run.record.model_copy(update={"trainings": (reused, *others)})
    info = run_info(record)
    assert info.jobs_reused == 1
