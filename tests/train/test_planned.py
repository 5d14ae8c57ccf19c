"""What one process worked out of a training is found by the next: the same batches and operations, or none."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bench.train.accounting.rates as rates_module
import bench.train.batches.planned_files as files
import bench.train.batches.schedule as schedule_module
from bench.record.jobs.train_job import ProbeJob, TrainJob
from bench.record.results.training.result import TrainResult
from bench.suite.catalog.template import load_template
from bench.suite.resolved import WarmStart
from bench.suite.tables.training.budget import Budget
from bench.train.accounting.rates import training_rates
from bench.train.arguments.adapters import peft_config
from bench.train.batches.encoded_row import encode_row
from bench.train.planning.exact_counts import count_training
from bench.train.probe import run_probe
from bench.train.training_data import TrainingData, build_training_data, schedule_key
from tests.fakes.training import WORLD_ROWS, stored_data, train
from tests.train.small_jobs import job_in


@pytest.fixture
def rows(world: Path, tmp_path: Path) -> dict[str, Any]:
    """Stored rows of this test alone."""
    return {"data": stored_data(tmp_path, WORLD_ROWS), "planned_by": "c" * 64}


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows that were rendered."""
    indices = list[int]()

    def counting(index: int, *others: Any) -> Any:
        indices.append(index)
        return encode_row(index, *others)

    monkeypatch.setattr(schedule_module, "encode_row", counting)
    return indices


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether checkpointing was on, of each shape that was counted."""
    asked, count = list[bool](), rates_module.counted_rates

    def counting(model: Any, *, checkpointing: bool) -> Any:
        asked.append(checkpointing)
        return count(model, checkpointing=checkpointing)

    monkeypatch.setattr(rates_module, "counted_rates", counting)
    return asked


def build(job: TrainJob, steps: int | None = None) -> TrainingData:
    return build_training_data(job, budget=job.budget, steps=steps)


def tokens(data: TrainingData) -> list[Any]:
    return [
        [(e.rows, e.ids.tolist(), e.labels.tolist(), e.supervised_tokens, e.truncated) for e in sequence]
        for batch in data.schedule.batches
        for sequence in batch
    ]


@pytest.mark.parametrize(
    "recipe", [{}, {"group_by_length": True, "accumulation": 3}, {"packing": "bfd", "max_length": 64}]
)
def test_a_kept_schedule_is_the_one_that_was_planned(
    world: Path, rows: dict[str, Any], rendered: list[int], recipe: dict[str, Any]
) -> None:
    job = job_in(world, recipe=recipe).model_copy(update=rows)
    first = build(job)
    assert rendered
    rendered.clear()
    again, begun = build(job), build(job, steps=2)
    assert not rendered
    assert tokens(again) == tokens(first)
    assert tokens(begun) == tokens(first.first(2))
    assert tokens(again.first(2, with_largest_pass=True)) == tokens(first.first(2, with_largest_pass=True))
    said = [(data.planned.template, data.planned.template_note, data.max_length) for data in (first, again)]
    assert said[0] == said[1]
    counts = [
        (s.accumulation, s.available_rows, s.dropped_rows, s.refused_rows, s.steps, s.largest_passes, s.truncated_rows)
        for s in (first.schedule, again.schedule)
    ]
    assert counts[0] == counts[1]


def test_what_is_counted_is_timed_and_trained_without_a_second_look(
    world: Path, tmp_path: Path, rows: dict[str, Any], rendered: list[int], counted: list[bool]
) -> None:
    """One rendering for count, probe and training, one count of operations for the latter two; losses, operations and
    words are those of a training that finds nothing."""
    job = job_in(world, recipe={"method": "lora"}).model_copy(update=rows)
    alone = train(job.model_copy(update={"planned_by": None}), tmp_path / "alone")
    rendered.clear()
    counted.clear()
    count_training(job)
    rendered_once = len(rendered)
    probe = run_probe(ProbeJob(training=job, steps=4, digest="p" * 64), tmp_path / "probe", lambda event: None)
    trained = train(job, tmp_path / "job")
    assert (len(rendered), counted) == (rendered_once, [False])
    assert probe.tokens == sum(step.tokens for step in alone.steps[:4])
    assert _decided(trained) == _decided(alone)


def _decided(result: TrainResult) -> Any:
    steps = [(step.loss, step.gradient_norm, step.learning_rate, step.tokens) for step in result.steps]
    said = result.template, result.template_note, result.seen_rows
    return steps, said, result.ledger.flops, result.ledger.hardware_flops, result.ledger.dropped_rows


def test_a_probe_keeps_no_part_of_a_schedule(world: Path, rows: dict[str, Any], rendered: list[int]) -> None:
    job = job_in(world).model_copy(update=rows)
    build(job, steps=2)
    assert tokens(build(job)) == tokens(build(job.model_copy(update={"planned_by": None})))


def other_jobs(job: TrainJob) -> Iterator[TrainJob]:
    """Jobs whose batches are others, each for one reason."""
    chatml = load_template("chatml").sha256
    yield job.model_copy(update={"planned_by": "d" * 64})
    yield job.model_copy(update={"seed": 1})
    yield job.model_copy(update={"budget": Budget(unit="tokens", amount=600)})
    yield job.model_copy(update={"data": job.data.model_copy(update={"sha256": "1" * 64})})
    for update in ({"sha256": "1" * 64}, {"template": "chatml", "template_sha256": chatml}):
        yield job.model_copy(update={"model": job.model.model_copy(update=update)})
    for recipe in ({"batch_rows": 2}, {"max_length": 16}, {"loss_on": "all"}, {"end_token": False}, {"packing": "bfd"}):
        yield job.model_copy(update={"recipe": job.recipe.model_copy(update=recipe)})


def test_another_training_finds_none(world: Path, rows: dict[str, Any], rendered: list[int]) -> None:
    job = job_in(world).model_copy(update=rows)
    build(job)
    for other in other_jobs(job):
        rendered.clear()
        build(other)
        assert rendered, other


def test_arms_that_differ_in_rate_adapter_or_start_share_a_schedule(world: Path, rows: dict[str, Any]) -> None:
    job = job_in(world).model_copy(update=rows)
    start = WarmStart(arm="a", digest="5" * 64, path="nowhere")
    begun = job.model_copy(update={"model": job.model.model_copy(update={"starts": (start,)})})
    lora = job_in(world, recipe={"method": "lora", "learning_rate": 0.5}).model_copy(update=rows)
    assert schedule_key(job) == schedule_key(begun) == schedule_key(lora)


@pytest.mark.parametrize("fault", ["torn", "changed", "empty", "another version"])
def test_a_file_that_is_not_as_written_is_made_again(
    world: Path, tmp_path: Path, rows: dict[str, Any], rendered: list[int], fault: str
) -> None:
    job = job_in(world).model_copy(update=rows)
    expected = tokens(build(job))
    (file,) = (tmp_path / "planned").iterdir()
    whole = file.read_bytes()
    heading = b'{"batches": 1}\n'
    faulty = {
        "torn": whole[:-4], "changed": whole[:-1] + bytes([whole[-1] ^ 1]), "empty": b"",
        "another version": hashlib.sha256(heading).digest() + heading,
    }  # fmt: skip
    file.write_bytes(faulty[fault])
    rendered.clear()
    assert tokens(build(job)) == expected
    assert rendered
    assert file.read_bytes() == whole


def test_kept_files_take_a_bounded_room_and_the_oldest_make_it(
    world: Path, tmp_path: Path, rows: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three schedules where two have room; a larger one than may be kept is not kept."""
    jobs = [job_in(world, seed=seed).model_copy(update=rows) for seed in range(3)]
    build(jobs[0])
    folder = tmp_path / "planned"
    (oldest,) = folder.iterdir()
    monkeypatch.setattr(files, "MOST_BYTES", round(2.5 * oldest.stat().st_size))
    for job in jobs[1:]:
        build(job)
    assert len(list(folder.iterdir())) == 2
    assert not oldest.exists()
    monkeypatch.setattr("bench.train.batches.kept_schedule.LARGEST_BYTES", 100)
    build(jobs[0])
    assert not oldest.exists()


def test_a_disk_that_takes_nothing_stops_no_training(world: Path, tmp_path: Path, rows: dict[str, Any]) -> None:
    (tmp_path / "planned").write_text("in the way")
    job = job_in(world).model_copy(update=rows)
    assert tokens(build(job)) == tokens(build(job.model_copy(update={"planned_by": None})))


def test_operations_are_counted_once_for_a_shape(world: Path, rows: dict[str, Any], counted: list[bool]) -> None:
    """Each adapter, and checkpointing, is a shape of its own; a file that cannot be read is written again."""
    jobs = [
        job_in(world, recipe=recipe).model_copy(update=rows)
        for recipe in ({}, {"method": "lora"}, {"method": "lora", "lora": {"r": 2}})
    ]
    shapes = [(job, peft_config(job.recipe, job.model), again) for job in jobs for again in (False, True)]
    first, found = (
        [training_rates(job, adapter, checkpointing=again) for job, adapter, again in shapes] for _ in range(2)
    )
    assert found == first
    assert len(counted) == len(shapes) == len({repr(rates) for rates in first})
    for file in (Path(jobs[0].data.path).parent / "planned").iterdir():
        file.write_bytes(file.read_bytes()[:10])
    assert [training_rates(job, adapter, checkpointing=again) for job, adapter, again in shapes] == first
    unkept = jobs[1].model_copy(update={"planned_by": None})
    assert training_rates(unkept, shapes[2][1], checkpointing=False) == first[2]
