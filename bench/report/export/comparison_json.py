"""The comparison as JSON, for scripts: every field of `Comparison`, every figure unrounded, every verdict as a word."""

from bench.report.analysis.comparison import Comparison
from bench.report.as_json import Json, object_to_json, to_json


def comparison_json(comparison: Comparison) -> Json:
    """All of a comparison; `results` as a list, each of which bears its arm and measurand."""
    return {**object_to_json(comparison), "results": to_json(list(comparison.results.values()))}
