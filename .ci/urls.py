"""Addresses in the package's metadata: those of the repository whose workflow builds it, a fork names itself."""

import os
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Urls(MetadataHookInterface):
    """Fills `project.urls`; empty where a build on somebody's machine has no address to name."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the addresses from `GITHUB_SERVER_URL` and `GITHUB_REPOSITORY`, as GitHub's workflows have them."""
        repository = os.environ.get("GITHUB_REPOSITORY")
        if not repository:
            metadata["urls"] = {}
            return
        home = f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository}"
        metadata["urls"] = {
            "Repository": home,
            "Documentation": f"{home}/tree/main/docs",
            "Changelog": f"{home}/blob/main/CHANGELOG.md",
            "Issues": f"{home}/issues",
        }
