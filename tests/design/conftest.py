"""Estimates that were computed once are not computed again."""

from tests.fakes.known_estimates import known_estimates

__all__ = ["known_estimates"]
