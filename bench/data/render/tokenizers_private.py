"""Private names of transformers' tokenizers that this project takes hold of, behind a public one.

Contract: no other file names them. `tests/model/test_private_names.py` holds each name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def plain_tokenizer(tokenizer: PreTrainedTokenizerBase) -> Any:
    """The tokenizer of the library `tokenizers` behind this one, where nothing else makes ids of a text: it takes half
    of the time. `None` for tokenizers in Python, and for classes that prepare a text themselves."""
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

    own = type(tokenizer)
    plain = getattr(own, "encode", None) is PreTrainedTokenizerBase.encode
    plain &= getattr(own, "_encode_plus", None) is PreTrainedTokenizerFast._encode_plus
    return tokenizer.backend_tokenizer if plain else None
