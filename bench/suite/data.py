"""Where rows come from and which of them are taken."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Literal

from pydantic import Field, model_validator

from bench.spec import Count, Seed, Spec

MICRO_SOURCES = ("curated", "mixed", "heldout")
"""What `micro:NAME` can name: data that the program generates itself."""
FILE_SUFFIXES = (".json", ".jsonl", ".csv", ".parquet", ".arrow")

HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,95})?")
"""`owner/name`, or a name alone, of a model or a dataset."""


class Select(Spec):
    """Which rows of a source are used. The draw depends on `seed` and the rows alone."""

    by: Literal["all", "first", "random", "longest", "holdout"] = "all"
    size: Count | None = None
    """Rows to take; required for all but `all`."""
    seed: Seed = 0

    @model_validator(mode="after")
    def _size_fits(self) -> Select:
        if (self.size is None) != (self.by == "all"):
            raise ValueError(f"select by {self.by!r} " + ("takes no size" if self.by == "all" else "needs a size"))
        return self


class Columns(Spec):
    """Maps a source's own column names onto prompt and completion, for shapes that are not recognised by themselves."""

    prompt: str
    completion: str
    input: str | None = None
    """An optional column that is joined to the prompt, as Alpaca's `input` is."""
    system: str | None = None


class DataSpec(Spec):
    """`[data.NAME]` or the `data` of an eval."""

    source: str = Field(min_length=1)
    """Hub id, a path to .json/.jsonl/.csv/.parquet, `micro:curated`, `micro:mixed`, `micro:heldout`, or `data:NAME`:
    the source of another `[data]` table, before that table's own selection."""
    config: str | None = None
    """Hub dataset configuration."""
    split: str = "train"
    """Hub split."""
    revision: str | None = None
    """Hub revision."""
    columns: Columns | None = None
    select: Select = Select()

    @property
    def source_kind(self) -> Literal["micro", "data", "file", "hub"]:
        """What `source` is by its form. What looks like a hub id may still be a folder of that name."""
        prefix, colon, _ = self.source.partition(":")
        if colon and prefix in {"micro", "data"}:
            return "micro" if prefix == "micro" else "data"
        looks_local = self.source.startswith((".", "/", "~")) or PurePath(self.source).suffix.lower() in FILE_SUFFIXES
        return "file" if looks_local or not HUB_ID.fullmatch(self.source) else "hub"
