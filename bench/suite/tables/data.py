"""Where rows come from and which of them are taken."""

import re
from pathlib import PurePath
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from bench.spec import Count, Name, Seed, Spec

MICRO_SOURCES = ("curated", "mixed", "heldout")
"""What `micro:NAME` can name: data that the program generates itself."""
MICRO_SCORE = "quality"
"""The column of `micro:NAME` that holds a score: what an imperfect judge makes of each row."""
FILE_SUFFIXES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".gz")

SPLIT_COLUMNS = ("split", "data_split", "dataset_split", "partition")
"""Columns in which rows of one file name their split."""
PERHAPS_SPLITS = ("subset", "set", "fold", "train_test")
"""Columns in which they do where the value is the name of a split and nothing else."""
SPLIT_FLAGS = (
    "is_test", "is_validation", "is_val", "is_dev", "is_eval", "is_holdout", "is_heldout", "holdout", "heldout"
)  # fmt: skip
"""Columns that are true in rows that are not of the training split."""
SAVED_SPLITS = "dataset_dict.json"
"""The file that marks a folder in which `datasets` saved several splits."""

HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,95})?")
"""`owner/name`, or a name alone, of a model or a dataset."""

CONTROL_SUFFIX = "_control"
"""What the name of a table's own random control ends with."""


OddRows = Literal["repair", "drop", "strict"]
"""What becomes of odd rows."""
FAULTY_SHARE = 0.01
"""Share of rows that may be unreadable and are left out; more show that the data was misunderstood."""


def may_be_left_out(faulty: int, rows: int, odd_rows: OddRows) -> bool:
    """Whether so many faulty rows of all `rows` may be left out."""
    return odd_rows == "drop" or (odd_rows == "repair" and faulty <= FAULTY_SHARE * rows)


class Select(Spec):
    """Which rows of a source are used. The draw depends on `seed` and the rows alone."""

    by: Literal["all", "first", "random", "longest", "score", "diverse", "holdout"] = "all"
    """`first`, `random`, `longest`, `score` and `diverse` choose; `holdout` takes rows out of everything that trains;
    `all`."""
    size: Count | None = None
    """Rows to take; required for all but `all` and, with a `minimum`, `score`."""
    offset: int = Field(default=0, ge=0, le=2**31 - 1)
    """For `first`: rows to pass over before the first one taken."""
    size_of: Name | None = None
    """In place of `size`: as many rows as this `[data]` table selects."""
    seed: Seed = 0
    """Seed of the draw, for `random`, `diverse` and `holdout`."""
    seeds: tuple[Seed, ...] = ()
    """For `random`, in place of `seed`: several draws. The training with the suite's n-th seed has the n-th draw, in
    turn, so that the noise of the draw is seen."""
    column: str | None = Field(default=None, min_length=1)
    """For `score`: the column that holds the score, a number; higher is better."""
    minimum: float | None = None
    """For `score`: rows below it are not taken."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        sized = self.size is not None or self.size_of is not None
        if self.size is not None and self.size_of is not None:
            raise ValueError("give size or size_of, not both")
        if self.by == "holdout" and self.size_of is not None:
            raise ValueError("rows are held out before anything else is selected: give the hold-out a size")
        if self.by == "all" and sized:
            raise ValueError("select by 'all' takes no size")
        if self.by == "score" and (self.column is None or not (sized or self.minimum is not None)):
            raise ValueError("select by 'score' needs a column, and a minimum or a size or both")
        if self.by not in ("all", "score") and not sized:
            raise ValueError(f"select by {self.by!r} needs a size")
        if self.seeds and (self.by != "random" or self.seed != 0):
            raise ValueError("seeds belong to select by 'random', in place of seed")
        if self.offset and self.by != "first":
            raise ValueError("offset belongs to select by 'first'")
        if len(set(self.seeds)) != len(self.seeds) or len(self.seeds) == 1:
            raise ValueError("give at least two seeds, each once; for one draw, seed")
        if self.by != "score" and (self.column is not None or self.minimum is not None):
            raise ValueError("column and minimum belong to select by 'score'")
        return self


class Columns(Spec):
    """Maps a source's own column names onto prompt and completion, or onto plain text, for shapes that are not
    recognised by themselves."""

    prompt: str | None = None
    """Column of the question or instruction."""
    completion: str | None = None
    """Column of the answer."""
    input: str | None = None
    """An optional column that is joined to the prompt, as Alpaca's `input` is."""
    system: str | None = None
    """Column of a system prompt."""
    text: str | None = None
    """In place of all others: the column of a plain text, all of which is learned."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.text is not None:
            if any(name is not None for name in (self.prompt, self.completion, self.input, self.system)):
                raise ValueError("give text, or prompt and completion: these are two kinds of row")
        elif self.prompt is None or self.completion is None:
            raise ValueError("give prompt and completion, or text")
        return self


class LengthFilter(Spec):
    """Rows outside these lengths are left out and counted. In characters, so that no tokenizer decides what the data
    is; English prose has about four to a token."""

    min_answer_characters: Count | None = None
    """Characters of the shortest last answer that stays."""
    max_answer_characters: Count | None = None
    """Characters of the longest last answer that stays."""
    min_characters: Count | None = None
    """Characters of all turns together, system prompts included."""
    max_characters: Count | None = None
    """The most characters of all turns together."""

    @model_validator(mode="after")
    def _some_length_passes(self) -> Self:
        for low, high in (
            (self.min_answer_characters, self.max_answer_characters),
            (self.min_characters, self.max_characters),
        ):
            if low is not None and high is not None and low > high:
                raise ValueError("the minimum is above the maximum")
        return self


class MixPart(Spec):
    """One part of a mix."""

    data: Name
    """Name of another `[data]` table; its selection is what the part is drawn from."""
    weight: float = Field(gt=0, le=1e9)
    """Share of the mix's rows, relative to the other weights."""


class DataSpec(Spec):
    """`[data.NAME]` or the `data` of an eval. Exactly one of `source` and `mix`."""

    one_of: ClassVar = ("source", "mix")
    described_by: ClassVar = ("config", "split", "revision", "columns")
    file_keys: ClassVar = {"source": lambda text: DataSpec.model_construct(source=text).source_kind == "file"}

    source: str | None = Field(default=None, min_length=1)
    """Hub id, a path to .json/.jsonl/.ndjson/.csv/.tsv (also .gz)/.parquet/.arrow or a folder of such files,
    `micro:curated`, `micro:mixed`, `micro:heldout`, or `data:NAME`: the source of another `[data]` table, before that
    table's own selection."""
    mix: Annotated[tuple[MixPart, ...], Field(min_length=2)] | None = None
    """Rows drawn from several tables by weight: `select` by `random` with a size, or by `all` for the largest mix of
    these weights in which no row comes twice."""
    config: str | None = None
    """Hub dataset configuration."""
    split: str = "train"
    """Split of a hub dataset, of a folder that `datasets` saved with several, of a folder whose files are named
    after splits (`train.jsonl`, `test-0.parquet`, `train_sft.jsonl`), or of a file whose rows name theirs in a column
    `split`."""
    revision: str | None = None
    """Hub revision."""
    columns: Columns | None = None
    """The source's own column names: `{ prompt = "question", completion = "answer" }`."""
    system: str | None = Field(default=None, min_length=1)
    """A system prompt for every row, in place of its own."""
    odd_rows: OddRows = "repair"
    """Rows that cannot be read as they are, or that the template cannot print. `repair`: turns of one role in a row are
    merged, and up to one row in a hundred that cannot be read, or printed, is left out. `drop`: all such rows are left
    out. `strict`: the first refuses the source. What was merged or left out is counted."""
    empty_answers: Literal["drop", "keep"] = "drop"
    """Rows whose last answer is empty, or has no token before the cut at `max_length`. `drop`: left out and counted.
    `keep`: such a row takes its place in a batch and teaches nothing, as in training loops that do not look; an epoch
    then has the steps of the whole file."""
    reasoning: Literal["template", "inline", "drop"] = "template"
    """What becomes of reasoning in a field of its own. `template`: the chat template prints it, and a row whose
    template leaves it out is refused. `inline`: it goes into the answer's text, as `<think>…</think>` before it.
    `drop`: it is not learned. Rows changed so are counted."""
    ignore: tuple[str, ...] = ()
    """Columns and message keys that are not to be read, whatever they mean, such as `images` or `weight`."""
    leave_out: tuple[str, ...] = ()
    """Columns, message keys and roles whose rows are left out and counted, such as `tool_calls`."""
    length: LengthFilter | None = None
    """Applied before `dedup` and `select`."""
    dedup: Literal["none", "exact", "near"] = "none"
    """`exact`: of rows that differ in nothing but letter case and white space the first stays. `near`: of rows whose
    sets of word triples have a Jaccard similarity of 0.8 or more, too. Applied before `select`."""
    select: Select = Select()
    """Which rows are taken: `{ by = "random", size = 1000 }`; default: all."""
    control: bool = False
    """Adds `[data.NAME_control]`: a random draw of the same source and size, drawn with `select.seed`."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if not self.has_one():
            raise ValueError("give exactly one of source and mix")
        if self.mix is not None and self.select.by not in ("all", "random"):
            raise ValueError(f"a mix is drawn at random; select by {self.select.by!r} in the tables of its parts")
        if self.control and (self.mix is not None or self.select.by in ("random", "holdout")):
            raise ValueError("control belongs to a selection from one source that is not random")
        if self.control and self.select.by == "all" and self.length is None and self.dedup == "none":
            raise ValueError("control has no size to match: this table takes every row")
        return self

    @property
    def label(self) -> str:
        """The source as a message or a table names it."""
        if self.mix is None:
            return self.source or ""
        return "mix of " + ", ".join(f"{part.data} ({part.weight:g})" for part in self.mix)

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the `[data]` tables whose selections this one is made from or sized by."""
        parts = tuple(part.data for part in self.mix or ())
        return (*parts, *(() if self.select.size_of is None else (self.select.size_of,)))

    @property
    def needs_answers(self) -> bool:
        """Whether a row without an answer is of no use."""
        return True

    @property
    def source_kind(self) -> Literal["micro", "data", "file", "hub", "mix"]:
        """What `source` is by its form. What looks like a hub id may still be a folder of that name."""
        if self.source is None:
            return "mix"
        prefix, colon, _ = self.source.partition(":")
        if colon and prefix in {"micro", "data"}:
            return "micro" if prefix == "micro" else "data"
        looks_local = self.source.startswith((".", "/", "~")) or PurePath(self.source).suffix.lower() in FILE_SUFFIXES
        return "file" if looks_local or not HUB_ID.fullmatch(self.source) else "hub"


class PromptColumns(Columns):
    """Columns of rows that need no reference."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.prompt is None or self.text is not None:
            raise ValueError("give prompt, and completion where there is a reference")
        return self


class PromptSpec(DataSpec):
    """The `data` of an eval that asks for answers: a row's own answer is a reference, and may be missing."""

    columns: PromptColumns | None = None
    """The source's own column names: `{ prompt = "question" }`, with `completion` for a reference."""

    @property
    def needs_answers(self) -> bool:
        """Prompts are enough."""
        return False
