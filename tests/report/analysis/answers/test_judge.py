"""Judges in the report: seeds are pooled, what is a tie by definition has no interval, bad judges are named."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.record.record import EvaluationRecord
from bench.record.results.evals.evaluation import Measure, ScoreRow
from bench.record.results.evals.judged import Judged
from bench.report.analysis.answers.judging_costs import judging_costs
from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare
from bench.report.render.view import Table
from bench.report.sections.answers.judge import judge_section
from bench.suite.tables.conclusions.claim import Claim
from bench.suite.tables.evals.judge_measures import LENGTHS, WIN_RATE
from bench.suite.tables.suite import Suite
from tests.fakes.records import FakeRun, make_run

PAIRS = 30
JUDGED = Judged(
    judge="judge-1", host="judge.example", prompt="pairwise", prompt_sha256="0" * 64, against="base", wins=18, losses=6,
    ties=2, flips=4, half=0, unjudged=0, unanswered=0, identical=0, verdicts=60, first_preferred=30,
    second_preferred=26, unread=0, rejected=0, asked=60, reused=10, prompt_tokens=1000, completion_tokens=100,
    cost=0.5, cost_now=0.4, currency="EUR",
)  # fmt: skip
ITSELF = JUDGED.model_copy(
    update={"by_definition": True, "wins": 0, "losses": 0, "ties": 0, "flips": 0, "identical": PAIRS, "asked": 0}
)


def judged(**changes: Any) -> FakeRun:
    """The fake run with its qa judged against the base: every arm preferred in 18 of 30 pairs, with either seed."""
    run = make_run(examples=PAIRS, seeds=(0, 1))
    suite = run.record.resolved.suite
    spec = {
        "kind": "judge", "name": "qa", "data": {"source": "x.jsonl"},
        "judge": {"endpoint": {"base_url": "http://localhost:1/v1", "model": "judge"}},
    }  # fmt: skip
    evals = [spec if one.name == "qa" else one.model_dump(mode="json") for one in suite.eval]
    claims = [one.model_dump(mode="json") for one in suite.claim if one.task is None]
    suite = Suite.model_validate({**suite.model_dump(mode="json"), "eval": evals, "claim": claims})
    found = JUDGED.model_copy(update=changes)
    evaluations = tuple(_changed(one, found) for one in run.record.evaluations)
    rows = {key: _rows(key[1]) if key[0] == "qa" else scored for key, scored in run.rows.items()}
    return run.with_suite(suite).changed(evaluations=evaluations, rows=rows)


def _changed(evaluation: EvaluationRecord, found: Judged) -> EvaluationRecord:
    if evaluation.eval != "qa" or evaluation.result is None:
        return evaluation
    itself = evaluation.subject == "base"
    measure = Measure(
        task="qa", metric=WIN_RATE, value=0.5, n=PAIRS, missing=0, higher_is_better=True, binary=False, chance=0.5,
        headline=True,
    )  # fmt: skip
    update = {"measures": (measure,), "judged": ITSELF if itself else found}
    return evaluation.model_copy(update={"result": evaluation.result.model_copy(update=update)})


def _rows(subject: str) -> list[ScoreRow]:
    scores = [0.5] * PAIRS if subject == "base" else [1.0] * 18 + [0.5] * 6 + [0.0] * 6
    lengths = np.random.default_rng(0).integers(10, 90, size=PAIRS)
    return [
        ScoreRow(
            task="qa", id=str(at), metrics={WIN_RATE: score}, prompt="?", output="x",
            statistics={LENGTHS: (float(length), 50.0)},
        )
        for at, (score, length) in enumerate(zip(scores, lengths, strict=True))
    ]  # fmt: skip


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(judged(), replicates=300)


def test_seeds_are_summed_and_pairs_keep_their_interval(comparison: Comparison) -> None:
    arm = next(one for one in comparison.judged if one.arm == "lima_1k/full")
    assert (arm.total.wins, arm.total.flips, arm.total.prompt_tokens, arm.total.cost) == (36, 8, 2000, 1.0)
    assert arm.total.consistency == pytest.approx(26 / 30)
    value = comparison.results["lima_1k/full", "qa"].value
    assert value.mean == pytest.approx(0.7)
    assert value.low is not None
    assert 0.5 < value.low < 0.7
    assert arm.controlled.rate == pytest.approx(0.7, abs=0.06)


def test_the_reference_is_a_tie_without_an_interval_or_a_word_of_chance(comparison: Comparison) -> None:
    value = comparison.results["base", "qa"].value
    assert (value.mean, value.low, value.high) == (0.5, None, None)
    assert not [one for one in comparison.sanity if one.measurand == "qa" and one.arm == "base"]
    delta = comparison.results["lima_1k/full", "qa"].versus_base
    assert delta.delta.estimate == pytest.approx(0.2)


def test_an_arm_that_is_always_preferred_is_half_a_scale_above_its_reference_and_no_more() -> None:
    run = judged()
    won = {
        key: [row.model_copy(update={"metrics": {WIN_RATE: 0.5 if key[1] == "base" else 1.0}}) for row in scored]
        if key[0] == "qa"
        else scored
        for key, scored in run.rows.items()
    }
    delta = compare(replace(run, rows=won), replicates=100).results["lima_1k/full", "qa"].versus_base.delta
    assert (delta.estimate, delta.high) == (0.5, 0.5)
    assert delta.low == pytest.approx(0.025 ** (1 / PAIRS) - 0.5)


def test_a_fair_judge_gets_no_finding(comparison: Comparison) -> None:
    assert not {"judge inconsistent", "verdicts unread", "length decides"} & {one.name for one in comparison.sanity}


@pytest.mark.parametrize(
    ("changes", "name", "word"),
    [
        (
            {"wins": 2, "losses": 2, "flips": 26, "ties": 0, "first_preferred": 56, "second_preferred": 4},
            "judge inconsistent",
            "93.3%",
        ),
        ({"unread": 12, "rejected": 3}, "verdicts unread", "6 refused"),
    ],
)
def test_a_bad_judge_is_named(changes: dict[str, int], name: str, word: str) -> None:
    found = [one for one in compare(judged(**changes), replicates=100).sanity if one.name == name]
    assert {one.measurand for one in found} == {"qa"}
    assert all(word in one.detail and "judge-1" in one.detail for one in found)


def test_a_rate_of_a_judge_that_goes_by_length_alone_says_so(comparison: Comparison) -> None:
    one = next(one for one in comparison.judged if one.controlled is not None)
    assert one.controlled is not None
    alone = replace(one, controlled=replace(one.controlled, length_effect=-12.0))
    section = judge_section(replace(comparison, judged=(alone,)))
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert "decided by length, the shorter answer wins" in table.rows[0][4].text
    plain = judge_section(
        replace(comparison, judged=(replace(one, controlled=replace(one.controlled, length_effect=2.0)),))
    )
    assert "decided by length" not in str(plain)


def test_a_preference_that_goes_with_length_is_named() -> None:
    """An arm that only learned to say more would be called better."""
    run = judged()
    by_score = {1.0: 90.0, 0.5: 50.0, 0.0: 20.0}
    rows = {
        key: [
            row.model_copy(update={"statistics": {LENGTHS: (by_score[row.metrics[WIN_RATE] or 0.0] + at % 5, 50.0)}})
            for at, row in enumerate(scored)
        ]
        if key[0] == "qa"
        else scored
        for key, scored in run.rows.items()
    }
    seen = compare(replace(run, rows=rows), replicates=300)
    arm = next(one for one in seen.judged if one.arm == "lima_1k/full")
    assert arm.longer_won == 1.0
    found = [one for one in seen.sanity if one.name == "length decides"]
    assert "lima_1k/full" in {one.arm for one in found}
    assert all("the longer answer won 100% of the preferences" in one.detail for one in found)


def test_an_even_verdict_of_a_judge_is_not_called_chance() -> None:
    run = judged()
    rows = {
        key: [row.model_copy(update={"metrics": {WIN_RATE: (0.0, 1.0, 0.5)[at % 3]}}) for at, row in enumerate(scored)]
        if key[0] == "qa" and key[1] != "base"
        else scored
        for key, scored in run.rows.items()
    }
    found = [one for one in compare(replace(run, rows=rows), replicates=100).sanity if one.measurand == "qa"]
    assert "judged even" in {one.name for one in found}
    assert not any("chance" in one.name for one in found)


def test_a_judge_that_prefers_the_reference_is_said_to_put_the_arm_behind() -> None:
    run = judged()
    rows = {
        key: [row.model_copy(update={"metrics": {WIN_RATE: float(at % 10 == 0)}}) for at, row in enumerate(scored)]
        if key[0] == "qa" and key[1] != "base"
        else scored
        for key, scored in run.rows.items()
    }
    found = [one for one in compare(replace(run, rows=rows), replicates=100).sanity if one.name == "judged behind"]
    assert "lima_1k/full" in {one.arm for one in found}
    assert all("is below 0.500, a tie with what it is compared with" in one.detail for one in found)


def test_arms_that_tie_with_the_reference_are_not_said_to_be_at_chance() -> None:
    """Nobody guessed; and a judge that prefers nobody has not shown the two to be equal either."""
    run = judged()
    says = Claim(says="lima_1k/full == lima_1k/lora", on="qa", margin=0.4)
    even = {
        key: [row.model_copy(update={"metrics": {WIN_RATE: (0.0, 1.0, 0.5)[at % 3]}}) for at, row in enumerate(scored)]
        if key[0] == "qa"
        else scored
        for key, scored in run.rows.items()
    }
    (found,) = compare(run.with_suite(claim=(says,)).changed(rows=even), replicates=200).claims
    assert found.verdict.outcome == "inconclusive"
    assert found.why.startswith("neither side is preferred to what both were compared with")


def test_who_judged_and_what_it_cost_is_said(comparison: Comparison) -> None:
    section = judge_section(comparison)
    line = next(block.text for block in section.blocks if block.kind == "paragraph")
    assert "judge-1 at judge.example" in line
    arms = len(comparison.judged) - 1
    (judging,) = comparison.judging
    assert (judging.asked, judging.reused) == (120 * arms, 20 * arms), "the reference was not asked"
    assert (judging.cost, judging.paid_before) == pytest.approx((arms, 0.2 * arms))
    assert f"cost {arms:.4f} EUR, {0.2 * arms:.4f} of it paid before" in line
    table = next(block for block in section.blocks if isinstance(block, Table))
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_a_bill_with_an_unknown_part_is_unknown(comparison: Comparison) -> None:
    asked = next(one for one in comparison.judged if one.total.asked)
    unpriced = replace(asked, total=asked.total.model_copy(update={"cost": None, "cost_now": None}))
    (judging,) = judging_costs([asked, unpriced])
    assert (judging.cost, judging.paid_before, judging.asked) == (None, None, 2 * asked.total.asked)


def test_pairs_that_were_not_judged_are_those_without_a_verdict_or_an_answer(comparison: Comparison) -> None:
    total = JUDGED.model_copy(update={"unjudged": 2, "unanswered": 3})
    assert replace(comparison.judged[0], total=total).not_judged == 5
