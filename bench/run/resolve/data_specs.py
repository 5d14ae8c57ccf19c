"""Rows that a suite reads: the data of its arms, what that is made from, and each eval's own, under one name each."""

from collections.abc import Iterator

from bench.suite.checks.data.data_dependencies import closure
from bench.suite.checks.data.subset_draws import draws_of
from bench.suite.tables.data import DataSpec
from bench.suite.tables.evals.eval_spec import data_of, kept_columns, reference_of
from bench.suite.tables.suite import Suite
from bench.suite.tables.training.sweep import DEV


def data_specs(suite: Suite) -> dict[str, DataSpec]:
    """The data that the arms train on, what that is made from or sized by, and each eval's own as `eval:NAME`.

    The rows of an eval that may grow are there as a whole, too: none of them may train, whatever has been bought.
    """
    trained = {arm.data for arm in suite.expand() if not arm.is_given} | {on for _, on in sweeps(suite) if on != DEV}
    used = closure(trained, suite.data)
    trainings = max(len(suite.seeds_of(arm.name)) for arm in suite.expand())
    tables = [draws_of(name, spec, trainings=trainings) for name, spec in suite.data.items() if name in used]
    specs = {name: spec for table in tables for name, spec in table.items()}
    evals = {f"eval:{spec.name}": data_of(spec) for spec in suite.evals_as_run()}
    evals |= {most_examples_data(spec.name): data_of(spec) for spec in suite.evals_at_most()}
    evals |= {reference_data(spec.name): reference_of(spec) for spec in suite.eval}
    return {**specs, **{name: spec for name, spec in evals.items() if spec is not None}}


def eval_slices(suite: Suite) -> dict[str, tuple[str, ...]]:
    """Columns whose values stay with the rows of an eval, by name of the data."""
    return {
        name: kept_columns(spec) for spec in suite.eval for name in (f"eval:{spec.name}", most_examples_data(spec.name))
    }


def sweep_data(data: str, on: str) -> tuple[str, str]:
    """Names of what an arm's sweep trains on and chooses by, among the resolved data."""
    return f"sweep:{data}~{on}", f"dev:{data}~{on}"


def reference_data(eval_name: str) -> str:
    """Name of the stored answers that a judge eval compares with, among the resolved data."""
    return f"eval:{eval_name}~reference"


def most_examples_data(eval_name: str) -> str:
    """Name of the rows that an eval has at the last planned look, among the resolved data."""
    return f"eval:{eval_name}~max_examples"


def sweeps(suite: Suite) -> Iterator[tuple[str, str]]:
    """Data name and dev rows of every arm with a sweep."""
    for arm in suite.expand():
        sweep = None if arm.is_given else suite.recipe[arm.recipe].sweep
        if sweep is not None:
            yield arm.data, sweep.on
