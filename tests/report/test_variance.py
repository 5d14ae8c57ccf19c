"""Where the noise comes from: the components of every difference, as they stand in its standard error."""

import pytest

from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.markdown import render
from bench.report.render.view import Paragraph, Table
from bench.report.sections.scores.variance import MODERATED, NO_SEED_NOISE, TWO_SEEDS, UNNOTICED, variance_section
from tests.fakes.records import make_run


def test_components_add_up_to_the_standard_error() -> None:
    """A reader must be able to see what more seeds, or more examples, would buy."""
    comparison = compare(make_run(examples=120, seed_spread=0.1), replicates=100)
    deltas = [one.versus_base.delta for one in comparison.results.values() if one.versus_base is not None]
    assert deltas
    for delta in deltas:
        parts = delta.components
        assert parts.seed is not None
        assert parts.rest is not None
        assert delta.standard_error is not None
        total = parts.example + max(parts.seed + parts.rest, parts.rest) / 3
        assert delta.standard_error**2 == pytest.approx(total, rel=0.35), "the sample's own spread may be the smaller"


def test_the_section_has_a_row_for_every_difference() -> None:
    comparison = compare(make_run(examples=60), replicates=100)
    section = variance_section(comparison)
    table = section.blocks[1]
    assert isinstance(table, Table)
    assert len(table.rows) == (6 + 4) * 5
    assert "<b>Where the noise comes from</b>" in render(compose(comparison))


@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_seeds_that_happen_to_agree_are_not_said_to_have_no_noise(spread: float) -> None:
    """`0.000` was read as a training that always ends alike."""
    section = variance_section(compare(make_run(examples=60, seed_spread=spread).only("choice"), replicates=100))
    intro, table = section.blocks[:2]
    assert isinstance(intro, Paragraph)
    assert isinstance(table, Table)
    zero = any(row[3].text == "0.000" for row in table.rows)
    assert zero is (spread == 0.0)
    assert (NO_SEED_NOISE in intro.text) is zero


@pytest.mark.parametrize(("seeds", "two"), [((0, 1), True), ((0, 1, 2), False)])
def test_what_all_seeds_say_together_says_when_it_holds(seeds: tuple[int, ...], two: bool) -> None:
    """An arm that is noisier than the others has an interval that is too narrow, and nothing else tells a reader."""
    section = variance_section(compare(make_run(examples=60, seeds=seeds, seed_spread=0.1).only("qa"), replicates=100))
    text = next(block.text for block in section.blocks if isinstance(block, Paragraph) and MODERATED in block.text)
    assert UNNOTICED in text
    assert (TWO_SEEDS in text) is two


def test_with_one_seed_the_noise_of_training_is_unknown_not_zero() -> None:
    section = variance_section(compare(make_run(examples=60, seeds=(0,)).only("qa"), replicates=100))
    intro, table = section.blocks
    assert isinstance(intro, Paragraph)
    assert "unknown" in intro.text
    assert isinstance(table, Table)
    assert {row[3].text for row in table.rows} == {"–"}
