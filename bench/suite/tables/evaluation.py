"""How every eval of a suite is computed."""

from typing import Literal

from bench.spec import Spec
from bench.suite.tables.models.precision import Precision


class EvaluationOptions(Spec):
    """`[evaluation]`: what all evals have in common, of bases and arms alike."""

    precision: Precision | Literal["auto"] = "auto"
    """Precision that every subject is evaluated in: bases, arms, given weights. `auto`: that of the trainings, where
    they all have one; else bf16 on a GPU that has it, and fp32 elsewhere."""
