"""A learning rate is chosen on rows that no eval reads, by trainings that are jobs like others."""

from pathlib import Path
from typing import Any

import pytest

from bench.data.store import load_rows
from bench.errors import InputError
from bench.record.jobs.train_job import SweepJob, TrainJob
from bench.record.results.training.result import SweepResult
from bench.record.rundir import RunDirectory
from bench.record.sweep import chosen_setting, with_chosen_setting
from bench.run.plan.plan import plan
from bench.run.resolve.suite import resolve
from bench.suite.tables.training.adapter import LoraSpec
from tests.fakes.orders import BEST_RATE, ORDERS
from tests.fakes.suites import fake_rows, fake_suite, run_below, worked

RATES = (1e-2, BEST_RATE, 1e-4)


def recipes(rates: tuple[float, ...] = RATES, **keys: Any) -> dict[str, Any]:
    """`full` sweeps its rate, `lora` has one."""
    sweep = {"sweep": rates, **keys}
    return {"full": {"method": "full", "learning_rate": sweep}, "lora": {"method": "lora", "learning_rate": 2e-3}}


def go(root: Path, **changes: Any) -> RunDirectory:
    fake_rows(root / "many.jsonl", rows=40)
    changes = {"data": {"few": {"source": "many.jsonl"}}, "recipe": recipes(), **changes}
    return run_below(root, fake_suite(root, **changes))


def rate_of(directory: RunDirectory, arm: str, seed: int) -> float | None:
    """What a training really ran with."""
    record = directory.load()
    training = next(one for one in record.trainings if (one.arm, one.seed) == (arm, seed))
    return None if training.result is None else training.result.steps[0].learning_rate


def test_every_seed_trains_at_the_rate_with_the_lowest_dev_loss(tmp_path: Path) -> None:
    directory = go(tmp_path)
    record = directory.load()
    assert record.all_done
    assert [(sweep.arm, sweep.setting) for sweep in record.sweeps] == [
        ("few/full", {"learning_rate": rate}) for rate in RATES
    ]
    assert [rate_of(directory, "few/full", seed) for seed in (0, 1)] == [BEST_RATE, BEST_RATE]
    assert rate_of(directory, "few/lora", 0) == 2e-3


def test_no_training_starts_before_its_sweep_ended(tmp_path: Path) -> None:
    go(tmp_path)
    order = worked(tmp_path / "home")
    sweeps = [order.index(name) for name in order if name.startswith("sweep:few/full")]
    assert len(sweeps) == 3
    assert max(sweeps) < min(order.index(f"train:few/full#{seed}") for seed in (0, 1))


def test_a_second_run_sweeps_nothing(tmp_path: Path) -> None:
    go(tmp_path)
    before = worked(tmp_path / "home")
    directory = go(tmp_path)
    assert worked(tmp_path / "home") == before
    assert all(sweep.job.reused for sweep in directory.load().sweeps)


def test_another_rate_trains_that_rate_and_the_seeds_again_and_nothing_else(tmp_path: Path) -> None:
    go(tmp_path)
    before = len(worked(tmp_path / "home"))
    go(tmp_path, recipe=recipes((*RATES, 3e-3)))
    new = worked(tmp_path / "home")[before:]
    assert [name for name in new if name.startswith("sweep")] == ["sweep:few/full=0.003"]
    assert {name for name in new if name.startswith("train")} == {"train:few/full#0", "train:few/full#1"}


def test_a_rate_that_diverges_is_not_chosen_and_is_no_failure(tmp_path: Path) -> None:
    directory = go(tmp_path, recipe=recipes((ORDERS["diverge"], 1e-2)))
    assert directory.load().all_done
    assert rate_of(directory, "few/full", 0) == 1e-2


def test_where_every_rate_diverges_the_arm_fails_and_says_so(tmp_path: Path) -> None:
    assert chosen_setting([sweep_result(None)]) is None
    directory = go(tmp_path, recipe=recipes((ORDERS["diverge"], 1e-2)))
    for sweep in directory.load().sweeps:  # as if the other had diverged as well
        result = tmp_path / "home" / "jobs" / sweep.job.digest / "result.json"
        result.write_text(sweep.result.model_copy(update={"loss": None}).model_dump_json())
    training = next(one for one in planned(tmp_path, rates=(ORDERS["diverge"], 1e-2)) if isinstance(one, TrainJob))
    with pytest.raises(InputError, match="diverged with every setting"):
        with_chosen_setting(training)


def test_a_rate_that_fails_stops_the_choice_but_not_the_other_arm(tmp_path: Path) -> None:
    record = go(tmp_path, recipe=recipes((ORDERS["kill"], BEST_RATE))).load()
    failed = {job.id: job.failure for job in record.jobs if job.failure is not None}
    assert failed["sweep:few/full=0.25"].kind == "killed"
    assert failed["train:few/full#0"].kind == "dependency"
    assert failed["train:few/full#0"].message.startswith("its sweep failed")
    assert all(job.status == "done" for job in record.jobs if "few/lora" in job.id)


def test_equal_losses_choose_the_lower_rate() -> None:
    results = [sweep_result(1.0, rate=3e-3), sweep_result(1.0, rate=1e-3)]
    assert chosen_setting(results) == {"learning_rate": 1e-3}


def test_the_probe_and_the_plan_need_no_choice(tmp_path: Path) -> None:
    jobs = planned(tmp_path)
    probe = next(job for job in jobs if job.kind == "probe" and job.training.arm == "few/full")
    assert probe.training.recipe.rate == RATES[0]
    assert not probe.training.candidates


def test_no_row_of_a_reported_eval_is_among_the_rows_that_choose(tmp_path: Path) -> None:
    """The held-out loss would otherwise be measured on what the rate was fitted to."""
    fake_rows(tmp_path / "many.jsonl", rows=40)
    (tmp_path / "some.jsonl").write_text("".join((tmp_path / "many.jsonl").read_text().splitlines(keepends=True)[:35]))
    evals = ({"kind": "loss", "name": "held", "data": {"source": "some.jsonl"}},)
    jobs = planned(tmp_path, eval=evals)
    sweeps = [job for job in jobs if isinstance(job, SweepJob)]
    evaluated = {line for job in jobs if job.kind == "eval" for line in questions(job.data)}
    assert len(evaluated) == 35
    for job in sweeps:
        dev, trained = questions(job.dev), questions(job.training.data)
        assert dev
        assert not dev & evaluated
        assert not dev & trained


def test_a_named_table_can_choose_and_is_not_trained_on_while_it_does(tmp_path: Path) -> None:
    fake_rows(tmp_path / "other.jsonl", rows=10)  # four of them are the eval's
    data = {"few": {"source": "many.jsonl"}, "other": {"source": "other.jsonl"}}
    (job, *_) = [job for job in planned(tmp_path, data=data, recipe=recipes(on="other")) if isinstance(job, SweepJob)]
    assert len(questions(job.dev)) == 6
    assert not questions(job.dev) & questions(job.training.data)


def test_any_key_can_be_swept_and_each_combination_is_a_training(tmp_path: Path) -> None:
    lora = {
        "method": "lora",
        "learning_rate": {"sweep": [1e-3, 1e-2]},
        "lora": {"r": {"sweep": [4, 8, 16]}, "alpha": 8},
    }
    jobs = planned(tmp_path, recipe={"full": {"method": "full", "learning_rate": 1e-3}, "lora": lora})
    sweeps = [job for job in jobs if isinstance(job, SweepJob)]
    assert [job.id for job in sweeps][:2] == [
        "sweep:few/lora=learning_rate=0.001, lora.r=4",
        "sweep:few/lora=learning_rate=0.001, lora.r=8",
    ]
    trained = {(job.training.recipe.learning_rate, job.training.recipe.lora.r) for job in sweeps}  # type: ignore[union-attr]
    assert trained == {(rate, rank) for rate in (1e-3, 1e-2) for rank in (4, 8, 16)}
    assert len({job.digest for job in sweeps}) == 6
    training = next(job for job in jobs if isinstance(job, TrainJob) and job.arm == "few/lora")
    chosen = training.with_setting({"learning_rate": 1e-2, "lora.r": 16}).recipe
    assert (chosen.rate, chosen.lora, chosen.sweep) == (
        1e-2, LoraSpec(r=16, alpha=8, target_modules="all-linear"), None,
    )  # fmt: skip


def planned(root: Path, rates: tuple[float, ...] = RATES, **changes: Any) -> list[Any]:
    fake_rows(root / "many.jsonl", rows=40)
    changes = {"data": {"few": {"source": "many.jsonl"}}, "recipe": recipes(rates), **changes}
    home = root / "home"
    return [one.job for one in plan(resolve(fake_suite(root, **changes), home=home), home=home).jobs]


def questions(data: Any) -> set[str]:
    return {row.turns[0].content for row in load_rows(data.path)}


def sweep_result(loss: float | None, *, rate: float = 1e-3) -> SweepResult:
    return SweepResult(
        setting={"learning_rate": rate}, loss=loss, dev_rows=1, training_rows=1, steps=1, tokens=1, seconds=0.1
    )
