"""What the fork server of pytest-xdist's workers imports, once: what real jobs need, and the tests themselves.

A worker that finds every test module imported collects them in 2 s of processor time; it would import them in 11 s.
"""

import contextlib
import gc
import io
import json
import os

import pytest

import tests.fakes.loaded
from tests.fakes.forked_worker import Uncollected

uncollected = Uncollected()
with contextlib.redirect_stdout(io.StringIO()):  # the workers report what cannot be collected
    pytest.main(
        ["--collect-only", "-n0", "-p", "no:cacheprovider", *json.loads(os.environ["TESTS_TO_COLLECT"])],
        plugins=[uncollected],
    )
uncollected.forget()
gc.collect()
gc.freeze()

__all__ = ["tests"]
