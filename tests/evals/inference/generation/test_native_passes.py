"""Passes in C++: the answers of the model's own layers, of a row as if it were alone, and only where that was seen."""

from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from bench.evals.inference.counted_generator import CountedGenerator, tokens_alone
from bench.evals.inference.generation.generator import generate
from bench.evals.inference.generation.native_passes import NativePasses
from bench.evals.inference.generation.request import GenerationRequest
from bench.evals.inference.pass_counts import count_from_here
from bench.model.loading.packed_linear import pack_linears
from bench.model.native.library import Products
from bench.model.native_trial import native
from tests.compiler import each_way, multiplied, needs_compiler
from tests.evals.loud import OTHERS, loud, other_model
from tests.fakes.checkpoints import tiny_tokenizer
from tests.fakes.decoders import DECODERS, decoder

TOKENIZER = tiny_tokenizer()


def requests(count: int = 9, begin: tuple[int, ...] = ()) -> list[GenerationRequest]:
    draw = torch.Generator().manual_seed(6)  # the best two logits of every token are 3e-4 standard deviations apart
    return [
        GenerationRequest(
            prompt=begin + tuple(torch.randint(2, 384, (1 + 5 * i,), generator=draw).tolist()),
            stop_ids=frozenset({1}), until=(), max_new_tokens=3 + 2 * i,
        )
        for i in range(count)
    ]  # fmt: skip


@needs_compiler
@pytest.mark.parametrize("begin", [(), tuple(range(100, 140))], ids=["", "behind one beginning"])
@pytest.mark.parametrize("slots", [8192, 130])
@pytest.mark.parametrize("name", DECODERS)
def test_answers_are_those_of_the_plain_model(name: str, slots: int, begin: tuple[int, ...]) -> None:
    model = decoder(name)
    asked = requests(begin=begin)
    plain = [
        model.generate(
            torch.tensor([request.prompt]), max_new_tokens=request.max_new_tokens, do_sample=False,
            eos_token_id=1, pad_token_id=0,
        )[0, len(request.prompt) :].tolist()
        for request in asked
    ]  # fmt: skip
    pack_linears(model)
    assert native(model) is not None
    assert [
        list(answer.ids) for answer in generate(model, TOKENIZER, asked, slots=slots) if answer is not None
    ] == plain


@needs_compiler
@each_way
@pytest.mark.parametrize("name", DECODERS)
def test_answers_in_bf16_are_those_of_the_rounded_weights_in_fp32(
    name: str, way: Products, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Layers in bf16 round each of their results, and half of their answers differ from those in fp32."""
    multiplied(way, monkeypatch)
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    model, rounded = decoder(name).to(torch.bfloat16), decoder(name).to(torch.bfloat16).float()
    asked, spoken = requests(), requests()
    for packed in (model, rounded):
        pack_linears(packed)
        assert native(packed) is not None
    answers = generate(model, TOKENIZER, asked, slots=8192)
    assert answers == generate(rounded, TOKENIZER, spoken, slots=8192)
    for request, answer in zip(asked, answers, strict=True):
        assert answer is not None
        assert tokens_alone(model, request, answer.ids) == answer.ids, "layers over the same weights, fp32 between them"


@needs_compiler
def test_tiles_of_bf16_that_the_compiler_does_not_know_are_left_to_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    multiplied(Products.WORDS, monkeypatch)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    model = decoder("llama").to(torch.bfloat16)
    pack_linears(model)
    assert native(model) is None


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_rows_logits_are_those_that_it_has_alone_to_the_last_bit(dtype: torch.dtype) -> None:
    model = decoder("qwen3").to(dtype)
    pack_linears(model)
    rows = [list(request.prompt) for request in requests()]
    together, alone = (passes_of(model, places=len(rows)) for _ in range(2))
    first = together.prefill(rows, range(len(rows)), together.prefix([]))
    later = together.decode(range(20, 29), [len(row) for row in rows])
    for number, row in enumerate(rows):
        assert torch.equal(alone.prefill([row], [0], alone.prefix([])), first[number : number + 1])
        assert torch.equal(alone.decode([20 + number], [len(row)]), later[number : number + 1])


@needs_compiler
def test_a_row_without_finite_logits_leaves_nothing_behind() -> None:
    """A place is not cleared: what its next row has not written must not be read."""
    model = decoder("llama")
    pack_linears(model)
    passes = passes_of(model, places=1)
    expected = passes.prefill([[5, 6, 7]], [0], passes.prefix([]))
    with torch.no_grad():
        model.get_input_embeddings().weight[300].fill_(torch.nan)
    assert passes.prefill([[300] * 40], [0], passes.prefix([])).isnan().all()
    assert torch.equal(passes.prefill([[5, 6, 7]], [0], passes.prefix([])), expected)


@needs_compiler
def test_passes_are_counted_without_padding() -> None:
    model = decoder("llama")
    pack_linears(model)
    native(model)
    counts = count_from_here(model)
    passes = passes_of(model, places=2)
    passes.prefill([[5, 6, 7], [8]], [0, 1], passes.prefix([2, 3]))
    passes.decode([4, 4], [5, 3])
    assert (counts.tokens, counts.slots, counts.work.positions) == (8, 8, 8)
    assert counts.work.pairs == 2 * 2 + 3 * 5 + 1 * 3 + 6 + 4
    assert (counts.work.head_positions, counts.work.passes) == (5, 3)


@needs_compiler
@pytest.mark.parametrize("changed", ["logits", "layer"])
def test_a_model_that_computes_something_else_keeps_its_layers(changed: str) -> None:
    """A class may have the layers of Llama and do more: what the trial sees decides."""
    model: Any = decoder("llama")
    module = model.lm_head if changed == "logits" else model.model.layers[1].mlp
    module.register_forward_hook(lambda _, __, output: output * 1.1)
    pack_linears(model)
    assert native(model) is None
    (answer,) = CountedGenerator(model=model, tokenizer=TOKENIZER).draw(requests(1), lambda _: None)
    assert answer is not None


def test_a_window_wider_than_the_trials_rows_keeps_the_models_layers() -> None:
    """No trial on short rows sees it."""
    model = decoder("mistral", sliding_window=64)
    pack_linears(model)
    assert native(model) is None


@pytest.mark.parametrize("name", ["gpt2", "opt", *OTHERS])
def test_other_architectures_keep_their_layers(name: Any) -> None:
    model = other_model(name) if name in OTHERS else loud(name)
    pack_linears(model)
    assert native(model) is None


@needs_compiler
def test_the_record_says_what_made_the_passes() -> None:
    def batch(model: PreTrainedModel) -> str:
        generator = CountedGenerator(model=model, tokenizer=TOKENIZER)
        generator.draw(requests(), lambda _: None)
        return generator.describe(generator.account(samples=1))

    plain, packed = decoder("llama"), decoder("llama")
    pack_linears(packed)
    checked = "1 answer computed again alone came out the same"
    assert batch(plain) == f"by length, at most 4096 slots; {checked}"
    assert batch(packed) == f"by length, at most 4096 slots, passes in C++; {checked}"


def passes_of(model: PreTrainedModel, *, places: int) -> NativePasses:
    """Passes over a table of that many rows."""
    made = native(model)
    assert made is not None
    passes = NativePasses(model, made)
    passes.make_room(places=places, width=64, rows=0)
    return passes
