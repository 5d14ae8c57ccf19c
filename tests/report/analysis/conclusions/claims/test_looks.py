"""Claims of a run whose question was looked at before: another look is another chance to find what is not there."""

from pathlib import Path

import pytest

from bench.record.look import LOOK, ClaimLook, Look, claim_key
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.conclusions.claims.looks import looks_at, size_at_most, size_now
from bench.report.compare import compare, compare_record
from bench.report.compose import compose
from bench.report.render.markdown import render
from bench.report.write import write_comparison
from bench.stats.conclusions.sequential import sequential_p
from bench.stats.noise.variance import Components
from bench.suite.tables.conclusions.claim import Claim
from bench.suite.tables.conclusions.sequential import SequentialOptions
from tests.fakes.records import FakeRun, make_run

SAYS = {"says": "lima_1k/full > random_1k/full", "on": "qa"}
KEY = claim_key(Claim.model_validate(SAYS))


def run_of(**options: object) -> FakeRun:
    return make_run(examples=150, claims=(SAYS,), **options).only("qa")  # type: ignore[arg-type]


def look_of(trainings: int, run: str = "micro-1") -> Look:
    seen = ClaimLook(claim=KEY, trainings=trainings, leaning="supported", p_value=0.2)
    return Look(question="q", run=run, created="2026-01-01T00:00:00Z", claims=(seen,))


def comparison_of(run: FakeRun, looks: tuple[Look, ...] = (), plan: SequentialOptions | None = None) -> Comparison:
    return compare(run.with_suite(sequential=plan).changed(looks=looks), replicates=200)


def test_a_first_look_without_a_plan_is_not_corrected() -> None:
    verdict = comparison_of(run_of()).claims[0].verdict
    assert verdict.p_value is not None
    assert (verdict.sequential_p, verdict.looks) == (verdict.p_value, 1)


def test_earlier_looks_that_nobody_planned_are_counted_and_reported() -> None:
    comparison = comparison_of(run_of(), (look_of(2), look_of(4, "micro-2")))
    verdict = comparison.claims[0].verdict
    assert verdict.p_value is not None
    assert verdict.looks == 3
    assert verdict.sequential_p == pytest.approx(sequential_p(verdict.p_value, (1 / 3, 2 / 3, 1.0), "pocock"))
    assert verdict.sequential_p > verdict.p_value
    finding = next(finding for finding in comparison.sanity if finding.name == "looked before")
    assert "micro-1, micro-2" in finding.detail
    assert "no [sequential]" in finding.detail
    assert "This is look 3 at the question" in render(compose(comparison))
    assert "at the question" not in render(compose(comparison_of(run_of())))


def test_looks_that_the_suite_plans_are_said_to_be_planned_and_many_are_not_all_named() -> None:
    looks = tuple(look_of(number, f"micro-{number}") for number in range(1, 6))
    comparison = comparison_of(run_of(), looks, plan=SequentialOptions(max_seeds=12))
    (finding,) = [finding for finding in comparison.sanity if finding.name == "looked before"]
    assert "5 (micro-1, micro-2, micro-3, micro-4, …)" in finding.detail
    assert "as [sequential] plans it" in finding.detail
    nothing_asked = comparison_of(make_run(examples=20, claims=()).only("qa"), looks)
    assert "looked before" not in {finding.name for finding in nothing_asked.sanity}


def test_a_planned_look_has_its_share_of_the_planned_trainings() -> None:
    """Three of twelve seeds decide hardly anything by O'Brien and Fleming; all twelve lose hardly anything."""
    early = comparison_of(run_of(), plan=SequentialOptions(max_seeds=12)).claims[0].verdict
    assert early.p_value is not None
    assert early.sequential_p == pytest.approx(sequential_p(early.p_value, (0.25,), "obrien_fleming"))
    whole = comparison_of(run_of(), plan=SequentialOptions(max_seeds=3)).claims[0].verdict
    assert whole.sequential_p == pytest.approx(whole.p_value, rel=1e-3)


def test_the_error_is_spent_evenly_where_examples_grow_unless_the_suite_says_otherwise() -> None:
    """O'Brien and Fleming's spending errs in more than 5% there: its information is estimated from few seeds."""
    record, claim = run_of().record, Claim.model_validate(SAYS)

    def spending(**options: object) -> str | None:
        plan = SequentialOptions.model_validate({"max_seeds": 12, **options})
        suite = record.resolved.suite.model_copy(update={"sequential": plan})
        looks = looks_at(
            claim, record.model_copy(update={"resolved": record.resolved.model_copy(update={"suite": suite})}), None
        )
        return None if looks is None else looks.spending

    assert spending() == "obrien_fleming"
    assert spending(max_examples={"qa": 300}) == "pocock"
    assert spending(max_examples={"qa": 300}, spending="obrien_fleming") == "obrien_fleming"
    assert spending(spending="pocock") == "pocock"


@pytest.mark.parametrize(("spending", "share"), [("obrien_fleming", 0.5 * 0.5), ("pocock", 2.0 / 4.0)])
def test_obrien_and_flemings_shares_do_not_depend_on_the_scores(spending: str, share: float) -> None:
    """By shares that few seeds estimated it erred in 6.4%, where 5% are meant: seeds that agree by chance made the
    share and the evidence larger. Half of the trainings and half of the examples are a quarter of the scores."""
    says = {**SAYS, "on": "instructions"}
    record = make_run(examples=150, claims=(says,), max_examples={"instructions": 300}).record
    claim, grows = Claim.model_validate(says), {"max_seeds": 6, "max_examples": {"instructions": 300}}
    plan = SequentialOptions.model_validate({**grows, "spending": spending})
    now = size_now(claim, record)
    suite = record.resolved.suite.model_copy(update={"sequential": plan})
    grown = record.model_copy(update={"resolved": record.resolved.model_copy(update={"suite": suite})})
    most = size_at_most(claim, grown)
    assert (most.trainings, most.examples) == (2 * now.trainings, 2 * now.examples)
    noisy_seeds = Components(example=0.0, seed=1.0, rest=0.0, replicates=3.0)
    looks = looks_at(claim, grown, noisy_seeds)
    assert looks.fractions == (share,)


def test_a_claim_that_other_looks_did_not_have_starts_anew() -> None:
    other = look_of(2).model_copy(update={"claims": (ClaimLook(claim="x", trainings=2, leaning=None, p_value=None),)})
    assert comparison_of(run_of(), (other,)).claims[0].verdict.looks == 1


def test_taking_seeds_away_after_a_look_at_more_of_them_is_a_further_look() -> None:
    """Ten seeds looked at and all but three left out decided as three that were looked at once."""
    for plan in (None, SequentialOptions(max_seeds=12)):
        alone, fewer = (comparison_of(run_of(), looks, plan).claims[0].verdict for looks in ((), (look_of(20),)))
        assert fewer.p_value == alone.p_value
        assert fewer.looks == 2
        assert alone.sequential_p is not None
        assert fewer.sequential_p is not None
        assert fewer.sequential_p > alone.sequential_p if plan is None else fewer.sequential_p >= alone.sequential_p
    correct = sequential_p(fewer.p_value or 0.0, (6 / 24, 20 / 24), "obrien_fleming", place=0)
    assert fewer.sequential_p == pytest.approx(correct)


@pytest.mark.parametrize("plan", [None, SequentialOptions(max_seeds=3, max_examples={"instructions": 300})])
def test_examples_that_were_added_after_a_look_make_a_further_look(plan: SequentialOptions | None) -> None:
    run = make_run(
        examples=150, claims=({"says": "lima_1k/full > random_1k/full", "on": "instructions"},),
        more_examples={"instructions": 50}, max_examples={"instructions": 300},
    ).only("instructions")  # fmt: skip
    now = comparison_of(run, plan=plan).look
    assert (now.claims[0].examples, now.examples) == (200, {"instructions": 200})
    before = now.model_copy(update={"claims": (now.claims[0].model_copy(update={"examples": 150}),)})
    alone, again = (comparison_of(run, looks, plan).claims[0].verdict for looks in ((), (before,)))
    assert (alone.p_value, again.looks) == (again.p_value, 2)
    assert alone.sequential_p is not None
    assert again.sequential_p is not None
    assert again.sequential_p > alone.sequential_p if plan is None else again.sequential_p >= alone.sequential_p


def test_each_reading_is_kept_in_the_run_directory(tmp_path: Path) -> None:
    run = run_of()
    comparison = compare(run, replicates=200)
    assert comparison.look is not None
    write_comparison(comparison, tmp_path)
    look = Look.model_validate_json((tmp_path / LOOK).read_text())
    assert look == comparison.look
    assert look.run == run.path.name
    (claim,) = look.claims
    assert (claim.claim, claim.trainings, claim.p_value) == (KEY, 6, comparison.claims[0].verdict.p_value)


def test_a_run_that_has_not_ended_is_no_look() -> None:
    run = run_of()
    assert compare_record(run.record.model_copy(update={"finished": None}), run.rows, replicates=100).look is None
