"""What every job of a plan is built from."""

from dataclasses import dataclass
from typing import Literal

from bench.record.jobs.eval_job import ExamplePart
from bench.record.store import JobStore
from bench.run.plan.digests import CodeDigest
from bench.suite.checks.data.subset_draws import trained_on
from bench.suite.resolved import ResolvedData
from bench.suite.resolved_suite import ResolvedSuite
from bench.suite.tables.arms.arms import ArmRef
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.models.precision import Precision


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

    def rows_of(self, arm: ArmRef, seed: int) -> ResolvedData:
        """What the arm learns from with this seed: its draw, where the data has several."""
        return self.resolved.data[trained_on(self.resolved.suite, arm, seed)]

    def part_of(self, spec: EvalSpec, which: Literal["dev", "test"]) -> ExamplePart | None:
        """The part of an eval that has dev examples; of any other all."""
        asked = self.resolved.suite.evaluate_at
        if asked is None or spec.name not in asked.evals:
            return None
        return ExamplePart(which=which, dev_share=asked.dev_share)
