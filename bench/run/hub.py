"""Model snapshots of the hub: pinned to a commit, safetensors only, taken from the local cache where that suffices.

Access tokens come from the environment and go to the hub's own library; none is read or recorded here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bench.data.hub_errors import passing, patiently
from bench.errors import InputError, Problem
from bench.suite.resolved import UNREACHABLE

_COMMIT = re.compile(r"[0-9a-f]{40}")


def snapshot(repo: str, revision: str | None, *, patterns: Sequence[str], needed: str = "*.safetensors") -> Path:
    """Folder of the files that match `patterns`, named by its commit.

    `needed`: without a file like this the local cache does not suffice. Raises `InputError`: `hub.unknown`,
    `hub.revision`, `hub.gated`, `hub.failed`, or `hub.unreachable`, which may pass by itself.
    """
    from huggingface_hub import snapshot_download

    if revision is not None and _COMMIT.fullmatch(revision):
        cached = _cached(repo, revision, patterns, needed)
        if cached is not None:
            return cached
    try:
        return Path(patiently(lambda: snapshot_download(repo, revision=revision, allow_patterns=list(patterns))))
    except Exception as error:  # the library's own, of its HTTP client and of the socket: each means "not had"
        raise InputError(_problem(repo, revision, error)) from error


def _cached(repo: str, commit: str, patterns: Sequence[str], needed: str) -> Path | None:
    """A commit never changes: no need to ask the hub when it is here. An incomplete one fails the later file checks."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(repo, revision=commit, allow_patterns=list(patterns), local_files_only=True))
    except Exception:  # whatever the reason, the next step is to ask the hub
        return None
    return folder if any(folder.glob(needed)) else None


def _problem(repo: str, revision: str | None, error: Exception) -> Problem:
    from huggingface_hub import errors

    where = f"model.repo = {repo!r}"
    if isinstance(error, errors.GatedRepoError):
        return Problem(
            reference="hub.gated",
            what=f"{repo} wants its licence accepted first",
            where=where,
            hint="accept it on the model's page and set HF_TOKEN",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return Problem(reference="hub.revision", what=f"{repo} has no revision {revision!r}", where=where)
    if isinstance(error, errors.RepositoryNotFoundError | errors.HFValidationError):
        return Problem(
            reference="hub.unknown",
            what=f"the hub knows no model {repo!r}, or it is private",
            where=where,
            hint="check the spelling; for a private model set HF_TOKEN; for local files use model.path",
        )
    hint = "give a local folder: --set model.path=FOLDER (config.json, tokenizer files, safetensors)"
    if (reason := passing(error)) is not None:
        what = f"{repo} is not on this machine and the hub cannot be reached ({reason})"
        return Problem(reference=UNREACHABLE, what=what, where=where, hint=hint)
    line = (str(error).strip().splitlines() or ["no reason given"])[0][:200]
    what = f"{repo} cannot be downloaded: {type(error).__name__}: {line}"
    return Problem(reference="hub.failed", what=what, where=where, hint=hint)
