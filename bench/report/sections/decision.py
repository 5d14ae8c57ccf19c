"""Which arm to take, in one sentence, and the options behind it."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.conclusions.decision import Decision, Option
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Column, Paragraph, Section, Table, Tone, numbers

_TONES: dict[str, Tone] = {"decided": "good", "open": "unsure", "incomplete": "bad"}
_COLUMNS = (Column(title="Option"), *numbers("Value", "Corrected", "95% interval", "P(best)", "Expected loss"))
_TERMS = (
    "Corrected: the value that another run is expected to show, because the highest of several measured values is "
    "too high on average. P(best): probability of having the highest true value. Expected loss: by how much the best "
    "option is better, on average, if this one is taken."
)


def decision_section(comparison: Comparison) -> Section | None:
    """The sentence and one row per option; `None` where the suite states no decision."""
    decision = comparison.decision
    if decision is None:
        return None
    sentence = Paragraph(text=decision_sentence(decision), tone=_TONES[decision.outcome])
    blocks = [sentence, Paragraph(text=_weighed(decision), tone="muted")]
    if decision.pick is None:
        return Section(title="Which arm to take", blocks=tuple(blocks))
    table = Table(columns=_COLUMNS, rows=tuple(_row(option) for option in decision.options))
    terms = Paragraph(text=f"{_TERMS} {_noise(decision)}", tone="muted", only="document")
    return Section(title="Which arm to take", blocks=(*blocks, table, terms))


def decision_sentence(decision: Decision) -> str:
    """Which option to take, or that this is not decided."""
    if decision.pick is None:
        return f"Not decided: {decision.why_open}."
    pick = decision.option(decision.pick)
    if decision.outcome == "decided":
        return f"Take {pick.arm}: {_said(pick)}."
    leads = decision.likeliest == pick.arm
    leading = f"{pick.arm} {'leads' if leads else 'has the lowest expected loss'}, {_said(pick)}"
    second = decision.runner_up if leads else decision.likeliest
    if second is not None and (prospect := decision.option(second).prospect) is not None:
        chance = fmt.chance(prospect.best)
        leading += f"; next is {second}, best with {chance}" if leads else f"; {second} is best with {chance}"
    return f"Not decided: {decision.why_open}. {leading}."


def _said(option: Option) -> str:
    prospect = option.prospect
    assert prospect is not None, "an option with a value has a prospect"
    loss = fmt.above_zero(prospect.expected_loss)
    return (
        f"{fmt.number(prospect.corrected)} {fmt.interval(prospect.low, prospect.high)}, best with "
        f"{fmt.chance(prospect.best)}, expected loss {loss}"
    )


def _weighed(decision: Decision) -> str:
    """`By qa (50%) and cloze (50%), as the suite weighs them.`"""
    if not decision.weights:
        return "The suite's weights could not be applied."
    parts = [f"{weight.name} ({fmt.percent(weight.share, digits=0)})" for weight in decision.weights]
    near = f" A difference up to {fmt.number(decision.tolerance)} does not matter." if decision.tolerance else ""
    return f"By {fmt.listed(parts)}, as the suite weighs them.{near}"


def _noise(decision: Decision) -> str:
    """How the noise of training is known, and where intervals are too narrow."""
    if decision.lone:
        return (
            f"Nothing shows the noise of training of {fmt.listed(decision.lone)}, of one seed: interval and P(best) "
            "are those of examples alone."
        )
    if decision.moderated:
        return (
            f"The noise of training is taken from the seeds of {decision.moderated} arms together. Few seeds seldom "
            "show that one arm is noisier: its interval is then too narrow, and P(best) too sure."
        )
    return "The noise of training is that of each arm's own seeds."


def _row(option: Option) -> tuple[Cell, ...]:
    prospect = option.prospect
    if prospect is None:
        return (Cell(text=option.arm, tone="strong"), *(Cell(text=fmt.NONE) for _ in _COLUMNS[1:]))
    return (
        Cell(text=option.arm, tone="strong"),
        Cell(text=fmt.number(option.value)),
        Cell(text=fmt.number(prospect.corrected)),
        Cell(text=fmt.interval(prospect.low, prospect.high)),
        Cell(text=fmt.chance(prospect.best)),
        Cell(text=fmt.above_zero(prospect.expected_loss)),
    )
