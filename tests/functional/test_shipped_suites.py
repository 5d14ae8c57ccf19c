"""Each shipped question runs to its end in the embedded world: one seed, few arms, a few hundred tokens.

What a user would lose: a suite that validates and then fails in a training, in an eval or in the report.
"""

import pytest

from bench.record.record import Record
from bench.record.rundir import RunDirectory
from bench.suite.load import load_suite
from tests.fakes.process import MIXED_ROWS, bench

CUTS: dict[str, tuple[str, ...]] = {
    "full_vs_lora": (
        "data.rows.select.size=60",
        'arms.recipe=["full", "few_shot"]',
        "recipe.full.learning_rate.sweep=[6e-4, 2e-3]",
    ),
    "data_scaling": (
        'arms.data=["rows_250"]',
        "recipe.equal_epochs.budget.amount=0.1",
        "data.rows_4k.select.size=1500",
        "data.rows_16k.select.size=1600",
    ),
    "curation": ('arms.data=["random", "scored", "scored_control"]',),
    "training_speed": ("data.rows.select.size=400", 'arms.recipe=["padded", "packed", "bf16"]'),
}
"""Fewer arms and rates, so that it takes seconds; that the others are valid is seen where all profiles are checked."""


def arguments(name: str) -> list[str]:
    suite = load_suite(name).suite
    small = [
        f"eval.{index}.data.select.size=8" if spec.kind == "loss" else f"eval.{index}.limit=8"
        for index, spec in enumerate(suite.eval)
    ]
    sets = ["seeds=[0]", "budget.amount=600", "run.probe_steps=0", "claim=[]", *CUTS[name], *small]
    return ["run", name, "--quiet", *(part for one in sets for part in ("--set", one))]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """The four runs, made once."""
    folder = tmp_path_factory.mktemp("shipped")
    for name in CUTS:
        done = bench(folder, *arguments(name), **{MIXED_ROWS: "2000"})
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return {name: RunDirectory.find(name, folder / "reports").load() for name in CUTS}


@pytest.mark.parametrize("name", CUTS)
def test_a_shipped_suite_runs_to_its_end(records: dict[str, Record], name: str) -> None:
    record = records[name]
    assert record.jobs
    assert [job.id for job in record.jobs if job.status != "done"] == []
    assert all(training.result is not None and training.result.steps for training in record.trainings)


def test_few_shot_subjects_saw_rows_and_nothing_else_did(records: dict[str, Record]) -> None:
    for evaluation in records["full_vs_lora"].evaluations:
        shown = evaluation.arm == "rows/few_shot" and evaluation.eval != "cloze"
        assert (evaluation.result.shots is not None) is shown, evaluation.subject


def test_rows_chosen_by_score_are_not_their_random_control(records: dict[str, Record]) -> None:
    data = records["curation"].resolved.data
    assert data["scored"].rows == data["scored_control"].rows == 1000
    assert data["scored"].sha256 != data["scored_control"].sha256


def test_the_speed_suite_trains_alone(records: dict[str, Record]) -> None:
    """Speeds that other jobs disturbed would decide nothing."""
    found = records["training_speed"]
    assert found.evaluations == ()
    assert all(training.job.alone for training in found.trainings)
