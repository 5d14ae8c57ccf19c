"""`kind = "generation"`: answers to prompts, scored against references and by how they behave.

Contract: a prompt's score is the mean over its samples, and what the samples differ by is kept apart as noise of
decoding. A measure that cannot be had (no reference, no finite logits) is `None` for that prompt and counted as
missing. A corpus metric has one value over all answers, and each row keeps what it adds to that metric's statistics.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, variance

from bench.data.render.row import Row
from bench.emit import Emit
from bench.evals.generated.behaviour import behaviour
from bench.evals.generated.code.tests_passed import score_code
from bench.evals.generated.conversation import Replies, TurnReply, asked
from bench.evals.generated.format_check import TOO_SLOW, Form
from bench.evals.generated.reference_metrics import Scored, score_hub, score_own
from bench.evals.generated.several_answers import measure_of, score_together
from bench.evals.generated.tool_calls import calls_of, score_tool_calls
from bench.evals.outcome import EvalOutput, cluster_of_row, row_ids, slices_of_row
from bench.evals.subject.subject import Subject
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import Measure, ScoreRow
from bench.suite.catalog.metrics import BEHAVIOUR, ENDED, FORMAT, Scale
from bench.suite.tables.evals.generation import FormatSpec, GenerationSpec
from bench.text import final_number

_READS: Mapping[str, Callable[[str], bool]] = {
    "numeric": lambda answer: final_number(answer) is not None,
    "tool_call": lambda answer: bool(calls_of(answer)),
    "tool_name": lambda answer: bool(calls_of(answer)),
}
"""By measure, whether an answer has what the measure compares."""


def evaluate_generation(job: EvalJob, subject: Subject, emit: Emit) -> EvalOutput:
    """Asks a subject the eval's prompts and scores its answers. Raises `InputError` for a metric that cannot be had."""
    spec = job.eval
    assert isinstance(spec, GenerationSpec), "chosen by kind"
    rows = subject.rows(job)
    return scored_answers(job, rows, asked(spec, subject, rows, emit))


def scored_answers(job: EvalJob, rows: Sequence[Row], replies: Replies) -> EvalOutput:
    """The eval's scores from a subject's answers, whatever engine gave them."""
    spec = job.eval
    assert isinstance(spec, GenerationSpec), "chosen by kind"
    scored = score_replies(spec, rows, replies, trusted=job.trust_task_code)
    texts = [sample[-1].text for samples in replies.of for sample in samples]
    together = score_together(spec, scored, texts)
    score_rows = _with_together(_rows(spec, rows, replies, scored, _leading(spec, scored)), together)
    return replies.output(score_rows, _measures(spec, scored, together))


def score_replies(
    spec: GenerationSpec, rows: Sequence[Row], replies: Replies, *, trusted: bool = False
) -> tuple[Scored, ...]:
    """Every measure of the last answer to each row, sample by sample: scores in the order row, sample."""
    last = [sample[-1] for samples in replies.of for sample in samples]
    wanted = [row.answer.strip() or None for row in rows for _ in range(spec.decoding.samples)]
    texts = [reply.text for reply in last]
    scored = list[Scored]()
    for name in spec.metrics:
        if name == "code":
            scored += score_code([reply.asked for reply in last], texts, wanted, trusted=trusted)
        else:
            scored += score_tool_calls(texts, wanted) if name == "tool_call" else score_own(name, texts, wanted)
    scored += [score_hub(metric, texts, wanted, trusted=trusted) for metric in spec.hub_metrics]
    return (*scored, *_behaviour(last, spec.format))


def _behaviour(replies: Sequence[TurnReply], wanted: FormatSpec | None) -> list[Scored]:
    form = None if wanted is None else Form(wanted)
    by_reply = [
        {} if reply.text is None else behaviour(reply.asked, reply.text, reply.ids, ended=reply.ended, form=form)
        for reply in replies
    ]
    return [
        Scored(scale=scale, scores=tuple(values.get(scale.name) for values in by_reply))
        for scale in BEHAVIOUR
        if scale.name != FORMAT or form is not None
    ]


def _measures(
    spec: GenerationSpec, scored: Sequence[Scored], together: Mapping[Scale, Sequence[float | None]]
) -> tuple[Measure, ...]:
    leading = _leading(spec, scored)
    samples = spec.decoding.samples
    each = [_measure(spec.name, measure, samples, leads=measure.scale.name == leading) for measure in scored]
    several = [measure_of(spec.name, scale, scores, leads=scale.name == leading) for scale, scores in together.items()]
    return (*each, *several)


def _leading(spec: GenerationSpec, scored: Sequence[Scored]) -> str:
    """Name of the measure that the eval is decided by."""
    return spec.metric or (scored[0].scale.name if spec.metrics or spec.hub_metrics else ENDED)


def _with_together(rows: Sequence[ScoreRow], together: Mapping[Scale, Sequence[float | None]]) -> tuple[ScoreRow, ...]:
    """The rows with each prompt's measures of several answers."""
    return tuple(
        row.model_copy(update={"metrics": {**row.metrics, **{s.name: scores[at] for s, scores in together.items()}}})
        for at, row in enumerate(rows)
    )


def _measure(task: str, scored: Scored, samples: int, *, leads: bool) -> Measure:
    scale = scored.scale
    if scale.per_example:
        groups = [_known(scored.scores[at : at + samples]) for at in range(0, len(scored.scores), samples)]
        means = [fmean(group) for group in groups if group]
        value, n = (fmean(means) if means else None), len(means)
    else:
        groups, value = [], scored.corpus
        present = [row is not None for row in scored.statistics]
        n = sum(any(present[at : at + samples]) for at in range(0, len(present), samples))
    return Measure(
        task=task,
        metric=scale.name,
        value=value,
        n=n,
        missing=len(scored.scores) // samples - n,
        higher_is_better=scale.higher_is_better,
        binary=scale.binary and samples == 1,
        chance=scale.chance,
        headline=leads,
        per_example=scale.per_example,
        decoding_error=_decoding_error(groups, n),
    )


def _known(scores: Sequence[float | None]) -> list[float]:
    return [score for score in scores if score is not None]


def _decoding_error(groups: Sequence[Sequence[float]], n: int) -> float | None:
    """Standard error of the mean over `n` prompts of their means over samples, from the samples' own variance."""
    drawn = [variance(group) / len(group) for group in groups if len(group) > 1]
    return math.sqrt(math.fsum(drawn)) / n if drawn else None


def _rows(
    spec: GenerationSpec, rows: Sequence[Row], replies: Replies, scored: Sequence[Scored], by: str
) -> tuple[ScoreRow, ...]:
    """One row per prompt. by: the measure that leads."""
    result = []
    for number, (id_, row, samples) in enumerate(zip(row_ids(rows), rows, replies.of, strict=True)):
        part = slice(number * len(samples), (number + 1) * len(samples))
        scores = {measure.scale.name: _known(measure.scores[part]) for measure in scored if measure.scale.per_example}
        last = [sample[-1] for sample in samples]
        result.append(
            ScoreRow(
                task=spec.name,
                id=id_,
                metrics={name: fmean(values) if values else None for name, values in scores.items()},
                prompt=last[0].prompt,
                question=last[0].asked,
                target=row.answer.strip() or None,
                output=last[0].text,
                thinking=last[0].thinking,
                unfinished_thinking=any(reply.unfinished_thinking for reply in last),
                samples=tuple(reply.text for reply in last) if len(last) > 1 else (),
                spread={name: variance(values) for name, values in scores.items() if len(values) > 1},
                statistics=_statistics(scored, part),
                cluster=cluster_of_row(row, spec.cluster),
                slices=slices_of_row(row, spec.slices),
                unread=_is_unread([reply.text for reply in last], by),
                unscored=_reason(last, scores, row.answer),
            )
        )
    return tuple(result)


def _is_unread(answers: Sequence[str | None], by: str) -> bool:
    """Whether the measure reads something of an answer, such as a number, and no answer to the prompt has it."""
    reads = _READS.get(by)
    return reads is not None and any(answers) and not any(reads(answer) for answer in answers if answer)


def _reason(replies: Sequence[TurnReply], scores: Mapping[str, Sequence[float]], reference: str) -> str | None:
    """Why a prompt lacks scores: its answer, its pattern, or its reference."""
    if all(reply.text is None for reply in replies):
        return replies[0].unanswered
    if not scores.get(FORMAT, True):
        return TOO_SLOW
    behaviours = {scale.name for scale in BEHAVIOUR}
    lacking = [name for name, values in scores.items() if not values and name not in behaviours]
    if not lacking:
        return None
    return f"the reference has nothing to compare by {', '.join(lacking)}" if reference.strip() else "no reference"


def _statistics(scored: Sequence[Scored], part: slice) -> dict[str, tuple[float, ...]]:
    """Sums over the samples, by corpus metric; none where no sample was scored."""
    sums: dict[str, tuple[float, ...]] = {}
    for measure in scored:
        present = [row for row in measure.statistics[part] if row is not None]
        if present:
            sums[measure.scale.name] = tuple(math.fsum(column) for column in zip(*present, strict=True))
    return sums
