"""A whole training job: what its result says must be what happened."""

import itertools
import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from bench.data.render.render import make_renderer
from bench.emit import Event, StepDone
from bench.errors import InputError
from bench.machine.other_load import OtherLoadCounter
from bench.model.loading.load import load_subject, load_tokenizer
from bench.record.jobs.job import result_adapter
from bench.record.jobs.train_job import ProbeJob
from bench.record.results.training.facts import ExactCounts
from bench.record.results.training.result import TrainResult
from bench.train import probe as probe_module
from bench.train.accounting import utilization
from bench.train.accounting.budget import row_operations
from bench.train.accounting.meter import Meter
from bench.train.batches import schedule as schedule_module
from bench.train.batches.encoded_row import encode_row
from bench.train.batches.schedule import plan_schedule
from bench.train.job import run_training
from bench.train.planning.exact_counts import count_training
from bench.train.probe import run_probe
from bench.train.training_data import build_training_data
from tests.fakes.training import WORLD_ROWS as ROWS
from tests.fakes.training import interrupt, train, train_unchecked
from tests.train.small_jobs import job_in

pytestmark = pytest.mark.usefixtures("uncounted")


@pytest.fixture(scope="module")
def default(world: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainResult, Path]:
    """The default training, and its folder."""
    folder = tmp_path_factory.mktemp("default") / "job"
    return train(job_in(world), folder), folder


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"method": "lora"},
        {"packing": "bfd", "accumulation": 2},
        {"packing": "bfd_split", "max_length": 12},
        {"packing": "wrapped", "max_length": 32, "accumulation": 3},
        {"batch_tokens": 90, "accumulation": 2, "group_by_length": True},
        {"validation": {"share": 0.2}, "loss_on": "all"},
    ],
)
def test_the_plan_is_what_happens(world: Path, tmp_path: Path, recipe: dict[str, Any]) -> None:
    """`bench plan` must promise the figures that the ledger will hold."""
    job = job_in(world, recipe=recipe)
    planned = count_training(job)
    result = train(job, tmp_path)
    counted = {**result.ledger.model_dump(), **result.model_dump(include={"parameters", "trainable_parameters"})}
    assert planned.exact == {name: counted[name] for name in ExactCounts.model_fields}
    assert abs(result.ledger.tokens - 1_200) < 20


def test_a_budget_in_operations_is_met_within_half_a_row(world: Path, tmp_path: Path) -> None:
    """Forward and backward of each row, counted from the model's shape; LoRA's frozen weights cost less, so it sees
    more."""
    seen = {}
    for method in ("full", "lora"):
        recipe = {"method": method} if method == "full" else {"method": method, "lora": {"r": 1}}
        job = job_in(world, budget={"unit": "flops", "amount": 2e8}, recipe=recipe)
        schedule = build_training_data(job, budget=job.budget).schedule
        cost = row_operations(job)
        spent = [cost(example) for example in schedule.examples()]
        assert abs(sum(spent) - 2e8) <= max(spent) / 2
        seen[method] = schedule.tokens
    assert seen["lora"] > seen["full"]


def test_a_budget_in_seconds_ends_within_a_step(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data, compute and optimiser count; the plan comes from a trial, the end from the clock, which gets faster."""
    looks = itertools.count()
    clock = lambda: next(looks) ** 2 / 10_000  # noqa: E731
    monkeypatch.setattr("bench.train.prepare.Meter", partial(Meter, clock=clock))
    monkeypatch.setattr("bench.train.job.time", SimpleNamespace(perf_counter=clock))
    job = job_in(world, budget={"unit": "seconds", "amount": 0.6})
    result = train(job, tmp_path)
    work = [step.seconds for step in result.steps]
    spent = sum(work) + result.ledger.seconds.data
    assert result.stopped == "seconds"
    assert 0 <= spent - 0.6 < max(work) + 0.05
    assert len(result.steps) > 3
    assert {path.name for path in tmp_path.iterdir()} == {"weights"}


@pytest.mark.parametrize("optimizer", ["adafactor", "sgd"])
def test_any_optimiser_resumes_as_if_it_had_not_stopped(world: Path, tmp_path: Path, optimizer: str) -> None:
    """Some keep counts and nothings beside tensors."""
    job = job_in(world, recipe={"optimizer": optimizer}, steps_between_saves=4)
    whole = train_unchecked(job, tmp_path / "whole")
    interrupt(job, tmp_path / "cut", after=6)
    assert [step.loss for step in train_unchecked(job, tmp_path / "cut").steps] == [step.loss for step in whole.steps]
    assert whole.resolved["optimizer"] == optimizer


def test_noise_on_the_embeddings_changes_training_and_nothing_else(world: Path, tmp_path: Path) -> None:
    """It must be gone from the subject that is evaluated."""
    budget = {"unit": "steps", "amount": 3}
    plain = train_unchecked(job_in(world, budget=budget), tmp_path / "plain")
    noisy = job_in(world, budget=budget, recipe={"neftune_alpha": 5.0})
    result = train_unchecked(noisy, tmp_path / "noisy")
    assert [step.loss for step in result.steps] != [step.loss for step in plain.steps]
    subject = load_subject(noisy.model, tmp_path / "noisy", precision="fp32", device=torch.device("cpu"))
    ids = torch.arange(2, 22)[None]
    assert torch.equal(subject(input_ids=ids).logits, subject(input_ids=ids).logits)


def test_dynamic_fine_tuning_weighs_tokens_and_reports_likelihoods(world: Path, tmp_path: Path) -> None:
    budget = {"unit": "steps", "amount": 2}
    nll = train_unchecked(job_in(world, budget=budget), tmp_path / "nll")
    dft = train_unchecked(job_in(world, budget=budget, recipe={"loss": "dft"}), tmp_path / "dft")
    assert dft.steps[0].loss == nll.steps[0].loss, "the same weights have the same loss"
    assert dft.steps[0].gradient_norm != nll.steps[0].gradient_norm


def test_trackers_write_under_the_job(world: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = train_unchecked(job_in(world, track=("tensorboard",)), tmp_path)
    events = EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    losses = [event.value for event in events.Scalars("train/loss")]
    assert losses == pytest.approx([step.loss for step in result.steps], rel=1e-5)


def test_the_result_is_whole_json(default: tuple[TrainResult, Path]) -> None:
    result, _ = default
    assert result_adapter.validate_json(result.model_dump_json()) == result
    assert "NaN" not in result.model_dump_json()
    assert (result.precision, result.device, result.template) == ("fp32", "cpu", "dialogue")
    assert result.head == "supervised positions"


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_saved_subject_is_where_the_training_ended(world: Path, tmp_path: Path, method: str) -> None:
    """The loss of step 9 of a longer training, from the weights that a training of 8 steps saved."""
    recipe = {"method": method, "schedule": "constant"}
    job = job_in(world, budget={"unit": "steps", "amount": 8}, recipe=recipe)
    train_unchecked(job, tmp_path)
    longer = job_in(world, budget={"unit": "steps", "amount": 9}, recipe=recipe)
    (*_, last) = train_unchecked(longer, tmp_path / "longer").steps
    assert last.loss is not None
    tuned = load_subject(job.model, tmp_path, precision="fp32", device=torch.device("cpu"))
    renderer = make_renderer(load_tokenizer(job.model), job.model, 256)
    schedule = plan_schedule(ROWS, renderer, longer.recipe, longer.budget, max_length=256, seed=0)
    total = 0.0
    for (example,) in schedule.batches[-1]:
        ids = torch.from_numpy(example.ids).long()
        with torch.no_grad():
            log_probs = tuned(input_ids=ids[None]).logits[0, :-1].log_softmax(-1)
        chosen = log_probs.gather(1, ids[1:, None])[:, 0]
        total -= chosen[torch.from_numpy(example.labels[1:] >= 0)].sum().item()
    assert total / last.supervised_tokens == pytest.approx(last.loss, abs=1e-5)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_bf16_is_the_same_training_within_rounding(world: Path, tmp_path: Path, method: str) -> None:
    """Autocast must reach the forward pass, and the recorded precision must be the one in use."""
    budget = {"unit": "steps", "amount": 4}
    results = [
        train_unchecked(
            job_in(world, budget=budget, recipe={"method": method, "precision": precision}), tmp_path / precision
        )
        for precision in ("fp32", "bf16")
    ]
    exact, rounded = ([step.loss for step in result.steps] for result in results)
    assert rounded == pytest.approx(exact, abs=0.02)
    assert rounded != exact
    assert [result.precision for result in results] == ["fp32", "bf16"]


def test_equal_digest_means_equal_result(world: Path, tmp_path: Path, default: tuple[TrainResult, Path]) -> None:
    first, folder = default
    second = train_unchecked(job_in(world), tmp_path)
    assert [step.loss for step in first.steps] == [step.loss for step in second.steps]
    left, right = (load_file(place / "weights/model.safetensors") for place in (folder, tmp_path))
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_another_seed_is_another_training(world: Path, tmp_path: Path, default: tuple[TrainResult, Path]) -> None:
    other = train_unchecked(job_in(world, seed=1), tmp_path)
    assert [step.loss for step in default[0].steps] != [step.loss for step in other.steps]


def test_an_interrupted_job_goes_on_where_it_was(world: Path, tmp_path: Path) -> None:
    """Also through the job: same steps, same weights."""
    job = job_in(world, steps_between_saves=4)
    whole = train_unchecked(job, tmp_path / "whole")
    assert len(whole.steps) > 6
    interrupt(job, tmp_path / "cut", after=6)
    events: list[Any] = []
    again = run_training(job, tmp_path / "cut", events.append, checked=False)
    assert events[0].step == 5
    assert [step.loss for step in again.steps] == [step.loss for step in whole.steps]
    left, right = (load_file(tmp_path / name / "weights/model.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_divergence_is_recorded_with_what_was_there(world: Path, tmp_path: Path) -> None:
    job = job_in(world, recipe={"learning_rate": 1e18, "max_grad_norm": 1e18})
    result = train(job, tmp_path)
    assert result.diverged
    assert result.tail_loss is None
    assert 1 < len(result.steps) < count_training(job).steps
    assert result.ledger.steps == len(result.steps)
    json.loads(result.model_dump_json())


def test_a_job_writes_weights_and_nothing_else(default: tuple[TrainResult, Path]) -> None:
    _, folder = default
    assert {path.name for path in folder.iterdir()} == {"weights"}
    assert not [path for path in folder.parent.rglob("*") if path.suffix in {".bin", ".pt", ".pth", ".pkl"}]


def test_a_probe_times_the_first_steps_and_keeps_nothing(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training's peak is that before its first step, where that after its last is lower; a probe has the latter."""
    peaks = iter([1e12, 3e12, 1e12])
    monkeypatch.setattr(utilization, "measured_peak", lambda *_, **__: next(peaks))
    job = job_in(world)
    probe = run_probe(ProbeJob(training=job, steps=6, digest="p" * 64), tmp_path / "probe", lambda event: None)
    trained = train(job, tmp_path / "job")
    steps = trained.steps[:6]
    assert probe.utilization.peak_flops_per_second == 1e12
    assert trained.ledger.utilization.peak_flops_per_second == 3e12
    assert probe.steps == 6
    assert (probe.tokens, probe.slots) == (sum(s.tokens for s in steps), sum(s.slots for s in steps))
    assert probe.tokens_per_second is not None
    assert not list((tmp_path / "probe").glob("*"))


def test_a_probe_awaits_its_turn_before_the_last_step_that_warms_up_and_counts_others_load_from_then_on(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs beside its first step is no part of its speed, and would make a quiet machine look disturbed."""
    seen = list[object]()

    class Counter(OtherLoadCounter):
        def __init__(self, device: torch.device) -> None:
            super().__init__(device)
            seen.append("count")

    def emit(event: Event) -> None:
        assert isinstance(event, StepDone)
        seen.append(event.step)

    monkeypatch.setattr(probe_module, "OtherLoadCounter", Counter)
    job = ProbeJob(training=job_in(world), steps=4, digest="p" * 64)
    probe = run_probe(job, tmp_path / "probe", emit, await_turn=lambda: seen.append("turn"))
    assert seen == ["count", 1, "turn", "count", 2, 3, 4]
    assert probe.tokens_per_second is not None


@pytest.mark.parametrize("recipe", [{}, {"group_by_length": True}, {"packing": "bfd", "max_length": 64}])
def test_the_first_steps_alone_are_the_trainings_own(world: Path, recipe: dict[str, object]) -> None:
    job = job_in(world, recipe=recipe)
    whole = build_training_data(job, budget=job.budget).schedule
    begun = build_training_data(job, budget=job.budget, steps=2).schedule
    assert begun.steps == 2 < whole.steps
    first, same = ([row.ids.tolist() for row in schedule.examples()] for schedule in (begun, whole.first(2)))
    assert first == same


def test_a_probe_renders_the_rows_of_its_steps(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, rendered = job_in(world), list[int]()

    def counting(index: int, *others: Any) -> Any:
        rendered.append(index)
        return encode_row(index, *others)

    monkeypatch.setattr(schedule_module, "encode_row", counting)
    run_probe(ProbeJob(training=job, steps=2, digest="p" * 64), tmp_path / "probe", lambda event: None)
    batch_rows = job.recipe.batch_rows
    assert batch_rows is not None
    assert len(rendered) <= 3 * batch_rows < job.data.rows


def test_a_length_beyond_the_model_is_refused(world: Path) -> None:
    with pytest.raises(InputError, match="beyond the model's 256 positions"):
        count_training(job_in(world, recipe={"max_length": 300}))
