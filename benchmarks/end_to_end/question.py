"""What both sides of the comparison answer: base, trainings, tasks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

ROOT = Path(__file__).resolve().parents[2]
MICRO = ROOT / "models" / "micro"
TASKS = ROOT / "suites" / "tasks" / "micro"
FLAGSHIP = ROOT / "suites" / "lima_vs_alpaca.toml"
RATES = {"full": 5e-4, "lora": 5e-3}
"""Learning rates by method."""

Scores = dict[tuple[str, str], float]
"""By base or arm, and task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What both sides answer."""

    name: str
    base: Path
    steps: int
    batch: int
    limit: int | None
    data: tuple[str, ...] = ("curated",)
    templated: tuple[str, ...] = ()
    plain: tuple[str, ...] = ("qa", "choice", "cloze")
    """Tasks whose prompts go through a template, and through none."""
    held_out: bool = False
    precision: Literal["fp32", "bf16"] = "fp32"
    """Of trainings and evals. In bf16 either side keeps fp32 weights of what it trains, and evaluates in bf16."""
    schedule: str = "constant"
    warmup: float = 0.0
    """Share of the steps."""

    @classmethod
    def flagship(cls) -> Self:
        """One seed of the shipped suite: 60,000 tokens are 150 steps of 16 rows of 25 tokens."""
        return cls(
            name=FLAGSHIP.stem, base=MICRO, steps=150, batch=16, limit=None, data=("curated", "random", "mixed"),
            templated=("instructions", "qa", "choice"), plain=("cloze",), held_out=True,
            schedule="cosine", warmup=0.03,
        )  # fmt: skip

    @property
    def arms(self) -> list[tuple[str, str, str]]:
        """Name, data and method of each."""
        return [(f"{data}/{method}", data, method) for data in self.data for method in RATES]

    @property
    def title(self) -> str:
        """The question in a table's head."""
        tasks = len(self.templated) + len(self.plain)
        examples = "all examples" if self.limit is None else f"{self.limit} examples"
        return f"{self.base.name}, {len(self.arms)} trainings of {self.steps} steps, {tasks} tasks of {examples}"
