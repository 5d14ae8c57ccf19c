"""The first sentences: they say what the verdicts and the decision say, and nothing beyond."""

from __future__ import annotations

import dataclasses
import re

from bench.report.analysis.conclusions.answer import Answer
from bench.report.analysis.conclusions.undecided import undecided_evidence
from bench.report.analysis.finding import Finding
from bench.report.compare import compare_record
from bench.report.compose import compose
from bench.report.render.view import Bullets, Paragraph
from bench.report.sections.answer import answer_section
from tests.fakes.records import make_run
from tests.report.analysis.conclusions.test_decision import FAR, LIMA, comparison_of

BETTER = {"says": f"{LIMA} >= alpaca_52k/full", "on": "qa", "margin": 0.02}
KEEPS = {"says": f"{LIMA} >= base", "on": "cloze", "margin": 0.02}


def answer_of(*claims: dict[str, object], weights: dict[str, float] | None = None, **options: object) -> Answer | None:
    run = make_run(claims=claims, examples=150, **options)  # type: ignore[arg-type]
    if weights is not None:
        return comparison_of(run, weights).answer
    return compare_record(run.record, run.rows, replicates=200).answer


def test_a_decided_run_begins_with_what_to_take_and_by_how_much() -> None:
    comparison = comparison_of(make_run(examples=150, rates=FAR, seed_spread=0.01, claims=(BETTER,)))
    answer = comparison.answer
    assert answer is not None
    assert answer.decided
    (result,) = comparison.claims
    assert result.delta is not None
    assert result.delta.estimate is not None
    points = f"{100 * result.delta.estimate:.1f} points"
    assert answer.lead.startswith(f"In this simulation: take {LIMA}: better than alpaca_52k/full by {points} (")
    assert answer.lead.endswith("on qa, at equal tokens.")
    assert answer.evidence[0] == "By qa and cloze it is the best of 7 with a probability of over 99%."
    price = (
        r"One training: [\d,]+ tokens of [\d,]+ rows in \d+ steps, "
        r"[\d.]+ s beside other work on .* \(\d+ cores\), [\d,]+ MiB\."
    )
    assert re.fullmatch(price, answer.evidence[-1]), "what, how long on what, how much memory"
    first = compose(comparison).sections[0]
    assert first.title == "Answer"
    assert isinstance(first.blocks[0], Paragraph)
    assert first.blocks[0].text == answer.lead


def test_seconds_of_trainings_that_ran_alone_are_their_own() -> None:
    run = make_run(examples=150, rates=FAR, seed_spread=0.01, claims=(BETTER,))
    alone = tuple(
        training.model_copy(update={"job": training.job.model_copy(update={"alone": True})})
        for training in run.record.trainings
    )
    quiet = dataclasses.replace(run, record=run.record.model_copy(update={"trainings": alone}))
    answer = comparison_of(quiet).answer
    assert answer is not None
    assert re.search(r"steps, [\d.]+ s on ", answer.evidence[-1])


def test_where_nothing_is_decided_that_comes_first() -> None:
    rates = {"qa": {LIMA: 0.5, "alpaca_52k/full": 0.5}}
    answer = answer_of(BETTER, rates=rates, seed_spread=0.05)
    assert answer is not None
    assert not answer.decided
    assert answer.lead.endswith("nothing is decided: the claim is inconclusive.")
    assert len(answer.still_open) == 1
    seen = re.escape(f"{LIMA} >= alpaca_52k/full on qa: ")
    asked = re.escape("asked: not worse by more than 2.0 points; ")
    needed = r"(about [\d,]+ examples|\d+ seeds|no number of examples)"
    assert re.match(f"{seen}\\S+ points .*, {asked}{needed}", answer.still_open[0])
    assert any(sentence.startswith("Shown against the base: on qa ") for sentence in answer.evidence)
    assert re.search(r"With 80% power this run finds [\d.]+ points on qa", " ".join(answer.evidence))
    assert " to " in answer.evidence[-1], "the price of all arms: none is chosen"


def test_an_open_decision_names_who_leads_and_takes_nobody() -> None:
    rates = {"qa": {LIMA: 0.6, "lima_1k/lora": 0.6}}
    answer = answer_of(weights={"qa": 1}, rates=rates, seed_spread=0.05)
    assert answer is not None
    assert not answer.decided
    assert "not decided which arm to take" in answer.lead
    assert "take lima" not in answer.lead
    assert re.search(r"(\S+/\S+) risks least: by qa it is on average 0\.\d+ below the best", answer.evidence[0])
    assert re.search(r"with a probability of .+%, \S+ with .+%; 95% are asked for", answer.evidence[0]), "beside whom"


def test_where_no_arm_differs_from_the_base_that_is_the_reason() -> None:
    """`x is best with 15%` of a run that tells nothing apart reads as a recommendation."""
    arms = ("lima_1k/full", "lima_1k/lora", "random_1k/full", "random_1k/lora", "alpaca_52k/full", "alpaca_52k/lora")
    same = dict.fromkeys(("base", *arms), 0.5)
    rates = dict.fromkeys(("qa", "choice", "cloze", "instructions"), same)
    answer = answer_of(weights={"qa": 1}, rates=rates, seed_spread=0.02)
    assert answer is not None
    assert answer.lead.endswith("no arm is shown to be better or worse than the base.")
    assert not any("Shown against" in sentence for sentence in answer.evidence)
    assert not answer.rests_on


def test_where_every_arm_was_trained_once_that_is_the_reason() -> None:
    """`No arm is shown to be better than the base`, beside `ahead by 40 points` and `best with 100%; 95% are asked
    for`, explained nothing."""
    answer = answer_of(weights={"qa": 1}, rates={"qa": FAR["qa"]}, seeds=(0,))
    assert answer is not None
    assert answer.lead.endswith(
        "not decided which arm to take: all 6 arms were trained once, so nothing shows the noise of training."
    )
    alone = "By the noise of the examples alone it is the best with a probability of over 99%, base with under 1%."
    assert alone in answer.evidence[0]


def test_what_the_chosen_arm_forgot_is_in_the_answer() -> None:
    rates = {"qa": FAR["qa"], "cloze": {"base": 0.95, LIMA: 0.6}}
    answer = answer_of(BETTER, KEEPS, weights={"qa": 1}, rates=rates, seed_spread=0.005)
    assert answer is not None
    assert "; it forgets " in answer.lead
    assert " points of cloze (" in answer.lead
    assert not any("cloze by" in sentence for sentence in answer.evidence), "said once"
    assert not any("not shown to have lost" in sentence for sentence in answer.evidence)


def test_a_run_that_could_have_found_nothing_says_so() -> None:
    """`22.9 points`, of two arms that happen to agree, was said of a run whose other comparisons could find none."""
    run = make_run(examples=20, claims=())
    comparison = compare_record(run.record, run.rows, replicates=50)
    blind = {
        key: dataclasses.replace(result, versus_control=None, versus_base=dataclasses.replace(contrast, detectable=1.2))
        for key, result in comparison.results.items()
        if (contrast := result.versus_base) is not None
    }
    qa = next(measurand for measurand in comparison.measurands if measurand.name == "qa")
    said = list(undecided_evidence(None, [qa], blind))
    assert "On qa this run is too small to find any difference with 80% power." in said
    one = blind[LIMA, "qa"]
    assert one.versus_base is not None
    lucky = {(LIMA, "qa"): dataclasses.replace(one, versus_base=dataclasses.replace(one.versus_base, detectable=0.2))}
    assert list(undecided_evidence(None, [qa], {**blind, **lucky}))[-1] == said[-1], "one of six is no measure"


def test_examples_that_were_left_out_are_the_cheapest_next_step() -> None:
    answer = answer_of(BETTER, rates={"qa": {LIMA: 0.5, "alpaca_52k/full": 0.5}}, more_examples={"qa": 50})
    assert answer is not None
    assert "More examples need no new training: the suite limits each task to 200 of qa." in answer.evidence


def test_a_loss_that_fell_is_better_and_has_no_points() -> None:
    loss = {"says": f"{LIMA} > base", "on": "heldout"}
    answer = answer_of(loss)
    assert answer is not None
    (sentence,) = [text for text in (answer.lead, *answer.evidence, *answer.still_open) if "heldout" in text]
    assert "points" not in sentence


def test_what_may_change_the_answer_is_said_beside_it() -> None:
    """A reader acts on the first screen: a doubt that is only in the section on sanity comes too late."""
    comparison = comparison_of(make_run(examples=150, rates=FAR, seed_spread=0.01, claims=(BETTER,)))
    assert comparison.answer is not None
    assert comparison.answer.rests_on == ("which arm to take", f"{LIMA} >= alpaca_52k/full on qa")
    doubts = [
        Finding(name="rows unseen", arm="a", measurand=None, detail="saw 5%", changes=(comparison.answer.rests_on[1],)),
        Finding(name="bare prompts", arm=None, measurand="qa", detail="no template", changes=("which arm to take",)),
        Finding(name="at chance", arm="b", measurand="qa", detail="no better", changes=("another claim",)),
    ]

    def said(*findings: Finding) -> list[str]:
        section = answer_section(dataclasses.replace(comparison, sanity=findings))
        assert section is not None
        return [item.text for block in section.blocks if isinstance(block, Bullets) for item in block.items]

    assert said(*doubts) == ["a: saw 5%", "qa: no template"]
    assert said() == []
    many = [dataclasses.replace(doubts[0], detail=f"saw {share}%") for share in range(5)]
    assert said(*many) == ["a: saw 0%", "a: saw 1%", "a: saw 2%", "2 more: see Sanity"]


def test_a_run_that_asks_nothing_has_no_answer() -> None:
    assert answer_of() is None
