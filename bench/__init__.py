"""Benchmarks of supervised fine-tuning whose verdicts can be trusted: one TOML file trains, evaluates and compares."""

__version__ = "0.2.0.dev0"
