"""Several draws of a subset: which training learns from which."""

from typing import Any

import pytest
from pydantic import ValidationError

from bench.suite.checks.data.subset_draws import draw_labels, draws_of, trained_on, unused_draws
from bench.suite.tables.arms.arms import ArmRef
from bench.suite.tables.data import DataSpec, Select
from tests.fakes.flagship import make_suite

RANDOM = ArmRef(data="random_1k", recipe="full")
LIMA = ArmRef(data="lima_1k", recipe="full")


def suite(seeds: tuple[int, ...], draws: tuple[int, ...]) -> Any:
    plain = make_suite(seeds=seeds)
    select = Select(by="random", size=1000, seeds=draws) if draws else Select(by="random", size=1000)
    data = {**plain.data, "random_1k": plain.data["random_1k"].model_copy(update={"select": select})}
    return plain.model_copy(update={"data": data})


def test_each_draw_is_a_table_with_its_own_seed() -> None:
    spec = DataSpec(source="x.jsonl", select=Select(by="random", size=5, seeds=(7, 9)))
    found = draws_of("few", spec, trainings=3)
    assert {name: one.select.seed for name, one in found.items()} == {"few": 7, "few@1": 9}
    single = DataSpec(source="x.jsonl", select=Select(by="random", size=5, seed=7))
    assert found["few"] == single.model_copy(), "a draw is the data that its seed alone would give"
    assert draws_of("few", single, trainings=3) == {"few": single}


@pytest.mark.parametrize(
    ("seeds", "draws", "names", "labels"),
    [
        ((0, 1, 2), (5, 6, 7), ["random_1k", "random_1k@1", "random_1k@2"], (0, 1, 2)),
        ((3, 4, 8, 9), (5, 6), ["random_1k", "random_1k@1", "random_1k", "random_1k@1"], (0, 1, 0, 1)),
        ((0, 1), (), ["random_1k", "random_1k"], None),
    ],
)
def test_trainings_take_the_draws_in_turn(
    seeds: tuple[int, ...], draws: tuple[int, ...], names: list[str], labels: tuple[int, ...] | None
) -> None:
    one = suite(seeds, draws)
    assert [trained_on(one, RANDOM, seed) for seed in seeds] == names
    assert draw_labels(one, RANDOM) == labels
    assert draw_labels(one, LIMA) is None


def test_an_arm_with_more_seeds_goes_on_with_the_draws() -> None:
    plain = suite((0, 1), (5, 6))
    more = {RANDOM.name: (7, 8)}
    longer = plain.model_copy(update={"more_seeds": more})
    assert [trained_on(longer, RANDOM, seed) for seed in (0, 1, 7, 8)] == ["random_1k", "random_1k@1"] * 2
    assert draw_labels(longer, RANDOM) == (0, 1, 0, 1)


def test_a_shorter_run_takes_the_first_draws_and_warns() -> None:
    shorter = suite((0,), (5, 6))
    (warning,) = unused_draws(shorter)
    assert (warning.where, warning.what) == (
        "data.random_1k.select.seeds",
        "random_1k has 2 draws; used: 1, one for each training seed",
    )
    assert list(draws_of("few", shorter.data["random_1k"], trainings=1)) == ["few"]
    assert draw_labels(shorter, RANDOM) is None
    assert list(unused_draws(suite((0, 1), (5, 6)))) == []
    longer = shorter.model_copy(update={"more_seeds": {RANDOM.name: (7,)}})
    assert list(unused_draws(longer)) == [], "the arm's own further seed learns from the second draw"


@pytest.mark.parametrize(
    "select",
    [
        {"by": "first", "size": 5, "seeds": (1, 2)},
        {"by": "random", "size": 5, "seeds": (1,)},
        {"by": "random", "size": 5, "seeds": (1, 1)},
        {"by": "random", "size": 5, "seeds": (1, 2), "seed": 3},
    ],
)
def test_seeds_that_make_no_sense_are_refused(select: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="seeds"):
        Select.model_validate(select)
