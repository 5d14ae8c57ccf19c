"""What was measured, as Markdown."""

from typing import Any


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, one line per case."""
    columns = ("tokens_per_second", "mfu", "peak_bytes", "planned_bytes", "seconds", "ratio", "agree", "difference")
    titles = ("tokens/s", "MFU", "peak GiB", "planned GiB", "seconds", "ratio", "agree", "difference")
    lines = [f"| part | case | {' | '.join(titles)} | |", f"|---|---|{'---:|' * len(titles)}---|"]
    for row in rows:
        cells = [_cell(column, row.get(column)) for column in columns]
        note = row.get("failed") or row.get("answer") or row.get("head") or ""
        lines.append(f"| {row['part']} | {row['case']} | {' | '.join(cells)} | {note} |")
    return "\n".join(lines)


def _cell(column: str, value: float | None) -> str:
    if value is None:
        return "–"
    if column.endswith("bytes"):
        return f"{value / 2**30:.2f}"
    return {"tokens_per_second": f"{value:,.0f}", "mfu": f"{value:.1%}", "agree": f"{value:.1%}",
            "difference": f"{value:.1e}"}.get(column, f"{value:.2f}")  # fmt: skip
