"""Which arm to take: the sentence that a reader acts on."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from bench.report.analysis.aligned.align import align
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.conclusions.candidates import (
    WeighedArm,
    Weight,
    prior_of,
    weighed_arm,
    weights_of,
    with_noise,
)
from bench.report.analysis.conclusions.decision import Decision, Option
from bench.report.analysis.conclusions.undecided import open_reason, undecided_evidence
from bench.report.compare import compare, compare_record
from bench.report.compose import compose
from bench.report.render.view import Paragraph
from bench.report.sections.decision import decision_section, decision_sentence
from bench.stats.conclusions.decision import Prospect
from bench.stats.noise.influence import Influence
from bench.suite.tables.conclusions.decision import DecisionOptions
from tests.fakes.records import FakeRun, make_run

LIMA = "lima_1k/full"
FAR = {
    "qa": {LIMA: 0.9, "lima_1k/lora": 0.3, "alpaca_52k/full": 0.3, "random_1k/full": 0.3},
    "cloze": {LIMA: 0.9, "lima_1k/full": 0.9},
}


def comparison_of(run: FakeRun, weights: dict[str, float] | None = None, **options: float) -> Comparison:
    stated = DecisionOptions(weights=weights or {"qa": 1, "cloze": 1}, **options)  # type: ignore[arg-type]
    return compare(run.with_suite(decision=stated), replicates=200)


def decide(run: FakeRun, weights: dict[str, float] | None = None, **options: float) -> Decision:
    decision = comparison_of(run, weights, **options).decision
    assert decision is not None
    return decision


def far_run(**options: object) -> FakeRun:
    run = make_run(examples=150, rates=FAR, seed_spread=0.01, claims=(), **options)  # type: ignore[arg-type]
    return run.only("qa", "cloze")


def test_without_a_decision_in_the_suite_no_arm_is_recommended() -> None:
    run = make_run(examples=20).only("qa")
    comparison = compare_record(run.record, run.rows, replicates=100)
    assert comparison.decision is None
    assert decision_section(comparison) is None


def test_an_arm_far_ahead_is_taken_and_said_first() -> None:
    comparison = comparison_of(far_run())
    decision = comparison.decision
    assert (decision.outcome, decision.pick, decision.reasons) == ("decided", LIMA, ())
    section = next(entry for entry in compose(comparison).sections if entry.title == "Which arm to take")
    assert isinstance(section.blocks[0], Paragraph)
    assert section.blocks[0].text.startswith(f"Take {LIMA}: 0.9")
    assert "expected loss under 0.001" in section.blocks[0].text
    assert "best with over 99%" in section.blocks[0].text, "an estimate is never certain"


def test_the_value_is_the_weighted_mean_of_what_the_tables_show() -> None:
    comparison = comparison_of(far_run(), {"qa": 3, "cloze": 1})
    decision = comparison.decision
    for option in decision.options:
        qa, cloze = (comparison.results[option.arm, name].value.mean for name in ("qa", "cloze"))
        assert qa is not None
        assert cloze is not None
        assert option.value == pytest.approx(0.75 * qa + 0.25 * cloze)
    assert [weight.share for weight in decision.weights] == [0.75, 0.25]
    assert len(decision.options) == 7


def test_weights_decide_which_arm() -> None:
    rates = {"qa": {LIMA: 0.9, "base": 0.1}, "cloze": {LIMA: 0.1, "base": 0.99}}
    run = make_run(examples=150, rates=rates, seed_spread=0.01).only("qa", "cloze")
    assert decide(run, {"qa": 1}).pick == LIMA
    assert decide(run, {"qa": 1, "cloze": 100}).pick == "base"


def test_two_arms_alike_are_not_decided_and_both_are_named() -> None:
    rates = {"qa": dict.fromkeys((LIMA, "alpaca_52k/full"), 0.9)}
    run = make_run(examples=100, rates=rates).only("qa")
    decision = decide(run, {"qa": 1})
    assert decision.outcome == "open"
    assert {decision.pick, decision.runner_up} == {LIMA, "alpaca_52k/full"}
    assert decision_sentence(decision).startswith("Not decided: ")
    assert decide(run, {"qa": 1}, tolerance=0.3).outcome == "decided"


def last_words(comparison: Comparison) -> str:
    section = decision_section(comparison)
    block = section.blocks[-1]
    assert isinstance(block, Paragraph)
    assert isinstance(block.text, str)
    return block.text


def test_one_seed_decides_nothing_however_far_ahead() -> None:
    comparison = comparison_of(far_run(seeds=(0,)))
    decision = comparison.decision
    assert (decision.outcome, decision.pick) == ("open", LIMA)
    assert "noise of training is unknown" in decision_sentence(decision)
    assert f"noise of training of {LIMA}" in last_words(comparison)


def test_arms_asked_together_are_said_to_be() -> None:
    """An arm that is noisier than it can show is taken for as quiet as the others."""
    assert "from the seeds of 6 arms together" in last_words(comparison_of(far_run()))


def test_values_end_where_their_scales_do() -> None:
    """A share of right answers, and a loss, which has no highest value and counts negatively."""
    run = make_run(examples=20)
    entries = {entry.measurand.name: entry for entry in align(run.record, run.rows)}
    (qa,) = weights_of(DecisionOptions(weights={"qa": 1}), entries)
    assert qa.support == (0.0, 1.0)
    qa, cloze = weights_of(DecisionOptions(weights={"qa": 3, "cloze": 1}), entries)
    assert (qa.support, cloze.support) == ((0.0, 0.75), (0.0, 0.25))
    loss = weights_of(DecisionOptions(weights={"heldout": 1}), entries)
    assert loss[0].support is None
    names = {"base": ("base",), LIMA: tuple(f"{LIMA}#{seed}" for seed in (0, 1, 2))}
    arms = [weighed_arm(arm, subjects, (qa, cloze), entries) for arm, subjects in names.items()]
    assert with_noise((qa, cloze), arms).support == (0.0, 1.0)
    losses = [weighed_arm(arm, subjects, loss, entries) for arm, subjects in names.items()]
    assert with_noise(loss, losses).support == (-inf, inf)


def test_an_arm_on_subset_draws_says_nothing_of_the_noise_of_others() -> None:
    """Its seeds' values hold the noise of draws, too: it was taken for that of the others' trainings."""
    rng = np.random.default_rng(3)
    weights = (Weight(name="qa", share=1.0, scale=1.0),)

    def arm(name: str, deviation: float, *, drawn: bool = False) -> WeighedArm:
        values = 0.5 + deviation * rng.normal(size=3)
        part = Influence(values=values, low=None, high=None, units=np.zeros((3, 9)), degrees=8.0, extra=0.0)
        return WeighedArm(arm=name, values=values, parts=[part], trained=True, drawn=drawn, gaps=())

    alike = [arm(name, 0.01) for name in ("a/full", "b/full", "c/full")]
    noisy = arm("d/full", 0.03, drawn=True)
    assert prior_of(weights, [*alike, noisy]) == prior_of(weights, alike)
    found = with_noise(weights, [*alike, noisy])
    assert found.seed_degrees[3] == 2.0
    assert found.seed_variance[3] == pytest.approx(noisy.values.var(ddof=1) / 3)


@pytest.mark.parametrize(
    "options",
    [{"failed_training": "alpaca_52k/lora#1"}, {"failed_eval": "qa:base"}, {"failed_eval": f"cloze:{LIMA}#2"}],
)
def test_a_subject_without_a_score_leaves_the_decision_incomplete(options: dict[str, str]) -> None:
    decision = decide(far_run(**options))
    assert decision.outcome == "incomplete"
    assert next(iter(options.values())).partition(":")[2].partition("#")[0] in decision_sentence(decision) or (
        "alpaca_52k/lora#1 has no score on qa" in decision.reasons
    )


def test_of_many_reasons_three_are_named_wherever_they_are_told() -> None:
    """With `--only` the first sentence of a report named each subject and eval that was not asked for."""
    decision = replace(decide(far_run()), outcome="incomplete", pick=None, reasons=tuple("abcde"))
    assert decision_sentence(decision) == "Not decided: a; b; c; and 2 more."
    assert open_reason(decision, (), {}) == "a; b; c; and 2 more"


def test_missing_scores_count_against_the_pick() -> None:
    """An arm whose wrong answers were not scored must not be taken for the best."""
    few, many = decide(far_run(missing=0.02)), decide(far_run(missing=0.4))
    assert (few.outcome, few.pick) == ("decided", LIMA)
    assert (many.outcome, many.pick) == ("incomplete", LIMA)
    assert any("lacks" in reason for reason in many.reasons)


def test_an_eval_that_nobody_scored_is_named() -> None:
    run = make_run(examples=20).only("qa", "cloze")
    gone = {key: rows for key, rows in run.rows.items() if key[0] != "qa"}
    evaluations = tuple(
        e.model_copy(update={"result": None, "scores": None}) if e.eval == "qa" else e for e in run.record.evaluations
    )
    decision = decide(run.changed(evaluations=evaluations, rows=gone))
    assert (decision.outcome, decision.pick) == ("incomplete", None)
    assert "qa has no score" in decision_sentence(decision)


def test_a_seed_lost_never_raises_the_probability_of_being_decided() -> None:
    whole, lost = decide(far_run()), decide(far_run(failed_training=f"{LIMA}#2"))
    assert whole.outcome == "decided"
    assert lost.outcome == "incomplete"


def option(arm: str, *, best: float, loss: float) -> Option:
    prospect = Prospect(corrected=0.25, low=0.2, high=0.3, best=best, near_best=best, expected_loss=loss)
    return Option(arm=arm, value=0.25, by_seed=(0.25,), prospect=prospect, gaps=())


def test_an_arm_that_loses_least_but_is_seldom_best_does_not_lead() -> None:
    """Arms that rise and fall together share their chances; the base, apart from them, has its chance alone."""
    rows = (option(LIMA, best=0.2, loss=0.004), option("base", best=0.5, loss=0.005))
    decision = Decision(
        outcome="open", pick=LIMA, runner_up="base", weights=(), tolerance=0.0, confidence=0.95, options=rows,
        reasons=("no option is the best with the 95% asked for",),
    )  # fmt: skip
    assert decision.likeliest == "base"
    assert f"{LIMA} has the lowest expected loss" in decision_sentence(decision)
    assert "; base is best with 50%" in decision_sentence(decision)
    (least_risk,) = undecided_evidence(decision, (), {})
    assert f"{LIMA} risks least" in least_risk
    assert "a probability of 20%, base with 50%; 95% are asked for" in least_risk
