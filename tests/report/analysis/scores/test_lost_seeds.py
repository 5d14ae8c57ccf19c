"""Seeds that failed: what takes evidence away never raises confidence."""

import re
from collections.abc import Collection

import numpy as np
import pytest

from bench.record.record import Failure
from bench.report.analysis.scores.results import Contrast
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.markdown import render
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.single import score_interval
from bench.stats.samples.sample import Scores
from tests.fakes.records import FakeRun, make_run

ARM = "lima_1k/full"


def losing(run: FakeRun, seeds: Collection[int], *, kind: str = "diverged") -> FakeRun:
    """The same run in which some trainings of one arm have no weights, and their evaluations no scores."""
    failure = Failure(kind=kind, message="the loss was not finite at step 7")  # type: ignore[arg-type]
    lacks = Failure(kind="dependency", message="its training failed")
    trainings = tuple(
        t.model_copy(update={"result": None, "job": t.job.model_copy(update={"status": "failed", "failure": failure})})
        if t.arm == ARM and t.seed in seeds
        else t
        for t in run.record.trainings
    )
    evaluations = tuple(
        e.model_copy(
            update={
                "result": None,
                "scores": None,
                "job": e.job.model_copy(update={"status": "failed", "failure": lacks}),
            }
        )
        if e.arm == ARM and e.seed in seeds
        else e
        for e in run.record.evaluations
    )
    return run.changed(trainings=trainings, evaluations=evaluations)


def versus_base(run: FakeRun, name: str = "qa") -> Contrast:
    contrast = compare(run, replicates=100).results[ARM, name].versus_base
    assert contrast is not None
    return contrast


def test_the_survivor_of_three_seeds_has_no_mark_no_p_value_and_no_interval() -> None:
    """Seen: three seeds gave a hollow mark with p .220, one survivor of the same a filled one with p < .001."""
    run = make_run(examples=120, seed_spread=0.15).only("qa")
    whole = versus_base(run)
    assert whole.delta.p_value is not None
    whole_results, lost_results = (compare(each, replicates=100).results for each in (run, losing(run, (0, 1))))
    one = versus_base(losing(run, (0, 1)))
    assert one.reading == "unknown"
    assert (one.delta.low, one.delta.high, one.delta.p_value, one.p_adjusted) == (None, None, None, None)
    assert one.delta.estimate is not None, "the estimate stays in the table"
    for arm, name in (pair for pair in whole_results if pair[0] != ARM and pair[1] == "qa"):
        before, after = (table[arm, name].versus_base for table in (whole_results, lost_results))
        if before is not None and after is not None and before.p_adjusted is not None and before.delta == after.delta:
            assert (after.p_adjusted or 0.0) >= before.p_adjusted, "what another arm lost makes no arm surer"
    assert (one.seeds, one.seeds_asked, one.short) == (1, 3, True)
    text = render(compose(compare(losing(run, (0, 1)), replicates=100)))
    row = next(line for line in text.partition("### qa")[2].splitlines() if line.startswith(f"| **{ARM}**"))
    assert "no interval, 1 of 3 seeds" in row
    assert not re.search("better|worse|unclear", row)


def test_an_arm_that_lost_a_seed_says_so_in_its_mark() -> None:
    run = losing(make_run(examples=120).only("qa"), (1,))
    contrast = versus_base(run)
    assert (contrast.seeds, contrast.seeds_asked) == (2, 3)
    text = render(compose(compare(run, replicates=100)))
    row = next(line for line in text.partition("### qa")[2].splitlines() if line.startswith(f"| **{ARM}**"))
    assert "] maybe better (2/3 seeds)" in row


def test_a_training_that_diverged_is_an_outcome_beside_the_worst_seed() -> None:
    run = losing(make_run(examples=60).only("qa"), (1,))
    comparison = compare(run, replicates=100)
    outcome = next(outcome for outcome in comparison.outcomes if outcome.arm == ARM)
    assert (outcome.trainings, dict(outcome.lost), outcome.finished) == (3, {"diverged": 1}, 2)
    result = comparison.results[ARM, "qa"]
    worst = min(value for value in result.by_seed if value is not None)
    assert result.worst_seed == worst
    assert f"{ARM} has 2 of 3 (1 of 3 trainings diverged), worst {worst:.3f}" in render(compose(comparison))


def test_the_worst_seed_of_a_loss_is_the_highest() -> None:
    result = compare(make_run(examples=40).only("heldout"), replicates=100).results[ARM, "heldout"]
    assert result.worst_seed == max(value for value in result.by_seed if value is not None)


def test_with_one_seed_nothing_is_filled_and_the_examples_still_speak() -> None:
    """A suite with one seed cannot see the noise of training; a filled mark would say that it can."""
    comparison = compare(make_run(examples=120, seeds=(0,)), replicates=100)
    readings = {c.reading for r in comparison.results.values() for c in (r.versus_base, r.versus_control) if c}
    assert not readings & {"better", "worse"}
    assert "maybe better" in readings


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("lost", [1, 2])
def test_losing_seeds_at_random_never_makes_an_arm_surer_on_average(binary: bool, lost: int) -> None:
    """The property over many runs: without the seeds the mean p-value is not lower, nor the mean interval narrower."""
    rng = np.random.default_rng(7)
    p_values: list[tuple[float, float]] = []
    widths: list[tuple[float, float]] = []
    for _ in range(40):
        arm, base = _scores(rng, 3, binary=binary), _scores(rng, 1, binary=binary)
        present = arm.present.copy()
        present[rng.choice(3, size=lost, replace=False)] = False
        part = Scores(values=np.where(present, arm.values, 0.0), present=present, weights=arm.weights, binary=binary)
        whole, left = (paired_delta(side, base, seed=1, replicates=200) for side in (arm, part))
        if left.p_value is None or left.low is None or left.high is None:
            assert (left.p_value, left.low, left.high) == (None, None, None)
            continue
        assert whole.p_value is not None
        assert whole.low is not None
        assert whole.high is not None
        p_values.append((whole.p_value, left.p_value))
        widths.append((whole.high - whole.low, left.high - left.low))
    if lost == 2:
        assert not p_values
        return
    assert np.mean([left for _, left in p_values]) >= np.mean([whole for whole, _ in p_values])
    assert np.mean([left for _, left in widths]) >= np.mean([whole for whole, _ in widths])


def test_the_value_of_a_survivor_has_no_interval_either() -> None:
    arm = _scores(np.random.default_rng(3), 3, binary=True)
    present = arm.present.copy()
    present[:2] = False
    one = score_interval(
        Scores(values=np.where(present, arm.values, 0.0), present=present, weights=arm.weights, binary=True), seed=1
    )
    assert one.mean is not None
    assert (one.low, one.high) == (None, None)
    assert one.reason is not None
    assert "one seed alone" in one.reason


def _scores(rng: np.random.Generator, seeds: int, *, binary: bool) -> Scores:
    """Scores with seed noise around 0.55 (0.45 for a base)."""
    rates = np.clip((0.55 if seeds > 1 else 0.45) + rng.normal(0, 0.05, size=(seeds, 1)), 0, 1)
    draws = rng.random((seeds, 60))
    values = (draws < rates).astype(np.float64) if binary else rates + draws
    return Scores(
        values=values,
        present=np.ones(values.shape, dtype=np.bool_),
        weights=np.ones(60),
        binary=binary,
        trained=seeds > 1,
    )
