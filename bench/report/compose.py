"""From a `Comparison` to the `View`: which parts, in which order. A reader of ten lines has the outcome by then."""

from __future__ import annotations

from bench.report import format as fmt
from bench.report.comparison import Comparison
from bench.report.sections.answers import answers_section
from bench.report.sections.cells import failures_section, sanity_section
from bench.report.sections.claims import VERDICT_TONES, claims_section, summary_section
from bench.report.sections.costs import cost_section, seconds_section
from bench.report.sections.meaning import meaning_section
from bench.report.sections.metrics import metrics_section
from bench.report.sections.reproduce import reproduce_section
from bench.report.sections.results import eval_sections, overview_section
from bench.report.view import Cell, View


def compose(comparison: Comparison) -> View:
    """Everything that is said, ready to print."""
    resolved = comparison.record.resolved
    sections = (
        claims_section(comparison),
        summary_section(comparison),
        failures_section(comparison),
        overview_section(comparison),
        *eval_sections(comparison),
        cost_section(comparison),
        sanity_section(comparison),
        answers_section(comparison),
        seconds_section(comparison),
        metrics_section(comparison),
        meaning_section(comparison),
        reproduce_section(comparison.record),
    )
    return View(
        title=" · ".join(name for name in (resolved.suite.name, resolved.profile, resolved.model.name) if name),
        banner=resolved.model.simulation,
        question=resolved.suite.question,
        status=_status(comparison),
        complete=comparison.complete,
        sections=tuple(section for section in sections if section is not None),
    )


def _status(comparison: Comparison) -> Cell:
    record = comparison.record
    seeds = len(record.resolved.suite.seeds)
    design = (
        f"{fmt.plural(len(comparison.arms) - 1, 'arm')} × {fmt.plural(seeds, 'seed')} and the base, "
        f"on {fmt.plural(len(record.resolved.suite.eval), 'eval')}"
    )
    verdicts = [claim.verdict.outcome for claim in comparison.claims]
    tally = [f"{verdicts.count(v)} {v}" for v in VERDICT_TONES if v in verdicts]
    said = f" Claims: {', '.join(tally)}." if tally else ""
    if comparison.complete:
        return Cell(text=f"Complete: {design}.{said}", tone="plain")
    gone = len(comparison.absences)
    why = f"{gone} of {fmt.plural(len(record.jobs), 'job')} have no result" if gone else "a claim lacks what it needs"
    return Cell(text=f"INCOMPLETE: {why}. {design}.{said}", tone="bad")
