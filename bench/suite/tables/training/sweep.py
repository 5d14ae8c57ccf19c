"""Values of a recipe's keys that are chosen from a few, by rows that nothing which is reported reads."""

import json
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Self

from pydantic import Field, JsonValue, model_validator

from bench.spec import Spec

DEV = "dev"
"""The held-out part of the arm's own training data."""
MOST_SETTINGS = 32
_SWEEP = frozenset({"sweep", "on"})
NOT_SWEPT = frozenset(
    {"sweep", "from", "method", "shots", "budget", "validation", "launch", "deepspeed", "fsdp", "optimizer_arguments"}
)
"""Keys of a recipe that have one value."""

Setting = dict[str, JsonValue]
"""One value for each swept key, such as `{"learning_rate": 1e-4, "lora.r": 8}`."""


class Sweep(Spec):
    """`KEY = { sweep = [8, 16, 64] }` in place of a value, for any key of a recipe: each arm trains once with each
    value (of several keys with each combination), with the suite's first seed, on its data without the dev rows; the
    setting with the lowest loss on the dev rows is the one of the arm's trainings."""

    values: dict[str, tuple[JsonValue, ...]] = Field(min_length=1)
    """Values by key, dotted below a table: `lora.r`."""
    on: str = Field(default=DEV, min_length=1)
    """`dev`: a tenth of the arm's training rows, at most 500, held out of the sweep's trainings; or the name of a
    `[data]` table, of which at most 500 rows are drawn. Rows that an eval of the suite reads are never among them."""

    @model_validator(mode="after")
    def _few_and_each_once(self) -> Self:
        for key, values in self.values.items():
            if len(values) < 2:
                raise ValueError(f"{key}: a sweep has at least two values")
            if len({json.dumps(value) for value in values}) != len(values):
                raise ValueError(f"{key}: give each value once")
        if len(self.settings) > MOST_SETTINGS:
            raise ValueError(f"{len(self.settings)} combinations of {', '.join(self.values)}; at most {MOST_SETTINGS}")
        return self

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Every combination of the values, in the order of the file."""
        return tuple(dict(zip(self.values, values, strict=True)) for values in product(*self.values.values()))


def setting_label(setting: Mapping[str, JsonValue]) -> str:
    """A setting as a job and a table name it: a lone learning rate by its value, any other as `lora.r=8`."""
    if list(setting) == ["learning_rate"]:
        return _text(setting["learning_rate"])
    return ", ".join(f"{key}={_text(value)}" for key, value in setting.items())


def take_sweeps(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a recipe with the first value in place of each `{ sweep = [...] }`, and the values under `sweep`.

    Raises `ValueError` for a key that cannot be swept, and for two different `on`.
    """
    sweeps = list(_sweeps(recipe))
    if not sweeps:
        return dict(recipe)
    table = {key: dict(value) if isinstance(value, Mapping) else value for key, value in recipe.items()}
    values: dict[str, Any] = {}
    for path, sweep in sweeps:
        if path[0] in NOT_SWEPT:
            raise ValueError(f"{'.'.join(path)} cannot be swept")
        choices = sweep["sweep"]
        if not isinstance(choices, list | tuple) or not choices:
            raise ValueError(f"{'.'.join(path)}: write the values as a list, sweep = [1, 2]")
        values[".".join(path)] = tuple(choices)
        (table if len(path) == 1 else table[path[0]])[path[-1]] = choices[0]
    names = {str(sweep["on"]) for _, sweep in sweeps if "on" in sweep}
    if len(names) > 1:
        raise ValueError(f"the sweeps of one recipe choose by the same rows, not by {' and '.join(sorted(names))}")
    return {**table, "sweep": {"values": values, **({"on": names.pop()} if names else {})}}


def _sweeps(
    table: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    for key, value in table.items():
        if not isinstance(value, Mapping) or (not path and key == "sweep"):
            continue
        if "sweep" in value and value.keys() <= _SWEEP:
            yield (*path, key), value
        elif not path:
            yield from _sweeps(value, (key,))


def _text(value: JsonValue) -> str:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else json.dumps(value)
