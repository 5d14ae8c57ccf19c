"""Which data table of a suite is chosen when, and its place in the suite."""

from collections.abc import Mapping

from bench.data.sources.unavailable import evaluates
from bench.suite.tables.data import DataSpec


def key_of(name: str, tail: str) -> str:
    """The place in the suite that a data name stands for."""
    kind, _, eval_name = name.partition(":")
    if kind != "eval" or not eval_name:
        return f"data.{name}.{tail}"
    eval_name, _, key = eval_name.partition("~")
    return f"eval.{eval_name}.{key or 'data'}.{tail}"


def in_order(specs: Mapping[str, DataSpec]) -> list[str]:
    """Evals, hold-outs, then the rest; each after what it needs."""
    ordered: dict[str, None] = {}

    def add(name: str, above: frozenset[str] = frozenset()) -> None:
        for need in specs[name].needs:
            if need in specs and need not in above:
                add(need, above | {name})
        ordered[name] = None

    def turn(name: str) -> int:
        return 0 if evaluates(name) else 1 if specs[name].select.by == "holdout" else 2

    for name in sorted(specs, key=turn):
        add(name)
    return list(ordered)
