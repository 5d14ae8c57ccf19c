"""The check of the instrument as a page of the terminal."""

from rich.console import Console

from bench.design.instrument import ClaimCheck, EvalCheck, Instrument
from bench.report.render import format as fmt
from bench.report.render.terminal import print_report
from bench.report.render.view import Cell, Column, Paragraph, Section, Table, View, texts

_NOTE = (
    "Noise: difference of the base from itself, asked again; changed: share of its examples with another score. "
    "Unread: answers of the base that are empty or unreadable. Smallest: the smallest effect that these examples "
    "resolve at 80% power, corrected for the number of claims; the noise of training again is unknown after one "
    "pilot and adds to it."
)


def print_instrument(instrument: Instrument, console: Console, *, suite: str, question: str) -> None:
    """Two tables: what each eval can show, and which claims it can decide."""
    claims = len(instrument.claims)
    text = f"{instrument.undecidable} of {fmt.plural(claims, 'claim')} cannot be decided by this suite as it is."
    status = Cell(text=text, tone="bad" if instrument.undecidable else "good")
    view = View(
        title=f"{suite} · the instrument · base twice, one training of {instrument.pilot}",
        banner=None,
        question=question,
        status=status,
        complete=True,
        sections=(_claims(instrument), _evals(instrument)) if claims else (_evals(instrument),),
    )
    print_report(view, console, full=True)


def _claims(instrument: Instrument) -> Section:
    columns = texts("Claim", "Can be decided", "Why")
    return Section(title="Claims", blocks=(Table(columns=columns, rows=tuple(map(_claim, instrument.claims))),))


def _claim(check: ClaimCheck) -> tuple[Cell, ...]:
    more = (
        "" if check.examples is None else f"; by their noise alone about {fmt.rounded(check.examples)} examples would"
    )
    return (
        Cell(text=f"{check.claim.says} on {check.claim.on}", tone="strong"),
        Cell(text="yes", tone="good") if check.decidable else Cell(text="no", tone="bad"),
        Cell(text=check.reason + more),
    )


def _evals(instrument: Instrument) -> Section:
    titles = ("Examples", "Base", "Pilot", "Noise", "Changed", "Unread", "Effect", "Smallest", "Signal/noise")
    columns = (Column(title="Eval"), *(Column(title=title, right=True) for title in titles), Column(title="Room"))
    rows = tuple(_eval(check) for check in instrument.evals)
    return Section(title="Evals", blocks=(Table(columns=columns, rows=rows), Paragraph(text=_NOTE, tone="muted")))


def _eval(check: EvalCheck) -> tuple[Cell, ...]:
    return (
        Cell(text=check.name, tone="strong"),
        Cell(text=fmt.count(check.examples)),
        Cell(text=fmt.number(check.base.mean)),
        Cell(text=fmt.number(check.pilot.mean)),
        Cell(text=fmt.number(check.noise_floor)),
        Cell(text=fmt.percent(check.changed)),
        Cell(text=fmt.percent(check.unreadable)),
        Cell(text=fmt.signed(check.signal)),
        Cell(text=fmt.number(check.smallest)),
        Cell(text=fmt.fixed(check.signal_to_noise)),
        Cell(text=check.limit or "", tone="bad" if check.limit else "plain"),
    )
