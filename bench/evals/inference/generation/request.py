"""What generation is asked for, and what it gives back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSampling:
    """How tokens are drawn."""

    temperature: float
    """Above 0."""
    top_k: int | None
    top_p: float | None
    """Smallest set of tokens with at least this probability (Holtzman et al. 2020)."""
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """One prompt to continue."""

    prompt: tuple[int, ...]
    stop_ids: frozenset[int]
    """Tokens that end the answer and are not part of it."""
    until: tuple[str, ...]
    """Texts that end the answer and are not part of it."""
    max_new_tokens: int
    sampling: TokenSampling | None = None
    """`None`: greedy."""
    strip_thinking: bool = False
    """Whether a block of thinking is no part of the answer; `until` then ends an answer behind it only."""
    thinking_begun: bool = False
    """Whether the prompt ends inside such a block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One answer."""

    text: str
    ids: tuple[int, ...]
    """Token ids as generated, with the stop token where there was one."""
    ended: bool
    """By a stop token or text, not by its length."""
    thinking: str | None = None
    """The thinking that was stripped; `None` without any."""
    unfinished_thinking: bool = False
    """Whether the thinking never ended, so that there is no answer."""
