"""Data tables that are made from others or sized by them: what each needs, and whether that can be had."""

from collections import Counter
from collections.abc import Iterator, Mapping

from bench.errors import Problem, did_you_mean
from bench.suite.tables.data import DataSpec


def closure(names: set[str], data: Mapping[str, DataSpec]) -> set[str]:
    """`names` and all that they need, directly or not; names that are not in `data` are left to the checks."""
    reached: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        reached.add(name)
        waiting |= set(data[name].needs if name in data else ()) - reached
    return reached


def need_problems(spec: DataSpec, where: str, data: Mapping[str, DataSpec]) -> Iterator[Problem]:
    """What is wrong with the tables that the one at `where` names; an eval's data must name none."""
    yield from _eval_problems(spec, where) if where.startswith("eval") else _table_problems(spec, where, data)


def _eval_problems(spec: DataSpec, where: str) -> Iterator[Problem]:
    for key, given in (("mix", spec.mix), ("select.size_of", spec.select.size_of), ("control", spec.control)):
        if given:
            what = f"{where}.{key} belongs to data that is trained on"
            hint = "an eval's rows come from one source, before any training data is selected"
            yield Problem(reference="suite.eval-data", what=what, where=f"{where}.{key}", hint=hint)


def _table_problems(spec: DataSpec, where: str, data: Mapping[str, DataSpec]) -> Iterator[Problem]:
    """Parts and `size_of` must be there, not held out, and not made from this table again."""
    named = [(f"{where}.mix[{index}].data", part.data) for index, part in enumerate(spec.mix or ())]
    if spec.select.size_of is not None:
        named.append((f"{where}.select.size_of", spec.select.size_of))
    table = where.partition(".")[2]
    for place, name in named:
        if name not in data:
            what = f"there is no data {name!r} in this suite"
            hint = did_you_mean(name, data)
            yield Problem(reference="suite.unknown-name", what=what, where=place, hint=hint)
        elif ".mix" in place and data[name].select.by == "holdout":
            what = f"{name!r} is held out, so it cannot be a part of a mix"
            yield Problem(reference="suite.holdout", what=what, where=place, hint="mix what may be trained on")
        elif table in closure({name}, data):
            what = f"{where} needs itself, by way of {name!r}"
            hint = "a table can be made only from others that do not need it"
            yield Problem(reference="suite.reference", what=what, where=place, hint=hint)
    for name, count in Counter(part.data for part in spec.mix or ()).items():
        if count > 1:
            what = f"{where}.mix names {name!r} {count} times"
            yield Problem(reference="suite.repeated", what=what, where=f"{where}.mix", hint="give each part once")
