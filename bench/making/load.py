"""From a TOML file to a checked specification: all problems at once, with what was meant."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.errors import InputError, Problem, collected, did_you_mean
from bench.making.prompt import load_prompt
from bench.making.spec import SPECS, MakeSpec
from bench.suite.checks.models.model_tables import model_problems
from bench.suite.reading.key_types import value_at
from bench.suite.reading.overlay import Override, apply_overrides
from bench.suite.reading.pydantic_errors import explain, freeze, shown, spell
from bench.suite.reading.toml import TomlTable, read_toml
from bench.suite.tables.models.model_source import ModelSource

_FILE_KEYS = frozenset({"prompt", "source", "path"})
_HINT = "docs/data-making.md describes every key"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedMake:
    """A checked specification and where it came from."""

    spec: MakeSpec
    path: Path
    """The file. Its folder is what relative paths in it mean."""

    @property
    def folder(self) -> Path:
        """Keys of the file."""
        return self.path.parent


def load_make(path: str | Path, overrides: Sequence[str] = ()) -> LoadedMake:
    """The specification in the file `path` under `key=value` overrides. Raises `InputError` with all problems."""
    file = Path(path).absolute()
    table, _ = read_toml(file, kind="make")
    table, applied = apply_overrides(table, overrides, folder=Path.cwd())
    _localise(table, applied)
    spec = _validated(table, file.name)
    problems = [
        problem for where, name, own_file in _prompts(spec) for problem in load_problems(name, own_file, file, where)
    ]
    for place, source in models_of(spec).items():
        if source.local is not None:
            with collected(problems):
                problems += model_problems(source.local, file.parent, f"{place}.local")
    if problems:
        raise InputError(problems)
    return LoadedMake(spec=spec, path=file)


def load_problems(kind: str, file_name: str | None, file: Path, where: str) -> tuple[Problem, ...]:
    """What is wrong with a prompt file, if anything."""
    try:
        load_prompt(kind, file_name, file.parent, where=where)
    except InputError as error:
        return error.problems
    return ()


def _validated(table: TomlTable, name: str) -> MakeSpec:
    """`name` is the file's, where a problem is in no single key."""
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in SPECS:
        what = "kind is missing" if kind is None else f"there is no kind {shown(kind)} of making"
        hint = did_you_mean(kind if isinstance(kind, str) else "", SPECS)
        raise InputError(Problem(reference="make.kind", what=what, where="kind", hint=hint))
    raw = freeze(table)
    model = SPECS[kind]
    try:
        return model.model_validate(raw, strict=True)
    except ValidationError as error:
        problems = explain(error, raw, model, kind="make", locate=spell)
        raise InputError([_placed(problem, name) for problem in problems]) from None


def _placed(problem: Problem, name: str) -> Problem:
    """The hints of suites name the suite's schema; what no single key is to blame for is the file's."""
    hint = _HINT if "bench schema" in (problem.hint or "") else problem.hint
    return dataclasses.replace(problem, hint=hint, where=problem.where or name)


def models_of(spec: MakeSpec) -> dict[str, ModelSource]:
    """The model that writes and the one that judges, by the path of its table."""
    models = {"writer": spec.writer}
    if spec.judge is not None and spec.judge.model is not None:
        models["scorer.model"] = spec.judge.model
    return models


def _prompts(spec: MakeSpec) -> list[tuple[str, str, str | None]]:
    """Key, shipped name and own file of each prompt that the specification uses."""
    prompts: list[tuple[str, str, str | None]] = [("prompt", spec.kind, spec.prompt)]
    if spec.judge is not None:
        prompts.append(("scorer.prompt", "judge", spec.judge.prompt))
    return prompts


def _localise(table: TomlTable, applied: Sequence[Override]) -> None:
    """Paths on the command line mean the current folder; in the file they mean the file's."""
    for override in applied:
        here = Path.cwd() / str(override.value)
        node = value_at(table, override.path[:-1])
        if override.path[-1] in _FILE_KEYS and isinstance(override.value, str) and isinstance(node, Mapping):
            _set(node, str(override.path[-1]), str(here) if here.exists() else override.value)


def _set(node: Any, key: str, value: str) -> None:
    node[key] = value
