"""The forms in which weights come from elsewhere."""

from typing import Literal

WeightsForm = Literal["adapter", "weights"]

GGUF = ".gguf"
"""Ending of a file that llama.cpp reads; transformers dequantises it."""
