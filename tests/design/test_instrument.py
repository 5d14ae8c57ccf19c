"""What a suite can show before money is spent: which claims it cannot decide, and what would."""

from collections.abc import Mapping

import pytest
from rich.console import Console

from bench.design.instrument import ClaimCheck, Instrument, check_instrument
from bench.design.instrument_view import print_instrument
from bench.record.results.evals.evaluation import ScoreRow
from bench.report.compare import compare
from bench.suite.tables.conclusions.claim import Claim
from tests.fakes.records import FakeRun, make_run

LIMA, ALPACA = "lima_1k/full", "alpaca_52k/full"


def check(run: FakeRun, *claims: Claim, again: Mapping[tuple[str, str], list[ScoreRow]] | None = None) -> Instrument:
    second = run.rows if again is None else again
    return check_instrument(compare(run, replicates=200), run.rows, second, claims, pilot=LIMA, seeds=3)


def only(instrument: Instrument) -> ClaimCheck:
    (claim,) = instrument.claims
    return claim


def pilot_run(**options: object) -> FakeRun:
    return make_run(seeds=(0,), examples=120, **options)  # type: ignore[arg-type]


def test_a_margin_below_what_the_examples_resolve_is_named_with_the_number_that_would() -> None:
    instrument = check(pilot_run(), Claim(says=f"{LIMA} >= {ALPACA}", on="qa", margin=0.02))
    claim = only(instrument)
    qa = next(check for check in instrument.evals if check.name == "qa")
    assert not claim.decidable
    assert qa.smallest is not None
    assert claim.examples == pytest.approx(120 * (qa.smallest / 0.02) ** 2, abs=1)
    assert instrument.undecidable == 1


def test_a_wide_margin_is_decidable() -> None:
    assert only(check(pilot_run(), Claim(says=f"{LIMA} >= {ALPACA}", on="qa", margin=0.3))).decidable


def test_an_eval_at_chance_for_base_and_pilot_cannot_show_that_arms_are_equal() -> None:
    guess = {"choice": {LIMA: 0.25, "base": 0.25}}
    for says in (f"{LIMA} >= {ALPACA}", f"{LIMA} > {ALPACA}"):
        claim = only(check(pilot_run(rates=guess), Claim(says=says, on="choice", margin=0.4)))
        assert not claim.decidable
        assert "at chance" in claim.reason


def test_a_pilot_that_is_shown_to_be_better_than_a_base_at_chance_is_not_called_stuck() -> None:
    """Seen: "base and pilot are nothing right" beside a pilot with six of 40: their own intervals overlapped."""
    rates = {"choice": {LIMA: 0.4, "base": 0.25}}
    claim = only(check(pilot_run(rates=rates), Claim(says=f"{LIMA} > {ALPACA}", on="choice")))
    assert claim.decidable, claim.reason


def test_a_base_without_a_right_answer_is_not_said_to_guess() -> None:
    """An exact match has no chance level but zero, at which nothing was right."""
    run = pilot_run()
    evaluations = tuple(
        evaluation.model_copy(update={"result": evaluation.result.model_copy(update={"measures": exact})})
        if evaluation.eval == "qa"
        and evaluation.result is not None
        and (exact := tuple(m.model_copy(update={"chance": 0.0}) for m in evaluation.result.measures))
        else evaluation
        for evaluation in run.record.evaluations
    )
    wrong = [row.model_copy(update={"metrics": dict.fromkeys(row.metrics, 0.0)}) for row in run.rows["qa", "base"]]
    nothing = run.changed(evaluations=evaluations, rows={**run.rows, ("qa", "base"): wrong})
    instrument = check(nothing, Claim(says=f"{LIMA} > {ALPACA}", on="qa"))
    assert {found.name: found.limit for found in instrument.evals}["qa"] == "nothing right"


def test_examples_that_would_decide_are_not_given_to_the_last_digit(capsys: pytest.CaptureFixture[str]) -> None:
    """One training of noise that nobody has seen is not in them: `about 6,644 examples would decide it`."""
    instrument = check(pilot_run(), Claim(says=f"{LIMA} >= {ALPACA}", on="qa", margin=0.02))
    examples = only(instrument).examples
    assert examples is not None
    print_instrument(instrument, Console(width=300), suite="s", question="q")
    digits = len(str(examples)) - 2
    assert f"by their noise alone about {round(examples, -digits):,} examples would" in capsys.readouterr().out


def test_the_base_that_answers_otherwise_the_second_time_shows_the_noise_floor() -> None:
    run = pilot_run()
    qa = run.rows["qa", "base"]
    metric = next(iter(qa[0].metrics))
    turned = [row.model_copy(update={"metrics": {metric: 1.0}}) for row in qa[:12]]
    wrong = sum(row.metrics[metric] == 0.0 for row in qa[:12])
    again = {**run.rows, ("qa", "base"): [*turned, *qa[12:]]}
    instrument = check(run, Claim(says=f"{LIMA} == {ALPACA}", on="qa", margin=0.05), again=again)
    found = next(check for check in instrument.evals if check.name == "qa")
    assert found.noise_floor == pytest.approx(wrong / 120)
    assert found.changed == pytest.approx(wrong / 120)
    assert "differs from itself" in only(instrument).reason


def test_the_same_answers_have_no_noise_and_an_effect_has_its_signal() -> None:
    qa = next(check for check in check(pilot_run()).evals if check.name == "qa")
    assert (qa.noise_floor, qa.changed) == (0.0, 0.0)
    assert qa.signal is not None
    assert qa.signal > 0.4
    assert qa.signal_to_noise is not None
    assert qa.signal_to_noise > 5


def test_answers_that_cannot_be_read_are_counted() -> None:
    run = pilot_run()
    blank = [row.model_copy(update={"output": " "}) for row in run.rows["qa", "base"][:30]]
    rows = {
        **run.rows,
        ("qa", "base"): [*blank, *[r.model_copy(update={"output": "x"}) for r in run.rows["qa", "base"][30:]]],
    }
    found = check_instrument(compare(run, replicates=100), rows, rows, (), pilot=LIMA, seeds=3)
    assert next(check for check in found.evals if check.name == "qa").unreadable == pytest.approx(0.25)
