"""The view as one HTML file to send: plots inside it, nothing loaded from anywhere, no script.

Contract: no arithmetic; every text goes through `visible` and Jinja's escaping. Plots are data URIs of images, where a
browser runs nothing, and the page's own policy forbids everything but its style and those images.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.control_codes import visible
from bench.report.render.view import View

if TYPE_CHECKING:
    from jinja2 import Template

_PAGE = Path(__file__).with_name("page.html.jinja")


def render(view: View, plots: Mapping[str, str]) -> str:
    """The text of report.html. plots: SVG texts by figure name; a figure without its plot keeps its caption."""
    images = {name: base64.b64encode(svg.encode()).decode("ascii") for name, svg in plots.items()}
    sections = [section for section in view.sections if section.only != "terminal"]
    return _page().render(view=view, sections=sections, images=images)


@cache
def _page() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["visible"] = visible
    return environment.from_string(_PAGE.read_text(encoding="utf-8"))
