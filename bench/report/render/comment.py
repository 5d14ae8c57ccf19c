"""The view as a comment on a pull request: Markdown without images, short enough for GitHub and GitLab.

Contract: the first screen is always there; folded evidence follows as long as it fits, and what does not is named. No
arithmetic on results, every text escaped as in report.md.
"""

from bench.report.render import format as fmt
from bench.report.render.markdown import render as render_markdown
from bench.report.render.view import Bullets, Cell, Figure, Section, Table, View, folds

LIMIT = 65_536
"""Most bytes of a comment: GitHub's limit, which is the smaller one."""
_SHORTEST = 3


def render(view: View, *, limit: int = LIMIT) -> str:
    """The comment's text, at most `limit` bytes of UTF-8."""
    groups = folds(_without_figures(section) for section in view.sections if section.only != "terminal")
    first = [section for group in groups if not group[0].folded for section in group]
    chosen, left_out = _fitting(view, first, [group for group in groups if group[0].folded], limit)
    text = _text(view, [*chosen, *_note(left_out)])
    rows = max(
        (len(block.rows) for section in first for block in section.blocks if isinstance(block, Table)), default=0
    )
    while _size(text) > limit and rows > _SHORTEST:
        rows //= 2
        text = _text(view, [*(_cut(section, rows) for section in first), *_note(left_out)])
    return text


def _fitting(
    view: View, first: list[Section], folded: list[list[Section]], limit: int
) -> tuple[list[Section], list[str]]:
    """The sections that fit, and the titles of those that do not."""
    chosen, left_out = list(first), [group[0].title for group in folded]
    for group in folded:
        others = [title for title in left_out if title != group[0].title]
        if _size(_text(view, [*chosen, *group, *_note(others)])) <= limit:
            chosen, left_out = [*chosen, *group], others
    return chosen, left_out


def _note(titles: list[str]) -> list[Section]:
    """What the comment leaves out."""
    if not titles:
        return []
    return [Section(title="In the whole report", blocks=(Bullets(items=(Cell(text=fmt.listed(titles)),)),), level=3)]


def _without_figures(section: Section) -> Section:
    blocks = tuple(block for block in section.blocks if not isinstance(block, Figure))
    return section.model_copy(update={"blocks": blocks})


def _cut(section: Section, rows: int) -> Section:
    """The section with at most `rows` rows in each table, and how many are left out."""
    blocks = []
    for block in section.blocks:
        more = len(block.rows) - rows if isinstance(block, Table) else 0
        blocks.append(block.model_copy(update={"rows": block.rows[:rows]}) if isinstance(block, Table) else block)
        if more > 0:
            blocks.append(Bullets(items=(Cell(text=f"and {more:,} more rows in the whole report"),)))
    return section.model_copy(update={"blocks": tuple(blocks)})


def _text(view: View, sections: list[Section]) -> str:
    return render_markdown(view.model_copy(update={"sections": tuple(sections)}))


def _size(text: str) -> int:
    return len(text.encode())
