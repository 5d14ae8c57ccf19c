"""Everything that a report says, as numbers: the only thing that sections, plots and the JSON read.

Contract: each field and property is a key of `bench report --json`, and whatever a page prints is here; only the texts
and scores of single examples, which are in the run's `scores/`, are in no key.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.record.look import Look
from bench.report.analysis.aligned.example_checks import ExampleCheck
from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.answers.examples import EvalExamples
from bench.report.analysis.answers.flips import Flips
from bench.report.analysis.answers.generation import EngineAnswers, GenerationCost, engine_answers
from bench.report.analysis.answers.judge import JudgedArm
from bench.report.analysis.answers.judging_costs import JudgingCost, judging_costs
from bench.report.analysis.answers.side_by_side import Exhibit
from bench.report.analysis.completeness import Completeness
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.conclusions.decision import Decision
from bench.report.analysis.conclusions.growth.next_buy import SequentialState
from bench.report.analysis.conclusions.growth.purchases import Purchase
from bench.report.analysis.conclusions.lead import Lead
from bench.report.analysis.finding import Finding
from bench.report.analysis.run_facts.absence import Absence
from bench.report.analysis.run_facts.provenance import Provenance
from bench.report.analysis.run_facts.run_info import RunInfo
from bench.report.analysis.scores.contamination import Contamination
from bench.report.analysis.scores.metrics import MetricValue
from bench.report.analysis.scores.pairs import ArmPair
from bench.report.analysis.scores.results import Result
from bench.report.analysis.scores.scaling import ScalingLine
from bench.report.analysis.scores.seed_table import SeedTable
from bench.report.analysis.scores.slices import Slices
from bench.report.analysis.scores.subset_draws import DrawNoise
from bench.report.analysis.scores.trajectory import Trajectory
from bench.report.analysis.training.applied import AppliedTraining
from bench.report.analysis.training.costs.budget_match import BudgetMatch
from bench.report.analysis.training.costs.cost import Cost
from bench.report.analysis.training.costs.dose import Doses
from bench.report.analysis.training.costs.phases import PhaseSeconds
from bench.report.analysis.training.costs.speed import Pace
from bench.report.analysis.training.costs.tradeoff import Tradeoff
from bench.report.analysis.training.deployed import DeploymentCost
from bench.report.analysis.training.endings import FinishedTraining, Settings
from bench.report.analysis.training.endpoints import EndpointCost
from bench.report.analysis.training.given_trainings import GivenTraining
from bench.report.analysis.training.kept_steps import KeptStep, Reached
from bench.report.analysis.training.losses.logged_losses import LoggedLosses
from bench.report.analysis.training.losses.loss_curves import LossCurve
from bench.report.analysis.training.outcomes import ArmOutcome
from bench.report.analysis.training.seen_rows import ArmRows
from bench.report.analysis.training.sweeps import ArmSweep, ContextRows
from bench.report.imported.stored_times import Trend
from bench.stats.conclusions.ranking import Rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All that the report says, as numbers."""

    run: RunInfo
    completeness: Completeness
    answer: Lead | None
    """The report's first sentences, under the heading that readers know; `None` of a run that asks nothing."""
    claims: tuple[ClaimResult, ...]
    look: Look | None
    """What this reading saw, kept for later runs of the same question; `None` without claims or before the end."""
    looks: tuple[Look, ...]
    """Readings of the same question before this run."""
    sequential: SequentialState | None
    """How far a run with planned looks is; `None` where the suite plans none."""
    purchases: tuple[Purchase, ...]
    """What came to the run between the looks at it."""
    decision: Decision | None
    """Which arm to take; `None` where the suite has no `[decision]`."""
    arms: tuple[str, ...]
    """Names, bases first."""
    bases: Mapping[str, str]
    """The base that each arm trains, by arm."""
    measurands: tuple[Measurand, ...]
    results: Mapping[tuple[str, str], Result]
    """By arm and measurand; in the JSON the list of its values."""
    ranks: Mapping[str, tuple[Rank, ...]]
    """By measurand; empty where none can be given."""
    pairs: tuple[ArmPair, ...]
    draws: tuple[DrawNoise, ...]
    metrics: tuple[MetricValue, ...]
    slices: tuple[Slices, ...]
    seed_tables: tuple[SeedTable, ...]
    scaling: tuple[ScalingLine, ...]
    trajectories: tuple[Trajectory, ...]
    """Trainings over their steps."""
    kept_steps: tuple[KeptStep, ...]
    """Trainings whose kept step was chosen by dev scores."""
    reached: tuple[Reached, ...]
    """What each training took until the suite's target; empty without one."""
    speeds: tuple[Pace, ...]
    """Fastest first; empty where fewer than two arms were timed alone."""
    costs: tuple[Cost, ...]
    budget: BudgetMatch
    doses: Doses
    phases: tuple[PhaseSeconds, ...]
    tradeoffs: tuple[Tradeoff, ...]
    outcomes: tuple[ArmOutcome, ...]
    trainings: tuple[FinishedTraining, ...]
    settings: Settings
    curves: tuple[LossCurve, ...]
    logged_losses: tuple[LoggedLosses, ...]
    """Empty unless the suite says `run.log_every`."""
    sweeps: tuple[ArmSweep, ...]
    contexts: tuple[ContextRows, ...]
    given: tuple[GivenTraining, ...]
    endpoints: tuple[EndpointCost, ...]
    """Arms and bases behind a server."""
    applied: tuple[AppliedTraining, ...]
    """What each training changes of its base, as its subject is evaluated."""
    deployed: tuple[DeploymentCost, ...]
    """What each form that an arm is shipped in takes."""
    judged: tuple[JudgedArm, ...]
    generation: tuple[GenerationCost, ...]
    contamination: Contamination
    seen_rows: tuple[ArmRows, ...]
    exhibits: tuple[Exhibit, ...]
    examples: tuple[EvalExamples, ...]
    """Behind the cells; texts and scores are in the run's `scores/`, and not in the JSON."""
    flips: Flips
    example_checks: tuple[ExampleCheck, ...]
    sanity: tuple[Finding, ...]
    missing: tuple[Absence, ...]
    """Jobs without a result, or with none that counts."""
    provenance: Provenance
    history: tuple[Trend, ...] = ()
    """This run's times after those of earlier runs; empty unless they were asked for."""

    @property
    def judging(self) -> tuple[JudgingCost, ...]:
        """What the judge of each eval took."""
        return judging_costs(self.judged)

    @property
    def engines(self) -> tuple[EngineAnswers, ...]:
        """Answers that a server generated in place of this program."""
        return engine_answers(self.generation)

    @property
    def plots(self) -> tuple[str, ...]:
        """Names of the plots that have something to show."""
        results = self.results.values()
        contrasts = [c for result in results for c in (result.versus_base, result.versus_control) if c is not None]
        has = {
            "claims": any(claim.delta is not None and claim.delta.estimate is not None for claim in self.claims),
            "scores": any(result.value.mean is not None for result in results),
            "deltas": any(contrast.delta.estimate is not None for contrast in contrasts),
            "loss": bool(self.curves),
            "gradient_norm": any(curve.gradient_norm for curve in self.curves),
            "learning_rate": any(curve.learning_rate for curve in self.curves),
            "tradeoff": any(point.priced for tradeoff in self.tradeoffs for point in tradeoff.points),
            "trajectory": any(len(trajectory.points) > 1 for trajectory in self.trajectories),
            "scaling": any(point.value.mean is not None for line in self.scaling for point in line.points),
        }
        return tuple(name for name, there in has.items() if there)
