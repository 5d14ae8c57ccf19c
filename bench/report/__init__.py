"""What a run says, decided once and drawn in the terminal, as Markdown with plots, as one HTML page, and as JSON."""

from bench.report.export import report_json
from bench.report.write import write_report

__all__ = ["report_json", "write_report"]
