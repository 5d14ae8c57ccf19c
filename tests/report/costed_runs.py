"""Records whose trainings were timed, and their costs."""

from bench.record.record import Record
from bench.record.results.training.result import TrainResult
from bench.report.analysis.training.costs.cost import Cost, costs
from bench.report.compare import compare
from bench.report.render.view import Paragraph
from bench.report.sections.training.costs import cost_section
from tests.fakes.records import FakeRun, make_run

ARM = "lima_1k/full"


def with_trainings(record: Record, *, alone: bool = False, **changes: object) -> Record:
    """Every training's ledger, changed. alone: whether each ran alone."""

    def changed(result: TrainResult | None) -> TrainResult | None:
        if result is None:
            return None
        return result.model_copy(update={"ledger": result.ledger.model_copy(update=changes)})

    trainings = tuple(
        training.model_copy(
            update={"result": changed(training.result), "job": training.job.model_copy(update={"alone": alone})}
        )
        for training in record.trainings
    )
    return record.model_copy(update={"trainings": trainings})


def cost_of(record: Record) -> Cost:
    """Of one arm."""
    return next(cost for cost in costs(record) if cost.arm == ARM)


def said(record: Record) -> list[str]:
    """Paragraphs of the cost section."""
    run = FakeRun(path=make_run(examples=5).path, record=record, rows=make_run(examples=5).rows)
    section = cost_section(compare(run, replicates=100))
    return [block.text for block in section.blocks if isinstance(block, Paragraph)]
