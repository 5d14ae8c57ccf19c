"""Quality against cost: which arms are on the frontier."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.costs.tradeoff import Tradeoff
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Figure, Paragraph, Section, Table, Tone
from bench.stats.conclusions.frontier import Amount, Placed
from bench.suite.tables.arms.arms import is_base

TEXT = (
    "Frontier: every other arm is shown to be worse or to cost more, by 95% intervals that do not touch, uncorrected "
    "for their number; so an arm that is not the best can be on it, for its price. Dominated: another is shown to be "
    "better and to cost no more. Unclear: neither is shown; named are the arms with a higher value at no higher cost. "
    "The base costs nothing. Costs within 1% of each other count as equal; a count that all arms have so is left out."
)
PROBED = (
    "Seconds at the probe's speed: trainings ran side by side, so each arm's tokens are divided by its speed in short "
    "probes, which ran alone, the arms in turn, round by round; the interval is over the rounds."
)
_NAMED = 2
_TONES: dict[str, Tone] = {"frontier": "good", "dominated": "bad", "unresolved": "unsure", "unknown": "muted"}


def tradeoff_section(comparison: Comparison) -> Section | None:
    """One table for each cost; `None` where nothing differs in cost."""
    if not comparison.tradeoffs:
        return None
    probed = any(tradeoff.probed for tradeoff in comparison.tradeoffs)
    blocks: list[Block] = [Paragraph(text=f"{TEXT} {PROBED}" if probed else TEXT, tone="muted")]
    for name in dict.fromkeys(tradeoff.cost.name for tradeoff in comparison.tradeoffs):
        blocks.append(_table([tradeoff for tradeoff in comparison.tradeoffs if tradeoff.cost.name == name]))
    if "tradeoff" in comparison.plots:
        caption = "Quality against cost, with 95% intervals where they are known; filled points are on the frontier."
        blocks.append(Figure(name="tradeoff", caption=caption))
    return Section(title="Quality against cost", blocks=tuple(blocks), only="document")


def _table(tradeoffs: list[Tradeoff]) -> Table:
    kind = tradeoffs[0].cost
    bounded = any(p.cost is not None and p.cost.low is not None for p in tradeoffs[0].points if not is_base(p.name))
    columns = (
        Column(title="Arm"),
        Column(title=f"{kind.title[0].upper()}{kind.title[1:]}{' [95%]' if bounded else ''}", right=True),
        *(Column(title=tradeoff.measurand.name) for tradeoff in tradeoffs),
    )
    rows = tuple(
        (
            Cell(text=point.name, tone="strong"),
            Cell(text=_amount(kind.name, point.cost)),
            *(_standing(tradeoff.standings[point.name]) for tradeoff in tradeoffs),
        )
        for point in tradeoffs[0].points
    )
    return Table(columns=columns, rows=rows)


def _amount(kind: str, figure: Amount | None) -> str:
    if figure is None:
        return fmt.NONE
    say = fmt.memory if kind == "memory" else (fmt.number if kind == "seconds" else fmt.short_count)
    if figure.low is None or figure.high is None or figure.low == figure.high:
        return say(figure.value)
    return f"{say(figure.value)} [{say(figure.low)}, {say(figure.high)}]"


def _standing(placed: Placed) -> Cell:
    named = [*placed.by[:_NAMED], *([f"{len(placed.by) - _NAMED} more"] if len(placed.by) > _NAMED else [])]
    by = f" by {fmt.listed(named)}" if named else ""
    beside = f" beside {fmt.listed(named)}" if named else ""
    words = {
        "frontier": "frontier",
        "dominated": f"dominated{by}",
        "unresolved": f"unclear{beside}",
        "unknown": "no figure",
    }
    return Cell(text=words[placed.standing], tone=_TONES[placed.standing])
