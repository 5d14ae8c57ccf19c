"""Estimates that were computed once, coarse ones, are not computed again."""

from tests.fakes.known_estimates import coarse_estimates as known_estimates

__all__ = ["known_estimates"]
