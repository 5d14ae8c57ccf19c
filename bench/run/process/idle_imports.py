"""What a fork server imports once nobody waits for a child: the checks before a run begin without what jobs need.

Contract: `LATER` is imported in its order, one module between two looks at whether a child is asked for. A child that
is forked before imports what it needs itself.
"""

import contextlib
import gc
import selectors
from importlib import import_module
from multiprocessing import forkserver
from types import SimpleNamespace

from bench.spec import build_specs

LATER: list[str] = []
"""Modules to import when there is nothing else to do."""


class _ImportsWhileIdle(selectors.DefaultSelector):
    """The selector that a fork server waits with."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Import while there is nothing to select."""
        while LATER and timeout is None:
            if ready := super().select(0):
                return ready
            with contextlib.suppress(ImportError):  # as of what is imported at first: who asks for it is told
                import_module(LATER.pop(0))
            build_specs()
            gc.freeze()  # out of sight of the children's collectors, as what was imported before
        return super().select(timeout)


forkserver.selectors = SimpleNamespace(  # type: ignore[attr-defined]  # no public way leads there
    DefaultSelector=_ImportsWhileIdle, EVENT_READ=selectors.EVENT_READ
)
