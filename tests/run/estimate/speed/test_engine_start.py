"""How long a server took to load: kept once it answers, and only then."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bench.run.estimate.speed import engine_start
from bench.run.estimate.speed.engine_start import keep_start, start_file, start_seconds


class Loading(BaseHTTPRequestHandler):
    """A server that answers the third question."""

    asked = 0

    def do_GET(self) -> None:
        """Health."""
        type(self).asked += 1
        self.send_response(200 if self.path == "/health" and self.asked >= 3 else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(Loading, "asked", 0)
    server = HTTPServer(("127.0.0.1", 0), Loading)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_time_to_the_first_answer_is_kept_for_the_base(tmp_path: Path, port: int) -> None:
    assert start_seconds(tmp_path, "a" * 64) is None
    keep_start(port, start_file(tmp_path, "a" * 64), parent=os.getppid())
    assert Loading.asked == 3, "an answer that it is still loading is not the first one"
    assert (start_seconds(tmp_path, "a" * 64) or 0) >= 2 * engine_start._BETWEEN
    assert start_seconds(tmp_path, "b" * 64) is None


def test_a_server_that_never_came_up_leaves_nothing(tmp_path: Path, port: int) -> None:
    keep_start(port, start_file(tmp_path, "a" * 64), parent=-1)
    assert start_seconds(tmp_path, "a" * 64) is None
