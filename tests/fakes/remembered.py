"""Results of pure functions, for equal arguments, however these are made."""

import functools
import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any


def remembered(function: Callable[..., Any], *, size: int) -> Callable[..., Any]:
    """`function`, whose last `size` results are kept, by what their arguments are pickled to; the arguments are not.
    `__wrapped__` is the function itself."""
    known: OrderedDict[bytes, Any] = OrderedDict()

    @functools.wraps(function)
    def result(*args: Any, **kwargs: Any) -> Any:
        key = hashlib.sha256(pickle.dumps((args, kwargs))).digest()
        if key not in known:
            known[key] = function(*args, **kwargs)
        known.move_to_end(key)
        if len(known) > size:
            known.popitem(last=False)
        return known[key]

    return result
