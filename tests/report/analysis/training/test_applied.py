"""What was applied is shown on the suite's own held-out rows, too, where it has some."""

from bench.record.results.training.applied import Applied, HeldOutDrift
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.view import Table
from tests.fakes.records import FakeRun, make_run

ARM = "lima_1k/lora"


def run_with(drift: HeldOutDrift | None) -> FakeRun:
    """A run of which one training was held against its base."""
    run = make_run(examples=20)
    applied = Applied(
        groups=(), norm=None, relative_norm=None, expected=2, without_effect=0, kl=0.1, changed_top=0.2, rows=64,
        positions=640, seconds=0.1,
    )  # fmt: skip
    trainings = tuple(
        t.model_copy(update={"result": t.result.model_copy(update={"applied": applied})})
        if t.result is not None and (t.arm, t.seed) == (ARM, 0)
        else t
        for t in run.record.trainings
    )
    evaluations = tuple(
        e.model_copy(update={"result": e.result.model_copy(update={"drift": drift})})
        if e.result is not None and e.eval == "heldout" and e.subject == f"{ARM}#0"
        else e
        for e in run.record.evaluations
    )
    return run.changed(trainings=trainings, evaluations=evaluations)


def table(run: FakeRun) -> Table:
    section = next(s for s in compose(compare(run, replicates=300)).sections if s.title == "What was applied")
    return next(block for block in section.blocks if isinstance(block, Table))


def test_the_drift_on_held_out_rows_has_columns_of_its_own() -> None:
    shown = table(run_with(HeldOutDrift(kl=0.31, changed_top=0.25, rows=64, positions=900)))
    cells = dict(zip((column.title for column in shown.columns), (cell.text for cell in shown.rows[0]), strict=True))
    assert cells["Arm"] == f"{ARM}#0"
    assert (cells["KL"], cells["Top-1 changed"]) == ("0.100", "20.0%")
    assert (cells["KL, held out"], cells["Top-1, held out"]) == ("0.310", "25.0%")


def test_a_suite_without_held_out_rows_has_none() -> None:
    assert not [column.title for column in table(run_with(None)).columns if "held out" in column.title]
