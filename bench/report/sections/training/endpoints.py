"""Arms behind a server: who answered, how much was asked, and what it cost."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.training.endpoints import EndpointCost
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Paragraph, Section, Table, numbers, texts

_ABOUT = (
    "Models behind a server, asked by messages that the server's own template wraps. This run knows neither their "
    "weights nor their training. A server may change its model under one name; what was asked once is answered from "
    "disk. An endpoint gives text, no likelihoods: it has no held-out loss and no multiple choice."
)


def endpoints_section(comparison: Comparison) -> Section | None:
    """One row per served arm; `None` where there is none."""
    if not comparison.endpoints:
        return None
    columns = (
        *texts("Arm", "Model", "Server"),
        *numbers("Requests", "From disk", "Refused", "Tokens sent / answered", "Cost"),
    )
    rows = tuple(_row(endpoint) for endpoint in comparison.endpoints)
    return Section(title="Endpoints", blocks=(Paragraph(text=_ABOUT, tone="muted"), Table(columns=columns, rows=rows)))


def _row(endpoint: EndpointCost) -> tuple[Cell, ...]:
    tokens = (endpoint.prompt_tokens, endpoint.completion_tokens)
    cost = fmt.NONE if endpoint.cost is None else f"{endpoint.cost:.4f} {endpoint.currency}"
    return (
        Cell(text=endpoint.arm, tone="strong"),
        Cell(text=endpoint.model),
        Cell(text=endpoint.host or fmt.NONE),
        Cell(text=fmt.count(endpoint.asked)),
        Cell(text=fmt.count(endpoint.reused)),
        Cell(text=fmt.count(endpoint.refused)),
        Cell(text=" / ".join(fmt.count(count) for count in tokens)),
        Cell(text=cost),
    )
