"""The third import of a fork server: transformers reads its own files for the names in them once, not twice.

Contract: `transformers.models` gets the list that it would have made. `transformers` makes the same one as it is
imported, from two and a half thousand files, which takes a sixteenth of the libraries' import.
"""

import sys
from collections.abc import Mapping
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

_MODELS = "transformers.models"
_PREFIX = "models."


class _BeforeModels(MetaPathFinder):
    """Finds nothing. When it is asked for the models, `transformers` has its list, and they do not have theirs yet."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Called for each module that is imported."""
        if fullname == _MODELS:
            sys.meta_path.remove(self)
            _share_list(sys.modules["transformers.utils.import_utils"])


def _share_list(utils: Any) -> None:
    """Have the list of `transformers` answer for `transformers.models`, whose names begin behind its folder's."""
    listed = utils.define_import_structure
    folder = Path(utils.__file__).parents[1] / "models"

    def shared(path: Any, prefix: str | None = None) -> Mapping[Any, Any]:
        if prefix is not None or Path(path) != folder / "__init__.py":
            return listed(path, prefix)  # type: ignore[no-any-return]  # transformers is not typed here
        return {
            backends: {name[len(_PREFIX) :]: objects for name, objects in modules.items() if name.startswith(_PREFIX)}
            for backends, modules in listed(folder, prefix="models").items()
        }

    utils.define_import_structure = shared


sys.meta_path.insert(0, _BeforeModels())
