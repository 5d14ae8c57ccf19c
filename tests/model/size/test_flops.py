"""MFU is a share of counted operations: if the count is wrong, so is every MFU in every report."""

from copy import deepcopy

import pytest
import torch
from peft import HRAConfig, LoraConfig, PeftConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, OPTConfig, Qwen2Config
from transformers.models.llama.modeling_llama import LlamaAttention

from bench.model.size.flops import FlopModel, Rates, Work, _Counter, _rates, flop_model, run_forward

BATCH, LENGTH = 2, 48
VIRTUAL = 5
"""Tokens of a learned prompt."""
SHAPES = {
    "gpt2": GPT2Config(n_embd=64, n_layer=3, n_head=4, vocab_size=211, n_positions=64),
    "llama": LlamaConfig(
        hidden_size=64, intermediate_size=172, num_hidden_layers=3, num_attention_heads=8, num_key_value_heads=4,
        vocab_size=211, max_position_embeddings=64, head_dim=8,
    ),
    "qwen2": Qwen2Config(
        hidden_size=64, intermediate_size=160, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=211, tie_word_embeddings=True,
    ),
    "opt": OPTConfig(
        hidden_size=64, ffn_dim=256, num_hidden_layers=3, num_attention_heads=4, vocab_size=211,
        max_position_embeddings=64, word_embed_proj_dim=64,
    ),
}  # fmt: skip


def build(shape: str, method: str = "full") -> torch.nn.Module:
    """A real (not meta) model of the shape, with what `method` trains left trainable."""
    torch.manual_seed(0)
    # eager: torch's counter does not know the fused attention kernel of CPUs
    model = AutoModelForCausalLM.from_config(SHAPES[shape], attn_implementation="eager").float()
    return model if method == "full" else get_peft_model(model, deepcopy(ADAPTERS[method]))


def adapter(kind: type[PeftConfig], **fields: object) -> PeftConfig:
    """Of a causal language model."""
    return kind(task_type="CAUSAL_LM", **fields)


ADAPTERS = {
    "lora": adapter(LoraConfig, r=4, target_modules="all-linear"),
    "dora": adapter(LoraConfig, r=4, target_modules="all-linear", use_dora=True),
    "lora in the last layer": adapter(LoraConfig, r=4, target_modules=["q_proj", "v_proj"], layers_to_transform=[2]),
    "hra": adapter(HRAConfig, r=4, target_modules=["q_proj", "v_proj"]),
    "prefix": adapter(PrefixTuningConfig, num_virtual_tokens=VIRTUAL),
    "prompt": adapter(PromptTuningConfig, num_virtual_tokens=VIRTUAL),
}


def counted(model: torch.nn.Module) -> tuple[int, int]:
    """Forward and backward operations of one training pass, as torch's own counter sees them."""
    model.train()
    ids = torch.randint(0, 200, (BATCH, LENGTH))
    with FlopCounterMode(display=False) as forward:
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    return forward.get_total_flops(), backward.get_total_flops()


def work(tokens: int = LENGTH, *, prefix: int = 0) -> Work:
    """One forward pass of the batch, with the head at every position."""
    positions = BATCH * tokens
    return Work(positions=positions, pairs=positions * (tokens + prefix), head_positions=positions, passes=1)


def assert_counts_agree(model: torch.nn.Module, given: Work) -> FlopModel:
    """With torch's counter, forward and backward, within 2%. What was counted."""
    flops = flop_model(model)
    expected_forward, expected_backward = counted(model)
    assert flops.forward.of(given) == pytest.approx(expected_forward, rel=0.02)
    assert flops.backward.of(given) == pytest.approx(expected_backward, rel=0.02)
    return flops


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("shape", SHAPES)
def test_within_two_percent_of_torchs_counter(shape: str, method: str) -> None:
    assert_counts_agree(build(shape, method), work())


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_checkpointing_is_counted_as_it_recomputes(shape: str, method: str) -> None:
    """torch repeats a layer only up to what backward still needs: not always the whole forward pass."""
    model = build(shape, method)
    without = flop_model(model)
    model.gradient_checkpointing_enable({"use_reentrant": False})
    if isinstance(model, PeftModel):
        model.enable_input_require_grads()
    again = assert_counts_agree(model, work())
    assert again.forward == without.forward
    layers = without.forward.of(work()) - without.forward.head_position * work().head_positions
    assert 0.5 * layers < again.backward.of(work()) - without.backward.of(work()) < 1.3 * layers


@pytest.mark.parametrize("method", ["dora", "hra", "lora in the last layer"])
@pytest.mark.parametrize("shape", ["llama", "opt"])
def test_other_adapters_are_counted_as_they_compute(shape: str, method: str) -> None:
    """Products of weights alone, once for each pass; and nothing goes back below the first adapter."""
    assert_counts_agree(build(shape, method), work())


@pytest.mark.parametrize("shape", SHAPES)
def test_a_learned_prefix_is_longer_keys_and_a_learned_prompt_longer_rows(shape: str) -> None:
    assert_counts_agree(build(shape, "prefix"), work(prefix=VIRTUAL))
    assert_counts_agree(build(shape, "prompt"), work(LENGTH + VIRTUAL))


def test_frozen_embeddings_change_no_product() -> None:
    model = build("llama")
    model.get_input_embeddings().weight.requires_grad_(False)
    assert_counts_agree(model, work())


@pytest.mark.parametrize("method", ["full", "prefix"])
@pytest.mark.parametrize("shape", SHAPES)
def test_meta_model_gives_the_same_count(shape: str, method: str) -> None:
    with torch.device("meta"):
        meta = AutoModelForCausalLM.from_config(SHAPES[shape])
        meta = meta if method == "full" else get_peft_model(meta, deepcopy(ADAPTERS[method]))
    assert flop_model(meta) == flop_model(build(shape, method))


def test_counting_leaves_the_model_as_it_was() -> None:
    model = build("llama").eval()
    next(model.parameters()).grad = gradient = torch.ones_like(next(model.parameters()))
    flop_model(model)
    assert not model.training
    assert next(value.grad for value in model.parameters()) is gradient
    assert all(value.grad is None for value in list(model.parameters())[1:])
    assert model.config._attn_implementation == "eager"


@pytest.mark.parametrize("method", ["full", "lora"])
def test_counting_gives_the_model_its_attention_back(method: str) -> None:
    """Eager attention is many times slower, and nothing would say why."""
    model = AutoModelForCausalLM.from_config(SHAPES["llama"], attn_implementation="sdpa")
    model = model if method == "full" else get_peft_model(model, deepcopy(ADAPTERS[method]))
    seen: list[str] = []
    attention = next(module for module in model.modules() if isinstance(module, LlamaAttention))
    attention.register_forward_pre_hook(lambda module, _: seen.append(module.config._attn_implementation))
    flop_model(model)
    assert set(seen) == {"eager"}, "the counter knows plain products"
    assert model.config._attn_implementation == "sdpa"


def test_the_head_counts_where_it_is_applied() -> None:
    flops = flop_model(build("llama"))
    one = Work(positions=0, pairs=0, head_positions=1)
    assert flops.training(one) == 3 * 2 * 64 * 211


def test_products_alone_are_counted_from_zero() -> None:
    with _Counter() as counter:
        left, right = torch.ones(2, 3, device="meta"), torch.ones(3, 5, device="meta")
        assert counter.total == 0
        left @ right
    assert counter.total == 2 * 2 * 3 * 5


def test_a_model_that_cannot_run_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check before any work would let it through."""
    model = build("llama")
    run_forward(model)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no such kernel")

    monkeypatch.setattr(model.model.layers[0], "forward", fail)
    with pytest.raises(RuntimeError, match="no such kernel"):
        run_forward(model)


def test_lora_costs_about_two_thirds_of_full() -> None:
    full, lora = (flop_model(build("llama", method)).training(work()) for method in ("full", "lora"))
    assert 0.6 < lora / full < 0.85


def test_operations_that_do_not_follow_from_tokens_and_pairs_are_not_made_up() -> None:
    """An architecture that pads to blocks, say."""
    rates = Rates(position=7, pair=3, head_position=5, forward_pass=11)
    works = [
        Work(positions=n, pairs=n * n, head_positions=h, passes=1) for n, h in ((2, 1), (2, 2), (3, 1), (4, 1), (6, 3))
    ]
    linear = [(one, rates.of(one)) for one in works]
    assert _rates(linear) == rates
    with pytest.raises(ValueError, match="do not follow"):
        _rates([*linear[:4], (works[4], rates.of(works[4]) + 1)])
