"""What a training counts and measures of itself."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from bench.model.loading.load import load_tokenizer
from bench.train.accounting.tail_loss import tail_loss
from bench.train.job import run_training
from tests.fakes.training import WORLD_ROWS as ROWS
from tests.fakes.training import train
from tests.train.small_jobs import job_in, step


def test_supervised_tokens_recounted_by_decoding(world: Path, tmp_path: Path) -> None:
    """One epoch: every answer and its end-of-sequence token, nothing else."""
    job = job_in(world, budget={"unit": "epochs", "amount": 1})
    tokenizer = load_tokenizer(job.model)
    answers = [tokenizer.encode(f" {row.answer}", add_special_tokens=False) for row in ROWS]
    result = train(job, tmp_path)
    assert result.ledger.supervised_tokens == sum(len(answer) + 1 for answer in answers)
    assert (result.ledger.rows, result.ledger.distinct_rows, result.ledger.epochs) == (40, 40, 1.0)
    answer_of = {row.origin: row.answer for row in ROWS}
    assert len(result.seen_rows) == 3
    for seen in result.seen_rows:
        said = {kind: "".join(run.text for run in seen.segments if run.supervised is kind) for kind in (True, False)}
        assert said[True] == f" {answer_of[seen.origin]}</s>", "the report shows what was learned"
        assert answer_of[seen.origin] not in said[False]


def test_parameters_are_counted_exactly(world: Path, tmp_path: Path) -> None:
    full, lora = (
        train(job_in(world), tmp_path / "full"),
        train(job_in(world, recipe={"method": "lora"}), tmp_path / "lora"),
    )
    stored = sum(tensor.numel() for tensor in load_file(world / "base" / "model.safetensors").values())
    adapter = sum(tensor.numel() for tensor in load_file(tmp_path / "lora/weights/adapter_model.safetensors").values())
    assert (full.parameters, full.trainable_parameters) == (stored, stored)
    assert (lora.parameters, lora.trainable_parameters) == (stored + adapter, adapter)


def test_the_phases_add_up_to_the_wall_time(world: Path, tmp_path: Path) -> None:
    seconds = train(job_in(world), tmp_path).ledger.seconds
    parts = seconds.model_dump(exclude={"wall"})
    assert sum(parts.values()) == pytest.approx(seconds.wall, rel=0.02)
    assert min(parts[name] for name in ("start_up", "data", "compute", "optimizer", "saving")) > 0


def test_progress_is_reported_step_by_step(world: Path, tmp_path: Path) -> None:
    events: list[Any] = []
    result = run_training(job_in(world), tmp_path, events.append)
    assert [event.step for event in events] == list(range(1, len(result.steps) + 1))
    assert events[-1].tokens == result.ledger.tokens
    assert {event.steps for event in events} == {len(result.steps)}
    json.dumps([event.model_dump() for event in events], allow_nan=False)


def test_memory_is_the_peak_of_the_training(world: Path, tmp_path: Path) -> None:
    peak = train(job_in(world), tmp_path).ledger.peak_process_bytes
    assert peak is not None
    assert 2**26 < peak < 2**36


def test_the_tail_loss_is_of_the_last_tenth_of_the_supervised_tokens() -> None:
    steps = [step(number, 9.0, 10) for number in range(1, 199)] + [step(199, 1.0, 300), step(200, 2.0, 10)]
    weighed = 8 * 10 * 9.0 + 300 * 1.0 + 10 * 2.0
    assert tail_loss(steps) == pytest.approx(weighed / 390), "ten steps, which hold more than a tenth"
    even = [step(number, float(number > 360), 10) for number in range(1, 401)]
    assert tail_loss(even) == 1.0, "forty of four hundred even steps"


def test_the_tail_loss_of_a_short_training_is_not_that_of_one_batch() -> None:
    steps = [step(number, 2.5 + 0.5 * (number % 2), 100) for number in range(1, 9)] + [step(9, 4.5, 100)]
    assert tail_loss(steps) == pytest.approx((4 * 3.0 + 4 * 2.5 + 4.5) / 9)
    assert tail_loss([step(1, 3.0, 5), step(2, None, 0)]) == 3.0
    assert tail_loss([]) is None
