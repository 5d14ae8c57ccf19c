"""A hub that cannot be reached costs one short question, and not the retries of its library: 23 s for each data set.

Contract: where the hub answers, nothing changes. It belongs in a child process: it imports `datasets`.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from bench.data.sources.hub_errors import passing

_PATIENCE_SECONDS = 10.0
"""Time limit of the question: that of the hub's own library."""


@contextlib.contextmanager
def offline_where_unreachable() -> Iterator[None]:
    """Inside, a hub that cannot be reached is not asked: what the cache holds is loaded, all else fails at once."""
    import datasets
    from huggingface_hub import constants

    libraries: tuple[Any, ...] = (constants, datasets.config)
    before = [library.HF_HUB_OFFLINE for library in libraries]
    unreachable = not any(before) and not _answers()
    try:
        for library in libraries if unreachable else ():
            library.HF_HUB_OFFLINE = True
        yield
    finally:
        for library, offline in zip(libraries, before, strict=True):
            library.HF_HUB_OFFLINE = offline


def _answers() -> bool:
    """Whether anything answers at the hub's address; a busy hub does."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=_PATIENCE_SECONDS)
    except Exception as error:  # of the HTTP client and of the socket
        return passing(error) is None
    return True
