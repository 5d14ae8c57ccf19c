"""Whether the names in a suite mean something: arms, data, recipes, control, claims. Pure: looks at the suite alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from bench.errors import Problem, did_you_mean
from bench.suite.data import MICRO_SOURCES, DataSpec
from bench.suite.suite import ArmRef, Suite


def name_problems(suite: Suite) -> Iterator[Problem]:
    """Everything that names something which is not there, or the same thing twice."""
    arms = tuple(arm.name for arm in suite.arms.expand())
    yield from _repeats(suite)
    yield from _arm_problems(suite)
    yield from _control_problems(suite, arms)
    for index, claim in enumerate(suite.claim):
        where = f"claim[{index}]"
        if claim.on not in {spec.name for spec in suite.eval}:
            known = [spec.name for spec in suite.eval]
            yield _unknown("eval", claim.on, f"{where}.on", known)
        left, _, right = claim.parts()
        for side in (left, right):
            if side not in ("base", *arms):
                yield _unknown("arm", side, f"{where}.says", ("base", *arms))
        if left == right:
            what = f"the claim compares {left!r} with itself"
            yield Problem(
                reference="suite.claim", what=what, where=f"{where}.says", hint="name two arms, or an arm and base"
            )
    for where, spec in data_tables(suite):
        yield from _micro_problems(spec, where)


def data_tables(suite: Suite) -> Iterator[tuple[str, DataSpec]]:
    """Every data table with its key path, those of evals too."""
    yield from ((f"data.{name}", spec) for name, spec in suite.data.items())
    yield from ((f"eval[{i}].data", spec.data) for i, spec in enumerate(suite.eval) if spec.kind == "loss")


def _unknown(kind: str, name: str, where: str, known: Iterable[str]) -> Problem:
    what = f"there is no {kind} {name!r} in this suite"
    return Problem(reference="suite.unknown-name", what=what, where=where, hint=did_you_mean(name, known))


def _repeats(suite: Suite) -> Iterator[Problem]:
    lists: list[tuple[str, Iterable[object]]] = [
        ("seeds", suite.seeds),
        ("eval", (spec.name for spec in suite.eval)),
        ("arms.data", suite.arms.data),
        ("arms.recipe", suite.arms.recipe),
        *((f"eval[{i}].tasks", spec.tasks) for i, spec in enumerate(suite.eval) if spec.kind == "lm_eval"),
    ]
    for where, items in lists:
        for item, count in Counter(items).items():
            if count > 1:
                what = f"{'eval name' if where == 'eval' else where} {item!r} is given {count} times"
                yield Problem(reference="suite.repeated", what=what, where=where, hint="give each once")


def _arm_problems(suite: Suite) -> Iterator[Problem]:
    named: list[tuple[str, str, str]] = [
        *(("data", name, "arms.data") for name in suite.arms.data),
        *(("recipe", name, "arms.recipe") for name in suite.arms.recipe),
    ]
    for key, refs in (("include", suite.arms.include), ("exclude", suite.arms.exclude)):
        for index, ref in enumerate(refs):
            named.append(("data", ref.data, f"arms.{key}[{index}].data"))
            named.append(("recipe", ref.recipe, f"arms.{key}[{index}].recipe"))
    for kind, name, where in named:
        known = suite.data if kind == "data" else suite.recipe
        if name not in known:
            yield _unknown(kind, name, where, known)
    product = {ArmRef(data=data, recipe=recipe) for data in suite.arms.data for recipe in suite.arms.recipe}
    for index, ref in enumerate(suite.arms.exclude):
        if ref not in product:
            what = f"arms.exclude names {ref.name!r}, which is not among the arms"
            hint = did_you_mean(ref.name, (arm.name for arm in product)) or "leave it out"
            yield Problem(reference="suite.arms", what=what, where=f"arms.exclude[{index}]", hint=hint)
    if not suite.arms.expand():
        hint = 'for example data = ["curated"], recipe = ["full"]'
        yield Problem(reference="suite.arms", what="the suite has no arm", where="arms", hint=hint)
    held_out = {arm.data for arm in suite.arms.expand() if arm.data in suite.data}
    for name in sorted(name for name in held_out if suite.data[name].select.by == "holdout"):
        what = f"data {name!r} is held out, so no arm can train on it"
        hint = 'hold out in the data of an eval; train on another selection, such as by = "random"'
        yield Problem(reference="suite.holdout", what=what, where=f"data.{name}.select.by", hint=hint)


def _control_problems(suite: Suite, arms: Sequence[str]) -> Iterator[Problem]:
    control = suite.control
    if control is None:
        return
    if "/" in control:
        if control not in arms:
            yield _unknown("arm", control, "control", arms)
    elif control not in suite.data:
        yield _unknown("arm or data", control, "control", [*suite.data, *arms])
    elif not any(arm.partition("/")[0] == control for arm in arms):
        what = f"the control {control!r} is in no arm"
        yield Problem(reference="suite.control", what=what, where="control", hint="add it to arms.data")


def _micro_problems(spec: DataSpec, where: str) -> Iterator[Problem]:
    name = spec.source.partition(":")[2]
    if spec.source_kind == "micro" and name not in MICRO_SOURCES:
        what = f"there is no embedded data {spec.source!r}"
        hint = did_you_mean(spec.source, [f"micro:{known}" for known in MICRO_SOURCES])
        yield Problem(reference="data.unknown-micro", what=what, where=f"{where}.source", hint=hint)
