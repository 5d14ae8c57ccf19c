"""From a `Comparison` to the `View`: which parts, in which order. A reader of the first screen has the outcome; the
evidence behind it is folded. A run that asks nothing, such as one of speed alone, folds nothing."""

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.completeness import Completeness
from bench.report.analysis.run_facts.run_info import RunInfo
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Section, View
from bench.report.sections.answers.flips import flips_section
from bench.report.sections.answers.generation import generation_section
from bench.report.sections.answers.judge import judge_section
from bench.report.sections.answers.side_by_side import answers_section
from bench.report.sections.claims import claims_section, doses_section
from bench.report.sections.decision import decision_section
from bench.report.sections.failures import failures_section
from bench.report.sections.glossary import meaning_section, with_meanings
from bench.report.sections.lead import lead_section
from bench.report.sections.marks import seeds_each
from bench.report.sections.reproduce import reproduce_section
from bench.report.sections.sanity import all_sanity_section, sanity_section
from bench.report.sections.scores.contamination import contamination_section
from bench.report.sections.scores.metrics import metrics_section
from bench.report.sections.scores.overview import overview_section
from bench.report.sections.scores.results import eval_sections, results_section
from bench.report.sections.scores.scaling import scaling_section
from bench.report.sections.scores.seeds import seeds_section
from bench.report.sections.scores.slices import slices_section
from bench.report.sections.scores.trajectory import trajectory_section
from bench.report.sections.scores.variance import variance_section
from bench.report.sections.tradeoff import tradeoff_section
from bench.report.sections.training.applied import applied_section
from bench.report.sections.training.costs import cost_section, seconds_section
from bench.report.sections.training.deployed import deployed_section
from bench.report.sections.training.earlier_times import earlier_times_section
from bench.report.sections.training.endpoints import endpoints_section
from bench.report.sections.training.given_arms import given_section
from bench.report.sections.training.pace import pace_section
from bench.report.sections.training.sweeps import contexts_section, sweeps_section
from bench.report.sections.training.training import training_section
from bench.suite.tables.arms.arms import is_base

_MOST_NAMED = 2


def compose(comparison: Comparison) -> View:
    """The whole report, ready to print."""
    asked = bool(comparison.measurands or comparison.claims)
    sections = [section for section in _first_screen(comparison) if section is not None]
    evidence = (section for section in _evidence(comparison) if section is not None)
    sections += [section.model_copy(update={"folded": asked or section.folded}) for section in evidence]
    return View(
        title=_title(comparison.run),
        banner=comparison.run.simulation,
        question=comparison.run.question,
        status=_status(comparison),
        complete=comparison.completeness.complete,
        sections=with_meanings(sections),
    )


def _first_screen(comparison: Comparison) -> tuple[Section | None, ...]:
    """The outcome, and what is to be known before it is trusted."""
    return (
        lead_section(comparison),
        overview_section(comparison) if comparison.measurands else None,
        claims_section(comparison),
        failures_section(comparison),
        sanity_section(comparison),
        earlier_times_section(comparison),
    )


def _evidence(comparison: Comparison) -> tuple[Section | None, ...]:
    """What the outcome rests on."""
    return (
        decision_section(comparison),
        results_section(comparison) if comparison.measurands else None,
        *eval_sections(comparison),
        slices_section(comparison),
        scaling_section(comparison),
        doses_section(comparison),
        trajectory_section(comparison),
        pace_section(comparison),
        cost_section(comparison) if comparison.budget.arms else None,
        tradeoff_section(comparison),
        training_section(comparison),
        sweeps_section(comparison),
        contexts_section(comparison),
        given_section(comparison),
        endpoints_section(comparison),
        applied_section(comparison),
        deployed_section(comparison),
        judge_section(comparison),
        generation_section(comparison),
        all_sanity_section(comparison),
        contamination_section(comparison),
        answers_section(comparison),
        flips_section(comparison),
        seeds_section(comparison),
        variance_section(comparison),
        seconds_section(comparison),
        metrics_section(comparison),
        meaning_section(comparison),
        reproduce_section(comparison),
    )


def _title(run: RunInfo) -> str:
    """`lima_vs_alpaca · profile micro · base micro`."""
    profile = [] if run.profile is None else [f"profile {run.profile}"]
    return " · ".join([run.suite, *profile, f"base {fmt.listed(run.models)}"])


def _status(comparison: Comparison) -> Cell:
    run = comparison.run
    bases = sum(is_base(arm) for arm in comparison.arms)
    base = "the base" if bases == 1 else f"{bases} bases"
    deployed = {form.arm for form in comparison.deployed}
    served = {endpoint.arm for endpoint in comparison.endpoints if not is_base(endpoint.arm)}
    given = len({training.arm for training in comparison.given} | (served - deployed))
    forms = len(deployed.intersection(comparison.arms))
    made = len(comparison.arms) - bases - given - forms
    arms = [f"{fmt.plural(made, 'arm')} × {seeds_each(comparison)}"] if made else []
    arms += [fmt.plural(forms, "deployed form")] if forms else []
    design = fmt.listed([*arms, *([fmt.plural(given, "given arm")] if given else [])])
    design += (
        f" and {base}, on {fmt.plural(len(run.evals), 'eval')}"
        if run.evals
        else ", without evals: speed and memory only"
    )
    if comparison.completeness.complete:
        return Cell(text=f"Complete: {design}.", tone="plain")
    return Cell(text=f"INCOMPLETE: {_lacking(comparison.completeness)}. {design}.", tone="bad")


def _lacking(completeness: Completeness) -> str:
    """What a run lacks, in a line: the section of what is missing names each. Claims that lack a job are not named."""
    parts = []
    if completeness.missing_jobs:
        parts.append(f"{completeness.missing_jobs} of {fmt.plural(completeness.jobs, 'job')} have no result")
    if completeness.unscored:
        parts.append(f"no subject has a score on {_named(completeness.unscored)}")
    if completeness.missing_scores:
        evals = tuple(dict.fromkeys(scores.measurand for scores in completeness.missing_scores))
        arms = tuple(dict.fromkeys(scores.arm for scores in completeness.missing_scores))
        parts.append(f"missing scores of {_named(arms, 'subject')} decide results on {_named(evals)}")
    return "; ".join(parts) or "a claim lacks what it needs"


def _named(names: tuple[str, ...], kind: str = "eval") -> str:
    return fmt.plural(len(names), kind) if len(names) > _MOST_NAMED else fmt.listed(names)
