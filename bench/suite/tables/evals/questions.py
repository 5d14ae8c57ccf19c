"""`kind = "questions"`: answers to fixed prompts, side by side."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from bench.spec import Name
from bench.suite.tables.data import PromptSpec
from bench.suite.tables.evals.common import Role
from bench.suite.tables.evals.decoding import Decoding
from bench.suite.tables.evals.kind import EvalKind


class QuestionsSpec(EvalKind):
    """`kind = "questions"`: fixed prompts whose answers the report shows side by side. No score."""

    scored: ClassVar = False
    no_step_scores: ClassVar = "it only shows answers, without scores"

    kind: Literal["questions"]
    """Answers side by side, without a score."""
    name: Name
    """Name of the eval: the report calls it so."""
    questions: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """In the suite itself."""
    data: PromptSpec | None = None
    """Or from data, such as a JSON Lines file whose rows have `turns`; the row's own answer is shown as wanted."""
    decoding: Decoding = Decoding()
    """How answers are drawn: `{ max_new_tokens = 256 }`; greedy unless it has a temperature."""
    template: Literal["suite", "none"] = "suite"
    """`suite`: prompts are wrapped in the model's prompt template; `none`: given as they are."""
    strip_thinking: bool | None = None
    """Score the answer without its thinking; default: where prompts are wrapped in a template that has thinking."""
    role: Role = "diagnostic"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.questions) == (self.data is not None):
            raise ValueError("give either `questions` or `data`")
        if self.decoding.samples > 1:
            raise ValueError("decoding.samples: one answer to each question is shown")
        return self
