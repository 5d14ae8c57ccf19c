"""Side by side: what base and tuned models answered to the same questions."""

from bench.report.analysis.answers.side_by_side import Exhibit, SubjectAnswer
from bench.report.analysis.comparison import Comparison
from bench.report.render import format as fmt
from bench.report.render.escape import shorten
from bench.report.render.view import Block, Cell, Column, Paragraph, Section, Table, Tone, texts
from bench.suite.tables.arms.arms import is_base

_SHORT, _LONG, _WHOLE = 48, 400, 4000
"""Characters shown: in the terminal, in documents, and of answers that the suite asks for to be read."""


def answers_section(comparison: Comparison) -> Section | None:
    """A table for the terminal with one tuned arm, and for documents every arm's answer; `None` without any text."""
    if not comparison.exhibits:
        return None
    arm = _featured(comparison)
    fixed = sum(exhibit.metric is None for exhibit in comparison.exhibits)
    drawn = len(comparison.exhibits) - fixed
    parts = [
        *([f"{fmt.plural(fixed, 'question')} of the suite's own, without a score"] if fixed else []),
        *([f"{fmt.plural(drawn, 'question')}, drawn by the run's digest before any answer was read"] if drawn else []),
    ]
    legend = " ✓ right and ✗ wrong by the measure that is named with the question, else its value." if drawn else ""
    intro = f"{'; '.join(parts)}. The answers of an arm are those of its first seed with a score.{legend}"
    base = comparison.arms[0] if is_base(arm) else comparison.bases[arm]
    short = Table(
        columns=tuple(Column(title=title) for title in ("Question", "Expected", base, arm)),
        rows=tuple(_short_row(exhibit, base, arm) for exhibit in comparison.exhibits),
        only="terminal",
    )
    full: list[Block] = []
    for number, exhibit in enumerate(comparison.exhibits, start=1):
        full += _full(number, exhibit)
    return Section(title="Side by side", blocks=(Paragraph(text=intro, tone="muted"), short, *full))


def _featured(comparison: Comparison) -> str:
    """The arm that the first claim speaks of first, else the first arm: not chosen by its results."""
    named = [claim.claim.parts()[0] for claim in comparison.claims]
    tuned = [arm for arm in comparison.arms if not is_base(arm)]
    return next((arm for arm in named if arm in tuned), tuned[0] if tuned else comparison.arms[0])


def _short_row(exhibit: Exhibit, base: str, arm: str) -> tuple[Cell, ...]:
    by_arm = {answer.arm: answer for answer in exhibit.answers}
    return (
        Cell(text=shorten(exhibit.question.strip(), _SHORT), tone="muted"),
        Cell(text=shorten((exhibit.target or fmt.NONE).strip(), _SHORT)),
        answer_cell(exhibit, by_arm[base], _SHORT),
        answer_cell(exhibit, by_arm[arm], _SHORT),
    )


def _full(number: int, exhibit: Exhibit) -> list[Block]:
    """Question, expected answer, and one row per distinct answer with the subjects that gave it."""
    limit = _WHOLE if exhibit.metric is None else _LONG
    who: dict[tuple[str, Tone], list[str]] = {}
    for answer in exhibit.answers:
        cell = answer_cell(exhibit, answer, limit)
        who.setdefault((cell.text, cell.tone), []).append(answer.subject)
    rows = tuple((Cell(text=text, tone=tone), Cell(text=", ".join(names))) for (text, tone), names in who.items())
    question = f"Question {number}: {shorten(exhibit.question.strip(), limit)}"
    facts = [
        f"{exhibit.eval}, example {exhibit.id}",
        f"expected: {shorten((exhibit.target or fmt.NONE).strip(), _LONG)}",
    ]
    facts += [f"options: {shorten(' | '.join(exhibit.options), limit)}"] if exhibit.options else []
    facts += [f"scored by {exhibit.metric}"] if exhibit.metric is not None else []
    columns = texts("Answer", "Answered by")
    return [
        Paragraph(text=question, tone="strong", only="document"),
        Paragraph(text="; ".join(facts), only="document"),
        Table(columns=columns, rows=rows, only="document"),
    ]


def answer_cell(exhibit: Exhibit, answer: SubjectAnswer, limit: int) -> Cell:
    """At most `limit` characters of an answer, with ✓ or ✗ where it is right or wrong, else with its score."""
    if answer.text is None:
        return Cell(text="no answer", tone="muted")
    text = shorten(answer.text.strip() or "(empty)", limit)
    if exhibit.metric is None:
        return Cell(text=text)
    if answer.score is None:
        return Cell(text=f"{text} (not scored)", tone="muted")
    marks = {1.0: "✓", 0.0: "✗"} if exhibit.binary else {}
    mark = marks.get(answer.score, fmt.number(answer.score))
    return Cell(text=f"{mark} {text}")
