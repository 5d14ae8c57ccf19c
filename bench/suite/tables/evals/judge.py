"""`kind = "judge"`: a model between two answers."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from bench.spec import Name, looks_like_path
from bench.suite.tables.data import DataSpec, PromptSpec
from bench.suite.tables.evals.common import ClusterColumn, Role
from bench.suite.tables.evals.decoding import Decoding
from bench.suite.tables.evals.kind import EvalKind
from bench.suite.tables.evals.questions import QuestionsSpec
from bench.suite.tables.models.endpoint import Sampling
from bench.suite.tables.models.model_source import ModelSource


class JudgeSpec(EvalKind):
    """`kind = "judge"`: a model says which of two answers to the same prompt is better, in both orders."""

    loads_subject: ClassVar = False
    scale: ClassVar = (0.0, 1.0)
    no_step_scores: ClassVar = "its answers are compared with others', and dev answers have none"
    file_keys: ClassVar = {"prompt": looks_like_path, "labels": looks_like_path}

    kind: Literal["judge"]
    """A judge between two answers."""
    name: Name
    """Name of the eval: claims and the report call it so."""
    data: PromptSpec
    """Prompts. A row's own answer is the stored answer of `against = "reference"`."""
    cluster: ClusterColumn = None
    against: Literal["base", "control", "reference"] = "base"
    """Whose answers a subject's are compared with: its base's, its control's of the same seed, or stored ones."""
    reference: DataSpec | None = None
    """Stored answers by prompt, such as another model's `{instruction, output}` rows; default: the rows' own."""
    judge: ModelSource
    """The model that judges: `{ endpoint = { base_url = "https://…/v1", model = "NAME", key_env = "…" } }`, or
    `{ local = { card = "NAME" } }`."""
    prompt: str = "pairwise"
    """What it is asked: pairwise, letter, json, or a Jinja file relative to the suite file."""
    labels: str | None = None
    """JSON lines, relative to the suite file, of what people prefer on some of the pairs, drawn at random:
    `{"id": "…", "subject": "ARM#SEED", "score": 1}`. They correct the judge's rate."""
    sampling: Sampling = Sampling(temperature=0.0, max_tokens=1024)
    """How it is asked."""
    decoding: Decoding = Decoding()
    """How the subjects answer."""
    template: Literal["suite", "none"] = "suite"
    """`suite`: prompts are wrapped in the model's prompt template; `none`: given as they are."""
    strip_thinking: bool | None = None
    """Score the answer without its thinking; default: where prompts are wrapped in a template that has thinking."""
    role: Role = "target"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.reference is not None and self.against != "reference":
            raise ValueError('reference means against = "reference"')
        if self.decoding.samples > 1:
            raise ValueError("decoding.samples: one answer to each prompt is judged")
        return self

    @property
    def against_controls(self) -> bool:
        """The key `against`."""
        return self.against == "control"

    def asking(self) -> QuestionsSpec:
        """How the answers that are compared are got."""
        return QuestionsSpec(
            kind="questions",
            name=self.name,
            data=self.data,
            decoding=self.decoding,
            template=self.template,
            strip_thinking=self.strip_thinking,
        )
