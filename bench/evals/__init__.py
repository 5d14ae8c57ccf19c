"""Evals: one file per kind, behind one table."""

from bench.evals.job import KINDS, run_eval

__all__ = ["KINDS", "run_eval"]
