"""What is evaluated: one class per kind of eval, told apart by `kind`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from bench.spec import Count, Name, Seed, Spec
from bench.suite.tables.data import DataSpec, PromptSpec
from bench.suite.tables.endpoint import Sampling
from bench.suite.tables.model_source import ModelSource

Role = Annotated[
    Literal["target", "retention", "diagnostic"],
    Field(description="`target`: what training is for; `retention`: what it may forget; `diagnostic`: ranks nothing."),
]


SliceColumns = tuple[Annotated[str, Field(min_length=1)], ...]


class LmEvalSpec(Spec):
    """`kind = "lm_eval"`: tasks of lm-eval by name, its own or from a folder of task files."""

    kind: Literal["lm_eval"]
    """Tasks of lm-eval."""
    name: Name
    """Name of the eval: claims and the report call it so."""
    tasks: tuple[str, ...] = Field(min_length=1)
    """Names of tasks or groups of lm-eval, such as `["ifeval", "hellaswag"]`."""
    include: str | None = None
    """Folder of task files, relative to the suite file; lm-eval's own index is then not built."""
    rows: str | None = Field(default=None, min_length=1)
    """Folder with TASK.jsonl (or .json, .csv, .parquet) for each task, relative to the suite file: its rows in place of
    those on the hub, in the hub's own columns."""
    num_fewshot: int | None = Field(default=None, ge=0, le=1000)
    """Solved examples before each question; default: each task's own number."""
    max_new_tokens: Count | None = None
    """Longest written answer, in tokens; default: each task's own."""
    limit: Count | None = None
    """Only the first examples of each task: for trying out; recorded and shown."""
    metric: str | None = None
    """Headline metric; default: the first that the task lists."""
    template: Literal["suite", "none"] = "suite"
    """`suite`: prompts are wrapped in the model's prompt template; `none`: given as they are."""
    strip_thinking: bool | None = None
    """Score the answer without its thinking; default: where prompts are wrapped in a template that has thinking."""
    slices: SliceColumns = ()
    """Fields of the task's documents, such as `category` or IFEval's `instruction_id_list`, by whose values the report
    shows the scores."""
    role: Role = "target"

    @model_validator(mode="after")
    def _rows_fit(self) -> LmEvalSpec:
        if self.rows is not None and self.include is not None:
            raise ValueError("rows: a task file in `include` names its own rows")
        if self.rows is not None and self.num_fewshot:
            raise ValueError("rows: few-shot examples come from other rows of the task, which only the hub has")
        return self


class ChoiceSpec(Spec):
    """`kind = "choice"`: multiple choice, or questions with short answers, from a local file without a task file."""

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
    metric: Literal["acc", "acc_norm", "exact_match"] | None = None
    """Headline metric; default: `acc` with options, `exact_match` without."""
    template: Literal["suite", "none"] = "suite"
    """`suite`: prompts are wrapped in the model's prompt template; `none`: `Question: …`, `Answer:`."""
    strip_thinking: bool | None = None
    """Score the answer without its thinking; default: where prompts are wrapped in a template that has thinking."""
    role: Role = "target"

    @model_validator(mode="after")
    def _metric_fits(self) -> ChoiceSpec:
        if self.metric is not None and (self.metric == "exact_match") == self.has_options:
            raise ValueError("metric: with options acc or acc_norm, without options exact_match")
        return self

    @property
    def has_options(self) -> bool:
        """Whether the model chooses; else it writes the answer."""
        return bool(self.choices)


class LossSpec(Spec):
    """`kind = "loss"`: held-out negative log-likelihood per supervised token. A diagnostic, not a ranking."""

    kind: Literal["loss"]
    """Loss on held-out rows."""
    name: Name
    """Name of the eval: claims and the report call it so."""
    data: DataSpec
    """The rows; `select = { by = "holdout", size = 500 }` takes them out of everything that trains."""
    slices: SliceColumns = ()
    """Columns of the rows by whose values the report shows the scores."""
    role: Role = "diagnostic"


class Decoding(Spec):
    """How answers are drawn: greedily, or sampled with a seed; the same draws for base and arms."""

    temperature: float = Field(default=0.0, ge=0, le=10)
    """0: greedy."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """Draw from the smallest set of tokens with at least this probability."""
    top_k: Count | None = None
    """Draw from this many most probable tokens."""
    samples: int = Field(default=1, gt=0, le=1000)
    """Answers per prompt; a prompt's score is their mean."""
    seed: Seed = 0
    """Seed of the draws."""
    max_new_tokens: Count = 256
    """Longest answer, in tokens; a longer one is cut and counted."""
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Texts that end an answer and are no part of it, beside the template's own."""

    @model_validator(mode="after")
    def _greedy_draws_once(self) -> Decoding:
        drawn = [key for key in ("top_p", "top_k") if getattr(self, key) is not None]
        if self.temperature == 0 and (drawn or self.samples > 1):
            key = drawn[0] if drawn else "samples above 1"
            raise ValueError(f"greedy decoding (temperature 0) has no use for {key}: set temperature")
        return self


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
    def _fits(self) -> FormatSpec:
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


class GenerationSpec(Spec):
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
    template: Literal["suite", "none"] = "suite"
    """`suite`: prompts are wrapped in the model's prompt template; `none`: given as they are."""
    strip_thinking: bool | None = None
    """Score the answer without its thinking; default: where prompts are wrapped in a template that has thinking."""
    role: Role = "target"

    @model_validator(mode="after")
    def _enough_answers(self) -> GenerationSpec:
        samples = self.decoding.samples
        if self.pass_at and max(self.pass_at) > samples:
            raise ValueError(f"pass@{max(self.pass_at)} needs decoding.samples = {max(self.pass_at)}, or more")
        if len(set(self.pass_at)) < len(self.pass_at):
            raise ValueError("pass_at: give each number once")
        if self.majority and samples < 3:
            raise ValueError("majority needs decoding.samples = 3, or more")
        return self


class QuestionsSpec(Spec):
    """`kind = "questions"`: fixed prompts whose answers the report shows side by side. No score."""

    kind: Literal["questions"]
    """Answers side by side, without a score."""
    name: Name
    """Name of the eval: the report calls it so."""
    questions: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """In the suite itself."""
    data: PromptSpec | None = None
    """Or from data, such as a JSON Lines file whose rows have `turns`; the row's own answer is shown as wanted."""
    decoding: Decoding = Decoding()
    """How answers are drawn: `{ max_new_tokens = 256 }`; greedy unless it has a temperature."""
    template: Literal["suite", "none"] = "suite"
    """`suite`: prompts are wrapped in the model's prompt template; `none`: given as they are."""
    strip_thinking: bool | None = None
    """Score the answer without its thinking; default: where prompts are wrapped in a template that has thinking."""
    role: Role = "diagnostic"

    @model_validator(mode="after")
    def _one_source(self) -> QuestionsSpec:
        if bool(self.questions) == (self.data is not None):
            raise ValueError("give either `questions` or `data`")
        if self.decoding.samples > 1:
            raise ValueError("decoding.samples: one answer to each question is shown")
        return self


class JudgeSpec(Spec):
    """`kind = "judge"`: a model says which of two answers to the same prompt is better, in both orders."""

    kind: Literal["judge"]
    """A judge between two answers."""
    name: Name
    """Name of the eval: claims and the report call it so."""
    data: PromptSpec
    """Prompts. A row's own answer is the stored answer of `against = "reference"`."""
    against: Literal["base", "control", "reference"] = "base"
    """Whose answers a subject's are compared with: its base's, its control's of the same seed, or stored ones."""
    reference: DataSpec | None = None
    """Stored answers by prompt, such as another model's `{instruction, output}` rows; default: the rows' own."""
    judge: ModelSource
    """The model that judges."""
    prompt: str = "pairwise"
    """What it is asked: pairwise, letter, json, or a Jinja file relative to the suite file."""
    labels: str | None = None
    """JSON lines, relative to the suite file, of what people prefer on some of the pairs, drawn at random:
    `{"id": "…", "subject": "ARM#SEED", "score": 1}`. They correct the judge's rate."""
    sampling: Sampling = Sampling(temperature=0.0, max_tokens=1024)
    """How it is asked."""
    decoding: Decoding = Decoding()
    """How the subjects answer."""
    template: Literal["suite", "none"] = "suite"
    """`suite`: prompts are wrapped in the model's prompt template; `none`: given as they are."""
    strip_thinking: bool | None = None
    """Score the answer without its thinking; default: where prompts are wrapped in a template that has thinking."""
    role: Role = "target"

    @model_validator(mode="after")
    def _fits(self) -> JudgeSpec:
        if self.reference is not None and self.against != "reference":
            raise ValueError('reference means against = "reference"')
        if self.decoding.samples > 1:
            raise ValueError("decoding.samples: one answer to each prompt is judged")
        return self

    def asking(self) -> QuestionsSpec:
        """How the answers that are compared are got."""
        return QuestionsSpec(
            kind="questions",
            name=self.name,
            data=self.data,
            decoding=self.decoding,
            template=self.template,
            strip_thinking=self.strip_thinking,
        )


EvalSpec = Annotated[
    LmEvalSpec | ChoiceSpec | LossSpec | GenerationSpec | QuestionsSpec | JudgeSpec, Field(discriminator="kind")
]


def data_of(spec: EvalSpec) -> DataSpec | None:
    """The eval's own rows; `None` where it has none."""
    return None if isinstance(spec, LmEvalSpec | ChoiceSpec) else spec.data


def examples_asked(spec: EvalSpec) -> int | None:
    """How many of its examples an eval takes, of each task; `None` where it takes all, or no more could be added to
    those that it has."""
    if isinstance(spec, LmEvalSpec | ChoiceSpec):
        return spec.limit
    if isinstance(spec, QuestionsSpec):
        return None
    select = spec.data.select
    return select.size if select.by in ("first", "random") and not select.seeds else None


def with_examples(spec: EvalSpec, count: int) -> EvalSpec:
    """The eval with `count` examples, the present ones among them: of an eval whose `examples_asked` is a number."""
    if isinstance(spec, LmEvalSpec | ChoiceSpec):
        return spec.model_copy(update={"limit": count})
    data = data_of(spec)
    assert data is not None, "an eval with rows"
    select = data.select.model_copy(update={"size": count})
    return spec.model_copy(update={"data": data.model_copy(update={"select": select})})


def slices_of(spec: EvalSpec) -> tuple[str, ...]:
    """Columns by whose values the eval's scores are shown."""
    return () if isinstance(spec, QuestionsSpec | JudgeSpec) else spec.slices


def reference_of(spec: EvalSpec) -> DataSpec | None:
    """Stored answers that a judge compares with; `None` where there are none apart from the eval's own rows."""
    return spec.reference if isinstance(spec, JudgeSpec) else None


def longest_answer(spec: EvalSpec) -> tuple[str, int] | None:
    """The key that gives the eval's longest answer, and its tokens; `None` where no answer is written, or each task has
    its own length."""
    if isinstance(spec, LossSpec) or (isinstance(spec, ChoiceSpec) and spec.has_options):
        return None
    if isinstance(spec, LmEvalSpec | ChoiceSpec):
        return None if spec.max_new_tokens is None else ("max_new_tokens", spec.max_new_tokens)
    return "decoding.max_new_tokens", spec.decoding.max_new_tokens
