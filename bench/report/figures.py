"""Whether a plot on disk is the one that would be drawn.

Each plot carries a hash of what it shows, of the drawing code and of the library that draws.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from bench.code_digest import own_code
from bench.digest import digest_json
from bench.report.analysis.comparison import Comparison
from bench.report.as_json import to_json

_HEAD_BYTES = 4096


def plots_stamp(comparison: Comparison) -> str:
    """Hash of all figures that the plots show, of this layer's code, and of the library that draws."""
    shown = (list(comparison.results.values()), comparison.curves, comparison.tradeoffs, comparison.scaling)
    version = importlib.metadata.version("matplotlib")
    return digest_json([comparison.arms, to_json(shown), own_code().digest("bench.report.plots.draw"), version])


def is_current(file: Path, stamp: str) -> bool:
    """Whether the SVG is there and carries the stamp."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return stamp.encode() in opened.read(_HEAD_BYTES)
