"""Environment variables of processes that compute: which, and for how long they are set."""

import contextlib
import os
from collections.abc import Iterator, Mapping

from bench.places import home


def library_environment(threads: int = 1) -> dict[str, str]:
    """Variables that torch, transformers and OpenMP read when they are loaded, for `threads` threads.

    Spinning OpenMP threads of two workers on the same cores cost a factor of ten; passive ones do not. Python files of
    a model that may run them are copied to be imported: under our own folder, like all that is kept.
    """
    return {
        "OMP_WAIT_POLICY": "PASSIVE",
        "GOMP_SPINCOUNT": "0",
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TQDM_DISABLE": "1",
        "HF_MODULES_CACHE": os.environ.get("HF_MODULES_CACHE") or str(home() / "modules"),
    }


@contextlib.contextmanager
def environment_variables(values: Mapping[str, str]) -> Iterator[None]:
    """Set `values` in this process's environment; afterwards everything is as it was."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
