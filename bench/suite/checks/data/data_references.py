"""Follows what data tables say of each other: `source = "data:NAME"`, and the random controls that tables ask for.

Contract: after this no `data:` source is left and every control is a table of its own, so that nothing behind it has to
know of them. A reference takes over all that describes the source (config, split, revision, columns) and keeps its own
selection.
"""

from bench.errors import InputError, Problem, did_you_mean
from bench.suite.tables.data import CONTROL_SUFFIX, Columns, DataSpec, PromptColumns, PromptSpec, Select
from bench.suite.tables.evals.eval_spec import data_of, reference_of
from bench.suite.tables.suite import Suite

_TAKEN_OVER = ("source", "config", "split", "revision", "columns", "odd_rows", "reasoning", "ignore", "leave_out")


def resolve_references(suite: Suite) -> Suite:
    """`suite` with every reference followed. Raises `InputError` with all that lead nowhere, in a circle, or clash."""
    problems: list[Problem] = []

    def follow(spec: DataSpec, where: str) -> DataSpec:
        try:
            return _follow(spec, suite.data, where)
        except InputError as error:
            problems.extend(error.problems)
            return spec

    data = {name: follow(spec, f"data.{name}") for name, spec in suite.data.items()}
    evals = []
    for index, spec in enumerate(suite.eval):
        tables = {"data": data_of(spec), "reference": reference_of(spec)}
        followed = {key: follow(table, f"eval[{index}].{key}") for key, table in tables.items() if table is not None}
        evals.append(spec.model_copy(update=followed))
    problems += [_clash(name) for name, spec in data.items() if spec.control and name + CONTROL_SUFFIX in data]
    if problems:
        raise InputError(problems)
    controls = {name + CONTROL_SUFFIX: _control(name, spec) for name, spec in data.items() if spec.control}
    return suite.model_copy(update={"data": {**data, **controls}, "eval": tuple(evals)})


def _control(name: str, spec: DataSpec) -> DataSpec:
    """Random draw of as many rows of the same source as `name` has, without its filters."""
    select = Select(by="random", size_of=name, seed=spec.select.seed)
    kept = {key: getattr(spec, key) for key in (*_TAKEN_OVER, "system") if key in spec.model_fields_set}
    return DataSpec(**{**kept, "select": select})


def _clash(name: str) -> Problem:
    what = f"data.{name} asks for a control, and [data.{name}{CONTROL_SUFFIX}] is there already"
    hint = "rename that table, or take control out"
    return Problem(reference="suite.control", what=what, where=f"data.{name}.control", hint=hint)


def _follow(spec: DataSpec, data: dict[str, DataSpec], where: str) -> DataSpec:
    if spec.source_kind != "data":
        return spec
    given_keys = sorted(spec.model_fields_set & set(_TAKEN_OVER) - {"source"})
    if given_keys:
        what = (
            f"{where}.{given_keys[0]} comes from the table that {spec.source!r} names, and cannot be given here as well"
        )
        hint = f"set it in the table that {spec.source!r} names, or write the source itself here"
        raise InputError(Problem(reference="suite.reference", what=what, where=f"{where}.{given_keys[0]}", hint=hint))
    end = _end(spec, data, where)
    if end.mix is not None:
        what = f"{where}.source refers to a mix, which has no source of its own"
        hint = "name one of its parts, or make it a part of another mix"
        raise InputError(Problem(reference="suite.reference", what=what, where=f"{where}.source", hint=hint))
    # Only what the end itself gives: a key that was never written stays unwritten.
    taken = {key: getattr(end, key) for key in _TAKEN_OVER if key in end.model_fields_set}
    if isinstance(spec, PromptSpec) and end.columns is not None:
        taken["columns"] = _prompt_columns(end.columns, spec, where)
    return spec.model_copy(update=taken)


def _prompt_columns(columns: Columns, spec: PromptSpec, where: str) -> PromptColumns:
    """The columns as those of an eval that asks. Raises `InputError` for the column of a plain text."""
    if columns.text is not None:
        what = f"{where}: the rows of {spec.source!r} are plain text, and an eval that asks needs prompts"
        hint = 'give the source itself with columns = { prompt = "…" }, or measure plain text by kind = "loss"'
        raise InputError(Problem(reference="data.columns", what=what, where=f"{where}.source", hint=hint))
    return PromptColumns(**columns.model_dump())


def _end(spec: DataSpec, data: dict[str, DataSpec], where: str) -> DataSpec:
    """The first table along the references that names a real source."""
    seen = [where]
    while spec.source_kind == "data":
        name = (spec.source or "").partition(":")[2]
        if name not in data:
            what = f"{where}.source refers to data {name!r}, which the suite does not have"
            hint = did_you_mean(name, data)
            raise InputError(Problem(reference="suite.unknown-name", what=what, where=f"{where}.source", hint=hint))
        if f"data.{name}" in seen:
            what = "these sources refer to each other in a circle: " + " → ".join([*seen, f"data.{name}"])
            hint = "give one of them a file, a hub id or micro:NAME"
            raise InputError(Problem(reference="suite.reference", what=what, where=f"{where}.source", hint=hint))
        seen.append(f"data.{name}")
        spec = data[name]
    return spec
