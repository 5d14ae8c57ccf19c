"""How the questions were asked: templates, context, cuts, batches, and which answers lack a score."""

from collections.abc import Iterator

from bench.record.record import Record
from bench.record.remarks import answer_remarks
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.render import format as fmt
from bench.suite.tables.evals.eval_spec import slices_of

_CUT_OFF_SHARE = 0.05
"""Share of answers without an end to their thinking from which on the report says so."""


def template(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Trained with one template, asked with another; plain text was trained with none."""
    suite = record.resolved.suite
    wrapped = {spec.name for spec in suite.eval if spec.kind != "loss" and spec.template == "suite"}
    trained = {(t.arm, t.seed): t.result.template for t in record.trainings if t.result is not None}
    for evaluation in record.evaluations:
        if evaluation.result is None or evaluation.eval not in wrapped or evaluation.arm is None:
            continue
        learned = trained.get((evaluation.arm, evaluation.seed or 0))
        if learned not in (None, "none", evaluation.result.template):
            detail = f"{evaluation.subject} was trained with {learned!r} and asked with {evaluation.result.template!r}"
            yield Finding(name="template mismatch", arm=evaluation.arm, measurand=evaluation.eval, detail=detail)


def forms_differ(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """One side sees a format that it was not trained on: a part of the difference may come from the format."""
    trained = {t.result.template for t in record.trainings if t.result is not None}
    for spec in record.resolved.suite.eval:
        templates = {e.result.template for e in record.evaluations if e.eval == spec.name and e.result is not None}
        if "none" in templates and trained - {"none"}:
            names = fmt.listed(sorted(repr(name) for name in trained))
            detail = f"the prompts have no template; the arms were trained with {names}, the base was not: part of a "
            detail += 'difference may come from the format; set template = "suite" to see how much'
            yield Finding(name="bare prompts", arm=None, measurand=spec.name, detail=detail)


def fallback_template(record: Record, comparison: Comparison) -> Iterator[Finding]:
    notes = {t.result.template_note for t in record.trainings if t.result is not None}
    for note in sorted(note for note in notes if note):
        yield Finding(name="template", arm=None, measurand=None, detail=note)


def few_shots(record: Record, comparison: Comparison) -> Iterator[Finding]:
    for context in comparison.contexts:
        if len(context.rows) < context.asked:
            detail = (
                f"{context.subject} has {len(context.rows)} of {context.asked} rows in its context: more do not fit"
            )
            yield Finding(name="fewer shots", arm=context.subject.partition("#")[0], measurand=None, detail=detail)


def cut_answers(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Answers that may be longer than the model's context, as the plan warned before."""
    positions = min(model.context_length for model in record.resolved.bases().values())
    for spec in record.resolved.suite.eval:
        for remark in answer_remarks(spec, positions, record.resolved.task_answers.get(spec.name)):
            detail = f"{remark.what}; {remark.hint}"
            yield Finding(name=remark.name, arm=None, measurand=spec.name, detail=detail)


def cut_prompts(record: Record, comparison: Comparison) -> Iterator[Finding]:
    cut: dict[str, int] = {}
    for evaluation in record.evaluations:
        if evaluation.result is not None and evaluation.result.truncated:
            cut[evaluation.eval] = max(cut.get(evaluation.eval, 0), evaluation.result.truncated)
    for name, examples in cut.items():
        detail = f"up to {fmt.plural(examples, 'example')} did not fit the model's context and were cut"
        yield Finding(name="examples cut", arm=None, measurand=name, detail=detail)


def thinking_cut_off(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Answers that never came because the thinking before them took all tokens."""
    for evaluation in record.evaluations:
        result = evaluation.result
        answers = 0 if result is None or result.generated is None else result.generated.answers
        if result is not None and answers and result.unfinished_thinking > _CUT_OFF_SHARE * answers:
            detail = (
                f"{evaluation.subject}: {result.unfinished_thinking:,} of {fmt.plural(answers, 'answer')} ended inside "
                "the thinking and count as empty: raise max_new_tokens, or compare with thinking off"
            )
            yield Finding(
                name="thinking cut off",
                arm=evaluation.arm or evaluation.subject,
                measurand=evaluation.eval,
                detail=detail,
            )


def batch_sensitive(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Answers that depend on the other prompts of their batch are not the subject's alone."""
    for evaluation in record.evaluations:
        generated = None if evaluation.result is None else evaluation.result.generated
        if evaluation.result is not None and generated is not None and generated.differed:
            detail = (
                f"{evaluation.subject}: {generated.differed} of {fmt.plural(generated.checked, 'answer')} differed "
                f"when computed alone ({evaluation.result.precision}): rounding depends on the batch"
            )
            yield Finding(
                name="batch matters", arm=evaluation.arm or evaluation.subject, measurand=evaluation.eval, detail=detail
            )


def missing_scores(record: Record, comparison: Comparison) -> Iterator[Finding]:
    for measurand in comparison.measurands:
        values = {arm: comparison.results[arm, measurand.name].value for arm in comparison.arms}
        shares = [0.0 if value.bounds is None else value.bounds.missing for value in values.values()]
        if any(shares):
            lack = " to ".join(dict.fromkeys(fmt.percent(share) for share in (min(shares), max(shares))))
            detail = f"{lack} of a subject's scores are missing; intervals cover what they could be"
            detail += _reasons(record, measurand.eval)
            yield Finding(name="scores missing", arm=None, measurand=measurand.name, detail=detail)


def faulty_examples(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """Examples that count twice, and scores that cannot be computed with."""
    for check in comparison.example_checks:
        total = fmt.plural(check.examples, "example")
        ids, texts, scores = check.repeated_ids, check.repeated_texts, check.unusable_scores
        faults = (
            ("ids repeat", ids, f"{fmt.plural(ids, 'row')} beside {total}, with the id of another; one of them counts"),
            (
                "examples repeat",
                texts,
                f"{texts:,} of {total} with the prompt and expected answer of another; intervals take them as "
                "independent",
            ),
            (
                "scores unusable",
                scores,
                f"{fmt.plural(scores, 'score')} beyond 1e100, not to be computed with: missing",
            ),
        )
        for name, count, words in faults:
            if count:
                yield Finding(name=name, arm=None, measurand=check.measurand, detail=words)


def empty_slices(record: Record, comparison: Comparison) -> Iterator[Finding]:
    """A column that no row has."""
    shown = {(slices.measurand.partition("/")[0], slices.column) for slices in comparison.slices}
    scored = {measurand.eval for measurand in comparison.measurands}
    for spec in record.resolved.suite.eval:
        for column in slices_of(spec) if spec.name in scored else ():
            if (spec.name, column) not in shown:
                detail = f"slices asks for {column!r}, which no example has"
                yield Finding(name="slice empty", arm=None, measurand=spec.name, detail=detail)


def _reasons(record: Record, name: str) -> str:
    """Why examples of an eval lack a score, each with the most examples that one subject lost to it."""
    reasons: dict[str, int] = {}
    for evaluation in record.evaluations:
        if evaluation.eval == name and evaluation.result is not None:
            for reason, examples in evaluation.result.unscored.items():
                reasons[reason] = max(reasons.get(reason, 0), examples)
    return ": " + ", ".join(f"{reason} ({examples:,})" for reason, examples in reasons.items()) if reasons else ""


def limit(record: Record, comparison: Comparison) -> Iterator[Finding]:
    for measurand in comparison.measurands:
        if measurand.limit is not None:
            detail = f"only the first {measurand.limit:,} examples of each task were used"
            yield Finding(name="limited", arm=None, measurand=measurand.name, detail=detail)
    for spec in record.resolved.suite.eval:
        if spec.kind == "lm_eval" and spec.max_new_tokens is not None:
            detail = (
                f"written answers end after {fmt.plural(spec.max_new_tokens, 'token')}, whatever their tasks allow: "
                "the scores are no published benchmark's"
            )
            yield Finding(name="answers end early", arm=None, measurand=spec.name, detail=detail)
