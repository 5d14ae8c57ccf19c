"""What commands say while they work, without a terminal: a line now and then, never a flood, never long silence."""

from __future__ import annotations

import io

import pytest

from bench.cli import output


def test_without_a_terminal_a_line_is_written_every_15_seconds_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now, stream = [0.0], io.StringIO()
    monkeypatch.setattr(output.time, "monotonic", lambda: now[0])
    tell = output._now_and_then(stream)
    for now[0] in (1.0, 16.0, 20.0, 32.0):
        tell(f"timing at {now[0]:g}\x1b[31m")
    assert stream.getvalue() == "timing at 16␛[31m\ntiming at 32␛[31m\n"
