"""What was trained with and how each training ended: what `auto` became, validation, early stopping, weights kept."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.endings import FinishedTraining, Settings, StopReason
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Code, Column, Paragraph, Section, Table, Tone, numbers, texts
from bench.report.sections.training.logged_losses import logged_losses_blocks

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
    watched = [training for training in ended if training.evaluations or not _to_its_last_step(training)]
    blocks: list[Block] = []
    if watched:
        blocks += [Paragraph(text=_about(watched), tone="muted"), _endings_table(watched)]
    if len(watched) < len(ended):
        others = "Every finished training" if not watched else "Every other finished training"
        blocks.append(Paragraph(text=f"{others} spent its budget, and the weights of its last step were kept."))
    unseen = _unseen_failures(comparison)
    if unseen:
        blocks.append(Paragraph(text=unseen, tone="muted"))
    blocks += logged_losses_blocks(comparison.logged_losses)
    blocks += _weights(comparison)
    return Section(title="Training", blocks=(*blocks, *_settings(comparison.settings)))


def _to_its_last_step(training: FinishedTraining) -> bool:
    """Whether it spent its budget, and its last weights were kept."""
    return training.ending == "budget" and training.kept_step == training.steps


def _unseen_failures(comparison: Comparison) -> str:
    """How often trainings could fail without one of these having failed; empty where every arm lost some."""
    whole = {outcome.trainings: outcome.unseen_failures for outcome in comparison.outcomes if not outcome.lost}
    said = [f"{fmt.percent(rate, digits=0)} with {fmt.plural(count, 'seed')}" for count, rate in sorted(whole.items())]
    if not said:
        return ""
    return (
        f"Where no training of an arm failed, a rate of failures could still have gone unseen: up to {', '.join(said)} "
        "(at 95%). Intervals are about seeds like those seen."
    )


def _weights(comparison: Comparison) -> list[Block]:
    """Where the trained weights are, and how to have them."""
    run = comparison.run
    if not run.weights_kept:
        text = "Weights: removed as soon as an arm's evals were done, as run.keep_weights = false asks."
        return [Paragraph(text=text, tone="muted")]
    text = (
        "Weights: below jobs/ in BENCH_HOME (.bench). The first command writes an arm's for transformers, with "
        "tokenizer and chat template; the second talks to base and arm."
    )
    lines = (f"bench weights {run.suite} ARM --out FOLDER", f"bench chat {run.suite} ARM")
    return [Paragraph(text=text, tone="muted"), Code(lines=lines)]


def _about(watched: list[FinishedTraining]) -> str:
    text = (
        "Budget left: the share of its own budget that a training did not use. Training loss at the end: per "
        "supervised token, over the last tenth of them and at least ten steps. "
    )
    if any(training.evaluations for training in watched):
        text += (
            "Validation: mean loss per supervised token, in nats, of rows held out of the arm's training rows by the "
            "training's seed; it is not an eval of this report."
        )
    return text.strip()


def _endings_table(watched: list[FinishedTraining]) -> Table:
    columns = (
        *texts("Training", "Ended"),
        *numbers("Steps", "Budget left"),
        Column(title="Training loss at the end", right=True, detail=True),
        Column(title="Validation rows", right=True, detail=True),
        Column(title="Evaluations", right=True, detail=True),
        *numbers("Lowest validation", "Last validation", "Kept"),
    )
    return Table(columns=columns, rows=tuple(_row(training) for training in watched))


def _row(training: FinishedTraining) -> tuple[Cell, ...]:
    text, tone = _ENDINGS[training.ending]
    best = fmt.NONE if training.best is None else f"{fmt.number(training.best.loss)} at step {training.best.step:,}"
    last = (
        fmt.NONE
        if training.last is None
        else "not finite"
        if training.last.loss is None
        else fmt.number(training.last.loss)
    )
    return (
        Cell(text=training.subject, tone="strong"),
        Cell(text=text, tone=tone),
        Cell(text=fmt.count(training.steps)),
        Cell(text=fmt.percent(training.unspent)),
        Cell(text=fmt.number(training.tail_loss)),
        Cell(text=fmt.count(training.validation_rows) if training.evaluations else fmt.NONE),
        Cell(text=fmt.count(training.evaluations) if training.evaluations else fmt.NONE),
        Cell(text=best),
        Cell(text=last),
        Cell(text=fmt.NONE if training.ending == "diverged" else f"step {training.kept_step:,}"),
    )


def _settings(settings: Settings) -> list[Block]:
    """What all share as a sentence, what differs as a table."""
    blocks: list[Block] = []
    if settings.common:
        text = "; ".join(f"{_title(name)} {value}" for name, value in settings.common.items())
        blocks.append(Paragraph(text=f"All trainings ran with: {text}.", tone="muted", only="document"))
    if settings.varying:
        columns = (Column(title="Arm"), *(Column(title=_title(name).capitalize()) for name in settings.varying))
        rows = tuple(
            (Cell(text=arm, tone="strong"), *(Cell(text=values.get(name, fmt.NONE)) for name in settings.varying))
            for arm, values in settings.by_arm.items()
        )
        blocks.append(Table(columns=columns, rows=rows, only="document"))
    return blocks


def _title(name: str) -> str:
    return _TITLES.get(name, name.replace("_", " "))
