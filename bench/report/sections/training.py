"""What was trained with and how each training ended: what `auto` became, validation, early stopping, weights kept."""

from __future__ import annotations

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.endings import FinishedTraining, Settings, StopReason
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Paragraph, Section, Table, Tone

_TITLES = {
    "optimizer": "optimiser",
    "max_length": "maximum length",
    "distributed": "distribution",
    "adapter_modules": "adapter on",
    "head": "language-model head at",
}
_ENDINGS: dict[StopReason, tuple[str, Tone]] = {
    "budget": ("budget spent", "plain"),
    "early": ("early", "unsure"),
    "seconds": ("seconds spent", "plain"),
    "diverged": ("diverged", "bad"),
}


def training_section(comparison: Comparison) -> Section | None:
    """`None` where nothing was trained."""
    ended = comparison.trainings
    if not ended:
        return None
    watched = [one for one in ended if one.evaluations or one.ending != "budget"]
    blocks: list[Block] = []
    if watched:
        blocks += [Paragraph(text=_about(watched), tone="muted"), _endings_table(watched)]
    if len(watched) < len(ended):
        others = "Every finished training" if not watched else "Every other finished training"
        blocks.append(Paragraph(text=f"{others} spent its budget, and the weights of its last step were kept."))
    blocks.append(Paragraph(text=_weights(comparison), tone="muted"))
    return Section(title="Training", blocks=(*blocks, *_settings(comparison.settings)))


def _weights(comparison: Comparison) -> str:
    """Where the trained weights are, and how to have them."""
    run = comparison.run
    if not run.weights_kept:
        return "Weights: removed as soon as an arm's evals were done (`run.keep_weights = false`)."
    return (
        f"Weights: `bench weights {run.suite} ARM --out FOLDER` writes an arm's for transformers, with tokenizer and "
        f"chat template; `bench chat {run.suite} ARM` talks to base and arm. The weights are below `jobs/` in "
        "BENCH_HOME (`.bench`)."
    )


def _about(watched: list[FinishedTraining]) -> str:
    text = (
        "Budget left: the share of its own budget that a training did not use. Training loss at the end: per "
        "supervised token, over the last tenth of them and at least ten steps. "
    )
    if any(one.evaluations for one in watched):
        text += (
            "Validation: mean loss per supervised token, in nats, of rows held out of the arm's training rows by the "
            "training's seed; it is not an eval of this report."
        )
    return text.strip()


def _endings_table(watched: list[FinishedTraining]) -> Table:
    columns = (
        Column(title="Training"),
        Column(title="Ended"),
        Column(title="Steps", right=True),
        Column(title="Budget left", right=True),
        Column(title="Training loss at the end", right=True, detail=True),
        Column(title="Validation rows", right=True, detail=True),
        Column(title="Evaluations", right=True, detail=True),
        Column(title="Lowest validation", right=True),
        Column(title="Last validation", right=True),
        Column(title="Kept", right=True),
    )
    return Table(columns=columns, rows=tuple(_row(one) for one in watched))


def _row(one: FinishedTraining) -> tuple[Cell, ...]:
    text, tone = _ENDINGS[one.ending]
    best = fmt.NONE if one.best is None else f"{fmt.number(one.best.loss)} at step {one.best.step:,}"
    last = fmt.NONE if one.last is None else "not finite" if one.last.loss is None else fmt.number(one.last.loss)
    return (
        Cell(text=one.subject, tone="strong"),
        Cell(text=text, tone=tone),
        Cell(text=fmt.count(one.steps)),
        Cell(text=fmt.percent(one.unspent)),
        Cell(text=fmt.number(one.tail_loss)),
        Cell(text=fmt.count(one.validation_rows) if one.evaluations else fmt.NONE),
        Cell(text=fmt.count(one.evaluations) if one.evaluations else fmt.NONE),
        Cell(text=best),
        Cell(text=last),
        Cell(text=fmt.NONE if one.ending == "diverged" else f"step {one.kept_step:,}"),
    )


def _settings(found: Settings) -> list[Block]:
    """What all share as a sentence, what differs as a table."""
    blocks: list[Block] = []
    if found.common:
        said = "; ".join(f"{_title(name)} {value}" for name, value in found.common.items())
        blocks.append(Paragraph(text=f"All trainings ran with: {said}.", tone="muted", only="document"))
    if found.varying:
        columns = (Column(title="Arm"), *(Column(title=_title(name).capitalize()) for name in found.varying))
        rows = tuple(
            (Cell(text=arm, tone="strong"), *(Cell(text=values.get(name, fmt.NONE)) for name in found.varying))
            for arm, values in found.by_arm.items()
        )
        blocks.append(Table(columns=columns, rows=rows, only="document"))
    return blocks


def _title(name: str) -> str:
    return _TITLES.get(name, name.replace("_", " "))
