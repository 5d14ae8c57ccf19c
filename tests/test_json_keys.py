"""The keys of every JSON that the product writes: scripts rely on them, so a change of one is seen and meant."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from bench.design.instrument import Instrument
from bench.gate.exact import Baseline, ExactComparison
from bench.gate.history import Trend
from bench.gate.quality import QualityComparison
from bench.gate.speed.speed_gate import SpeedComparison
from bench.perf.doctor import Examination
from bench.report.analysis.across.compare_runs import RunComparison
from bench.report.analysis.comparison import Comparison
from bench.report.as_json import json_keys
from bench.run.estimate.forecast_types import Forecast
from bench.show.data import Shown
from bench.show.model import ShownModel

GOLDEN = Path(__file__).parent / "json_keys.txt"
DUMPED: dict[str, type[Any]] = {
    "report": Comparison,
    "compare": RunComparison,
    "plan --resolve": Instrument,
    "gate exact": ExactComparison,
    "gate speed": SpeedComparison,
    "gate quality": QualityComparison,
    "gate history": Trend,
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


def keys(kind: type[Any], *, path: str, above: tuple[type[Any], ...], properties: bool) -> Iterator[str]:
    """`path.key` of every key of a type and of the types inside it."""
    names = json_keys(kind) if properties else tuple(typing.cast("type[BaseModel]", kind).model_fields)
    hints = typing.get_type_hints(kind, include_extras=True)
    for name in names:
        yield f"{path}.{name}"
        member = getattr(kind, name, None)
        hint = typing.get_type_hints(member.fget)["return"] if isinstance(member, property) else hints[name]
        for way, inner in inner_types(hint):
            if inner not in above:
                yield from keys(inner, path=f"{path}.{name}{way}", above=(*above, inner), properties=properties)


def test_the_keys_of_every_json_are_the_golden_ones(update_golden: bool) -> None:
    lines = [
        line
        for commands, properties in ((DUMPED, True), (MODELS, False))
        for command, kind in commands.items()
        for line in dict.fromkeys(keys(kind, path=command, above=(kind,), properties=properties))
    ]
    text = "".join(f"{line}\n" for line in lines)
    if update_golden:
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
