"""Counted operations: MFU must not gain from padding, nor a budget in operations from what is never computed."""

import numpy as np
import pytest
import torch
from peft import LoraConfig, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig

from bench.model.size.flops import Work, flop_model
from bench.train.accounting import utilization
from bench.train.accounting.flops import SoftPrompt, hardware_work, model_work, prompt_of
from bench.train.accounting.meter import Steady
from bench.train.accounting.utilization import OperationCount
from bench.train.batches.encoded_row import Batch, EncodedRow
from bench.train.batches.schedule import Schedule

NONE = SoftPrompt()


def example(tokens: int, supervised: int) -> EncodedRow:
    """A row of so many tokens, the last of them learned."""
    ids = np.arange(tokens, dtype=np.int32)
    labels = np.where(ids >= tokens - supervised, ids, -100).astype(np.int32)
    return EncodedRow(rows=(0,), ids=ids, labels=labels, supervised_tokens=supervised, truncated=False)


PADDED: Batch = ((example(10, 3),), (example(6, 2),))
PACKED: Batch = ((example(6, 2), example(4, 1)),)


def test_the_model_needs_no_padding() -> None:
    assert model_work([PADDED], NONE) == Work(positions=16, pairs=136, head_positions=5, passes=1)


def test_the_device_computes_it() -> None:
    assert hardware_work([PADDED], NONE, head_everywhere=False) == Work(
        positions=20, pairs=200, head_positions=5, passes=1
    )
    assert hardware_work([PADDED], NONE, head_everywhere=True).head_positions == 20


def test_rows_that_share_a_sequence_need_only_themselves() -> None:
    assert model_work([PACKED], NONE) == Work(positions=10, pairs=52, head_positions=3, passes=1)
    assert hardware_work([PACKED], NONE, head_everywhere=False) == Work(
        positions=10, pairs=100, head_positions=3, passes=1
    )


def test_learned_prompts_are_positions_and_prefixes_are_keys() -> None:
    assert model_work([PACKED], SoftPrompt(tokens=2)) == Work(positions=14, pairs=100, head_positions=3, passes=1)
    assert model_work([PACKED], SoftPrompt(tokens=2, prefix=True)) == Work(
        positions=10, pairs=72, head_positions=3, passes=1
    )


def test_what_stands_before_the_rows_is_read_off_the_adapter() -> None:
    """However the suite asks for it: a prefix by its own method, or by PEFT's name."""
    prefix, prompt = (
        kind(task_type="CAUSAL_LM", num_virtual_tokens=4) for kind in (PrefixTuningConfig, PromptTuningConfig)
    )
    assert prompt_of(prefix) == SoftPrompt(tokens=4, prefix=True)
    assert prompt_of(prompt) == SoftPrompt(tokens=4)
    assert prompt_of(LoraConfig(task_type="CAUSAL_LM")) == prompt_of(None) == NONE


@pytest.fixture
def model() -> torch.nn.Module:
    """A small Llama without weights."""
    config = LlamaConfig(
        hidden_size=64, intermediate_size=172, num_hidden_layers=2, num_attention_heads=4, vocab_size=211, head_dim=16
    )
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def schedule_of(*batches: Batch) -> Schedule:
    """One forward pass per step."""
    return Schedule(batches=batches, accumulation=1, available_rows=2, dropped_rows=0)


def test_checkpointing_shows_in_hardware_operations_only(model: torch.nn.Module) -> None:
    schedule = schedule_of(PADDED, PADDED)
    plain, again = (
        OperationCount.of(
            model, None, checkpointing=on, head_everywhere=False
        )
        for on in (False, True)
    )  # fmt: skip
    assert plain.model(schedule) == again.model(schedule)
    assert again.hardware(schedule) > plain.hardware(schedule) > plain.model(schedule)


def test_utilisation_counts_the_steady_steps_alone(model: torch.nn.Module) -> None:
    """Steps after warm-up, at 8 tokens a second: 32 tokens in 4 seconds."""
    count = OperationCount.of(model, None, checkpointing=False, head_everywhere=False)
    schedule = schedule_of(PACKED, PADDED, PADDED)
    found = count.utilization(
        schedule, Steady(left_out=1, tokens_per_second=8.0), device=torch.device("cpu"), precision="fp32"
    )
    assert found.flops_per_second == pytest.approx(count.model(schedule_of(PADDED, PADDED)) / 4)
    assert found.hardware_flops_per_second == pytest.approx(count.hardware(schedule_of(PADDED, PADDED)) / 4)
    assert found.published_flops_per_second is None
    unknown = Steady(left_out=3, tokens_per_second=None)
    assert count.utilization(schedule, unknown, device=torch.device("cpu"), precision="fp32") is None


@pytest.mark.parametrize(("before", "after", "counts"), [(2e12, 1e12, 2e12), (1e12, 2e12, 2e12), (None, 1e12, 1e12)])
def test_the_higher_of_the_peaks_before_and_after_a_training_counts(
    model: torch.nn.Module, monkeypatch: pytest.MonkeyPatch, before: float | None, after: float, counts: float
) -> None:
    """Another program's work makes one of them too low, and a share of the peak too high."""
    monkeypatch.setattr(utilization, "measured_peak", lambda *_, **__: after)
    found = OperationCount.of(model, None, checkpointing=False, head_everywhere=False).utilization(
        schedule_of(PACKED), Steady(left_out=0, tokens_per_second=8.0), device=torch.device("cpu"), precision="fp32",
        peak_before=before,
    )  # fmt: skip
    assert found.peak_flops_per_second == counts


def test_the_peak_of_several_processes_is_that_of_one_so_many_times(
    model: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def measured(precision: str, *, device: str, seconds: float) -> float:
        asked.append((precision, device))
        return 100.0

    def published(name: str, precision: str) -> float:
        asked.append((name, precision))
        return 250.0

    monkeypatch.setattr(utilization, "measured_peak", measured)
    monkeypatch.setattr(utilization, "published_peak", published)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    count = OperationCount.of(model, None, checkpointing=False, head_everywhere=False)
    steady = Steady(left_out=1, tokens_per_second=8.0)
    found = count.utilization(
        schedule_of(PADDED, PADDED), steady, device=torch.device("cuda"), precision="bf16", processes=3
    )
    assert (found.peak_flops_per_second, found.published_flops_per_second) == (300.0, 750.0)
    assert asked == [("bf16", "cuda"), ("a GPU", "bf16")]
    alone = count.utilization(schedule_of(PADDED, PADDED), steady, device=torch.device("cuda"), precision="bf16")
    assert (alone.peak_flops_per_second, alone.published_flops_per_second) == (100.0, 250.0)
    nothing_left = Steady(left_out=2, tokens_per_second=8.0)
    assert (
        count.utilization(schedule_of(PADDED, PADDED), nothing_left, device=torch.device("cpu"), precision="fp32")
        is None
    )


def test_operations_add_up_over_batches_and_each_batch_is_a_pass() -> None:
    """Of two batches: the sums of both, padded each to its own longest row."""
    wide: Batch = ((example(12, 4),), (example(2, 1),))
    assert model_work([PADDED, wide], NONE) == Work(positions=30, pairs=136 + 148, head_positions=10, passes=2)
    assert hardware_work([PADDED, wide], NONE, head_everywhere=False) == Work(
        positions=44, pairs=200 + 288, head_positions=10, passes=2
    )


def test_checkpointing_under_an_adapter_repeats_the_first_layer_too(model: torch.nn.Module) -> None:
    """As the trainer sets it up: without gradients of the first layer's input, nothing would be repeated there."""
    config = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"], layers_to_transform=[1])
    adapted = get_peft_model(model, config)
    plain, again = (
        OperationCount.of(adapted, config, checkpointing=on, head_everywhere=False).hardware(schedule_of(PADDED))
        for on in (False, True)
    )
    forward = flop_model(model).forward
    layers = forward.position * 20 + forward.pair * 200
    assert again - plain > 0.6 * layers, "both layers, not the second alone"
