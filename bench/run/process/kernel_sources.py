"""The fourth import of a fork server: torch notes the place of each kernel that it registers, and reads no file for it.

Contract: `inspect.getframeinfo` gives torch the place without the lines of source around it, which torch does not look
at, and everybody else what it always gives. To find the lines, all modules were searched for each of 135 kernels.
"""

import inspect
from types import FrameType, TracebackType

_NOTES_PLACES = "torch._library.utils"
_with_lines = inspect.getframeinfo


def _getframeinfo(frame: FrameType | TracebackType, context: int = 1) -> inspect.Traceback:
    ours = inspect.currentframe()
    asked_by = ours.f_back.f_globals.get("__name__") if ours is not None and ours.f_back is not None else None
    return _with_lines(frame, 0 if asked_by == _NOTES_PLACES else context)


inspect.getframeinfo = _getframeinfo
