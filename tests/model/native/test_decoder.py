"""Passes in C++ whose products take rounded inputs: those of torch's layers with the same inputs."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from bench.model.loading.packed_linear import pack_linears
from bench.model.native.decoder import native_decoder
from bench.model.native.library import Products, lanes
from bench.model.native.token_tree import TokenTree
from tests.compiler import each_way, multiplied, needs_compiler
from tests.fakes.decoders import DECODERS, decoder

pytestmark = needs_compiler


def rows() -> list[list[int]]:
    draw = torch.Generator().manual_seed(3)
    return [torch.randint(2, 384, (1 + number % 7,), generator=draw).tolist() for number in range(50)]


def logits(model: PreTrainedModel, asked: Sequence[Sequence[int]], *, rounded: bool) -> Tensor:
    """Logits [tokens, vocabulary] of all rows in one pass."""
    native = native_decoder(model)
    assert native is not None
    tree = TokenTree(lanes())
    return native.tree_logits(tree, [token for row in asked for token in tree.add(tuple(row))], rounded=rounded)


def round_inputs(model: PreTrainedModel) -> None:
    """Has every linear layer round what it is given to bf16."""
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            module.register_forward_pre_hook(lambda _, given: (given[0].bfloat16().float(),))


@torch.no_grad()
def by_rounding_layers(model: PreTrainedModel, asked: Sequence[Sequence[int]]) -> Tensor:
    """The same by torch's layers, each of which rounds what it is given."""
    round_inputs(model)
    return torch.cat([model(input_ids=torch.tensor([row])).logits[0] for row in asked])


@each_way
@pytest.mark.parametrize("weights", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", DECODERS)
def test_inputs_of_every_product_are_rounded_and_nothing_else(
    name: str, weights: torch.dtype, way: Products, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where two sums in another order are rounded to two numbers, now and then, a token's logits differ by more."""
    multiplied(way, monkeypatch)
    model, plain = decoder(name).to(weights).float(), decoder(name).to(weights).float()
    pack_linears(model)
    expected = by_rounding_layers(plain, rows())

    def apart(*, rounded: bool) -> Tensor:
        return (logits(model, rows(), rounded=rounded) - expected).abs().amax(1) / expected.std(1)

    assert (apart(rounded=True) < 1e-5).float().mean() > 0.8
    assert apart(rounded=True).max() < 0.1
    assert (apart(rounded=False) > 1e-4).all()


@each_way
def test_a_rows_rounded_logits_are_those_that_it_has_alone_to_the_last_bit(
    way: Products, monkeypatch: pytest.MonkeyPatch
) -> None:
    multiplied(way, monkeypatch)
    model = decoder("qwen3").to(torch.bfloat16)
    pack_linears(model)
    alone = torch.cat([logits(model, [row], rounded=True) for row in rows()])
    assert torch.equal(logits(model, rows(), rounded=True), alone)


@pytest.mark.parametrize("threads", [1, 2])
@each_way
def test_a_row_that_goes_through_a_layer_in_parts_gives_what_torchs_layers_give(
    way: Products, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts end within rows, and within what rows begin with alike."""
    multiplied(way, monkeypatch)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    model, plain = decoder("qwen3").to(torch.bfloat16).float(), decoder("qwen3").to(torch.bfloat16).float()
    pack_linears(model)
    long = torch.randint(2, 384, (500,), generator=torch.Generator().manual_seed(4)).tolist()
    asked = sorted([long[:190], long[:190] + long[200:450], long, *rows()])
    with torch.no_grad():
        expected = torch.cat([plain(input_ids=torch.tensor([row])).logits[0] for row in asked])
    torch.testing.assert_close(logits(model, asked, rounded=False), expected, rtol=0, atol=2e-4 * float(expected.std()))
