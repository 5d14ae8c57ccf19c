"""`bench compare`: two runs of one suite by the same statistics, or a refusal that names what differs."""

import io
import json
import re
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from rich.console import Console

from bench.errors import ExitCode, InputError
from bench.report.across_view import print_comparison
from bench.report.analysis.across.compare_runs import RunComparison, ScoreShift, compare_runs
from bench.report.as_json import to_json
from tests.fakes.records import FakeRun, make_run
from tests.report.analysis.training.costs.test_tradeoff import priced

ARM = "lima_1k/full"


def between(first: FakeRun, second: FakeRun) -> RunComparison:
    return compare_runs(first, second, replicates=200)


def change(comparison: RunComparison, arm: str, name: str) -> ScoreShift:
    return next(one for one in comparison.changes if (one.arm, one.measurand.name) == (arm, name))


def again(run: FakeRun, tag: str) -> FakeRun:
    """As if every job had run anew: other digests."""
    evaluations = tuple(
        e.model_copy(update={"job": e.job.model_copy(update={"digest": f"{tag}{e.job.digest}"})})
        for e in run.record.evaluations
    )
    return run.changed(evaluations=evaluations)


def resolved(run: FakeRun, **update: Any) -> FakeRun:
    return run.changed(resolved=run.record.resolved.model_copy(update=update))


def refusal(first: FakeRun, second: FakeRun) -> dict[str | None, str]:
    with pytest.raises(InputError) as raised:
        between(first, second)
    assert raised.value.exit_code is ExitCode.BAD_INPUT
    return {problem.where: problem.what for problem in raised.value.problems}


@pytest.fixture(scope="module")
def better() -> tuple[FakeRun, FakeRun]:
    """The same draw of everything, save that one arm is much better on one eval in the second."""
    first = make_run(examples=150, rates={"choice": {ARM: 0.35}})
    second = again(make_run(examples=150, rates={"choice": {ARM: 0.9}}), "x")
    return first, second


def test_an_arm_that_became_better_is_found_and_the_difference_is_the_hand_computed(
    better: tuple[FakeRun, FakeRun],
) -> None:
    found = change(between(*better), ARM, "choice")
    means = [
        fmean(row.metrics["acc"] or 0.0 for seed in (0, 1, 2) for row in run.rows["choice", f"{ARM}#{seed}"])
        for run in better
    ]
    assert found.reading == "better"
    assert found.delta.estimate == pytest.approx(means[1] - means[0])
    assert (found.delta.arm_mean, found.delta.reference_mean) == (pytest.approx(means[1]), pytest.approx(means[0]))


def test_turned_round_the_differences_turn_round(better: tuple[FakeRun, FakeRun]) -> None:
    forth, back = between(*better), between(*reversed(better))
    for one, other in zip(forth.changes, back.changes, strict=True):
        assert one.delta.estimate == pytest.approx(-(other.delta.estimate or 0.0))
    assert change(back, ARM, "choice").reading == "worse"


def test_the_same_jobs_are_marked_and_have_no_p_value() -> None:
    run = make_run(examples=30)
    comparison = between(run, run)
    assert all(one.same_jobs and one.delta.estimate == 0 and one.p_adjusted is None for one in comparison.changes)
    assert comparison.differences == ()


def test_a_base_has_no_seed_noise_here_either(better: tuple[FakeRun, FakeRun]) -> None:
    comparison = between(*better)
    assert change(comparison, "base", "choice").delta.noise == "example noise only"
    assert "seed" in change(comparison, ARM, "choice").delta.noise


def test_what_may_explain_the_difference_is_listed() -> None:
    run = make_run(examples=20)
    recipe = dict(run.record.resolved.suite.recipe)
    recipe["full"] = recipe["full"].model_copy(update={"learning_rate": 2e-3})
    other = run.with_suite(recipe=recipe)
    versions = {**run.record.environment.versions, "trl": "1.17.0"}
    other = other.changed(environment=run.record.environment.model_copy(update={"versions": versions}))
    keys = {one.key: (one.first, one.second) for one in between(run, again(other, "x")).differences}
    assert keys == {"suite.recipe.full.learning_rate": ("0.001", "0.002"), "version.trl": ("1.16.0", "1.17.0")}


def other_metric(run: FakeRun) -> FakeRun:
    evaluations = []
    for evaluation in run.record.evaluations:
        if evaluation.eval == "choice" and evaluation.result is not None:
            measures = tuple(m.model_copy(update={"metric": "acc_norm"}) for m in evaluation.result.measures)
            result = evaluation.result.model_copy(update={"measures": measures})
            evaluation = evaluation.model_copy(update={"result": result})
        evaluations.append(evaluation)
    return run.changed(evaluations=tuple(evaluations))


def limited(run: FakeRun) -> FakeRun:
    first, *others = run.record.resolved.suite.eval
    return run.with_suite(eval=(first.model_copy(update={"limit": 10}), *others))


@pytest.mark.parametrize(
    ("change_", "key"),
    [
        (lambda run: run.with_suite(name="another"), "suite.name"),
        (limited, "eval.qa.limit"),
        (lambda run: resolved(run, tasks_sha256={"choice": "f" * 64}), "eval.choice.tasks_sha256"),
        (other_metric, "eval.choice.metric.micro_choice"),
    ],
)
def test_scores_that_do_not_mean_the_same_are_refused_with_the_key(change_: Any, key: str) -> None:
    """Two numbers side by side are read as a comparison, whatever the small print says."""
    run = make_run(examples=20)
    assert key in refusal(run, change_(run))


def test_an_eval_that_only_one_run_has_is_said_once() -> None:
    """Of two unlike suites every key of every eval differs: a flood in which the reason is lost."""
    run = make_run(examples=20)
    without = run.with_suite(eval=run.record.resolved.suite.eval[1:])
    assert refusal(run, without) == {"eval.qa": "only the first run has the eval 'qa'"}
    assert refusal(without, run) == {"eval.qa": "only the second run has the eval 'qa'"}


def test_examples_that_ask_something_else_are_refused() -> None:
    run = make_run(examples=20)
    rows = {
        key: [row.model_copy(update={"prompt": row.prompt + "!"}) if row.id == "7" else row for row in scored]
        for key, scored in run.rows.items()
    }
    where = refusal(run, run.changed(rows=rows))
    assert "19 of them in both" in where["eval.choice.examples"]


def test_arms_of_one_run_alone_are_named_and_runs_without_a_common_arm_refused() -> None:
    run = make_run(examples=20)
    without = [t for t in run.record.trainings if t.arm != ARM]
    scored = [e for e in run.record.evaluations if e.arm != ARM]
    part = run.changed(trainings=tuple(without), evaluations=tuple(scored))
    found = between(run, part)
    assert (found.only_first, found.only_second) == ((ARM,), ())
    found = between(part, run)
    assert (found.only_first, found.only_second) == ((), (ARM,))


def test_costs_are_compared_where_both_runs_can_tell() -> None:
    run = make_run(examples=20)
    slow = priced(run, {ARM: (8.0, 8.2, 8.4)})
    fast = priced(run, {ARM: (4.0, 4.1, 4.2)})
    found = {(one.arm, one.cost.name): one.ratio for one in between(slow, fast).costs}
    assert found[ARM, "seconds"].ratio == pytest.approx(0.5)
    assert found[ARM, "seconds"].high is not None
    assert found[ARM, "tokens"].exact
    assert "seconds" not in {name for _, name in {(o.arm, o.cost.name) for o in between(run, run).costs}}, "shared"


def test_failed_cells_have_a_reason_and_no_difference() -> None:
    first, second = make_run(examples=20), again(make_run(examples=20, failed_eval="choice:base"), "x")
    found = change(between(first, second), "base", "choice")
    assert (found.delta.estimate, found.reading) == (None, "unknown")


def test_it_is_printed_and_exported(better: tuple[FakeRun, FakeRun]) -> None:
    comparison = between(*better)
    console = Console(file=io.StringIO(), width=110)
    print_comparison(comparison, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "Second − first [95%]" in text
    assert re.search(rf"{ARM}\s+0\.\d+\s+0\.\d+\s+\+0\.\d+ \[.*\] better", text)
    exported = to_json(comparison)
    assert json.loads(json.dumps(exported, allow_nan=False)) == exported
    assert len(exported["changes"]) == 7 * 5


def test_run_directories_are_compared_as_their_contents(tmp_path: Path) -> None:
    from bench.record.rundir import RunDirectory

    first, second = make_run(tmp_path / "a", examples=20), make_run(tmp_path / "b", examples=20, seed=1)
    runs = [RunDirectory(run.write()) for run in (first, second)]
    by_folder = compare_runs(runs[0], runs[1], replicates=200)
    assert to_json(by_folder) == to_json(between(first, second))
