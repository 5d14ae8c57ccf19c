"""Claims on one task, on a cost, and on quality per cost."""

import html
from dataclasses import replace
from statistics import fmean
from typing import Any, Literal

import pytest

from bench.record.record import EvaluationRecord
from bench.record.results.evals.evaluation import GroupMeasure
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.conclusions.undecided import still_open
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.export.comparison_json import comparison_json
from bench.report.render.markdown import render
from tests.fakes.flagship import EVALS
from tests.fakes.records import FakeRun, make_run
from tests.report.analysis.training.costs.test_tradeoff import priced

LIMA, RANDOM, LORA = "lima_1k/full", "random_1k/full", "lima_1k/lora"
SECONDS = {LIMA: (4.0, 4.1, 4.2), RANDOM: (8.0, 8.2, 8.4), LORA: (4.0, 4.2, 4.1)}


def run(*claims: dict[str, Any], **options: Any) -> FakeRun:
    evals = {str(claim["on"]).partition("/")[0] for claim in claims} & {*EVALS} or {"choice"}
    return priced(make_run(examples=90, claims=claims, **options).only(*evals), SECONDS)


def decided(found: FakeRun) -> tuple[ClaimResult, ...]:
    return compare(found, replicates=200).claims


def one(claim: dict[str, Any], **options: Any) -> ClaimResult:
    return decided(run(claim, **options))[0]


@pytest.mark.parametrize(
    ("says", "margin", "outcome"),
    [
        (f"{LIMA} > {RANDOM}", 0.0, "supported"),
        (f"{LIMA} > {RANDOM}", 0.5, "supported"),
        (f"{LIMA} >= {LORA}", 0.2, "supported"),
        (f"{RANDOM} >= {LIMA}", 0.5, "refuted"),
        (f"{LIMA} == {LORA}", 0.2, "supported"),
        (f"{LIMA} > {LORA}", 0.0, "inconclusive"),
    ],
)
def test_of_a_cost_less_is_better_and_the_margin_is_a_share(says: str, margin: float, outcome: str) -> None:
    found = one({"says": says, "on": "cost:seconds", "margin": margin})
    assert found.verdict.outcome == outcome
    assert found.delta is None
    assert found.ratio is not None


def test_counts_are_decided_without_a_p_value() -> None:
    claim = {"says": f"{LIMA} >= {RANDOM}", "on": "cost:tokens"}
    equal, dearer = one(claim), one(claim, budget_used={LIMA: 1.2})
    assert (equal.verdict.outcome, equal.verdict.p_value) == ("supported", None)
    assert dearer.verdict.outcome == "refuted"
    assert dearer.ratio.ratio == pytest.approx(1.2, rel=1e-3)


def test_seconds_beside_other_jobs_decide_nothing() -> None:
    """A speed that the neighbours made is no property of the recipe."""
    claims = ({"says": f"{LIMA} > {RANDOM}", "on": "cost:seconds"},)
    found = decided(make_run(examples=30, claims=claims).only("choice"))[0]
    assert found.verdict.outcome == "incomplete"
    assert found.why.startswith(f"{LIMA} has no seconds to compare: other jobs or programs ran beside it")
    assert still_open(found).brief == f"{LIMA} > {RANDOM} on cost:seconds: {LIMA} has no seconds to compare", (
        "the first clause was the arm's name alone"
    )


def test_a_failed_training_makes_a_claim_on_its_cost_incomplete() -> None:
    claims = ({"says": f"{LIMA} > {RANDOM}", "on": "cost:tokens"},)
    found = decided(make_run(examples=30, claims=claims, failed_training=f"{LIMA}#1").only("choice"))[0]
    assert found.verdict.outcome == "incomplete"
    assert f"{LIMA}#1 has no training: out of memory" in found.why


def test_quality_per_cost_is_the_ratio_of_both() -> None:
    found = compare(run({"says": f"{LIMA} > {RANDOM}", "on": "instructions", "per": "seconds"}), replicates=200)
    claim = found.claims[0]
    quality = [found.results[arm, "instructions"].value.mean for arm in (LIMA, RANDOM)]
    costs = [(a * b * c) ** (1 / 3) for a, b, c in (SECONDS[LIMA], SECONDS[RANDOM])]
    assert claim.ratio.ratio == pytest.approx(quality[0] / quality[1] * costs[1] / costs[0])  # type: ignore[operator]
    assert claim.verdict.outcome == "supported"


def test_of_a_loss_there_is_no_quality_per_cost() -> None:
    found = one({"says": f"{LIMA} > {RANDOM}", "on": "heldout", "per": "tokens"})
    assert found.verdict.outcome == "incomplete"
    assert "lower is better" in found.why


def test_a_claim_on_one_task_uses_that_tasks_examples_alone() -> None:
    fake = run({"says": f"{LIMA} > base", "on": "qa/micro_qa_people"}, {"says": f"{LIMA} > base", "on": "qa"})
    task, whole = decided(fake)
    assert (task.delta.n_examples, whole.delta.n_examples) == (30, 90)
    rows = [fake.rows["qa", name] for name in ("base", *(f"{LIMA}#{seed}" for seed in (0, 1, 2)))]
    means = [sum(r.metrics["exact_match"] or 0 for r in scored if r.task == "micro_qa_people") / 30 for scored in rows]
    assert task.delta.estimate == pytest.approx(sum(means[1:]) / 3 - means[0])


@pytest.mark.parametrize("by", ["examples", "tasks"])
def test_a_claim_on_a_group_rests_on_the_groups_own_figure(by: Literal["examples", "tasks"]) -> None:
    """MMLU's claim is on MMLU's figure: over its questions or over its subjects, as its file says."""
    fake = run({"says": f"{LIMA} > base", "on": "qa/both"}, {"says": f"{LIMA} > base", "on": "qa"})
    names = sorted({row.task for row in fake.rows["qa", "base"]})
    uneven = {
        key: [row for at, row in enumerate(rows) if key[0] != "qa" or row.task != names[0] or at % 2]
        for key, rows in fake.rows.items()
    }
    evaluations = tuple(_with_group(one, tuple(names[:2]), by) for one in fake.record.evaluations)
    record = fake.record.model_copy(update={"evaluations": evaluations})
    found = decided(replace(fake, record=record, rows=uneven))[0]

    def figure(subject: str) -> float:
        rows = uneven["qa", subject]
        scores = {task: [r.metrics["exact_match"] or 0.0 for r in rows if r.task == task] for task in names[:2]}
        assert len({len(one) for one in scores.values()}) == 2, "or both figures would be the same"
        every = [score for task in scores.values() for score in task]
        return fmean(every) if by == "examples" else fmean(fmean(task) for task in scores.values())

    arms = fmean(figure(f"{LIMA}#{seed}") for seed in (0, 1, 2))
    assert found.delta.estimate == pytest.approx(arms - figure("base"))
    assert found.delta.n_examples == sum(row.task in names[:2] for row in uneven["qa", "base"])


def _with_group(one: EvaluationRecord, tasks: tuple[str, ...], by: Literal["examples", "tasks"]) -> EvaluationRecord:
    if one.eval != "qa" or one.result is None:
        return one
    group = GroupMeasure(
        group="both", metric="exact_match", value=0.5, tasks=tasks, by=by, n=40, missing=0, asked=False
    )
    return one.model_copy(update={"result": one.result.model_copy(update={"groups": (group,)})})


def test_a_task_that_neither_side_can_do_decides_no_equality() -> None:
    """Nor does a part of an eval that could not have told the two apart, however well the rest is done."""
    chance = {"choice": {LIMA: 0.25, "base": 0.25}}
    claims = ({"says": f"{LIMA} == base", "on": "choice/micro_choice", "margin": 0.5},)
    found = decided(make_run(examples=90, claims=claims, rates=chance).only("choice"))[0]
    assert found.verdict.outcome == "inconclusive"
    assert "at chance" in found.why
    able = {"choice": {LIMA: 0.9, "base": 0.9}}
    (found,) = decided(make_run(examples=90, claims=claims, rates=able).only("choice"))
    assert found.verdict.outcome == "supported"


def test_an_unknown_task_is_told_with_those_that_there_are() -> None:
    found = one({"says": f"{LIMA} > base", "on": "qa/nobody"})
    assert found.verdict.outcome == "incomplete"
    assert "it has micro_qa_people, micro_qa_towns" in found.why


def test_a_share_of_one_is_no_whole_scale() -> None:
    """Twice as much per token is asked, on scores that end at 1."""
    assert one({"says": f"{LIMA} >= {LORA}", "on": "qa", "per": "tokens", "margin": 1.0}).verdict.outcome == "supported"


def test_the_report_says_shares_and_ratios() -> None:
    comparison = compare(
        run(
            {"says": f"{LIMA} > {RANDOM}", "on": "cost:seconds", "margin": 0.5},
            {"says": f"{LIMA} == {RANDOM}", "on": "cost:tokens", "margin": 0.1},
            {"says": f"{LIMA} >= {LORA}", "on": "qa", "per": "seconds", "margin": 0.1},
        ),
        replicates=200,
    )
    text = html.unescape(render(compose(comparison))).replace("\\", "")
    rows = [line for line in text.splitlines() if line.startswith("| **supported**")]
    cost, tokens, quality = rows
    assert f"{LIMA} > {RANDOM} on cost:seconds" in cost
    assert "cheaper by 50.0%" in cost
    assert "| cheaper by more than 33.3% |" in cost
    assert "×1.000 of the cost, counted exactly | equal within a factor of 1.10 |" in tokens
    assert "on qa per seconds" in quality
    assert "of the quality per cost" in quality
    assert "| not worse by more than 9.1% |" in quality
    exported = comparison_json(comparison)["claims"]
    assert exported[0]["ratio"]["ratio"] == pytest.approx(0.5, rel=1e-6)
    assert exported[0]["delta"] is None
    assert exported[1]["verdict"]["outcome"] == "supported"
