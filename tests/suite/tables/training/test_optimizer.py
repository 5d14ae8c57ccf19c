"""An optimiser whose library is missing is refused before the training, and its version is part of the result."""

from typing import get_args

import pytest

from bench.suite.tables.training.optimizer import Optimizer, libraries_of


@pytest.mark.parametrize(
    ("optimizer", "distributions"),
    [
        ("adamw", set()),
        ("adamw_torch_fused", set()),
        ("rmsprop", set()),
        ("adafactor", set()),
        ("adamw_torch_8bit", {"torchao"}),
        ("adamw_8bit", {"bitsandbytes"}),
        ("paged_adamw_32bit", {"bitsandbytes"}),
        ("rmsprop_bnb_32bit", {"bitsandbytes"}),
        ("galore_adamw", {"galore-torch"}),
        ("galore_adamw_8bit_layerwise", {"galore-torch", "bitsandbytes"}),
        ("adalomo", {"lomo-optim"}),
        ("adamw_anyprecision", {"torchdistx"}),
    ],
)
def test_the_libraries_that_compute_an_optimisers_steps(optimizer: Optimizer, distributions: set[str]) -> None:
    assert {library.distribution for library in libraries_of(optimizer)} == distributions


def test_every_optimiser_that_names_eight_bits_has_a_library() -> None:
    quantised = [name for name in get_args(Optimizer) if "bit" in name]
    assert all(libraries_of(name) for name in quantised)
