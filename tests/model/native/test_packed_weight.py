"""Products in C++: a linear layer's outputs, whatever the shape, and each row's own to the last bit."""

import pytest
import torch

from bench.model.native.library import Products
from bench.model.native.packed_weight import PackedWeight
from tests.compiler import each_way, multiplied, needs_compiler

pytestmark = needs_compiler


@pytest.mark.parametrize("outputs", [1, 16, 50, 172])
@pytest.mark.parametrize("inputs", [1, 8, 61])
@pytest.mark.parametrize("rows", [1, 5, 24, 25, 131])
def test_outputs_are_those_of_a_linear_layer(rows: int, inputs: int, outputs: int) -> None:
    """Rows beside and outputs beyond the last whole group; an output more would be written over another row's."""
    draw = torch.Generator().manual_seed(0)
    shapes = (outputs, inputs), (outputs,), (rows, inputs)
    weight, bias, given = (torch.randn(shape, generator=draw) for shape in shapes)
    for term in (bias, None):
        expected = torch.nn.functional.linear(given.double(), weight.double(), None if term is None else term.double())
        assert torch.allclose(PackedWeight(weight, term)(given).double(), expected, rtol=1e-5, atol=1e-5)


def test_leading_dimensions_stay() -> None:
    weight = torch.randn(7, 5)
    given = torch.randn(5, 3, 2).transpose(0, 2)
    outputs = PackedWeight(weight, None)(given)
    assert outputs.shape == (2, 3, 7)
    assert torch.allclose(outputs, given @ weight.t(), atol=1e-5)
    assert PackedWeight(weight, None)(torch.empty(0, 5)).shape == (0, 7)


def test_a_rows_outputs_depend_on_no_other_row_and_not_on_the_threads() -> None:
    """General libraries sum in another order for another number of rows."""
    packed, given = PackedWeight(torch.randn(50, 61), None), torch.randn(40, 61)
    together, before = packed(given), torch.get_num_threads()
    try:
        torch.set_num_threads(1 if before > 1 else 2)
        assert torch.equal(packed(given), together)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(torch.cat([packed(row) for row in given.split(1)]), together)


@pytest.mark.parametrize("inputs", [1, 8, 61])
@pytest.mark.parametrize("rows", [1, 24, 131])
def test_numbers_of_bf16_give_the_same_outputs_from_half_the_bytes(
    rows: int, inputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base is usually stored in bf16: its answers in fp32 must not depend on how its weights are kept here."""
    multiplied(Products.WIDENED, monkeypatch)
    draw = torch.Generator().manual_seed(0)
    numbers = torch.randn(50, inputs, generator=draw).bfloat16()
    given, other = torch.randn(rows, inputs, generator=draw), torch.full((1, inputs), 0.1)
    halved, whole = PackedWeight(numbers.float(), None), PackedWeight(torch.cat([numbers.float(), other]), None)
    assert (halved.nbytes, whole.nbytes) == (64 * 2 * (inputs + inputs % 2), 64 * 4 * inputs)
    assert torch.equal(halved(given), whole(given)[:, :50])
    rounded = PackedWeight(numbers, None)(given.bfloat16())
    assert torch.equal(rounded, halved(given.bfloat16().float()).bfloat16())


@each_way
@pytest.mark.parametrize("inputs", [1, 8, 61, 96])
@pytest.mark.parametrize("rows", [1, 16, 131, 600])
@pytest.mark.parametrize("outputs", [1, 50, 64, 172])
def test_weights_in_bf16_multiply_fp32_as_exactly_as_fp32_does(
    outputs: int, rows: int, inputs: int, way: Products, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An input in one number of bf16 would be wrong in its third digit, in two in its fifth. Each row's sum stands on
    that row alone, whatever is in a tile beside it."""
    multiplied(way, monkeypatch)
    draw = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(outputs, inputs, generator=draw).bfloat16(), torch.randn(outputs, generator=draw)
    given = torch.randn(rows, inputs, generator=draw) * torch.logspace(-20, 20, rows).unsqueeze(1)
    packed = PackedWeight(weight, None)
    sums, terms = given.double() @ weight.double().t(), given.double().abs() @ weight.double().abs().t()
    assert ((packed(given).double() - sums).abs() <= 6e-7 * terms).all()
    assert torch.equal(PackedWeight(weight, bias)(given), packed(given) + bias)
    assert torch.equal(torch.cat([packed(row) for row in given.split(1)]), packed(given))
    given[rows // 2, 0] = torch.nan
    assert packed(given).isnan().any(1).nonzero().flatten().tolist() == [rows // 2]


@each_way
@pytest.mark.parametrize("inputs", [1, 8, 61, 96])
@pytest.mark.parametrize("rows", [1, 16, 131])
def test_outputs_in_bf16_are_sums_in_fp32_rounded_once(
    rows: int, inputs: int, way: Products, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half of the last digit, where a digit that is cut off would be a whole one."""
    multiplied(way, monkeypatch)
    draw = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(50, inputs, generator=draw), torch.randn(50, generator=draw)
    given = (torch.randn(rows, inputs, generator=draw) * torch.logspace(-20, 20, rows).unsqueeze(1)).bfloat16()
    for kept in (weight, weight.bfloat16()):
        packed = PackedWeight(kept, None)
        sums, terms = given.double() @ kept.double().t(), given.double().abs() @ kept.double().abs().t()
        assert ((packed(given).double() - sums).abs() <= sums.abs() / 2**8 + 6e-7 * terms).all()
        assert torch.equal(torch.cat([packed(row) for row in given.split(7)]), packed(given))
        shifted = PackedWeight(kept, bias)(given).double() - (sums + bias)
        assert (shifted.abs() <= (sums + bias).abs() / 2**8 + 6e-7 * (terms + bias.abs())).all()
    given[rows // 2, 0], given[0, 0] = torch.inf, torch.nan
    assert packed(given).isfinite().all(1).logical_not().nonzero().flatten().tolist() == sorted({0, rows // 2})


def test_what_is_not_fp32_or_bf16_is_refused() -> None:
    """Its bytes would be read as if it were."""
    with pytest.raises(RuntimeError, match="fp32 or bf16"):
        PackedWeight(torch.randn(7, 5), None)(torch.randn(2, 5).double())
    with pytest.raises(RuntimeError, match="5"):
        PackedWeight(torch.randn(7, 5), None)(torch.randn(2, 4))
