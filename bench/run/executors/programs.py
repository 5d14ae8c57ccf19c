"""Programs that an executor calls: their arguments, without a shell, and what they answer."""

import subprocess
from collections.abc import Sequence

from bench.errors import Problem

_CALL_SECONDS = 120.0


def call(words: Sequence[str], *, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Call a program, with `text` as its input; return code 127 where it cannot be called, or does not answer."""
    try:
        return subprocess.run(
            words, capture_output=True, text=True, timeout=_CALL_SECONDS, check=False, errors="replace",
            **({"stdin": subprocess.DEVNULL} if text is None else {"input": text}),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess([*words], 127, "", str(error))


def not_started(called: subprocess.CompletedProcess[str]) -> Problem:
    """Problem of a program that did not start a job, with its last words."""
    lines = (called.stderr or called.stdout).strip().splitlines()
    reason = lines[-1] if lines else f"exit code {called.returncode}"
    return Problem(reference="executor.submit", what=f"{called.args[0]} did not start the job: {reason[:200]}")
