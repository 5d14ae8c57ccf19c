"""How much is in work together follows the device and its memory, and moves no score."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
from transformers import LlamaConfig

from bench.data.render.row import Row, Turn
from bench.evals import subject_job
from bench.evals.inference import slot_budget as budget
from bench.evals.inference.slot_budget import FEWEST, answer_slots, bytes_in_work, slot_budget
from bench.machine import product_rows
from bench.machine.product_rows import fewest_near_peak
from tests.evals.jobs import evaluate, generation_job, lm_eval_job, loss_job, resolved_model, sentence, write_choice

SEVEN_B = LlamaConfig(
    hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32
)
GIB = 2**30


def model(device: str, config: Any = SEVEN_B, dtype: torch.dtype = torch.bfloat16, weights: int = 0) -> Any:
    one = torch.empty(weights, dtype=dtype, device="meta")
    return SimpleNamespace(device=torch.device(device), config=config, dtype=dtype, parameters=lambda: [one])


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_to(gib: float) -> None:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=int(gib * GIB)))

    return set_to


def test_every_processor_with_the_memory_has_one_budget(memory: Any, tmp_path: Path) -> None:
    """So that scores move between processors as little as rounding allows; and nothing is timed there."""
    for gib in (16, 64, 512):
        memory(gib)
        assert slot_budget(model("cpu", LlamaConfig(hidden_size=64, num_attention_heads=4)), tmp_path) == 4096
    assert not list(tmp_path.iterdir())


def test_a_large_model_on_a_small_machine_has_fewer_slots(memory: Any) -> None:
    """By hand: 2 × 32 layers × 32 heads × 128 keys and values, and 4 × 4,096 + 2 × 11,008 of a layer, 2 bytes each."""
    each = 2 * (2 * 32 * 32 * 128 + 4 * 4096 + 2 * 11008)
    assert bytes_in_work(SEVEN_B, torch.bfloat16, 1000) == 1000 * each
    memory(8 * 2048 * each / GIB)
    assert slot_budget(model("cpu"), None) == 2048
    memory(8 * 2047 * each / GIB)
    assert slot_budget(model("cpu"), None) == 1024
    memory(0.001)
    assert slot_budget(model("cpu"), None) == FEWEST


def test_a_small_model_on_a_processor_answers_with_more_rows_in_work(memory: Any) -> None:
    """By hand: a slot of the small one is 2 × 5 layers × 4 heads × 8 numbers of 4 bytes, of which 64 MiB hold 52,428;
    one of the large one 2 × 30 × 3 × 64 × 4 bytes, of which they hold fewer than a pass has, and 135M weights of 4
    bytes are as much as 11,718."""
    memory(16)
    small = LlamaConfig(hidden_size=64, num_hidden_layers=5, num_attention_heads=8, num_key_value_heads=4)
    large = LlamaConfig(hidden_size=576, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3)
    single = torch.float32
    assert answer_slots(model("cpu", small, single), 4096) == 32768
    assert answer_slots(model("cpu", small, torch.bfloat16), 4096) == 32768, "passes in C++ keep fp32"
    assert answer_slots(model("cpu", large, single), 4096) == 4096
    assert answer_slots(model("cpu", large, single, weights=135_000_000), 4096) == 8192
    assert answer_slots(model("cpu", large, single, weights=10**10), 4096) == 16384, "a sixteenth of the memory"
    memory(4)
    assert answer_slots(model("cpu", large, single, weights=135_000_000), 4096) == 4096
    assert answer_slots(model("mps", small, single), 4096) == 4096, "a device was timed, and has its own budget"


def test_another_device_is_timed_once_for_a_home(memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A resumed run keeps its batches, though another timing would say otherwise."""
    memory(1024)
    answers = iter([16384, 65536, 32768])
    monkeypatch.setattr(budget, "rows_at_peak", lambda *_: next(answers))
    assert slot_budget(model("mps"), tmp_path) == 16384
    assert slot_budget(model("mps"), tmp_path) == 16384
    assert slot_budget(model("mps", dtype=torch.float32), tmp_path) == 65536, "another precision has another peak"
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"] * 2


def test_who_measures_second_takes_what_the_first_measured(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Base and arm are scored at once by two processes of a new home."""
    memory(1024)
    turns = {"first": 16384, "second": 32768}

    def while_another_is_first(*_: object) -> int:
        monkeypatch.setattr(budget, "rows_at_peak", lambda *_: turns["first"])
        assert slot_budget(model("mps"), tmp_path) == turns["first"]
        return turns["second"]

    monkeypatch.setattr(budget, "rows_at_peak", while_another_is_first)
    assert slot_budget(model("mps"), tmp_path) == turns["first"]


def test_memory_bounds_what_a_device_is_fast_with(memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen times the slots may read sixteen times the logits, which take memory, too."""
    monkeypatch.setattr(budget, "rows_at_peak", lambda *_: 65536)
    memory(16)
    small = slot_budget(model("mps"), tmp_path)
    memory(640)
    assert (small, slot_budget(model("mps"), tmp_path)) == (2048, 65536)


def test_nothing_is_timed_where_the_figure_would_not_be_kept(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of a sweep would be scored in other batches each."""
    memory(640)
    monkeypatch.setattr(budget, "rows_at_peak", lambda *_: pytest.fail("timed"))
    assert slot_budget(model("mps"), None) == 4096


def test_a_device_is_timed_at_each_number_of_rows_and_its_memory_ends_the_trial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Products that do not fit say nothing of the rate."""
    seconds = {4: 1.0, 8: 1.5, 16: 2.5, 32: 5.0}

    def product(inputs: torch.Tensor, weight: torch.Tensor) -> float:
        if len(inputs) == 64:
            raise torch.OutOfMemoryError
        return seconds[len(inputs)]

    monkeypatch.setattr(product_rows, "_WIDTH", 2)
    monkeypatch.setattr(product_rows, "_ROWS", (4, 8, 16, 32, 64))
    monkeypatch.setattr(product_rows, "seconds_of_product", product)
    assert product_rows.rows_at_peak(torch.device("cpu"), torch.float32) == 16


def test_the_fewest_rows_near_the_peak() -> None:
    assert fewest_near_peak({4096: 50.0, 8192: 94.0, 16384: 96.0, 32768: 100.0}) == 16384
    assert fewest_near_peak({4096: 99.0, 8192: 100.0}) == 4096


def test_every_kind_of_eval_keeps_to_the_budget_and_scores_the_same(
    tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the tolerance of scores at fp32; greedy answers are the same. Other batches have other padding, which
    passes in C++ do not."""
    monkeypatch.setattr("bench.model.loading.packed_linear.multiplies", lambda _: False)
    base, path = resolved_model(checkpoint), tmp_path / "rows.jsonl"
    write_choice(tmp_path / "tasks", count=12)
    pairs = [(sentence(n, 2 + n % 7), sentence(n + 50, 4)) for n in range(12)]
    turns = [(Turn(role="user", content=asked), Turn(role="assistant", content=said)) for asked, said in pairs]
    path.write_text("".join(Row(turns=pair, origin="x:1").model_dump_json() + "\n" for pair in turns))
    jobs = [
        generation_job(base, path, 12, decoding={"max_new_tokens": 8}, metrics=["token_f1"]),
        lm_eval_job(base, tmp_path / "tasks", ["choice"]),
        loss_job(base, path, 12),
    ]
    results = {}
    for slots in (4096, 128):
        for asked in ("slot_budget", "answer_slots"):
            monkeypatch.setattr(subject_job, asked, lambda *_, slots=slots: slots)
        for number, job in enumerate(jobs):
            folder = tmp_path / f"{slots}-{number}"
            folder.mkdir()
            results[slots, number] = evaluate(job, folder)
            assert f"at most {slots} slots" in results[slots, number][0].batch
    for number in range(len(jobs)):
        (few, few_rows), (many, many_rows) = results[128, number], results[4096, number]
        assert few.slots != many.slots, "the case needs other batches"
        for row, other in zip(few_rows, many_rows, strict=True):
            assert row.metrics == pytest.approx(other.metrics, abs=1e-4)
            assert row.output == other.output
