"""`kind = "generation"`: answers to prompts, and what measures them."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from bench.spec import Count, Name, Spec
from bench.suite.tables.data import PromptSpec
from bench.suite.tables.evals.common import ClusterColumn, Role, SliceColumns
from bench.suite.tables.evals.decoding import Decoding
from bench.suite.tables.evals.kind import EvalKind


class FormatSpec(Spec):
    """What form an answer is to have."""

    by: Literal["regex", "json"]
    """`regex`: the answer matches `pattern`; `json`: it is JSON, with `keys` if they are named."""
    pattern: str | None = None
    """`regex`: what the whole answer, without white space around it, must match; `.` matches line breaks too."""
    keys: tuple[str, ...] = ()
    """`json`: keys that the answer's object must have. Without keys any JSON value will do."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                re.compile(pattern)  # the child's `regex` reads the same, and can be given a time limit
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
        return pattern

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.by == "regex") != (self.pattern is not None):
            raise ValueError("a format by regex needs a pattern, and no other has one")
        if self.by == "regex" and self.keys:
            raise ValueError("keys mean a format by json")
        return self


class HubMetric(Spec):
    """A metric from the hub of the `evaluate` library. It is code, so that the command line must allow it."""

    name: str = Field(min_length=1)
    """Such as `bertscore` or `owner/metric`."""
    key: str = Field(min_length=1)
    """Which of its results is taken: a list has a score for each answer, a number is one for the corpus."""
    higher_is_better: bool = True
    """Whether a higher value is a better answer."""
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Arguments of its `compute`, such as `lang = "en"`."""

    @property
    def measure(self) -> str:
        """Name of the measure: `bertscore_f1`, or the metric's own where the key repeats it."""
        short_name = self.name.rpartition("/")[2]
        return short_name if self.key == short_name else f"{short_name}_{self.key}"


class GenerationSpec(EvalKind):
    """`kind = "generation"`: answers to prompts, by reference and by behaviour (see docs/evals.md)."""

    kind: Literal["generation"]
    """Answers that the models write."""
    name: Name
    """Name of the eval: claims and the report call it so."""
    data: PromptSpec
    """Prompts; a row's own answer is the reference, and may be missing."""
    metrics: tuple[str, ...] = ()
    """Metrics that compare with the reference: exact_match, token_f1, squad, numeric, code, tool_call, rouge,
    chrf, bleu."""
    hub_metrics: tuple[HubMetric, ...] = ()
    """Metrics from the hub of the `evaluate` library, such as `[{ name = "bertscore", key = "f1" }]`."""
    metric: str | None = None
    """Headline measure; default: the first measure of the first metric, or `ended` without any."""
    pass_at: tuple[Count, ...] = ()
    """Measures `pass@k` of these k: the chance that one of k answers is right, by the eval's first right-or-wrong
    metric; without bias from at least as many `decoding.samples` (Chen et al. 2021)."""
    majority: bool = False
    """Measure `majority`: whether the most frequent of the answers is right (self-consistency, Wang et al. 2022)."""
    decoding: Decoding = Decoding()
    """How answers are drawn: `{ max_new_tokens = 256 }`; greedy unless it has a temperature."""
    format: FormatSpec | None = None
    """The form that an answer is to have; adds the measure `format`."""
    slices: SliceColumns = ()
    """Columns of the rows by whose values the report shows the scores."""
    cluster: ClusterColumn = None
    template: Literal["suite", "none"] = "suite"
    """`suite`: prompts are wrapped in the model's prompt template; `none`: given as they are."""
    strip_thinking: bool | None = None
    """Score the answer without its thinking; default: where prompts are wrapped in a template that has thinking."""
    role: Role = "target"

    @model_validator(mode="after")
    def _enough_answers(self) -> Self:
        samples = self.decoding.samples
        if self.pass_at and max(self.pass_at) > samples:
            raise ValueError(f"pass@{max(self.pass_at)} needs decoding.samples = {max(self.pass_at)}, or more")
        if len(set(self.pass_at)) < len(self.pass_at):
            raise ValueError("pass_at: give each number once")
        if self.majority and samples < 3:
            raise ValueError("majority needs decoding.samples = 3, or more")
        return self
