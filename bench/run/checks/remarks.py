"""Remarks of a plan: settings that work and do what hardly anybody wants, before anything is trained."""

from collections.abc import Iterator, Mapping

from bench.record.jobs.train_job import TrainJob
from bench.record.remarks import TRUNCATED_SHARE, TrainingCounts, answer_remarks, dose_spread, training_remarks
from bench.record.results.training.facts import ExactCounts
from bench.run.plan.types import Plan
from bench.suite.tables.arms.arms import recipe_name

_DOSES = ("tokens", "supervised_tokens", "steps")


def plan_remarks(planned: Plan, trainings: Mapping[str, TrainJob], counts: Mapping[str, ExactCounts]) -> Iterator[str]:
    """A line for each remark on the arms' `trainings` and their `counts`, on answers, and on unequal doses."""
    for arm, job in trainings.items():
        count = counts[arm]
        taken = TrainingCounts(
            available_rows=job.data.rows,
            rows=count.rows,
            steps=count.steps,
            tokens=count.tokens,
            slots=count.slots,
            parameters=count.parameters,
            trainable_parameters=count.trainable_parameters,
        )
        recipe = recipe_name(arm)
        for remark in training_remarks(job.recipe, taken):
            where = remark.key if remark.key == "budget" else f"recipe.{recipe}.{remark.key}"
            yield f"warning: {where}: {arm}: {remark.what} ({remark.hint})"
        if count.truncated_rows >= TRUNCATED_SHARE * count.rows:
            cut = f"{count.truncated_rows / count.rows:.0%} of the rows are cut at the maximum length"
            yield f"warning: recipe.{recipe}.max_length: {arm}: {cut} (raise it, or leave long rows out of the data)"
        if refused := count.refused_rows:
            rows = "1 row is" if refused == 1 else f"{refused:,} rows are"
            yield f"warning: {arm}: {rows} left out, which the template cannot print (bench data show names the first)"
    yield from _answers(planned)
    yield from _doses(counts)


def _answers(planned: Plan) -> Iterator[str]:
    context_lengths = [model.context_length for model in planned.resolved.bases().values() if model.unavailable is None]
    for index, spec in enumerate(planned.resolved.suite.eval):
        asked = planned.resolved.task_answers.get(spec.name)
        for remark in answer_remarks(spec, min(context_lengths), asked) if context_lengths else ():
            yield f"warning: eval[{index}].{remark.key}: {remark.what} ({remark.hint})"


def _doses(counts: Mapping[str, ExactCounts]) -> Iterator[str]:
    """One line where the arms do not train alike: a budget makes one measure equal, not the others."""
    doses = {name: [float(getattr(count, name)) for count in counts.values()] for name in _DOSES if counts}
    spreads = [dose_spread(name, values) for name, values in doses.items()]
    if apart := [spread.sentence for spread in spreads if spread.unequal]:
        yield f"warning: the arms do not train alike: {', '.join(apart)}"
