"""Model snapshots of the hub: pinned to a commit, safetensors only, taken from the local cache where that suffices.

Access tokens come from the environment and go to the hub's own library; none is read or recorded here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bench.data.hub_errors import patiently
from bench.data.refusal import Asked, failed, refusal
from bench.errors import InputError, Problem

_COMMIT = re.compile(r"[0-9a-f]{40}")


def snapshot(repo: str, revision: str | None, *, patterns: Sequence[str], needed: str = "*.safetensors") -> Path:
    """Folder of the files that match `patterns`, named by its commit.

    `needed`: without a file like this the local cache does not suffice. Raises `InputError`: `hub.unknown`,
    `hub.revision`, `hub.gated`, `hub.refused`, `hub.failed`, or `hub.unreachable`, which may pass by itself.
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
    local = "for a local folder: --set model.path=FOLDER (config.json, tokenizer files, safetensors)"
    asked = Asked(repo=repo, kind="model", revision=revision, where=f"model.repo = {repo!r}", local=local)
    return refusal(asked, error) or failed(asked, error)
