"""An evaluation-first benchmark suite for supervised fine-tuning: one TOML file in, a report that decides out."""

__version__ = "0.1.0"
