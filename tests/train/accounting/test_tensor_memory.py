"""Peak tensor bytes: the count that names a step which suddenly keeps more alive."""

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, OPTConfig

from bench.train.accounting import tensor_memory
from bench.train.accounting.tensor_memory import LiveBytes, peak_tensor_bytes
from bench.train.batches.collate import RowSeparation
from bench.train.batches.encoded_row import Batch
from tests.train.accounting.test_flops import PACKED, PADDED

META = torch.device("meta")


def llama(**changes: int) -> torch.nn.Module:
    """A small Llama without weights."""
    shape = {"hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 2, "num_attention_heads": 4,
             "vocab_size": 211, "head_dim": 16, **changes}  # fmt: skip
    with META:
        return AutoModelForCausalLM.from_config(LlamaConfig(**shape))


def test_the_peak_is_what_lives_at_once() -> None:
    start = torch.ones(1000, device=META)
    with LiveBytes() as live:
        one = start + 1
        two = one * 2
        del one
        three = two + 1
        del two
    assert (live.alive, live.peak) == (4_000, 8_000)
    del three
    assert live.alive == 0


def test_views_and_changes_in_place_are_no_new_bytes() -> None:
    start = torch.ones(10, 10, device=META)
    with LiveBytes() as live:
        start.view(100).add_(1)
    assert live.peak == 0


def test_a_step_holds_at_least_weights_gradients_and_moments() -> None:
    model = llama()
    weights = sum(value.numel() * 4 for value in model.parameters())
    assert peak_tensor_bytes(model, PADDED, packed=False) > 4 * weights


def test_a_model_that_takes_positions_from_its_mask_is_counted_too() -> None:
    """OPT would read them from a mask that has values and two dimensions; here it has neither."""
    shape = OPTConfig(
        hidden_size=64, ffn_dim=128, num_hidden_layers=2, num_attention_heads=4, vocab_size=211, word_embed_proj_dim=64
    )
    with META:
        model = AutoModelForCausalLM.from_config(shape)
    weights = sum(value.numel() * 4 for value in model.parameters())
    assert peak_tensor_bytes(model, PADDED, packed=False) > 4 * weights


def test_weights_and_two_moments_of_what_is_trained_live_throughout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights at their own precision, moments in 4 bytes whatever it is, and none for what is frozen."""

    class Blind(LiveBytes):
        def _follow(self, tensor: torch.Tensor) -> None:
            pass

    monkeypatch.setattr(tensor_memory, "LiveBytes", Blind)
    model = llama().to(torch.bfloat16)
    model.get_input_embeddings().weight.requires_grad_(False)
    every = sum(value.numel() for value in model.parameters())
    trained = every - 211 * 64
    assert peak_tensor_bytes(model, PADDED, packed=False) == 2 * every + 8 * trained


@pytest.mark.parametrize("packed", [False, True])
def test_it_is_exact(packed: bool) -> None:
    batch = PACKED if packed else PADDED
    found = {peak_tensor_bytes(llama(), batch, packed=packed) for _ in range(3)}
    assert len(found) == 1


def test_more_layers_and_longer_rows_show_and_checkpointing_saves() -> None:
    base = peak_tensor_bytes(llama(), PADDED, packed=False)
    assert peak_tensor_bytes(llama(num_hidden_layers=3), PADDED, packed=False) > base
    assert peak_tensor_bytes(llama(), PADDED + PADDED, packed=False) > base
    checkpointed = llama(num_hidden_layers=8)
    plain = peak_tensor_bytes(llama(num_hidden_layers=8), PADDED * 8, packed=False)
    checkpointed.gradient_checkpointing_enable({"use_reentrant": False})
    checkpointed.enable_input_require_grads()
    assert peak_tensor_bytes(checkpointed, PADDED * 8, packed=False) < plain


def test_a_model_left_in_evaluation_mode_is_counted_as_it_trains() -> None:
    """Checkpointing works in training mode alone."""
    training, evaluating = llama(num_hidden_layers=4), llama(num_hidden_layers=4)
    for model in (training, evaluating):
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    assert peak_tensor_bytes(evaluating.eval(), PADDED * 4, packed=False) == peak_tensor_bytes(
        training, PADDED * 4, packed=False
    )


def test_packed_rows_are_counted_with_what_keeps_them_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []
    real = tensor_memory.collate

    def collate(batch: Batch, pad: int, separation: RowSeparation | None) -> dict[str, object]:
        asked.append(separation)
        return real(batch, pad, separation)

    monkeypatch.setattr(tensor_memory, "collate", collate)
    for packed in (True, False):
        peak_tensor_bytes(llama(), PACKED if packed else PADDED, packed=packed)
    assert asked == ["positions and mask", None]
