"""Tokenizers that stay in a process for all that is asked of their bases: reading one takes as long as many rows."""

from collections.abc import Callable
from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerBase

from bench.model.loading.load import load_tokenizer
from bench.suite.resolved import ResolvedModel

TokenizerOf = Callable[[ResolvedModel], PreTrainedTokenizerBase]
"""Gives the tokenizer of a base."""


@dataclass(frozen=True, slots=True)
class KeptTokenizers:
    """Gives tokenizers as `load_tokenizer` does, each read once. Whoever is given one leaves it as it is."""

    _by_path: dict[str, PreTrainedTokenizerBase] = field(default_factory=dict)

    def __call__(self, model: ResolvedModel) -> PreTrainedTokenizerBase:
        """The tokenizer of a base."""
        if model.path not in self._by_path:
            self._by_path[model.path] = load_tokenizer(model)
        return self._by_path[model.path]
