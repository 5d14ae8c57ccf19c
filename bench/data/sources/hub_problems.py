"""What a failed request to the hub means to the user: one wording for data sets and models.

Contract: what the user can fix (licence, token, spelling, revision) is kept apart from an unavailable hub. Access
tokens are neither read nor named but by their variable.
"""

import re
from dataclasses import dataclass
from typing import Literal, TypeGuard

from bench.data.sources.hub_errors import chain, passing
from bench.errors import Problem
from bench.suite.resolved import UNREACHABLE

_COMMIT = re.compile(r"[0-9a-f]{40}")


def is_commit(revision: str | None) -> TypeGuard[str]:
    """Whether a revision is a commit: what it names never changes."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRequest:
    """What was asked of the hub."""

    repo: str
    kind: Literal["data set", "model"]
    revision: str | None
    where: str
    """The key in the suite."""
    local: str
    """How to do without the hub."""


def refusal(request: HubRequest, error: BaseException) -> Problem | None:
    """The problem behind `error`; `None` where it is no answer of the hub's and no lack of one."""
    from huggingface_hub import errors

    repo, kind, where = request.repo, request.kind, request.where
    causes = chain(error)
    # datasets tells of a gate in words alone.
    if any(isinstance(cause, errors.GatedRepoError) for cause in causes) or "gated dataset" in str(error):
        hint = f"accept it on the {kind}'s page and set HF_TOKEN"
        return Problem(reference="hub.gated", what=f"{repo} wants its licence accepted first", where=where, hint=hint)
    if any(isinstance(cause, errors.RevisionNotFoundError) for cause in causes):
        what, hint = f"{repo} has no revision {request.revision!r}", "leave revision out for the newest"
        return Problem(reference="hub.revision", what=what, where=where, hint=hint)
    if any(isinstance(cause, errors.RepositoryNotFoundError | errors.HFValidationError) for cause in causes):
        what = f"the hub knows no {kind} {repo!r}, or it is private"
        hint = f"check the spelling; for a private {kind} set HF_TOKEN; {request.local}"
        return Problem(reference="hub.unknown", what=what, where=where, hint=hint)
    if (reason := passing(error)) is not None:
        return unreachable(request, reason)
    for cause in causes:
        if isinstance(cause, errors.HfHubHTTPError) and cause.response.status_code in {401, 403}:
            what = f"the hub refuses {repo} ({cause.response.status_code})"
            hint = f"check that HF_TOKEN is valid and may read it; {request.local}"
            return Problem(reference="hub.refused", what=what, where=where, hint=hint)
    return None


def unreachable(request: HubRequest, reason: str) -> Problem:
    """Problem of a hub that is unavailable or too busy."""
    patience = "wait some minutes, HF_TOKEN allows more requests; " if reason.endswith("429") else ""
    return Problem(
        reference=UNREACHABLE,
        what=f"{request.repo} is not on this machine and the hub cannot be reached ({reason})",
        where=request.where,
        hint=f"{patience}{request.local}",
    )


def failed(request: HubRequest, error: BaseException) -> Problem:
    """Neither the hub's nor what was asked for: a full disk, a library's own mistake."""
    what = f"{request.repo} cannot be downloaded: {type(error).__name__}: {line_of(error)}"
    hint = f"see the log under BENCH_HOME/logs; {request.local}"
    return Problem(reference="hub.failed", what=what, where=request.where, hint=hint)


def line_of(error: BaseException) -> str:
    """Its first line, bounded; its kind where it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
