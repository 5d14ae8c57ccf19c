"""The figures of the report against a recomputation by hand from the score rows."""

from collections.abc import Iterator
from statistics import fmean, stdev
from typing import Any

import pytest

from bench.errors import ExitCode
from bench.report.analysis.aligned.score_rows import read_rows
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.results import Contrast
from bench.report.compare import compare, compare_record
from bench.stats.estimates.delta import detectable_at
from tests.fakes.records import FakeRun, make_run

SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def run() -> FakeRun:
    return make_run(examples=90)


@pytest.fixture(scope="module")
def comparison(run: FakeRun) -> Comparison:
    return compare(run, replicates=500)


def by_hand(run: FakeRun, name: str, subject: str, metric: str) -> float:
    """Weighted mean per task, tasks equal."""
    tasks: dict[str, list[tuple[float, float]]] = {}
    for row in run.rows[name, subject]:
        score = row.metrics[metric]
        assert score is not None
        tasks.setdefault(row.task, []).append((score, row.weight))
    return fmean(sum(s * w for s, w in found) / sum(w for _, w in found) for found in tasks.values())


def contrasts(comparison: Comparison) -> list[Contrast]:
    pairs = [(r.versus_base, r.versus_control) for r in comparison.results.values()]
    return [contrast for pair in pairs for contrast in pair if contrast is not None]


@pytest.mark.parametrize(("name", "metric"), [("qa", "exact_match"), ("choice", "acc"), ("heldout", "loss")])
@pytest.mark.parametrize("arm", ["lima_1k/full", "alpaca_52k/lora"])
def test_score_delta_and_seed_spread_equal_the_hand_computed(
    run: FakeRun, comparison: Comparison, name: str, metric: str, arm: str
) -> None:
    result = comparison.results[arm, name]
    values = [by_hand(run, name, f"{arm}#{seed}", metric) for seed in SEEDS]
    control = "random_1k/" + arm.rpartition("/")[2]
    controls = [by_hand(run, name, f"{control}#{seed}", metric) for seed in SEEDS]
    assert result.value.mean == pytest.approx(fmean(values))
    assert result.by_seed == pytest.approx(values)
    assert result.value.seed_deviation == pytest.approx(stdev(values))
    assert result.versus_base.delta.estimate == pytest.approx(fmean(values) - by_hand(run, name, "base", metric))
    assert result.versus_control.delta.estimate == pytest.approx(fmean(values) - fmean(controls))


def test_values_by_seed_equal_what_the_evals_reported(run: FakeRun, comparison: Comparison) -> None:
    """Two different scores for one cell, in the report and in the record, would cost all trust."""
    for evaluation in run.record.evaluations:
        if evaluation.eval == "qa" and evaluation.arm is not None and evaluation.result is not None:
            reported = fmean(m.value for m in evaluation.result.measures if m.value is not None)
            result = comparison.results[evaluation.arm, "qa"]
            assert result.by_seed[SEEDS.index(evaluation.seed or 0)] == pytest.approx(reported)


def test_each_seed_is_used_with_all_examples_that_it_has() -> None:
    """Examples that the base, or every seed, lacks are left out; a gap of one seed costs no example."""
    run = make_run(examples=80, missing=0.1).only("choice")
    result = compare(run, replicates=200).results["lima_1k/full", "choice"]
    delta = result.versus_base
    sides = [run.rows["choice", name] for name in ("base", "lima_1k/full#0", "lima_1k/full#1", "lima_1k/full#2")]
    scored = [[row.metrics["acc"] for row in rows] for rows in zip(*sides, strict=True)]
    paired = [example for example in scored if example[0] is not None and any(v is not None for v in example[1:])]
    assert delta.delta.n_examples == len(paired) < 80
    assert delta.delta.n_missing == 80 - len(paired)
    seen = [(fmean(v for v in example[1:] if v is not None), example[0] or 0.0) for example in paired]
    assert delta.delta.estimate == pytest.approx(fmean(arm - base for arm, base in seen), abs=0.03)
    bounds, size = delta.delta.bounds, 3 * 80
    arm = [value for example in scored for value in example[1:]]
    base = [example[0] for example in scored]
    worst = sum(value or 0.0 for value in arm) / size - fmean(1.0 if value is None else value for value in base)
    assert bounds.lowest == pytest.approx(worst)
    assert bounds.missing == pytest.approx(arm.count(None) / size)
    assert result.value.bounds is not None


def test_holm_is_taken_over_each_eval_by_hand(comparison: Comparison) -> None:
    """Without it one in twenty differences is announced where there is none."""
    family = [c for c in contrasts(comparison) if c.measurand == "choice"]
    assert len(family) == 6 + 4
    order = sorted(family, key=lambda c: c.delta.p_value or 0.0)
    running = 0.0
    for position, contrast in enumerate(order):
        assert contrast.delta.p_value is not None
        running = max(running, min(1.0, contrast.delta.p_value * (len(order) - position)))
        assert contrast.p_adjusted == pytest.approx(running)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_called_better_whose_interval_includes_zero(seed: int) -> None:
    """The report's first promise."""
    for contrast in contrasts(compare(make_run(seed=seed, examples=40), replicates=200)):
        delta = contrast.delta
        assert delta.low is not None
        assert delta.high is not None
        if delta.low <= 0 <= delta.high:
            assert contrast.reading == "unresolved"
        if contrast.reading in {"better", "worse"}:
            assert contrast.p_adjusted is not None
            assert contrast.p_adjusted <= 0.05


def test_a_planted_effect_is_found_in_the_right_direction(comparison: Comparison) -> None:
    versus_base = comparison.results["alpaca_52k/full", "qa"].versus_base
    assert versus_base.reading == "better"


def test_lower_is_better_is_read_the_other_way_round() -> None:
    """A falling loss must not be called worse."""
    run = make_run(examples=60).only("heldout")
    evals = run.record.resolved.suite.eval
    evals = tuple(e.model_copy(update={"role": "target"}) if e.name == "heldout" else e for e in evals)
    contrast = compare(run.with_suite(eval=evals), replicates=300).results["lima_1k/full", "heldout"].versus_base
    assert contrast.delta.high is not None
    assert contrast.delta.high < 0
    assert contrast.reading == "better"


def test_a_diagnostic_is_never_better_or_worse_and_is_not_ranked(comparison: Comparison) -> None:
    """Held-out loss would otherwise be read as a ranking."""
    readings = {c.reading for c in contrasts(comparison) if c.measurand == "heldout"}
    assert readings <= {"higher", "lower", "unresolved"}
    assert comparison.ranks["heldout"] == ()


def test_the_control_has_no_control_and_the_base_no_deltas(comparison: Comparison) -> None:
    assert comparison.results["random_1k/full", "qa"].versus_control is None
    base = comparison.results["base", "qa"]
    assert (base.versus_base, base.versus_control) == (None, None)
    versus = comparison.results["lima_1k/lora", "qa"].versus_control
    assert versus.reference == "random_1k/lora"


def test_no_rank_claims_more_than_the_pairs_show(comparison: Comparison) -> None:
    for name in ("qa", "choice", "instructions", "cloze"):
        assert {rank.name for rank in comparison.ranks[name]} == set(comparison.arms) - {"base"}
        assert all(1 <= rank.best <= rank.worst <= 6 for rank in comparison.ranks[name])


def test_the_detectable_effect_is_at_the_level_of_holms_first_step(comparison: Comparison) -> None:
    for contrast in (c for c in contrasts(comparison) if c.measurand == "choice"):
        assert contrast.detectable == detectable_at(contrast.delta, 1 - 0.05 / 10)
        assert contrast.detectable is not None
        assert contrast.delta.mde is not None
        assert contrast.detectable > contrast.delta.mde


def test_failures_are_kept_and_end_in_exit_code_3() -> None:
    run = make_run(examples=30, failed_training="alpaca_52k/lora#1", failed_eval="qa:lima_1k/full#0").only("qa")
    comparison = compare(run, replicates=100)
    assert comparison.completeness.exit_code is ExitCode.INCOMPLETE
    assert [a.job for a in comparison.missing][:2] == ["train:alpaca_52k/lora#1", "eval:qa:lima_1k/full#0"]
    assert [a.kind for a in comparison.results["lima_1k/full", "qa"].absent] == ["timeout"]
    assert comparison.results["lima_1k/full", "qa"].by_seed[0] is None
    assert comparison.results["lima_1k/full", "qa"].value.mean is not None, "the other seeds are still shown"


def test_a_complete_run_exits_0(comparison: Comparison) -> None:
    assert comparison.completeness.complete
    assert comparison.completeness.exit_code is ExitCode.OK


def test_the_same_run_gives_the_same_comparison(run: FakeRun, comparison: Comparison) -> None:
    """A report that changes when it is redrawn is no record."""
    assert compare(run, replicates=500).results == comparison.results


def test_a_corpus_metric_is_shown_without_an_interval_or_a_difference() -> None:
    run = make_run(examples=20).only("choice")
    evaluations = []
    for evaluation in run.record.evaluations:
        if evaluation.eval == "choice" and evaluation.result is not None:
            measure = evaluation.result.measures[0].model_copy(
                update={"metric": "bleu", "binary": False, "per_example": False, "value": 12.5}
            )
            result = evaluation.result.model_copy(update={"measures": (measure,)})
            evaluation = evaluation.model_copy(update={"result": result})
        evaluations.append(evaluation)
    result = compare(run.changed(evaluations=tuple(evaluations)), replicates=100).results["lima_1k/full", "choice"]
    assert (result.value.mean, result.value.low) == (12.5, None)
    assert result.versus_base.reading == "unknown"


class Walked(tuple[Any, ...]):
    """Entries of a record that count how often they are walked through."""

    walks = 0

    def __iter__(self) -> Iterator[Any]:
        Walked.walks += 1
        return super().__iter__()


def test_a_report_walks_through_its_record_as_often_for_many_arms_as_for_few(run: FakeRun) -> None:
    """A walk for each arm, of a thousand, is a million steps."""

    def walks(arms: int) -> int:
        chosen = [*dict.fromkeys(training.arm for training in run.record.trainings)][:arms]
        record = run.record.model_copy(
            update={
                "trainings": Walked(entry for entry in run.record.trainings if entry.arm in chosen),
                "evaluations": Walked(entry for entry in run.record.evaluations if entry.arm in (None, *chosen)),
            }
        )
        Walked.walks = 0
        compare_record(record, read_rows(run, record), replicates=100)
        return Walked.walks

    assert walks(6) == walks(2)
