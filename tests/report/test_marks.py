"""A share of few examples is shown with what it is counted from."""

from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.markdown import render
from bench.report.sections.marks import counted
from tests.fakes.records import make_run


def test_a_share_of_few_examples_says_of_how_many() -> None:
    """0.087 reads as a measurement; it was 2 of 23."""
    run = make_run(examples=23, seeds=(0, 1)).only("choice", "heldout")
    comparison = compare(run, replicates=100)
    scores = [row.metrics["acc"] for seed in (0, 1) for row in run.rows["choice", f"lima_1k/full#{seed}"]]
    right = round(sum(score for score in scores if score is not None))
    result = comparison.results["lima_1k/full", "choice"]
    assert counted(result) == f"{right} of 46"
    assert f"({right} of 46)" in render(compose(comparison))
    assert not counted(comparison.results["lima_1k/full", "heldout"]), "a loss is no share"


def test_many_examples_and_filled_gaps_are_not_counted() -> None:
    many = compare(make_run(examples=120, seeds=(0, 1)), replicates=100)
    assert not any(map(counted, many.results.values()))
    gaps = compare(make_run(examples=23, seeds=(0, 1), missing=0.2), replicates=100)
    for result in gaps.results.values():
        if result.right is not None:
            assert result.value.mean is not None
            assert abs(result.right[0] / result.right[1] - result.value.mean) < 1e-9
