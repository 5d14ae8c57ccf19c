"""Private names of lm-eval that this program uses or replaces, all of them; nowhere else is one named.

Contract: `Entry`, `Kind`, `TaskIndex` and `load_yaml` are lm-eval's reading of task files. `sandbox_templates` replaces
lm-eval's template environment, `without_reports` its reading of versions and its hashes. lm-eval is pinned to the patch
version, and a test names each of these with its signature: a rename would lift the sandbox without a word.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import lm_eval.evaluator
import lm_eval.utils
from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES
from jinja2 import Environment, Template
from jinja2.sandbox import SandboxedEnvironment
from lm_eval.tasks._index import Entry, Kind, TaskIndex
from lm_eval.tasks._yaml_loader import load_yaml

from bench.suite.catalog.template import with_flat_globals

__all__ = [
    "PACKAGED_READERS",
    "Entry",
    "Kind",
    "TaskIndex",
    "load_yaml",
    "sandbox_templates",
    "without_reports",
]

PACKAGED_READERS = frozenset(_PACKAGED_DATASETS_MODULES)
"""Names of the readers that `datasets` brings along, such as `json` or `pandas`; lm-eval hands `dataset_path` to it."""


class Sandbox(SandboxedEnvironment):
    """Compiles each template once: lm-eval asks for the same few again for every example."""

    def __init__(self, original: Environment) -> None:
        super().__init__(loader=original.loader, undefined=original.undefined, keep_trailing_newline=True)
        self.filters.update(original.filters)
        self._compiled: dict[str, Template] = {}

    def from_string(self, source: Any, *arguments: Any, **options: Any) -> Template:
        """The template, from an earlier call where it is the same text."""
        if arguments or options or not isinstance(source, str):
            return super().from_string(source, *arguments, **options)
        if source not in self._compiled:
            self._compiled[source] = with_flat_globals(super().from_string(source))
        return self._compiled[source]


def sandbox_templates() -> None:
    """Replaces lm-eval's template environment, which reaches all of Python, by a sandbox that renders the same."""
    if not isinstance(lm_eval.utils.env, Sandbox):
        lm_eval.utils.env = Sandbox(lm_eval.utils.env)


class _NoText:
    """In place of the evaluator's `json`, by which it writes each document as text."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        """Nothing."""
        return ""


_UNREAD: Mapping[str, Any] = {
    "add_env_info": lambda storage: None,
    "get_git_commit_hash": lambda: None,
    "hash_string": lambda string: "",
    "json": _NoText,
}
"""In place of the evaluator's names."""


@contextmanager
def without_reports() -> Iterator[None]:
    """lm-eval asks pip, git, the compiler and the drivers for versions: a second per call, and the record has them.
    And it hashes each sample's document, prompt and target, which nothing here reads."""
    originals = {name: getattr(lm_eval.evaluator, name) for name in _UNREAD}
    vars(lm_eval.evaluator).update(_UNREAD)
    try:
        yield
    finally:
        vars(lm_eval.evaluator).update(originals)
