"""`bench list` is read to copy names from: at the width of a log no name and no number may be cut."""

import io

import pytest
from rich.console import Console

from bench.show.listing import print_list
from bench.suite.listing import listing


@pytest.mark.parametrize("kind", ["suites", "models", "evals", "recipes", "selectors", "templates", "metrics"])
def test_at_the_width_of_a_log_nothing_is_cut(kind: str) -> None:
    rows = listing(kind)
    stream = io.StringIO()
    print_list(rows, Console(file=stream, width=120))
    text = stream.getvalue()
    assert "…" not in text.replace("role … <|im_end|>", "")  # what the template `chatml` writes
    for row in rows:
        for column in ("suite", "name", "metric", "measure"):
            assert str(row.get(column, "")) in text
