"""Where a run's inputs came from, and how they were asked."""

from bench.report.analysis.run_facts.provenance import provenance
from tests.fakes.records import make_run


def test_an_eval_that_strips_thinking_says_so() -> None:
    """Two runs with the same prompts and other scores looked asked alike."""
    record = make_run(examples=4).record
    first = record.evaluations[0]
    stripped = tuple(
        evaluation.model_copy(update={"result": evaluation.result.model_copy(update={"strip_thinking": True})})
        if evaluation.eval == first.eval and evaluation.result is not None
        else evaluation
        for evaluation in record.evaluations
    )
    plain, changed = provenance(record), provenance(record.model_copy(update={"evaluations": stripped}))
    template = first.result.template
    assert plain.templates[first.eval] == (template,)
    assert changed.templates[first.eval] == (f"{template}, scored without thinking",)
