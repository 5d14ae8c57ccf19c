"""`kind = "lm_eval"`: tasks of lm-eval."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from bench.spec import Count, Name, is_path, looks_like_path
from bench.suite.tables.evals.common import Role, SliceColumns
from bench.suite.tables.evals.kind import EvalKind


class LmEvalSpec(EvalKind):
    """`kind = "lm_eval"`: tasks of lm-eval by name, its own or from a folder of task files."""

    has_tasks: ClassVar = True
    file_keys: ClassVar = {"include": looks_like_path, "rows": is_path}

    kind: Literal["lm_eval"]
    """Tasks of lm-eval."""
    name: Name
    """Name of the eval: claims and the report call it so."""
    tasks: tuple[str, ...] = Field(min_length=1)
    """Names of tasks or groups of lm-eval, such as `["ifeval", "hellaswag"]`."""
    include: str | None = None
    """Folder of task files, relative to the suite file; lm-eval's own index is then not built."""
    rows: str | None = Field(default=None, min_length=1)
    """Folder with TASK.jsonl (or .json, .csv, .parquet) for each task, relative to the suite file: its rows in place of
    those on the hub, in the hub's own columns."""
    num_fewshot: int | None = Field(default=None, ge=0, le=1000)
    """Solved examples before each question; default: each task's own number."""
    max_new_tokens: Count | None = None
    """Longest written answer, in tokens; default: each task's own."""
    limit: Count | None = None
    """Only the first examples of each task: for trying out; recorded and shown."""
    metric: str | None = None
    """Headline metric; default: the first that the task lists."""
    template: Literal["suite", "none"] = "suite"
    """`suite`: prompts are wrapped in the model's prompt template; `none`: given as they are."""
    strip_thinking: bool | None = None
    """Score the answer without its thinking; default: where prompts are wrapped in a template that has thinking."""
    slices: SliceColumns = ()
    """Fields of the task's documents, such as `category` or IFEval's `instruction_id_list`, by whose values the report
    shows the scores."""
    role: Role = "target"

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        if self.rows is not None and self.include is not None:
            raise ValueError("rows: a task file in `include` names its own rows")
        if self.rows is not None and self.num_fewshot:
            raise ValueError("rows: few-shot examples come from other rows of the task, which only the hub has")
        return self

    @property
    def by_likelihood(self) -> None:
        """The task files say it."""
        return None

    @property
    def examples_label(self) -> str:
        """The tasks."""
        return ", ".join(self.tasks)
