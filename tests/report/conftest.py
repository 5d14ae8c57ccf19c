"""Estimates that were computed once are not computed again; they are coarse but where a file imports the fine ones."""

from tests.fakes.known_estimates import coarse_estimates as known_estimates
from tests.fakes.known_estimates import no_known_estimates

__all__ = ["known_estimates", "no_known_estimates"]
