"""The keys of every JSON that a command prints: scripts rely on them, so a change of one is seen and meant."""

import json
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import pytest
import typer
from pydantic import BaseModel
from typer.testing import CliRunner

from bench.cli.commands.catalogue import ListKind
from bench.cli.main import app
from bench.design.instrument import Instrument
from bench.gate.exact import Baseline, ExactComparison
from bench.gate.quality import QualityComparison
from bench.gate.speed.speed_gate import SpeedComparison
from bench.perf.doctor import Examination
from bench.report.analysis.across.compare_runs import RunComparison
from bench.report.analysis.comparison import Comparison
from bench.report.as_json import json_keys
from bench.report.export.verify import VerifiedClaim
from bench.report.imported.compare import ImportedDelta
from bench.report.imported.stored_times import Trend
from bench.report.render.view import View
from bench.run.estimate.forecast_types import Forecast
from bench.show.data import Shown
from bench.show.model import ShownModel
from bench.show.status import RunStatus

GOLDEN = Path(__file__).parent / "json_keys.txt"
DUMPED: dict[str, type[Any]] = {
    "report": Comparison,
    "compare": RunComparison,
    "plan --resolve": Instrument,
    "gate exact": ExactComparison,
    "gate speed": SpeedComparison,
    "gate quality": QualityComparison,
    "gate history": Trend,
    "status": RunStatus,
    "board": View,
    "verify": VerifiedClaim,
    "import": ImportedDelta,
}
"""By command, what `to_json` dumps."""
MODELS: dict[str, type[BaseModel]] = {
    "plan": Forecast,
    "data show": Shown,
    "doctor": Examination,
    "models show": ShownModel,
    "gate exact --update": Baseline,
}
"""By command, what is dumped by its fields alone."""
PRINTED = (*(f"list {kind.value}" for kind in ListKind), "validate curation", "clean")
"""Commands whose JSON has no type of its own: its keys are those of what is printed."""


def inner_types(hint: Any) -> Iterator[tuple[str, type[Any]]]:
    """Every dataclass and model inside a type, with `[]` for a sequence and `{}` for a mapping on the way."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is None and isinstance(hint, type) and (is_dataclass(hint) or issubclass(hint, BaseModel)):
        yield "", hint
    elif origin in (typing.Union, types.UnionType):
        for argument in arguments:
            yield from inner_types(argument)
    elif origin is typing.Annotated:
        yield from inner_types(arguments[0])
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        way = "[]" if typing.get_origin(arguments[0]) is tuple else "{}"
        yield from ((f"{way}{path}", kind) for path, kind in inner_types(arguments[1]))
    elif isinstance(origin, type) and issubclass(origin, (tuple, list)):
        for argument in arguments:
            yield from ((f"[]{path}", kind) for path, kind in inner_types(argument))


def keys(kind: type[Any], *, path: str, seen: dict[type[Any], str], properties: bool) -> Iterator[str]:
    """`path: keys` of a type and of each type inside it; of one that another path has already listed,
    `path = that path`."""
    seen[kind] = path
    names = json_keys(kind) if properties else tuple(typing.cast("type[BaseModel]", kind).model_fields)
    yield f"{path}: {', '.join(names)}"
    hints = typing.get_type_hints(kind, include_extras=True)
    for name in names:
        member = getattr(kind, name, None)
        hint = typing.get_type_hints(member.fget)["return"] if isinstance(member, property) else hints[name]
        for way, inner in inner_types(hint):
            place = f"{path}.{name}{way}"
            if inner in seen:
                yield f"{place} = {seen[inner]}"
            else:
                yield from keys(inner, path=place, seen=seen, properties=properties)


def printed_keys(value: Any, *, path: str) -> Iterator[str]:
    """`path: key, key` of every object of a printed JSON."""
    if isinstance(value, dict):
        yield f"{path}: {', '.join(value)}"
        for name, inner in value.items():
            yield from printed_keys(inner, path=f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from printed_keys(inner, path=path)


def printed(command: str) -> Iterator[str]:
    """Keys of what a command prints with `--json`."""
    done = CliRunner().invoke(app, [*command.split(), "--json"])
    assert done.exit_code == 0, done.output
    return printed_keys(json.loads(done.stdout), path=command)


def commands_with_json(group: Any, *, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command of the program that takes `--json`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands_with_json(command, path=(*path, name))
        elif any("--json" in parameter.opts for parameter in command.params):
            yield " ".join((*path, name))


def test_every_command_that_prints_json_has_its_keys_held() -> None:
    held = {*DUMPED, *MODELS, *PRINTED}
    commands = list(commands_with_json(typer.main.get_command(app)))
    assert len(commands) > 10
    assert [name for name in commands if not any(f"{one} ".startswith(f"{name} ") for one in held)] == []


def test_the_keys_of_every_json_are_the_golden_ones(
    update_golden: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    lines = [
        line
        for commands, properties, seen in ((DUMPED, True, {}), (MODELS, False, {}))
        for command, kind in commands.items()
        for line in dict.fromkeys(keys(kind, path=command, seen=seen, properties=properties))
    ]
    lines += [line for command in PRINTED for line in dict.fromkeys(printed(command))]
    text = "".join(f"{fill(line, 120, subsequent_indent='  ')}\n" for line in lines)
    if update_golden:
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
