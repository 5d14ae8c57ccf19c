"""What every job of a plan is built from."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from bench.digest import SharedTexts
from bench.record.jobs.eval_job import ExamplePart
from bench.record.store import JobStore
from bench.run.plan.digests import CodeDigest
from bench.spec import Spec
from bench.suite.checks.data.subset_draws import trained_on
from bench.suite.resolved import ResolvedData
from bench.suite.resolved_suite import ResolvedSuite
from bench.suite.tables.arms.arms import ArmRef
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.models.precision import Precision
from bench.suite.tables.training.recipe import Recipe

J = TypeVar("J", bound=Spec)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContext:
    """The suite by content, where results are, and what one run decides for all jobs."""

    resolved: ResolvedSuite
    store: JobStore
    workers: int
    threads: int
    precision: Precision | Literal["auto"]
    """Precision of all evals."""
    trust_task_code: bool
    code: CodeDigest
    fresh: bool
    """Reuse nothing."""
    texts: SharedTexts = field(default_factory=SharedTexts)
    """What the jobs' digests have in common."""
    recipes: dict[tuple[str, str | None], Recipe] = field(default_factory=dict)
    """Complete recipes that were asked for, by name and model."""
    validated: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    """The first job of each kind and of the same objects."""
    planner: str | None = None
    """Digest of what plans a training's steps; `None` where nothing of it is kept."""

    def rows_of(self, arm: ArmRef, seed: int) -> ResolvedData:
        """What the arm learns from with this seed: its draw, where the data has several."""
        return self.resolved.data[trained_on(self.resolved.suite, arm, seed)]

    def recipe_of(self, arm: ArmRef) -> Recipe:
        """The arm's recipe with its defaults and its precision: one object for all arms of a model that have it."""
        if (arm.recipe, arm.model) not in self.recipes:
            recipe = self.resolved.suite.recipe[arm.recipe]
            recipe = recipe.with_defaults(self.resolved.base_of(arm).lora_target_modules)
            if recipe.command is None:
                recipe = recipe.model_copy(update={"precision": self.resolved.precision_of(arm)})
            self.recipes[arm.recipe, arm.model] = recipe
        return self.recipes[arm.recipe, arm.model]

    def job_of(self, kind: type[J], *of: Spec, **fields: Any) -> J:
        """A job of these fields. Of those with the same recipe or eval and the same model (`of`), the first is
        validated: the others differ from it in names, digests and objects that were validated where they were made."""
        key = (kind, *map(id, of))
        if key not in self.validated:
            self.validated[key] = of, kind(**fields)
        _, first = self.validated[key]
        return cast(J, first).model_copy(update=fields)

    def part_of(self, spec: EvalSpec, which: Literal["dev", "test"]) -> ExamplePart | None:
        """The part of an eval that has dev examples; of any other all."""
        asked = self.resolved.suite.evaluate_at
        if asked is None or spec.name not in asked.evals:
            return None
        return ExamplePart(which=which, dev_share=asked.dev_share)
