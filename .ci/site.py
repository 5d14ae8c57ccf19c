"""Hook of mkdocs: links from the documentation to the rest of the repository lead to it.

The address is the one that GitHub's workflows know (`GITHUB_REPOSITORY`); elsewhere such a link is its text alone,
because the site holds the documentation and nothing else.
"""

import os
import posixpath
import re
from typing import Any

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s:]+)\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """The page's text, its links out of `docs/` resolved."""
    here = posixpath.join("docs", posixpath.dirname(page.file.src_uri))
    repository = os.environ.get("GITHUB_REPOSITORY")
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")

    def resolved(link: re.Match[str]) -> str:
        text, target = link.groups()
        path = posixpath.normpath(posixpath.join(here, target))
        if target.startswith("#") or path.startswith("docs/"):
            return link[0]
        return f"[{text}]({server}/{repository}/blob/main/{path})" if repository else text

    return _LINK.sub(resolved, markdown)
