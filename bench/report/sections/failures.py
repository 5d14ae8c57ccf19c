"""What failed: jobs, and scores whose lack decides something."""

from collections.abc import Iterator, Sequence

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.run_facts.absence import Absence
from bench.report.render import format as fmt
from bench.report.render.view import Block, Bullets, Cell, Column, Paragraph, Section, Table, texts
from bench.report.sections.marks import FAILURES

_MOST_REASONS = 4


def failures_section(comparison: Comparison) -> Section | None:
    """Every job that failed or never ran, and why; every arm whose missing scores decide something; else `None`."""
    blocks = [*_absent_jobs(comparison), *_absent_scores(comparison)]
    return Section(title="What is missing", blocks=tuple(blocks)) if blocks else None


def _absent_jobs(comparison: Comparison) -> Iterator[Block]:
    if not comparison.missing:
        return
    columns = (*texts("Job", "Status", "Reason"), Column(title="Log", detail=True))
    rows = tuple(
        (
            Cell(text=absence.job, tone="strong"),
            Cell(text=FAILURES[absence.kind], tone="bad"),
            Cell(text=absence.message),
            Cell(text=absence.log or fmt.NONE),
        )
        for absence in comparison.missing
        if absence.kind != "left_out"
    )
    if rows:
        yield Table(columns=columns, rows=rows, only="document")
        yield _briefly(comparison.missing)
    left_out = [absence for absence in comparison.missing if absence.kind == "left_out"]
    if left_out:
        arms = dict.fromkeys(absence.subject.partition("#")[0] for absence in left_out)
        jobs = fmt.plural(len(left_out), "job")
        yield Paragraph(text=f"`--only` left out {jobs}, of {fmt.listed(list(arms))}.")
    without = " without `--only`" if left_out else ""
    again = f"Run the same command{without} to try these jobs again; finished jobs are kept."
    if any(absence.kind == "refused" for absence in comparison.missing):
        again += " A refused job is refused again until its recipe changes, or this machine."
    yield Paragraph(text=again)


def _briefly(missing: Sequence[Absence]) -> Bullets:
    """For a terminal, a line for each reason."""
    groups = _by_reason(missing)
    more = len(groups) - _MOST_REASONS
    rest = [Cell(text=f"{more:,} more reasons: --full")] if more > 0 else []
    return Bullets(items=(*map(_brief, groups[:_MOST_REASONS]), *rest), only="terminal")


def _by_reason(missing: Sequence[Absence]) -> list[list[Absence]]:
    """Jobs without a result by what happened to them; those that lack another job's result are one group, the last."""
    groups: dict[str, list[Absence]] = {}
    for absence in missing:
        if absence.kind not in ("dependency", "left_out"):
            groups.setdefault(absence.message, []).append(absence)
    needing = [absence for absence in missing if absence.kind == "dependency"]
    return [*groups.values(), *([needing] if needing else [])]


def _brief(alike: Sequence[Absence]) -> Cell:
    """`train:a#1 and 2 more: out of memory: 3.1 GiB asked, 2.0 GiB free`."""
    first, more = alike[0], len(alike) - 1
    if first.kind == "dependency":
        return Cell(text=f"{fmt.plural(len(alike), 'job')} for lack of another's result, such as {first.job}")
    return Cell(text=f"{first.job}{f' and {more:,} more' if more else ''}: {first.message}")


def _absent_scores(comparison: Comparison) -> Iterator[Block]:
    """For each eval the arms, with the share of their scores that is missing, and the evals that scored nothing."""
    missing = comparison.completeness.missing_scores
    if missing:
        evals = list(dict.fromkeys(scores.measurand for scores in missing))
        yield Paragraph(text=f"Missing scores on {fmt.listed(evals)} decide a mark or a claim: --full", only="terminal")
        text = "These missing scores decide a mark or a claim, which may change if they are bad or good:"
        yield Paragraph(text=text, only="document")
        shares: dict[str, list[str]] = {}
        for scores in missing:
            shares.setdefault(scores.measurand, []).append(f"{scores.arm} ({fmt.percent(scores.share)})")
        yield Bullets(
            items=tuple(Cell(text=f"{name}: {fmt.listed(arms)}") for name, arms in shares.items()), only="document"
        )
    if comparison.completeness.unscored:
        yield Paragraph(text=f"Without any score: {fmt.listed(comparison.completeness.unscored)}.")
