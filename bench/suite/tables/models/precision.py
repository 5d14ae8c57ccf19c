"""The types that a model computes in, by name."""

from typing import Literal

Precision = Literal["fp32", "bf16", "fp16"]
