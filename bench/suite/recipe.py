"""How to train: method, optimiser, schedule, batch, precision; and what is held equal between the arms."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from bench.spec import Count, Spec
from bench.suite.model import Precision

Modules = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class LoraSpec(Spec):
    """Low-rank adapters (Hu et al. 2021)."""

    r: Count = 16
    alpha: float = Field(default=32, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: Modules | Literal["all-linear", "card"] = "card"
    """Module names, `all-linear`, or `card`: what the model's card names."""


class Budget(Spec):
    """How much training an arm gets, in the unit that the suite holds equal."""

    unit: Literal["epochs", "steps", "tokens", "supervised_tokens"]
    amount: float = Field(gt=0, le=1e15)

    @model_validator(mode="after")
    def _whole(self) -> Budget:
        if self.unit != "epochs" and self.amount != int(self.amount):
            raise ValueError(f"a budget in {self.unit} is a whole number; only epochs can be a fraction")
        return self


class Recipe(Spec):
    """`[recipe.NAME]`."""

    method: Literal["full", "lora"]
    learning_rate: float = Field(gt=0)
    min_learning_rate: float | None = Field(default=None, ge=0)
    """Where the schedule ends; `None` is 0. Only for `linear` and `cosine`."""
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    warmup: float = Field(default=0.0, ge=0)
    """Below 1: share of all steps; from 1: steps."""
    weight_decay: float = Field(default=0.0, ge=0)
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """Of AdamW: decay of the mean and of the square of the gradient."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    batch_rows: Count = 16
    """Rows per forward pass (per packed sequence counts as one where packing is on)."""
    accumulation: Count = 1
    """Forward passes per optimiser step."""
    max_length: int | None = Field(default=None, gt=1, le=2**31 - 1)
    """Tokens per row; longer rows are cut at the end and counted. `None`: the model's context length."""
    packing: Literal["none", "bfd"] = "none"
    """`bfd`: best-fit decreasing; several rows share one sequence of `max_length` tokens without seeing each other."""
    group_by_length: bool = False
    """Batches of rows of similar length, in seeded random order; less padding, not the same batches."""
    precision: Precision | Literal["auto"] = "auto"
    """`auto`: bf16 on a GPU that has it, else fp32."""
    gradient_checkpointing: bool = False
    lora: LoraSpec | None = None
    budget: Budget | None = None
    """Overrides the suite's budget for this recipe; the report then says by how much the arms differ."""

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if self.lora is not None and self.method != "lora":
            raise ValueError('a [lora] table needs method = "lora"')
        if self.warmup >= 1 and self.warmup != int(self.warmup):
            raise ValueError("warmup is a share of the steps below 1, and a whole number of steps from 1")
        if self.min_learning_rate is not None:
            if self.schedule == "constant":
                raise ValueError('min_learning_rate needs schedule = "linear" or "cosine"')
            if self.min_learning_rate > self.learning_rate:
                raise ValueError("min_learning_rate is above learning_rate")
        return self
