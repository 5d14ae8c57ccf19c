"""`kind = "choice"`: questions of a local file."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from bench.spec import Count, Name, is_path
from bench.suite.tables.evals.common import ClusterColumn, Role, SliceColumns
from bench.suite.tables.evals.kind import EvalKind


class ChoiceSpec(EvalKind):
    """`kind = "choice"`: multiple choice, or questions with short answers, from a local file without a task file."""

    scale: ClassVar = (0.0, 1.0)
    file_keys: ClassVar = {"source": is_path}

    kind: Literal["choice"]
    """Questions of a local file, with options or with short answers."""
    name: Name
    """Name of the eval: claims and the report call it so."""
    source: str = Field(min_length=1)
    """JSON, JSON Lines, CSV, TSV or Parquet file, relative to the suite file."""
    question: str = "question"
    """Column of the questions."""
    passage: str | None = None
    """Column of a text that goes before the question."""
    choices: str | tuple[str, ...] = "choices"
    """Column that lists the options, or one column per option; `[]`: no options, the model writes the answer."""
    answer: str = "answer"
    """Column of the right option, as its text, letter or number; without options the answer, or a list of answers."""
    count_from: Literal[0, 1] | None = None
    """Number of the first option: answers are numbers then; default: as the file's numbers show."""
    max_new_tokens: Count = 64
    """Longest written answer, in tokens."""
    limit: Count | None = None
    """Only the first examples: for trying out; recorded and shown."""
    slices: SliceColumns = ()
    """Columns of the rows by whose values the report shows the scores."""
    cluster: ClusterColumn = None
    metric: Literal["acc", "acc_norm", "exact_match"] | None = None
    """Headline metric; default: `acc` with options, `exact_match` without."""
    template: Literal["suite", "none"] = "suite"
    """`suite`: prompts are wrapped in the model's prompt template; `none`: `Question: …`, `Answer:`."""
    strip_thinking: bool | None = None
    """Score the answer without its thinking; default: where prompts are wrapped in a template that has thinking."""
    role: Role = "target"

    @model_validator(mode="after")
    def _metric_fits(self) -> Self:
        if self.metric is not None and (self.metric == "exact_match") == self.has_options:
            raise ValueError("metric: with options acc or acc_norm, without options exact_match")
        return self

    @property
    def has_options(self) -> bool:
        """Whether the model chooses; else it writes the answer."""
        return bool(self.choices)

    @property
    def by_likelihood(self) -> bool:
        """Options are compared by their likelihood; a short answer is written."""
        return self.has_options

    @property
    def examples_label(self) -> str:
        """The file."""
        return self.source
