"""Types of a make file: what is made, from which rows, by which model. One class per `kind`."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from bench.spec import Count, Seed, Spec
from bench.suite.tables.data import DataSpec, PromptColumns
from bench.suite.tables.models.endpoint import Sampling
from bench.suite.tables.models.model_source import ModelSource

RowShape = Literal["alpaca", "messages"]
Way = Literal["paraphrase", "constrain", "deepen", "concretise", "broaden"]


class TaskSource(Spec):
    """Rows to work on. Unlike training data they need no answers."""

    source: str = Field(min_length=1)
    """Hub id, a path to .json/.jsonl/.csv/.parquet relative to the make file, or `micro:NAME`."""
    config: str | None = None
    """Hub dataset configuration."""
    split: str = "train"
    """Hub split."""
    revision: str | None = None
    """Hub revision."""
    columns: PromptColumns | None = None
    size: Count | None = None
    """Rows to take; all if not given."""
    by: Literal["first", "random"] = "first"
    """Which; a random draw is that of the make file's `seed`."""

    @field_validator("source")
    @classmethod
    def _no_reference(cls, value: str) -> str:
        if value.startswith("data:"):
            raise ValueError("name the source itself: a make file has no [data] tables to refer to")
        return value

    def as_data(self) -> DataSpec:
        """The source as a suite's data table."""
        return DataSpec(source=self.source, config=self.config, split=self.split, revision=self.revision)


class Verifier(Spec):
    """Right or wrong (1 or 0) by a rule. `exact`, `contains` and `numeric` compare with the row's own answer."""

    kind: Literal["verifier"]
    rule: Literal["exact", "contains", "numeric", "regex", "json"]
    """`exact`: the reference but for white space around it, as the metric `exact_match` · `contains`: the reference is
    in it, whatever the case · `numeric`: its final number is the reference's, as the metric `numeric` · `regex`:
    `pattern` is found in it · `json`: it is JSON and nothing else."""
    pattern: str | None = None
    """Python regular expression, for the rule `regex`."""

    @model_validator(mode="after")
    def _pattern_fits(self) -> Self:
        if (self.pattern is None) == (self.rule == "regex"):
            raise ValueError('the rule "regex" needs a pattern; no other takes one')
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ValueError(f"the pattern is no regular expression: {error}") from None
        return self

    @property
    def needs_reference(self) -> bool:
        """Whether rows must have answers to compare with."""
        return self.rule in {"exact", "contains", "numeric"}


class SimilarityScorer(Spec):
    """Likeness to the row's own answer, from 0 to 1."""

    kind: Literal["metric"]
    name: Literal["token_f1", "rouge_l"]

    @property
    def needs_reference(self) -> bool:
        """Always: a similarity has two sides."""
        return True


class Judge(Spec):
    """A model's mark on a scale, from `model`; else from the writer."""

    kind: Literal["judge"]
    model: ModelSource | None = None
    low: float = 1
    high: float = 10
    prompt: str | None = None
    """Jinja file that replaces the shipped `judge.jinja`, relative to the make file."""
    sampling: Sampling = Sampling(temperature=0.0, max_tokens=512)
    show_reference: bool = False
    """Show the judge the row's own answer to compare with."""

    @model_validator(mode="after")
    def _is_a_scale(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        return self

    @property
    def needs_reference(self) -> bool:
        """Only where it is shown."""
        return self.show_reference


AnswerScorer = Annotated[Verifier | SimilarityScorer | Judge, Field(discriminator="kind")]


class _Make(Spec):
    """What all kinds have."""

    writer: ModelSource
    """The model that writes."""
    sampling: Sampling = Sampling()
    """How it is asked."""
    system: str | None = None
    """System message of every request to the writer; not part of the rows."""
    prompt: str | None = None
    """Jinja file that replaces the shipped prompt of this kind, relative to the make file."""
    keep_thoughts: bool = False
    """Keep what a model says between `<think>` tags as a part of its answers."""
    shape: RowShape = "alpaca"
    """Shape of the rows: instruction/input/output, or messages (needed for conversations and system prompts)."""
    seed: Seed = 0
    """Seed of every draw, and of the retries' jitter."""

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        if getattr(self, "samples", 1) > 1 and not self.sampling.temperature:
            raise ValueError("several samples need sampling.temperature above 0, or they are all the same")
        return self

    @property
    def judge(self) -> Judge | None:
        """The judge that marks answers, for best of K by a judge."""
        return None

    @property
    def compares(self) -> bool:
        """Whether answers are compared with those of the rows, which must have them."""
        return False


class MakeInstructions(_Make):
    """`kind = "instructions"`: new tasks after the manner of seed tasks (Wang et al. 2023; Taori et al. 2023)."""

    kind: Literal["instructions"]
    tasks: TaskSource | None = None
    """Seed tasks: some of them are shown in every request. Not needed with a `prompt` of your own."""
    size: Count
    """Rows to make."""
    demonstrations: int = Field(default=3, ge=1, le=50)
    """Seed tasks shown in one request; none are shown without `tasks`."""
    per_request: int = Field(default=10, ge=1, le=100)
    """New tasks asked for in one request."""
    answers: Literal["same", "separate"] = "same"
    """`same`: task and answer in one reply; `separate`: each task is answered in a request of its own."""
    near_duplicate: float = Field(default=0.7, gt=0, le=1)
    """A task whose instruction has at least this ROUGE-L with a seed task or an earlier row is left out."""
    min_words: Count = 3
    max_words: Count = 150
    """Instructions shorter or longer are left out."""
    max_requests: Count | None = None
    """Most requests for tasks; default: four times what would do if every task were kept."""

    @model_validator(mode="after")
    def _has_something_to_show(self) -> Self:
        if self.tasks is None and self.prompt is None:
            raise ValueError("give tasks, the seed tasks of the requests, or a prompt of your own, which needs none")
        return self

    @property
    def most_requests(self) -> int:
        """`max_requests`, or its default."""
        return self.max_requests or 4 * -(-self.size // self.per_request)


class MakeDistil(_Make):
    """`kind = "distil"`: a teacher's answers to given prompts."""

    kind: Literal["distil"]
    tasks: TaskSource
    samples: int = Field(default=1, ge=1, le=64)
    """Answers per prompt; equal ones count once."""


class MakeBestOf(_Make):
    """`kind = "best_of"`: K answers per prompt, the best one kept (rejection sampling)."""

    kind: Literal["best_of"]
    tasks: TaskSource
    samples: int = Field(default=4, ge=2, le=64)
    """K."""
    scorer: AnswerScorer
    minimum: float | None = None
    """Leave a prompt out whose best answer scores less."""

    @property
    def judge(self) -> Judge | None:
        """The scorer, where a model marks."""
        return self.scorer if isinstance(self.scorer, Judge) else None

    @property
    def compares(self) -> bool:
        """Whether the scorer needs a reference."""
        return self.scorer.needs_reference


class MakeScore(_Make):
    """`kind = "score"`: the rows as they are, each with a `score`, for selection by quality (Chen et al. 2023)."""

    kind: Literal["score"]
    tasks: TaskSource
    low: float = 1
    high: float = 10
    """The scale that the writer marks on."""

    @model_validator(mode="after")
    def _is_a_scale(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be less than high")
        return self


class MakeAugment(_Make):
    """`kind = "augment"`: instructions in other words, or made into other ones (Xu et al. 2023)."""

    kind: Literal["augment"]
    tasks: TaskSource
    ways: tuple[Way, ...] = Field(default=("paraphrase",), min_length=1)
    """Each row is rewritten in each of these ways."""
    answers: Literal["keep", "new"] = "keep"
    """`keep`: the row's own answer, which only a paraphrase still fits; `new`: the writer answers anew."""

    @model_validator(mode="after")
    def _answers_fit(self) -> Self:
        if self.answers == "keep" and set(self.ways) != {"paraphrase"}:
            raise ValueError('only a paraphrase can keep the old answer; for other ways say answers = "new"')
        if len(set(self.ways)) < len(self.ways):
            raise ValueError("give each way once")
        return self


MakeSpec = MakeInstructions | MakeDistil | MakeBestOf | MakeScore | MakeAugment

SPECS: dict[str, type[MakeSpec]] = {
    "instructions": MakeInstructions,
    "distil": MakeDistil,
    "best_of": MakeBestOf,
    "score": MakeScore,
    "augment": MakeAugment,
}
"""By `kind`."""


def identity(spec: MakeSpec) -> dict[str, object]:
    """What makes the rows what they are: the specification without how many, how fast and how patiently."""
    table = spec.model_dump(mode="json", exclude={"size": True, "max_requests": True, "tasks": {"size"}})
    table["writer"] = spec.writer.identity()
    if spec.judge is not None and spec.judge.model is not None:
        table["scorer"]["model"] = spec.judge.model.identity()
    return table
