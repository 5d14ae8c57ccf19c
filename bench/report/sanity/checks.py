"""All sanity checks: what changes a conclusion first, then worst first.

Contract: pure. Each check is one function of the record and of what was computed from it; `CHECKS` lists them all.
"""

from collections.abc import Callable, Iterator

from bench.record.record import Record
from bench.report.analysis.comparison import Comparison
from bench.report.analysis.finding import Finding
from bench.report.sanity import applied, asking, claims, judge, scores, training
from bench.report.sanity.weight import weighed

CHECKS: tuple[Callable[[Record, Comparison], Iterator[Finding]], ...] = (
    training.diverged,
    applied.not_as_trained,
    applied.same_weights,
    applied.in_part,
    applied.rounded_in_evals,
    training.unsupervised,
    scores.same_as_base,
    asking.template,
    judge.inconsistent,
    judge.verdicts_unread,
    judge.length_decides,
    scores.below_base,
    scores.nothing_right,
    scores.at_chance,
    scores.contaminated,
    training.budget,
    training.dose,
    training.warm_starts,
    training.one_draw,
    training.rows_unseen,
    training.settings,
    training.stopped_early,
    training.sweep_edge,
    training.given,
    asking.few_shots,
    training.truncated,
    asking.cut_prompts,
    asking.cut_answers,
    asking.thinking_cut_off,
    asking.batch_sensitive,
    asking.missing_scores,
    asking.faulty_examples,
    asking.empty_slices,
    claims.looked_before,
    claims.needless_claims,
    scores.few_seeds,
    asking.limit,
    training.peak_under_load,
    training.shared_speed,
    asking.forms_differ,
    asking.fallback_template,
    training.rows_changed,
)
"""Worst first. A failed job is not a finding: it has its own table."""


def findings(record: Record, comparison: Comparison) -> tuple[Finding, ...]:
    """All verdicts with what they change, those that change something first, else in the order of `CHECKS`."""
    given = [weighed(finding, comparison) for check in CHECKS for finding in check(record, comparison)]
    return tuple(sorted(given, key=lambda finding: not finding.changes))
