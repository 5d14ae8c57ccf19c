"""Benchmarks of supervised fine-tuning whose verdicts can be trusted: one TOML file trains, evaluates and compares.

Contract: the names of `bench.api` are here, too, and are imported at their first use.
"""

from importlib import import_module

__version__ = "0.2.0.dev0"
_INTERFACE = frozenset({"LoadedRun", "compare_runs", "load_run", "load_suite", "plan", "run", "validate"})


def __getattr__(name: str) -> object:
    if name in _INTERFACE:
        return getattr(import_module("bench.api"), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_INTERFACE})
