"""What would decide an open claim is what can be had, and the cheapest comes first."""

import re
from dataclasses import replace

import pytest

from bench.record.record import Record
from bench.report.analysis.conclusions.claims.claim_case import ClaimCase
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.conclusions.claims.ways_to_decide import WayToDecide, ways_text, ways_to_decide
from bench.report.analysis.conclusions.undecided import cheapest_first
from bench.report.compare import Verdicts, compare_record, verdicts_of
from bench.report.render import format as fmt
from bench.report.sections.claims import claims_section
from tests.fakes.records import FakeRun, make_run

CLAIM = {"says": "lima_1k/full >= alpaca_52k/full", "on": "choice", "margin": 0.02}
AGAINST_BASE = {"says": "lima_1k/full >= base", "on": "choice", "margin": 0.02}
TRAINING, START, EXAMPLES, EVALS = 6.6, 0.9, 2.0, 5
"""Seconds of the fake jobs: a training, an eval's start and its 40 examples; evals of each subject."""


@pytest.fixture(scope="module")
def run() -> FakeRun:
    return make_run(examples=40, claims=(CLAIM, AGAINST_BASE))


@pytest.fixture(scope="module")
def verdicts(run: FakeRun) -> Verdicts:
    return verdicts_of(run.record, run.rows, replicates=100)


def ways(
    record: Record, verdicts: Verdicts, place: int = 0, *, examples: int | None = None, seeds: int | None = None,
    together: tuple[int, int] | None = None,
) -> tuple[WayToDecide, ...]:  # fmt: skip
    """Of a claim that so many would decide."""
    result = verdicts.claims[place]
    entry = next(entry for entry in verdicts.aligned if entry.measurand.name == "choice")
    needed = {"needed_examples": examples, "needed_seeds": seeds, "needed_together": together}
    verdict = replace(result.verdict, outcome="inconclusive", **needed)  # type: ignore[arg-type]
    return ways_to_decide(ClaimCase(claim=result.claim, entry=entry, gap=None), verdict, result.delta, record)


def with_available(record: Record, examples: int) -> Record:
    evaluations = tuple(
        evaluation.model_copy(
            update={"result": evaluation.result.model_copy(update={"available": {"micro_choice": examples}})}
        )
        if evaluation.eval == "choice" and evaluation.result is not None
        else evaluation
        for evaluation in record.evaluations
    )
    return record.model_copy(update={"evaluations": evaluations})


def test_work_is_that_of_both_sides_by_hand(run: FakeRun, verdicts: Verdicts) -> None:
    by_examples, by_seeds = ways(run.record, verdicts, examples=100, seeds=5)
    assert by_examples.seconds == pytest.approx(2 * 3 * (START + 1.5 * EXAMPLES)), (
        "60 more, for three seeds of two arms"
    )
    assert by_seeds.seconds == pytest.approx(2 * 2 * (TRAINING + EVALS * (START + EXAMPLES))), "two more of two arms"
    (both,) = ways(run.record, verdicts, together=(80, 4))
    more = 3 * (START + EXAMPLES) + TRAINING + EVALS * (START + EXAMPLES) + EXAMPLES
    assert both.seconds == pytest.approx(2 * more), "all examples for the new seed, the further ones for all"


def test_a_base_is_scored_again_and_not_trained(run: FakeRun, verdicts: Verdicts) -> None:
    by_examples, by_seeds = ways(run.record, verdicts, 1, examples=80, seeds=4)
    assert by_examples.seconds == pytest.approx((3 + 1) * (START + EXAMPLES))
    assert by_seeds.seconds == pytest.approx(TRAINING + EVALS * (START + EXAMPLES))


def test_the_cheapest_way_comes_first(run: FakeRun, verdicts: Verdicts) -> None:
    first, second = ways(run.record, verdicts, examples=40_000, seeds=4)
    assert (first.seeds, second.examples) == (4, 40_000)
    first, second = ways(run.record, verdicts, examples=80, seeds=36)
    assert (first.examples, second.seeds) == (80, 36)


def test_examples_that_the_eval_does_not_have_are_no_way(run: FakeRun, verdicts: Verdicts) -> None:
    record = with_available(run.record, 500)
    found = ways(record, verdicts, examples=2_000, seeds=400)
    assert [way.possible for way in found] == [True, False]
    assert (ways_text(found) or "").endswith("; about 2,000 examples (now 40) would, too, but the eval has 500")
    (lone,) = ways(record, verdicts, together=(2_000, 8))
    text = "about 2,000 examples and 8 seeds together (now 40 and 3), but the eval has 500"
    assert ways_text((lone,)) == text
    (enough,) = ways(record, verdicts, examples=500)
    assert (ways_text((enough,)) or "").startswith("about 500 examples (now 40 of 500; ")
    (unknown,) = ways(run.record, verdicts, examples=2_000)
    assert unknown.possible, "a record that does not say how many there are"


def test_the_claims_table_has_the_range_of_each_number_and_the_level_at_which_it_decides() -> None:
    """Two degrees of freedom of noise gave `about 700 examples`; that it may be many more was in JSON alone."""
    asked = {"says": "lima_1k/full > random_1k/full", "on": "qa"}
    rates = {"qa": {"lima_1k/full": 0.55, "random_1k/full": 0.51}}
    run = make_run(examples=120, claims=(asked, AGAINST_BASE), rates=rates).only("qa", "choice")
    comparison = compare_record(run.record, run.rows, replicates=100)
    (open_,) = (result for result in comparison.claims if result.ways)
    section = claims_section(comparison)
    assert section is not None
    table, legend = (block for block in section.blocks if block.only == "document")
    (cell,) = (row[4].text for row in table.rows if row[4].text)
    assert all(re.search(rf"; range {fmt.rounded(way.spread[0])} to [^;)]+", cell) for way in open_.ways)
    assert f"at {fmt.percent(open_.verdict.needed_level)}, the level of Holm's first step" in legend.text
    assert "Range: " in legend.text
    assert "range" not in (ways_text(open_.ways) or ""), "the answer's sentences are brief"


def test_no_number_has_more_digits_than_two_degrees_of_freedom_tell(run: FakeRun, verdicts: Verdicts) -> None:
    """`144 seeds` of two seeds each."""
    (alone,) = ways(run.record, verdicts, seeds=144)
    (both,) = ways(run.record, verdicts, together=(1_234, 144))
    assert (ways_text((alone,)) or "").startswith("140 seeds (now 3; ")
    assert (ways_text((both,)) or "").startswith("about 1,200 examples and 140 seeds together (now 40 and 3; ")


def test_open_claims_are_ordered_by_what_deciding_them_takes(run: FakeRun, verdicts: Verdicts) -> None:
    scarce = with_available(run.record, 500)
    result = verdicts.claims[0]

    def claim(name: str, found: tuple[WayToDecide, ...], outcome: str = "inconclusive") -> ClaimResult:
        verdict = replace(result.verdict, outcome=outcome)  # type: ignore[arg-type]
        return replace(result, asked=name, verdict=verdict, ways=found)

    claims = [
        claim("hopeless", ()),
        claim("scarce", ways(scarce, verdicts, examples=2_000)),
        claim("dear", ways(run.record, verdicts, seeds=40)),
        claim("cheap", ways(run.record, verdicts, seeds=4)),
        claim("decided", (), "supported"),
        claim("lacks a job", (), "incomplete"),
    ]
    assert [each.asked for each in cheapest_first(claims)] == ["lacks a job", "cheap", "dear", "scarce", "hopeless"]
