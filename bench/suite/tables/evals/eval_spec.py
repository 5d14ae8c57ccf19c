"""An eval of any kind, told apart by `kind`, and what its keys say whatever its kind.

Contract: a key means the same in every kind that has it: `data`, `limit`, `slices`, `reference`, `template`,
`decoding`.
"""

from typing import Annotated

from pydantic import Field

from bench.suite.tables.data import DataSpec, Select
from bench.suite.tables.evals.choice import ChoiceSpec
from bench.suite.tables.evals.decoding import Decoding
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
    data: DataSpec | None = getattr(spec, "data", None)
    return data


def examples_asked(spec: EvalSpec) -> int | None:
    """How many of its examples an eval takes, of each task; `None` where it takes all, or no more could be added to
    those that it has."""
    if _is_limited(spec):
        limit: int | None = getattr(spec, "limit", None)
        return limit
    data = data_of(spec)
    if data is None or not spec.scored:
        return None
    return data.select.size if data.select.by in ("first", "random") and not data.select.seeds else None


def with_examples(spec: EvalSpec, count: int) -> EvalSpec:
    """The eval with `count` examples, the present ones among them: of an eval whose `examples_asked` is a number."""
    if _is_limited(spec):
        return spec.model_copy(update={"limit": count})
    data = data_of(spec)
    assert data is not None, "an eval with rows"
    select = data.select.model_copy(update={"size": count})
    return spec.model_copy(update={"data": data.model_copy(update={"select": select})})


def with_all_examples(spec: EvalSpec) -> EvalSpec:
    """The eval with all of its examples, where it takes a number of them."""
    if _is_limited(spec):
        return spec.model_copy(update={"limit": None})
    data = data_of(spec)
    if data is None or examples_asked(spec) is None:
        return spec
    return spec.model_copy(update={"data": data.model_copy(update={"select": Select()})})


def slices_of(spec: EvalSpec) -> tuple[str, ...]:
    """Columns by whose values the eval's scores are shown."""
    slices: tuple[str, ...] = getattr(spec, "slices", ())
    return slices


def cluster_column(spec: EvalSpec) -> str | None:
    """Column whose equal values make rows one cluster."""
    column: str | None = getattr(spec, "cluster", None)
    return column


def kept_columns(spec: EvalSpec) -> tuple[str, ...]:
    """Columns whose values stay with the eval's rows."""
    column = cluster_column(spec)
    return tuple(dict.fromkeys([*slices_of(spec), *([] if column is None else [column])]))


def reference_of(spec: EvalSpec) -> DataSpec | None:
    """Stored answers that a judge compares with; `None` where there are none apart from the eval's own rows."""
    reference: DataSpec | None = getattr(spec, "reference", None)
    return reference


def asks_bare(spec: EvalSpec) -> bool:
    """Whether prompts are given as they are, without the model's template."""
    return getattr(spec, "template", "suite") == "none"


def decoding_of(spec: EvalSpec) -> Decoding | None:
    """How the suite has its answers drawn; `None` where it does not say that."""
    decoding: Decoding | None = getattr(spec, "decoding", None)
    return decoding


def longest_answer(spec: EvalSpec) -> tuple[str, int] | None:
    """The key that gives the eval's longest answer, and its tokens; `None` where no answer is written, or each task has
    its own length."""
    if spec.by_likelihood:
        return None
    if (decoding := decoding_of(spec)) is not None:
        return "decoding.max_new_tokens", decoding.max_new_tokens
    tokens: int | None = getattr(spec, "max_new_tokens", None)
    return None if tokens is None else ("max_new_tokens", tokens)


def _is_limited(spec: EvalSpec) -> bool:
    """Whether a key of its own, not the selection of its rows, counts its examples."""
    return "limit" in type(spec).model_fields
