"""Deployed forms: what each takes, and how far it is from the arm as it was trained."""

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.deployed import DeploymentCost
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Paragraph, Section, Table, numbers, texts
from bench.report.sections.speed_cell import speed_cell

_TAKES = (
    "What is shipped of each arm, means over its trainings. On disk: the weights' files, of an adapter without its "
    "base. In memory: the weights as they compute. Tokens/s: answers to fixed questions by this program's own "
    "generation, of a GGUF file by llama.cpp's, alone on the machine. KL and top-1: divergence of the next token from "
    "the trained form's, and share of positions with another most likely one, on the same questions. Nothing of these "
    "is known of a server."
)
_APART = (
    "Difference from the arm as it was trained, on the same examples, training by training, at 95%. Whether a form is "
    "as good is what its claim says (`[deploy] margin`); an interval around zero alone does not say so."
)


def deployed_section(comparison: Comparison) -> Section | None:
    """One row per form in each of two tables; `None` where nothing is deployed."""
    forms = comparison.deployed
    if not forms:
        return None
    columns = (
        *texts("Form"),
        *numbers("On disk", "In memory", "Peak", "Tokens/s", "Prompt tokens/s", "KL", "Top-1 changed"),
    )
    takes = Table(columns=columns, rows=tuple(_takes(form) for form in forms))
    waiting = tuple(Paragraph(text=f"{form.arm}: {form.waits_for}", tone="unsure") for form in forms if form.waits_for)
    blocks = (Paragraph(text=_TAKES, tone="muted"), takes, *waiting, *_apart(comparison, forms))
    return Section(title="Deployed forms", blocks=blocks)


def _takes(form: DeploymentCost) -> tuple[Cell, ...]:
    return (
        Cell(text=form.arm, tone="strong"),
        Cell(text=fmt.memory(form.disk_bytes)),
        Cell(text=fmt.memory(form.tensor_bytes)),
        Cell(text=fmt.memory(form.memory_bytes)),
        speed_cell(form),
        Cell(text=fmt.count(form.prompt_tokens_per_second)),
        Cell(text=fmt.number(form.kl)),
        Cell(text=fmt.percent(form.changed_top)),
    )


def _apart(comparison: Comparison, forms: tuple[DeploymentCost, ...]) -> tuple[Paragraph | Table, ...]:
    measured = [form for form in forms if form.waits_for is None]
    if not comparison.measurands or not measured:
        return ()
    columns = (*texts("− as trained"), *numbers(*(measurand.name for measurand in comparison.measurands)))
    rows = tuple(
        (
            Cell(text=form.arm, tone="strong"),
            *(_difference(comparison, form.arm, measurand) for measurand in comparison.measurands),
        )
        for form in measured
    )
    return Paragraph(text=_APART, tone="muted"), Table(columns=columns, rows=rows)


def _difference(comparison: Comparison, arm: str, measurand: Measurand) -> Cell:
    """The form minus the trained arm, which is its control."""
    result = comparison.results.get((arm, measurand.name))
    contrast = None if result is None else result.versus_control
    if contrast is None or contrast.delta.estimate is None:
        return Cell(text=fmt.NONE, tone="muted")
    delta = contrast.delta
    return Cell(text=f"{fmt.signed(delta.estimate)} {fmt.signed_interval(delta.low, delta.high)}".strip())
