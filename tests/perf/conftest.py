"""The product's own benchmark fixtures, whether or not it is installed with its entry point."""

from bench.gate.pytest_plugin import benchmark_evaluation, benchmark_training

__all__ = ["benchmark_evaluation", "benchmark_training"]
