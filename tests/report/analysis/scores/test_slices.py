"""Results by a column of the rows: which forms an arm masters, and how much noise the forms make."""

import json
from statistics import fmean

import pytest

from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.export.comparison_json import comparison_json
from bench.report.render.markdown import render
from tests.fakes.records import FakeRun, make_run

ARM = "lima_1k/full"


def by_form(*, all_or_nothing: bool = False, nothing_right: bool = False, examples: int = 60) -> FakeRun:
    """Examples of six forms, every tenth of two. all_or_nothing: an arm gets a form wholly right or wholly wrong.
    nothing_right: of one arm and the base; the others' seeds differ much."""
    run = make_run(examples=examples)

    def sliced(rows: list, subject: str) -> list:  # type: ignore[type-arg]
        trained, silent = subject != "base", subject == "base" or subject.startswith(ARM)
        found = []
        for index, row in enumerate(rows):
            forms = (f"form {index % 6}", "rare") if index % 10 == 0 else (f"form {index % 6}",)
            metrics = {"acc": float(index % 6 < 3)} if all_or_nothing and trained else row.metrics
            if nothing_right:
                metrics = {"acc": float(not silent and (index + len(subject)) % 7 <= 2 * int(subject[-1]))}
            found.append(row.model_copy(update={"slices": {"form": forms}, "metrics": metrics}))
        return found

    rows = {
        (name, subject): sliced(found, subject) if name == "choice" else found
        for (name, subject), found in run.rows.items()
    }
    first, second, *others = run.record.resolved.suite.eval
    evals = tuple(
        spec.model_copy(update={"slices": ("form",)}) if spec.name == "choice" else spec
        for spec in (first, second, *others)
    )
    return run.with_suite(eval=evals).changed(rows=rows)


def test_nothing_right_is_no_standard_error_of_zero() -> None:
    (found,) = compare(by_form(nothing_right=True), replicates=100).slices
    errors = {noise.arm: (noise.standard_error, noise.clustered_error) for noise in found.noise}
    assert errors.pop(ARM) == (None, None)
    assert all(error for pair in errors.values() for error in pair)


def test_scores_by_value_equal_the_hand_computed() -> None:
    run = by_form()
    comparison = compare(run, replicates=100)
    (found,) = comparison.slices
    assert (found.measurand, found.column) == ("choice", "form")
    assert {value.value: value.examples for value in found.values} == {
        **{f"form {form}": 10 for form in range(6)}, "rare": 6,
    }  # fmt: skip
    for value in found.values:
        seeds = []
        for seed in (0, 1, 2):
            rows = run.rows["choice", f"{ARM}#{seed}"]
            seeds.append(fmean(row.metrics["acc"] or 0.0 for row in rows if value.value in row.slices["form"]))
        assert value.scores[ARM] == pytest.approx(fmean(seeds))
    assert "choice by form" in render(compose(comparison))
    assert json.dumps(comparison_json(comparison)["slices"], allow_nan=False)


def test_forms_that_succeed_together_widen_the_error_of_the_clusters() -> None:
    """Six forms, each wholly right or wrong, are six observations, not sixty."""
    (found,) = compare(by_form(all_or_nothing=True, examples=120), replicates=100).slices
    noise = next(one for one in found.noise if one.arm == ARM)
    assert noise.standard_error is not None
    assert noise.clustered_error is not None
    assert noise.clustered_error > 1.5 * noise.standard_error


def test_the_error_by_forms_is_that_of_rows_with_these_clusters() -> None:
    run = by_form()
    labelled = {
        key: [row.model_copy(update={"cluster": " ".join(row.slices.get("form", ()))}) for row in rows]
        for key, rows in run.rows.items()
    }
    clustered = compare(FakeRun(path=run.path, record=run.record, rows=labelled), replicates=100)
    expected = {noise.arm: noise.standard_error for noise in clustered.slices[0].noise}
    found = compare(run, replicates=100).slices[0].noise
    assert {noise.arm: noise.clustered_error for noise in found} == pytest.approx(expected, rel=1e-12)
    assert all(noise.clustered_error != noise.standard_error for noise in found)


def test_a_column_that_no_row_has_is_named() -> None:
    run = by_form()
    bare = {key: [row.model_copy(update={"slices": {}}) for row in rows] for key, rows in run.rows.items()}
    comparison = compare(run.changed(rows=bare), replicates=100)
    assert not comparison.slices
    assert "slice empty" in {finding.name for finding in comparison.sanity}
