"""What one subject's evaluation brought back: measures in the result, and a line of `scores.jsonl` per example."""

from typing import Literal

from pydantic import Field

from bench.record.results.evals.endpoint_use import EndpointUse
from bench.record.results.evals.engine_use import EngineUse
from bench.record.results.evals.judged import Judged
from bench.record.results.training.applied import HeldOutDrift
from bench.record.results.training.ledger import OtherLoad, Seconds
from bench.spec import Spec


class Measure(Spec):
    """One metric of one task, for one subject."""

    task: str
    metric: str
    value: float | None
    """Weighted mean of the scored examples, or their corpus metric; `None` if none could be scored."""
    n: int
    """Examples scored."""
    missing: int
    """Examples that could not be scored."""
    higher_is_better: bool
    binary: bool
    """Every score is 0 or 1."""
    chance: float | None
    """Expected value of guessing, where the eval has one."""
    headline: bool
    """The one metric of its task that the report leads with."""
    per_example: bool = True
    """Whether scores hold it for each example. False for corpus metrics (BLEU, perplexity): these have a paired delta
    only where the rows keep `statistics`."""
    decoding_error: float | None = None
    """Standard error of `value` that comes from drawing answers alone; `None` where each prompt has one answer."""


class GroupMeasure(Spec):
    """One metric of a group of tasks, as the group's own file says that its tasks add up."""

    group: str
    metric: str
    """Name, one of the names of the tasks' measures."""
    value: float | None
    """`None` where a task with this metric has no value."""
    tasks: tuple[str, ...]
    """Its leaf tasks that have the metric."""
    by: Literal["examples", "tasks"]
    """What counts equally: examples (micro average, lm-eval's `weight_by_size`) or tasks (macro average)."""
    n: int
    """Examples scored."""
    missing: int
    asked: bool
    """Whether the eval names this group itself, rather than one that holds it."""


class ShotRow(Spec):
    """One row in the context of a `few_shot` subject."""

    origin: str
    """`file:row` or `hub-id:row`."""
    sha256: str
    """Turns of the row's conversation."""
    tokens: int
    """Tokens of the row in every prompt."""


class Generated(Spec):
    """What drawing the answers took, and whether the batch mattered."""

    answers: int
    samples: int
    """Per prompt."""
    temperature: float
    """0: greedy."""
    tokens: int
    """Tokens generated, end tokens included."""
    seconds: float
    """In generation alone."""
    tokens_per_second: float | None
    """Over all batches, prompts read included; `None` without a token. The subject's own speed only where its job ran
    alone."""
    first_token_seconds: float | None
    """From a lone prompt to its first token: median over `checked` prompts."""
    checked: int
    """Answers that were computed again alone, outside their batch."""
    differed: int
    """Checked answers that differ: rounding depends on the batch's shape (half precision)."""


class EvalResult(Spec):
    """One subject on one eval. `scores.jsonl` holds a `ScoreRow` per example."""

    kind: Literal["eval"] = "eval"
    measures: tuple[Measure, ...]
    groups: tuple[GroupMeasure, ...] = ()
    """Scores of groups of tasks that define how their tasks add up."""
    template: str
    """How prompts were wrapped: a template's name, or `none`."""
    precision: str
    batch: str
    """How examples were batched, such as `by length, at most 4096 slots`."""
    truncated: int = 0
    """Examples whose text was cut to fit the model's context."""
    unscored: dict[str, int] = Field(default_factory=dict)
    """Examples that lack a score, by reason."""
    strip_thinking: bool = False
    """Whether answers were scored without their thinking."""
    unfinished_thinking: int = 0
    """Examples with an answer whose thinking never ended: the answer is empty, and scored as such."""
    tokens: int | None = None
    """Non-padding tokens that passed through the model; what a batch begins with counts once. `None` of a judge."""
    slots: int | None = None
    """Rows × padded length, summed over the forward passes; `None` of a judge."""
    recalled_share: float = 0.0
    """Share of what was asked of the subject whose reply was there, from an earlier scoring of other examples of this
    eval, or from this job before it was stopped: `tokens` and `seconds` are of the rest."""
    weights_kept: bool = False
    """Whether the process had the subject's weights from an eval before: then no subject was loaded."""
    base_loads: int | None = None
    """How often the base's files were read; 0 where the process had it from a job before, or the subject has all
    weights of its own. `None` of a judge and of a server."""
    generated_tokens: int | None
    generated: Generated | None = None
    """`None` for evals without answers."""
    seconds: Seconds
    peak_process_bytes: int | None
    """Peak resident memory of the child while it evaluated, reset before; `None` of a judge."""
    peak_device_bytes: int | None = None
    """Peak allocated device memory; `None` on CPU."""
    drift: HeldOutDrift | None = None
    """Distance of a trained subject from its base on the first rows of a loss; `None` of all other subjects and evals,
    and where there was no memory for both."""
    other_load: OtherLoad | None = None
    """Beside the scoring; `None` of a judge."""
    versions: dict[str, str]
    """Versions of tasks by name."""
    datasets: dict[str, str] = Field(default_factory=dict)
    """Hub datasets that tasks of lm-eval read, by the task's name; without those that read local files."""
    available: dict[str, int] = Field(default_factory=dict)
    """Examples that tasks of lm-eval have, whatever the eval's limit, by the task's name."""
    engine: EngineUse | None = None
    """The server that generated the answers; `None`: this program did."""
    endpoint: EndpointUse | None = None
    """Requests and costs of a served model; `None` of one on this machine."""
    judged: Judged | None = None
    """Counts and costs of a judge eval; `None` for all others."""
    shots: tuple[ShotRow, ...] | None = None
    """Rows in the context of a `few_shot` subject, in order; `None` for all others."""


class ScoreRow(Spec):
    """One line of `scores.jsonl`: one example of one task."""

    task: str
    id: str
    """Stable over subjects and runs."""
    metrics: dict[str, float | None]
    weight: float = 1.0
    """Weight of this example in the mean; a loss is weighted by its supervised tokens."""
    cluster: str | None = None
    prompt: str
    question: str | None = None
    """The user's text alone, without template, earlier turns and examples; `None` where `prompt` is that text."""
    target: str | None = None
    options: tuple[str, ...] = ()
    """What the subject chose from; empty where it wrote the answer itself."""
    output: str | None = None
    """Generated text, or the chosen option; the first of several `samples`."""
    thinking: str | None = None
    """The thinking that was stripped from `output`; `None` without any."""
    unfinished_thinking: bool = False
    """Whether an answer's thinking never ended, so that there was no answer to score."""
    unread: bool = False
    """Whether nothing in the answer could be read as one: by the task's filter, such as one for the number behind
    `####`, or by a measure that compares numbers or calls."""
    samples: tuple[str | None, ...] = ()
    """All answers, where several were drawn; `metrics` are then their means."""
    verdicts: tuple[str | None, ...] = ()
    """What a judge replied: with this subject's answer shown first, then second."""
    spread: dict[str, float] = Field(default_factory=dict)
    """Variance of each metric over `samples` (n - 1 in the denominator): noise of decoding alone."""
    statistics: dict[str, tuple[float, ...]] = Field(default_factory=dict)
    """By corpus metric, what this example adds to its sufficient statistics, summed over `samples`; of a judged pair
    the lengths of both answers."""
    slices: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """By field that the suite slices by, the values of this example."""
    unscored: str | None = None
    """Why scores are missing, where a reason is known."""

    @property
    def without_answer(self) -> bool:
        """Whether there is text and no answer in it: it is empty, or nothing in it could be read."""
        return self.unread or (self.output is not None and not self.output.strip())
