"""Settings of a task file's `generation_kwargs` that an answer is drawn by."""

from collections.abc import Mapping
from typing import Any

LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""lm-eval's names of the greatest length, the first of them its own."""
SUPPORTED = frozenset({"until", "do_sample", "temperature", "top_k", "top_p", "use_cache", LENGTHS[0]})
_NEUTRAL: dict[str, Any] = {"num_beams": 1, "repetition_penalty": 1.0, "num_return_sequences": 1, "min_p": 0.0}
"""Settings that are accepted at the value at which they do nothing."""


def unheeded(settings: Mapping[str, Any]) -> list[str]:
    """Settings that would change an answer and are not supported."""
    known = {*SUPPORTED, *LENGTHS}
    return [key for key in settings if key not in known and settings[key] not in (None, _NEUTRAL.get(key))]
