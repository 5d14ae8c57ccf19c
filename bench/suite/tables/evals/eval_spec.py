"""An eval of any kind, told apart by `kind`, and what is asked of it whatever its kind."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bench.suite.tables.data import DataSpec
from bench.suite.tables.evals.choice import ChoiceSpec
from bench.suite.tables.evals.generation import GenerationSpec
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from bench.suite.tables.evals.loss import LossSpec
from bench.suite.tables.evals.questions import QuestionsSpec

EvalSpec = Annotated[
    LmEvalSpec | ChoiceSpec | LossSpec | GenerationSpec | QuestionsSpec | JudgeSpec, Field(discriminator="kind")
]


def data_of(spec: EvalSpec) -> DataSpec | None:
    """The eval's own rows; `None` where it has none."""
    return None if isinstance(spec, LmEvalSpec | ChoiceSpec) else spec.data


def examples_asked(spec: EvalSpec) -> int | None:
    """How many of its examples an eval takes, of each task; `None` where it takes all, or no more could be added to
    those that it has."""
    if isinstance(spec, LmEvalSpec | ChoiceSpec):
        return spec.limit
    if isinstance(spec, QuestionsSpec):
        return None
    select = spec.data.select
    return select.size if select.by in ("first", "random") and not select.seeds else None


def with_examples(spec: EvalSpec, count: int) -> EvalSpec:
    """The eval with `count` examples, the present ones among them: of an eval whose `examples_asked` is a number."""
    if isinstance(spec, LmEvalSpec | ChoiceSpec):
        return spec.model_copy(update={"limit": count})
    data = data_of(spec)
    assert data is not None, "an eval with rows"
    select = data.select.model_copy(update={"size": count})
    return spec.model_copy(update={"data": data.model_copy(update={"select": select})})


def slices_of(spec: EvalSpec) -> tuple[str, ...]:
    """Columns by whose values the eval's scores are shown."""
    return () if isinstance(spec, QuestionsSpec | JudgeSpec) else spec.slices


def reference_of(spec: EvalSpec) -> DataSpec | None:
    """Stored answers that a judge compares with; `None` where there are none apart from the eval's own rows."""
    return spec.reference if isinstance(spec, JudgeSpec) else None


def longest_answer(spec: EvalSpec) -> tuple[str, int] | None:
    """The key that gives the eval's longest answer, and its tokens; `None` where no answer is written, or each task has
    its own length."""
    if isinstance(spec, LossSpec) or (isinstance(spec, ChoiceSpec) and spec.has_options):
        return None
    if isinstance(spec, LmEvalSpec | ChoiceSpec):
        return None if spec.max_new_tokens is None else ("max_new_tokens", spec.max_new_tokens)
    return "decoding.max_new_tokens", spec.decoding.max_new_tokens
