"""What a draft is made from: the base, and the rows of each file as the base will see them.

Contract: rows are read, rendered and measured by the code that a run uses; what a run would refuse is refused here.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory

from bench.data.render.row import Row
from bench.data.store import load_rows
from bench.run.process.server import ChildServer
from bench.run.resolve.suite import resolve
from bench.show.data import Shown, show_data
from bench.suite.load import load_suite
from bench.suite.tables.data import Columns

_SAMPLE = 500
"""Rows whose answers are looked at."""
_RECIPE = "look"
_UNREAD = re.compile(r"column `(.+)` not used")
_OPTION = re.compile(r"(?:(?:option|choice|opt)[ _-]?)?([a-h]|[0-7])|choices|options", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the answers of a file are like, over up to `_SAMPLE` rows."""

    words: float
    """Median number of words; of plain text, of the whole row."""
    long_words: float
    """Number of words that 95% of the answers do not exceed."""
    tokens_per_word: float
    """Tokens of the base's tokenizer for each word of these answers."""
    json: bool
    """Whether nearly all are JSON objects or arrays."""
    numbers: bool
    """Whether nearly all end in a number after `####`, as GSM8K's do."""
    text: bool
    """Whether the rows are plain text: there is no question and no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One file of rows."""

    name: str
    source: str
    columns: Columns | None
    """What the user says that its columns are."""
    shown: Shown
    answers: Answers

    @property
    def tokens(self) -> int:
        """Tokens of all rows, estimated from those that were measured."""
        return round(self.shown.tokens * self.shown.rows / max(1, self.shown.measured))

    @property
    def unread(self) -> tuple[str, ...]:
        """Columns that are filled and of which nothing becomes part of a row."""
        return tuple(found[1] for note in self.shown.notes if (found := _UNREAD.search(note)))

    @property
    def options(self) -> tuple[str, ...]:
        """The unread columns that hold the options of multiple-choice questions: a list of them, or one column each."""
        named = tuple(name for name in self.unread if _OPTION.fullmatch(name.strip()))
        listed = tuple(name for name in named if name.strip().lower() in ("choices", "options"))
        return listed[:1] or (named if len(named) > 1 else ())

    def length_of(self, share: float) -> int:
        """Length in tokens that a share of the measured rows does not exceed, by the ends of the histogram's bins."""
        wanted, seen = share * self.shown.measured, 0
        for part in self.shown.histogram:
            seen += part.rows
            if seen >= wanted:
                return part.to_tokens
        return self.shown.longest


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedBase:
    """The base."""

    table: str
    """Its `[model]` table's key and value, such as `card = "micro"`, and lines with what else the user says of it."""
    name: str
    context_length: int
    parameters: int | None


def look(
    model: str,
    sources: dict[str, str],
    *,
    folder: Path,
    home: Path,
    server: ChildServer | None = None,
    columns: Mapping[str, Columns] | None = None,
) -> tuple[LookedBase, list[Looked]]:
    """The base and each source, by name, some with their `columns`; paths are relative to `folder`. Raises `InputError`
    as a run would."""
    columns = columns or {}
    server = server or ChildServer()
    server.warm()
    with TemporaryDirectory(prefix=".bench-init-", dir=folder) as scratch:
        path = Path(scratch) / "look.toml"
        absolute = {name: _from(source, folder) for name, source in sources.items()}
        path.write_text(_suite(_model_from(model, folder), absolute, columns), encoding="utf-8")
        loaded = load_suite(path)
        resolved = resolve(loaded, home=home, server=server)
        base = LookedBase(
            table=model,
            name=resolved.model.name,
            context_length=resolved.model.context_length,
            parameters=resolved.model.parameters,
        )
        looked = []
        for name, source in sources.items():
            shown = show_data(loaded, f"{name}/{_RECIPE}", rows=0, home=home, server=server)
            rows = [*islice(load_rows(resolved.data[name].path), _SAMPLE)]
            answers = _answers(rows, shown)
            looked.append(Looked(name=name, source=source, columns=columns.get(name), shown=shown, answers=answers))
        return base, looked


def _from(source: str, folder: Path) -> str:
    """A local path made absolute; a hub id or an embedded source as it is."""
    path = folder / Path(source).expanduser()
    return str(path.resolve()) if path.exists() else source


def _model_from(table: str, folder: Path) -> str:
    """The key of `[model]` with a local path made absolute."""
    line, _, settings = table.partition("\n")
    key, _, value = line.partition(" = ")
    return f"{key} = {json.dumps(_from(json.loads(value), folder))}\n{settings}" if key == "path" else table


def columns_line(columns: Columns | None) -> str:
    """The line of a data table that names its columns; empty without any."""
    if columns is None:
        return ""
    pairs = ", ".join(f"{key} = {json.dumps(name)}" for key, name in columns.model_dump(exclude_none=True).items())
    return f"\ncolumns = {{ {pairs} }}"


def _suite(model: str, sources: dict[str, str], columns: Mapping[str, Columns]) -> str:
    """A suite that trains one recipe on every source, for reading and rendering alone."""
    tables = "\n".join(
        f"[data.{name}]\nsource = {json.dumps(source)}{columns_line(columns.get(name))}"
        for name, source in sources.items()
    )
    return (
        f'name = "look"\nquestion = "What is in these files?"\n[model]\n{model}\n{tables}\n'
        f'[recipe.{_RECIPE}]\nmethod = "full"\nlearning_rate = 1e-5\n'
        f'[budget]\nunit = "epochs"\namount = 1\n[arms]\ndata = {json.dumps([*sources])}\nrecipe = ["{_RECIPE}"]\n'
    )


def _answers(rows: Sequence[Row], shown: Shown) -> Answers:
    texts = [row.answer.strip() for row in rows]
    words = sorted(len(text.split()) for text in texts)
    return Answers(
        words=median(words),
        long_words=words[ceil(0.95 * len(words)) - 1],
        tokens_per_word=shown.supervised_tokens / max(1, shown.measured) / max(1.0, fmean(words)),
        json=_nearly_all(texts, _is_json),
        numbers=_nearly_all(texts, lambda text: "####" in text),
        text=all(row.is_text for row in rows),
    )


def _nearly_all(texts: Sequence[str], is_so: Callable[[str], bool]) -> bool:
    return sum(is_so(text) for text in texts) >= 0.95 * len(texts)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False
