"""The third import of a fork server: transformers reads its own files for the names in them once, not twice, and looks
for these names where a file says them, not in each of its lines.

Contract: both lists, that of `transformers` and that of `transformers.models`, are what they would have been. The first
is made as `transformers` is imported, from two and a half thousand files, which took a sixteenth of all imports.
"""

import sys
from collections.abc import Mapping
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

_UTILS = "transformers.utils.import_utils"
_BEHIND_UTILS = "transformers.utils.hub"
"""Asked for when the utilities are there, and no list yet."""
_MODELS = "transformers.models"
_PREFIX = "models."


class _BeforeModels(MetaPathFinder):
    """Finds nothing. When it is asked for the models, `transformers` has its list, and they do not have theirs yet."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Called for each module that is imported."""
        if fullname == _BEHIND_UTILS:
            _look_from_the_end(sys.modules[_UTILS])
        if fullname == _MODELS:
            sys.meta_path.remove(self)
            _share_list(sys.modules[_UTILS])


def _look_from_the_end(utils: Any) -> None:
    """Have the names that a file exports read from its last line that begins with `__all__`."""
    names_in = utils.fetch__all__

    def names(content: str) -> Any:
        return names_in(content[content.rfind("\n__all__") + 1 :])

    utils.fetch__all__ = names


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
