"""The table of seeds and arms, with whether arms move together."""

from dataclasses import replace

import numpy as np
import pytest

from bench.report.analysis.aligned.align import align
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.markdown import render
from bench.report.sections.scores.seeds import seeds_section
from bench.stats.estimates.paired import paired_delta
from bench.stats.noise.seed_blocks import moves_together
from tests.fakes.records import make_run


def test_every_seeds_score_is_in_its_arms_row() -> None:
    comparison = compare(make_run(examples=40, failed_training="lima_1k/full#1").only("qa"), replicates=100)
    table = next(table for table in comparison.seed_tables if table.measurand == "qa")
    assert table.seeds == (0, 1, 2)
    assert "base" not in table.scores
    assert table.scores["lima_1k/full"] == comparison.results["lima_1k/full", "qa"].by_seed
    assert table.scores["lima_1k/full"][1] is None
    complete = [row for row in table.scores.values() if None not in row]
    assert len(complete) == len(table.scores) - 1
    assert table.together_p == pytest.approx(moves_together(np.array(complete)))
    section = seeds_section(comparison)
    assert any("lima_1k/full" in str(block) for block in section.blocks)


def test_one_seed_has_no_table() -> None:
    comparison = compare(make_run(examples=20, seeds=(0,)), replicates=20)
    assert comparison.seed_tables == ()
    assert seeds_section(comparison) is None


def test_arms_on_the_same_rows_are_compared_seed_by_seed_and_the_report_says_which() -> None:
    """Seen: both methods of a data set were high and low with the same seeds, and their difference was as wide as if
    they were not."""
    run = make_run(examples=60, claims=({"says": "lima_1k/lora >= lima_1k/full", "on": "qa", "margin": 0.1},))
    comparison = compare(run, replicates=100)
    (claim,) = comparison.claims
    assert "paired by seed" in claim.delta.noise
    groups = comparison.seed_tables[0].paired
    assert ("lima_1k/full", "lima_1k/lora") in groups
    assert len(groups) == 3
    assert comparison.seed_tables[0].paired_degrees == 6, "three pairs of three seeds"
    control = comparison.results["lima_1k/full", "qa"].versus_control
    assert "by seed" not in control.delta.noise, "other rows"
    text = render(compose(comparison))
    assert "lima_1k/full and lima_1k/lora" in text
    assert "are taken seed by seed" in text
    assert "cover 93.6 to 93.8% in simulations" in text, "three pairs of three seeds"
    assert "Those of quality per cost are not." in text
    first, *others = comparison.seed_tables
    corpus = replace(comparison, seed_tables=(*others, replace(first, measurand="bleu", paired=())))
    assert "Those of bleu and quality per cost are not." in render(compose(corpus))


def test_too_few_pairs_are_not_paired_and_a_seed_of_one_arm_alone_has_no_partner() -> None:
    """Three pairs of two seeds have three degrees of freedom together."""
    few = compare(make_run(examples=30, seeds=(0, 1)).only("qa"), replicates=100)
    assert few.seed_tables[0].paired == ()
    assert "All differences take the seeds of two arms as independent draws" in render(compose(few))
    more = {"lima_1k/full": (7,), "alpaca_52k/full": (7,), "alpaca_52k/lora": (8, 7)}
    run = make_run(examples=30, more_seeds=more).only("qa")
    document = render(compose(compare(run, replicates=100)))
    assert "Complete: 6 arms × 3 to 5 seeds and the base" in document, "3 of all but two of them"
    assert "Mean over 3 to 5 seeds." in document
    deltas = Deltas.of(run.record, replicates=10)
    qa = next(entry for entry in align(run.record, run.rows) if entry.measurand.name == "qa")
    lone = deltas.between(qa, "lima_1k/full", "lima_1k/lora")
    assert (lone.arm_seeds, lone.reference_seeds) == (3, 3)
    both = deltas.between(qa, "alpaca_52k/full", "alpaca_52k/lora")
    assert both.arm_seeds == 4
    partners = qa.arms["alpaca_52k/lora"].part([0, 1, 2, 4])
    assert both.estimate == pytest.approx(paired_delta(qa.arms["alpaca_52k/full"], partners, seed=0).estimate)
