"""The first sentences: they say what the verdicts and the decision say, and nothing beyond."""

import dataclasses
import re
from functools import cache
from typing import Any

import pytest

from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.conclusions.lead import DECISION, Lead
from bench.report.analysis.conclusions.question import tally
from bench.report.analysis.conclusions.undecided import reach
from bench.report.analysis.finding import Finding
from bench.report.analysis.scores.results import Contrast, Result
from bench.report.compare import compare_record
from bench.report.compose import compose
from bench.report.render.view import Bullets, Paragraph, Table
from bench.report.sections.lead import lead_section
from bench.report.sections.scores.results import eval_sections
from tests.fakes.flagship import EVALS
from tests.fakes.records import make_run
from tests.report.analysis.conclusions.test_decision import FAR, LIMA, comparison_of

BETTER = {"says": f"{LIMA} >= alpaca_52k/full", "on": "qa", "margin": 0.02}
KEEPS = {"says": f"{LIMA} >= base", "on": "cloze", "margin": 0.02}


def lead_of(
    *claims: dict[str, object],
    weights: dict[str, float] | None = None,
    evals: tuple[str, ...] = ("qa", "cloze"),
    **options: object,
) -> Lead | None:
    run = make_run(claims=claims, examples=150, **options).only(*evals)  # type: ignore[arg-type]
    if weights is not None:
        return comparison_of(run, weights).answer
    return compare_record(run.record, run.rows, replicates=200).answer


def test_a_decided_run_begins_with_what_to_take_and_by_how_much() -> None:
    comparison = comparison_of(
        make_run(examples=150, rates=FAR, seed_spread=0.01, claims=(BETTER,)).only("qa", "cloze")
    )
    lead = comparison.answer
    assert lead.decided
    (result,) = comparison.claims
    assert result.delta.estimate is not None
    points = f"{100 * result.delta.estimate:.1f} points"
    assert lead.lead.startswith(f"In this simulation: take {LIMA}: better than alpaca_52k/full by {points} (")
    assert lead.lead.endswith("on qa, at equal tokens.")
    best = "it is the best of 7 with a probability of over 99%; next is alpaca_52k/lora."
    assert lead.evidence[0] == f"By qa and cloze together {best}"
    price = (
        r"One training: [\d,]+ tokens of [\d,]+ rows in \d+ steps, "
        r"[\d.]+ s in all beside other work on .* \(\d+ cores\), [\d,]+ MiB\."
    )
    assert re.fullmatch(price, lead.evidence[-1]), "what, how long on what, how much memory"
    first = compose(comparison).sections[0]
    assert first.title == "Answer"
    assert isinstance(first.blocks[0], Paragraph)
    assert first.blocks[0].text == lead.lead


def test_seconds_of_trainings_that_ran_alone_are_their_own() -> None:
    run = make_run(examples=150, rates=FAR, seed_spread=0.01, claims=(BETTER,)).only("qa", "cloze")
    alone = tuple(
        training.model_copy(update={"job": training.job.model_copy(update={"alone": True})})
        for training in run.record.trainings
    )
    quiet = run.changed(trainings=alone)
    lead = comparison_of(quiet).answer
    assert re.search(r"steps, [\d.]+ s in all on ", lead.evidence[-1])


def test_where_nothing_is_decided_that_comes_first() -> None:
    rates = {"qa": {LIMA: 0.5, "alpaca_52k/full": 0.5}}
    lead = lead_of(BETTER, rates=rates, seed_spread=0.05)
    assert not lead.decided
    claim = r"on qa it is unclear whether lima_1k/full is better than alpaca_52k/full: \S+ points \(.*\)"
    asked = "asked: not worse by more than 2.0 points; it leans to supported"
    assert re.fullmatch(rf"Not decided in this simulation: {claim}; {asked}\.", lead.lead)
    (claim,) = lead.still_open
    assert (claim.claim, claim.leans) == (f"{LIMA} >= alpaca_52k/full on qa", "supported")
    needed = r"(about [\d,]+ examples|\d+ seeds|no number of examples)"
    assert re.match(rf"\S+ >= \S+ on qa leans to supported: \S+ points \(.*, asked: .* points; {needed}", claim.text)
    assert re.match(rf"\S+ >= \S+ on qa leans to supported: {needed}", claim.brief)
    assert any(sentence.startswith("Shown against the base: on qa ") for sentence in lead.evidence)
    assert re.search(r"With 80% power this run finds [\d.]+ points on qa", " ".join(lead.reach))
    assert " to " in lead.evidence[-1], "the price of all arms: none is chosen"


def test_where_not_all_is_decided_the_first_sentence_counts_and_says_where_the_rest_leans() -> None:
    """A reader asked the suite's question, and was answered that no arm is to be taken."""
    same = {"says": "lima_1k/lora >= random_1k/lora", "on": "qa", "margin": 0.02}
    rates = {"qa": {**FAR["qa"], "lima_1k/lora": 0.5, "random_1k/lora": 0.48}}
    lead = lead_of(same, BETTER, rates=rates, seed_spread=0.02)
    assert lead.decided
    first = (
        "Decided in part in this simulation: of 2 claims 1 is supported and 1 is inconclusive (leans to supported). "
    )
    assert lead.lead.startswith(f"{first}On qa it is unclear whether lima_1k/lora is better than random_1k/lora: ")
    assert "which is supported" in lead.evidence[0], "the decided one"
    assert set(lead.rests_on) == {f"{claim['says']} on qa" for claim in (same, BETTER)}


def test_two_arms_that_are_equal_are_not_called_unclear() -> None:
    """Of a deployed form that is as good as its arm the report said that it is unclear which is better."""
    same = {"says": "lima_1k/lora == random_1k/lora", "on": "qa", "margin": 0.4}
    rates = {"qa": {**FAR["qa"], "lima_1k/lora": 0.5, "random_1k/lora": 0.5}}
    lead = lead_of(same, rates=rates, seed_spread=0.02)
    said = r"on qa the difference of lima_1k/lora from random_1k/lora is \S+ points \(\S+ to \S+\)"
    assert re.fullmatch(
        rf"In this simulation: {said}; asked: equal within 40\.0 points, which is supported\.", lead.lead
    )


def result_of(outcome: Any, leaning: Any) -> ClaimResult:
    (result,) = claims_of_a_run()
    return dataclasses.replace(result, verdict=dataclasses.replace(result.verdict, outcome=outcome, leaning=leaning))


@cache
def claims_of_a_run() -> tuple[ClaimResult, ...]:
    run = make_run(examples=20, claims=(BETTER,)).only("qa")
    return compare_record(run.record, run.rows, replicates=100).claims


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([("supported", "supported")] * 2, "Decided: all 2 claims are supported"),
        ([("inconclusive", "refuted")], "Not decided: the claim is inconclusive (leans to refuted)"),
        ([("inconclusive", "refuted")] * 3, "Not decided: all 3 claims are inconclusive (all lean to refuted)"),
        (
            [("inconclusive", "refuted"), ("inconclusive", "supported"), ("inconclusive", "supported")],
            "Not decided: all 3 claims are inconclusive (2 lean to supported, 1 to refuted)",
        ),
        (
            [("inconclusive", "refuted"), ("incomplete", None), ("incomplete", "supported")],
            "Not decided: of 3 claims 1 is inconclusive (leans to refuted) and 2 are incomplete",
        ),
        (
            [("supported", "supported"), ("inconclusive", None), ("inconclusive", "refuted")],
            "Decided in part: of 3 claims 1 is supported and 2 are inconclusive (1 leans to refuted)",
        ),
    ],
)
def test_claims_are_counted_with_where_the_open_ones_lean(verdicts: list[tuple[str, str | None]], said: str) -> None:
    assert tally([result_of(*verdict) for verdict in verdicts]) == said


def test_an_open_claim_about_the_chosen_arm_comes_first() -> None:
    """What the recommended arm is not shown to keep was behind `4 more`."""
    keeps = {"says": f"{LIMA} >= base", "on": "cloze", "margin": 0.3}
    others = [{"says": "lima_1k/lora >= random_1k/lora", "on": on, "margin": 0.02} for on in ("choice", "instructions")]
    rates = {"qa": FAR["qa"], "cloze": {"base": 0.95, LIMA: 0.65}}
    lead = lead_of(*others, BETTER, keeps, weights={"qa": 1}, evals=EVALS, rates=rates, seed_spread=0.02)
    assert lead.lead.startswith(f"In this simulation: take {LIMA}: ")
    assert lead.still_open[0].claim == f"{LIMA} >= base on cloze"
    counted = "Decided in part: of 4 claims 2 are supported and 2 are inconclusive (all lean to supported)."
    assert lead.evidence[0] == counted
    assert f"{LIMA} >= base on cloze" in lead.rests_on


def test_what_the_chosen_arm_lost_names_it_behind_a_sentence_about_another_arm() -> None:
    """`On cloze b is maybe worse than base by 0.9 points. It is worse than the base on cloze by 8.9 points.`"""
    other = {"says": "lima_1k/lora >= base", "on": "cloze", "margin": 0.3}
    rates = {"qa": FAR["qa"], "cloze": {"base": 0.95, LIMA: 0.65}}
    lead = lead_of(other, weights={"qa": 1}, rates=rates, seed_spread=0.02)
    assert lead.lead.startswith(f"In this simulation: take {LIMA}: ")
    claim, lost = lead.evidence[:2]
    assert claim.startswith("On cloze ")
    assert "lima_1k/lora" in claim
    assert re.fullmatch(rf"{LIMA} is worse than the base on cloze by \S+ points \(\S+ to \S+\)\.", lost)


def test_an_open_decision_names_who_leads_and_takes_nobody() -> None:
    rates = {"qa": {LIMA: 0.6, "lima_1k/lora": 0.6}}
    lead = lead_of(weights={"qa": 1}, rates=rates, seed_spread=0.05)
    assert not lead.decided
    assert "not decided which arm to take" in lead.lead
    assert "take lima" not in lead.lead
    assert re.search(r"(\S+/\S+) risks least: by qa it is on average 0\.\d+ below the best", lead.evidence[0])
    assert re.search(r"with a probability of .+%, \S+ with .+%; 95% are asked for", lead.evidence[0]), "beside whom"


def test_where_no_arm_differs_from_the_base_that_is_the_reason() -> None:
    """`x is best with 15%` of a run that tells nothing apart reads as a recommendation."""
    arms = ("lima_1k/full", "lima_1k/lora", "random_1k/full", "random_1k/lora", "alpaca_52k/full", "alpaca_52k/lora")
    same = dict.fromkeys(("base", *arms), 0.5)
    rates = dict.fromkeys(("qa", "choice", "cloze", "instructions"), same)
    lead = lead_of(weights={"qa": 1}, evals=EVALS, rates=rates, seed_spread=0.02)
    maybe = "on choice alpaca_52k/full is maybe worse"
    assert lead.lead.endswith(f"no arm is shown to be better or worse than the base; {maybe}.")
    assert not any("Shown against" in sentence for sentence in lead.evidence)
    assert lead.rests_on == (DECISION,), "what may keep it open is named"


def test_where_every_arm_was_trained_once_that_is_the_reason() -> None:
    """`No arm is shown to be better than the base`, beside `maybe better by 40 points` and `best with 100%`, explained
    nothing."""
    lead = lead_of(weights={"qa": 1}, rates={"qa": FAR["qa"]}, seeds=(0,))
    assert lead.lead.endswith(
        "not decided which arm to take: all 6 arms were trained once, so nothing shows the noise of training."
    )
    alone = "By the noise of the examples alone it is the best with a probability of over 99%, base with under 1%."
    assert alone in lead.evidence[0]


def test_what_the_chosen_arm_forgot_is_in_the_answer() -> None:
    rates = {"qa": FAR["qa"], "cloze": {"base": 0.95, LIMA: 0.6}}
    lead = lead_of(BETTER, KEEPS, weights={"qa": 1}, rates=rates, seed_spread=0.005)
    assert "; it forgets " in lead.lead
    assert " points of cloze (" in lead.lead
    assert not any("cloze by" in sentence for sentence in lead.evidence), "said once"
    assert not any("not shown to have lost" in sentence for sentence in lead.evidence)


@pytest.mark.parametrize(("detectable", "reference"), [(1.2, 0.0), (0.6, 0.5)])
def test_a_run_that_could_have_found_nothing_says_so(detectable: float, reference: float) -> None:
    """`22.9 points`, of two arms that happen to agree, was said of a run whose other comparisons could find none; and
    `0.821` of a reference at 0.453, from which no score can be so far."""
    run = make_run(examples=20, claims=()).only("qa")
    comparison = compare_record(run.record, run.rows, replicates=100)
    blind = {}
    for key, result in comparison.results.items():
        if (contrast := result.versus_base) is not None:
            delta = dataclasses.replace(contrast.delta, reference_mean=reference)
            large = dataclasses.replace(contrast, detectable=detectable, delta=delta)
            blind[key] = dataclasses.replace(result, versus_control=None, versus_base=large)
    qa = next(measurand for measurand in comparison.measurands if measurand.name == "qa")
    open_ = {key: dataclasses.replace(result, versus_base=unclear(result)) for key, result in blind.items()}
    said = ["On qa this run is too small to find any difference with 80% power."]
    assert list(reach([qa], open_, ())) == said
    one = open_[LIMA, "qa"]
    lucky = {(LIMA, "qa"): dataclasses.replace(one, versus_base=dataclasses.replace(one.versus_base, detectable=0.2))}
    assert list(reach([qa], {**open_, **lucky}, ())) == said, "one of six is no measure"
    found = list(reach([qa], blind, ()))
    assert found == ["On qa most comparisons have less than 80% power to find any difference."], "six are better"
    (section,) = [
        section
        for section in eval_sections(dataclasses.replace(comparison, results={**comparison.results, **blind}))
        if section.title == "qa"
    ]
    table = next(block for block in section.blocks if isinstance(block, Table))
    place = next(i for i, column in enumerate(table.columns) if column.title.startswith("Detectable"))
    assert {row[place].text for row in table.rows} == {"", "none"}


def unclear(result: Result) -> Contrast:
    assert result.versus_base is not None
    return dataclasses.replace(result.versus_base, reading="unresolved")


def test_what_one_training_finds_is_said_of_its_examples_alone() -> None:
    """`This run finds 18.7 points`, of a run with one seed, which resolves nothing whatever it scores."""
    lead = lead_of(BETTER, seeds=(0,))
    (sentence,) = [sentence for sentence in lead.reach if "80% power" in sentence]
    assert sentence.startswith("With 80% power the examples alone would show ")
    assert sentence.endswith("; nothing shows the noise of training.")


def test_examples_that_were_left_out_are_the_cheapest_next_step() -> None:
    lead = lead_of(BETTER, rates={"qa": {LIMA: 0.5, "alpaca_52k/full": 0.5}}, more_examples={"qa": 50})
    assert "More examples need no new training: the suite limits each task to 200 of qa." in lead.reach


def test_a_loss_that_fell_is_better_and_has_no_points() -> None:
    loss = {"says": f"{LIMA} > base", "on": "heldout"}
    lead = lead_of(loss, evals=("heldout",))
    (sentence,) = [
        text for text in (lead.lead, *lead.evidence, *(claim.text for claim in lead.still_open)) if "heldout" in text
    ]
    assert "points" not in sentence


def test_what_may_change_the_answer_is_said_beside_it() -> None:
    """A reader acts on the first screen: a doubt that is only in the section on sanity comes too late."""
    comparison = comparison_of(
        make_run(examples=150, rates=FAR, seed_spread=0.01, claims=(BETTER,)).only("qa", "cloze")
    )
    assert comparison.answer.rests_on == ("which arm to take", f"{LIMA} >= alpaca_52k/full on qa")
    stated = (comparison.answer.rests_on[1],)
    doubts = [
        Finding(name="rows unseen", arm="a", measurand=None, detail="saw 5%: the budget ended", changes=stated),
        Finding(name="bare prompts", arm=None, measurand="qa", detail="no template", changes=("which arm to take",)),
        Finding(name="at chance", arm="b", measurand="qa", detail="no better", changes=("another claim",)),
    ]

    def said(*findings: Finding) -> list[str]:
        section = lead_section(dataclasses.replace(comparison, sanity=findings))
        return [item.text for block in section.blocks if isinstance(block, Bullets) for item in block.items]

    def briefly(*findings: Finding) -> str:
        section = lead_section(dataclasses.replace(comparison, sanity=findings))
        (text,) = [b.text for b in section.blocks if isinstance(b, Paragraph) and b.only == "terminal"]
        return text

    assert said(*doubts) == ["a: saw 5%: the budget ended", "qa: no template"]
    assert briefly(*doubts) == "What may change this answer: rows unseen (a: saw 5%), bare prompts (qa: no template)."
    assert said() == []
    several = [
        dataclasses.replace(doubts[0], arm=arm, detail=f"saw {share}%: so") for arm, share in (("a", 1), ("b", 9))
    ]
    assert said(*several) == ["a: saw 1%; b: saw 9%"], "one kind is one line"
    weighs_more = dataclasses.replace(doubts[1], changes=comparison.answer.rests_on)
    assert said(doubts[0], weighs_more) == ["qa: no template", "a: saw 5%: the budget ended"], "first what changes most"
    many = [dataclasses.replace(doubts[0], name=f"kind {number}", detail=f"saw {number}") for number in range(6)]
    assert said(*many) == ["a: saw 0", "a: saw 1", "a: saw 2", "a: saw 3", "2 more: see Sanity"]
    names = "kind 0 (a: saw 0), kind 1 (a: saw 1), kind 2, kind 3, kind 4, kind 5"
    assert briefly(*many) == f"What may change this answer: {names}."


def test_a_run_that_asks_nothing_has_no_answer() -> None:
    assert lead_of() is None
