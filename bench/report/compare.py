"""From a run to its `Comparison`: every analysis, called once.

Contract: pure and deterministic; a function of the record, the per-example scores and this code.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.record.look import Look
from bench.record.record import Record
from bench.report.analysis.aligned.align import Aligned, align
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.aligned.example_checks import example_checks
from bench.report.analysis.aligned.score_rows import Run, ScoreRows, read_rows
from bench.report.analysis.answers.examples import examples
from bench.report.analysis.answers.flips import find_flips
from bench.report.analysis.answers.generation import generation_costs
from bench.report.analysis.answers.judge import judged_arms
from bench.report.analysis.answers.side_by_side import exhibits
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.completeness import Completeness, completeness
from bench.report.analysis.conclusions.claims.claims import ClaimResult, decided
from bench.report.analysis.conclusions.claims.looks import this_look
from bench.report.analysis.conclusions.decision import decision
from bench.report.analysis.conclusions.growth.next_buy import SequentialState, sequential_state
from bench.report.analysis.conclusions.growth.purchases import purchases
from bench.report.analysis.conclusions.lead import LeadSources, lead_of
from bench.report.analysis.run_facts.absence import absences_of
from bench.report.analysis.run_facts.provenance import provenance
from bench.report.analysis.run_facts.run_info import run_info
from bench.report.analysis.run_facts.subjects import bases_by_arm, subjects
from bench.report.analysis.scores.contamination import contamination
from bench.report.analysis.scores.metrics import every_metric
from bench.report.analysis.scores.pairs import arm_pairs
from bench.report.analysis.scores.results import Result, ranks, results
from bench.report.analysis.scores.scaling import scaling_lines
from bench.report.analysis.scores.seed_table import seed_tables
from bench.report.analysis.scores.slices import slices
from bench.report.analysis.scores.subset_draws import draw_noise
from bench.report.analysis.scores.trajectory import trajectories
from bench.report.analysis.training.applied import applied_trainings
from bench.report.analysis.training.costs.budget_match import budget_match
from bench.report.analysis.training.costs.cost import costs
from bench.report.analysis.training.costs.dose import doses
from bench.report.analysis.training.costs.phases import seconds_by_phase
from bench.report.analysis.training.costs.speed import paces
from bench.report.analysis.training.costs.tradeoff import tradeoffs
from bench.report.analysis.training.deployed import deployed_arms
from bench.report.analysis.training.endings import endings, settings
from bench.report.analysis.training.endpoints import endpoint_costs
from bench.report.analysis.training.given_trainings import given_trainings
from bench.report.analysis.training.kept_steps import kept_steps, reached
from bench.report.analysis.training.losses.logged_losses import logged_losses
from bench.report.analysis.training.losses.loss_curves import loss_curves
from bench.report.analysis.training.outcomes import training_outcomes
from bench.report.analysis.training.seen_rows import arm_rows
from bench.report.analysis.training.sweeps import arm_sweeps, contexts
from bench.report.sanity.checks import findings
from bench.stats.estimates.paired import REPLICATES


def compare(run: Run, *, replicates: int = REPLICATES) -> Comparison:
    """Everything that the report says of `run`. Raises `InputError` where its record or scores cannot be read."""
    record = run.load()
    return compare_record(record, read_rows(run, record), replicates=replicates, name=run.path.name)


def compare_record(
    record: Record, rows: ScoreRows, *, replicates: int = REPLICATES, name: str | None = None
) -> Comparison:
    """Everything that the report says, from a record and its scores that were read already. name: of the run."""
    comparison = _without_sanity(record, rows, verdicts_of(record, rows, replicates=replicates), name=name)
    return replace(comparison, sanity=findings(record, comparison))


_OF_RECORD: Mapping[str, Callable[[Record], Any]] = {
    "run": run_info,
    "bases": bases_by_arm,
    "metrics": every_metric,
    "kept_steps": kept_steps,
    "reached": reached,
    "speeds": paces,
    "phases": seconds_by_phase,
    "outcomes": training_outcomes,
    "trainings": endings,
    "settings": settings,
    "curves": loss_curves,
    "logged_losses": logged_losses,
    "sweeps": arm_sweeps,
    "contexts": contexts,
    "given": given_trainings,
    "endpoints": endpoint_costs,
    "applied": applied_trainings,
    "deployed": deployed_arms,
    "generation": generation_costs,
    "seen_rows": arm_rows,
    "missing": absences_of,
    "provenance": provenance,
}
"""Analyses of the record alone, by the field of the comparison that each fills."""


def _without_sanity(record: Record, rows: ScoreRows, verdicts: "Verdicts", *, name: str | None) -> Comparison:
    """All but the findings, which are about these numbers."""
    aligned, deltas, measured, claims = verdicts.aligned, verdicts.deltas, verdicts.results, verdicts.claims
    shown = examples(record, aligned, rows)  # read by other processes meanwhile, where they are many
    sources = _lead_sources(record, aligned, deltas, measured, claims)
    sequential, look = _sequential(record, claims, name=name)
    return Comparison(
        **{field: analysis(record) for field, analysis in _OF_RECORD.items()},
        completeness=verdicts.completeness,
        arms=tuple(subjects(record)),
        answer=lead_of(sources),
        claims=claims,
        look=look,
        looks=record.looks,
        sequential=sequential,
        purchases=purchases(record.looks, look),
        decision=sources.decision,
        measurands=sources.measurands,
        results=measured,
        ranks={entry.measurand.name: ranks(entry, deltas) for entry in aligned},
        pairs=arm_pairs(aligned, deltas),
        draws=draw_noise(record, measured),
        slices=slices(aligned, rows, bases_by_arm(record), deltas),
        seed_tables=seed_tables(sources.measurands, measured, record.resolved.suite.seeds, paired=deltas.shared_rows),
        trajectories=trajectories(record, rows, aligned, deltas),
        scaling=scaling_lines(record, sources.measurands, measured),
        costs=sources.costs,
        budget=sources.budget,
        doses=doses(sources.costs),
        tradeoffs=tradeoffs(record, sources.measurands, measured),
        judged=judged_arms(record, rows, deltas),
        contamination=contamination(record, aligned, measured, deltas),
        exhibits=exhibits(record, aligned, rows),
        examples=tuple(shown),
        flips=find_flips(record, aligned, rows),
        example_checks=example_checks(aligned, rows),
        sanity=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdicts:
    """What a run decides, with what that rests on: the part of a comparison that ends in an exit code."""

    aligned: tuple[Aligned, ...]
    deltas: Deltas
    results: dict[tuple[str, str], Result]
    claims: tuple[ClaimResult, ...]
    completeness: Completeness


def verdicts_of(record: Record, rows: ScoreRows, *, replicates: int = REPLICATES) -> Verdicts:
    """Claims and completeness as a report has them, without what else it says."""
    aligned, missing, deltas = align(record, rows), absences_of(record), Deltas.of(record, replicates=replicates)
    measured = results(record, aligned, missing, deltas)
    claims = decided(record, aligned, missing, deltas, measured)
    return Verdicts(
        aligned=aligned,
        deltas=deltas,
        results=measured,
        claims=claims,
        completeness=completeness(record, absences=missing, results=measured, claims=claims),
    )


def _sequential(
    record: Record, claims: tuple[ClaimResult, ...], *, name: str | None
) -> tuple[SequentialState | None, Look | None]:
    """What the plan of looks leaves to buy, and this look at the claims."""
    state = sequential_state(record, claims)
    look = this_look(
        record,
        [(result.claim, result.verdict) for result in claims],
        offers=() if state is None else state.offers,
        run=name or record.digest[:8],
    )
    return state, look


def _lead_sources(
    record: Record,
    aligned: tuple[Aligned, ...],
    deltas: Deltas,
    measured: dict[tuple[str, str], Result],
    claims: tuple[ClaimResult, ...],
) -> LeadSources:
    priced = costs(record)
    return LeadSources(
        run=run_info(record),
        decision=decision(record, aligned, deltas),
        claims=claims,
        measurands=tuple(entry.measurand for entry in aligned),
        results=measured,
        costs=priced,
        budget=budget_match(priced),
    )
