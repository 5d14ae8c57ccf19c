"""The second import of a fork server: what transformers imports for the losses of detectors alone is left for later.

Contract: `scipy.optimize`, a sixteenth of the libraries' import and 28 MB in each server, is imported by whoever uses
it. `linear_sum_assignment`, which transformers' losses take by name as they are imported, is imported when called.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

_NAME = "scipy.optimize"
_TAKEN_BY_NAME = "linear_sum_assignment"


class _Later(ModuleType):
    """Stands in for a module until anything but the function that is taken by name is asked of it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked of each module by whoever goes through all of them
            raise AttributeError(name)
        return _assigned if name == _TAKEN_BY_NAME else getattr(_imported(), name)


def _imported() -> ModuleType:
    if isinstance(sys.modules.get(_NAME), _Later):
        del sys.modules[_NAME]
    return import_module(_NAME)


def _assigned(*arguments: Any, **options: Any) -> Any:
    return getattr(_imported(), _TAKEN_BY_NAME)(*arguments, **options)


def _stand_in() -> None:
    found = find_spec("scipy")
    if found is None or found.submodule_search_locations is None or _NAME in sys.modules:
        return
    later = _Later(_NAME)
    later.__path__ = [str(Path(place) / "optimize") for place in found.submodule_search_locations]
    sys.modules[_NAME] = later


_stand_in()
