"""`engine = "command"` of a recipe: a training script of the user's own in place of TRL.

Contract: nothing of the recipe is dropped in silence. A key is used for the rows that the script reads, or is in the
command as a placeholder; every other one is refused.
"""

import json
from collections.abc import Iterator, Mapping
from string import Template
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from bench.spec import Spec
from bench.suite.tables.training.adapter import LoraSpec

CommandText = Annotated[str, Field(min_length=1)]

OF_THE_JOB = frozenset({"python", "rows", "model", "out", "seed", "steps", "epochs", "threads"})
"""Placeholders that a job fills: the interpreter that this program runs in, the rows file, the base's folder, the empty
folder for weights, the seed, the planned optimiser steps and epochs, threads."""
_IN_ROWS = frozenset(
    {
        "method", "engine", "command", "loss_on", "end_token", "max_length", "batch_rows", "batch_tokens",
        "accumulation", "group_by_length", "budget", "sweep",
    }
)  # fmt: skip
"""Keys of a recipe that decide which rows are read, in which order and at which step."""
_SECRET = ("TOKEN", "KEY", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL")


class TrainingCommand(Spec):
    """`command = { run = ["${python}", "train.py", "${rows}", "${model}", "${out}"], files = ["train.py"] }`."""

    run: tuple[CommandText, ...] = Field(min_length=1)
    """The program and its arguments; no shell reads them. `${rows}`, `${model}`, `${out}`, `${seed}`, `${steps}`,
    `${epochs}`, `${threads}`, `${python}`, and any key of the recipe, `${learning_rate}` or `${lora_r}`."""
    files: tuple[CommandText, ...] = ()
    """What the program reads of yours, relative to the suite file: another content is another training. A word of `run`
    that is one of them becomes its path."""
    seconds: float | None = Field(default=None, gt=0)
    """Wall time after which the program is ended, as a failure of that training."""
    environment: tuple[CommandText, ...] = ()
    """Names of variables that the program sees beside PATH and the language; none that holds a secret."""

    @field_validator("environment")
    @classmethod
    def _no_secret(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if any(word in name.upper() for word in _SECRET):
                raise ValueError(f"{name} looks like a secret, which no command of a suite gets")
        return names

    @field_validator("run")
    @classmethod
    def _templates(cls, run: tuple[str, ...]) -> tuple[str, ...]:
        for word in run:
            if not Template(word).is_valid():
                raise ValueError(f"{word!r}: write $$ for a dollar sign")
        return run

    @model_validator(mode="after")
    def _reads_and_writes(self) -> Self:
        for needed in ("rows", "out"):
            if needed not in self.placeholders:
                raise ValueError(f"run needs ${{{needed}}}: the program reads the rows there" if needed == "rows"
                                 else "run needs ${out}: the program writes its weights there")  # fmt: skip
        return self

    @property
    def placeholders(self) -> frozenset[str]:
        """Names of all placeholders in `run`."""
        return frozenset(name for word in self.run for name in Template(word).get_identifiers())


def flat_values(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Every key of a dumped recipe as text, by its placeholder; those of a table as `TABLE_KEY`."""
    values: dict[str, str] = {}
    for key, value in recipe.items():
        if isinstance(value, Mapping):
            values |= {f"{key}_{name}": _text(item) for name, item in value.items()}
        else:
            values[key] = _text(value)
    return values


def command_faults(command: TrainingCommand, recipe: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong between a command and its recipe: unknown placeholders, and keys that nothing would read.

    recipe: dumped, with its defaults; given: what of it differs from them.
    """
    known = OF_THE_JOB | flat_values(recipe).keys()
    for name in sorted(command.placeholders - known):
        yield f"no placeholder ${{{name}}}: there are {', '.join(sorted(OF_THE_JOB))} and the recipe's keys"
    for key, value in given.items():
        if key in _IN_ROWS:
            continue
        for name in _placeholders(key, value):
            if name not in command.placeholders:
                yield f"the command does not get {key}: write ${{{name}}} in run, or remove the key"


def _placeholders(key: str, value: object) -> list[str]:
    """Placeholders that say a key's value; of a table those of its keys that differ from LoRA's defaults."""
    if not isinstance(value, Mapping):
        return [key]
    defaults = LoraSpec().model_dump(mode="json")
    return [f"{key}_{name}" for name, item in value.items() if item != defaults.get(name)]


def _text(value: object) -> str:
    """The value as a suite has it: `alpha = 16` is `16`, for programs that read whole numbers."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)
