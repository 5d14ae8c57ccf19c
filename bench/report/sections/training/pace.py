"""Which way to train is the fastest, by how much, and how sure that is."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.costs.speed import Pace
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Column, Paragraph, Section, Table, numbers
from bench.stats.estimates.costs.ratio import Ratio

NOTE = (
    "Tokens per second and ratios (speed, peak memory; arm by control) are geometric means over seeds; 95% intervals "
    "(Welch's t on logarithms), unclear where they include one. Measured alone on the machine, warm-up steps left out."
    " Only claims are corrected for their number."
)


def pace_section(comparison: Comparison) -> Section | None:
    """One row per arm, fastest first; `None` where no two arms were timed alone."""
    paces = comparison.speeds
    if not paces:
        return None
    columns = (
        Column(title="Arm"),
        *numbers("Tokens/s", "Speed / control [95%]", "Memory / control [95%]", "Speed / next slower [95%]"),
    )
    rows = tuple(
        (
            Cell(text=pace.arm, tone="strong"),
            Cell(text=fmt.count(pace.tokens_per_second)),
            _against(pace, pace.speed, ("slower", "faster"), more_is_better=True),
            _against(pace, pace.memory, ("less", "more"), more_is_better=False),
            Cell(text=fmt.NONE if pace.lead is None else ratio_text(pace.lead)),
        )
        for pace in paces
    )
    blocks = (Paragraph(text=headline(paces)), Table(columns=columns, rows=rows), Paragraph(text=NOTE, tone="muted"))
    return Section(title="Speed", blocks=blocks)


def headline(pairs: tuple[Pace, ...]) -> str:
    """Whether the arm with the highest speed is shown to be faster than the next, and by how much."""
    first, second = pairs[:2]
    lead = first.lead
    assert lead is not None, "there is a next one"
    beside = ""
    if first.speed is not None and first.control not in (None, second.arm):
        beside = f"; {ratio_text(first.speed)} the speed of its control, {first.control}"
    ratio = f"the next, {second.arm}: {ratio_text(lead)}"
    if lead.low is None:
        return f"No arm is shown to be the fastest. {first.arm} against {ratio}, and {lead.reason}{beside}."
    if lead.low > 1:
        return f"{first.arm} is faster than {ratio}{beside}."
    return f"No arm is shown to be the fastest. {first.arm} looks faster than {ratio}{beside}."


def ratio_text(ratio: Ratio) -> str:
    """`×1.94 [1.80, 2.10]`."""
    interval = fmt.interval(ratio.low, ratio.high, digits=2)
    return f"×{fmt.number(ratio.ratio, digits=2)} {interval}".rstrip()


def _against(pace: Pace, ratio: Ratio | None, words: tuple[str, str], *, more_is_better: bool) -> Cell:
    """The ratio to the control; words: for less than one, for more."""
    if ratio is None or ratio.ratio is None:
        return Cell(text="is the control" if pace.control is None else fmt.NONE, tone="muted")
    if ratio.low is None or ratio.high is None:
        return Cell(text=ratio_text(ratio), tone="plain")
    if ratio.low <= 1 <= ratio.high:
        return Cell(text=ratio_text(ratio), note="unclear")
    more = ratio.low > 1
    return Cell(text=ratio_text(ratio), tone="good" if more is more_is_better else "bad", note=words[more])
