"""Parts of an open report that several tests read."""

from collections.abc import Callable
from typing import Any

from tests.browser.conftest import Visit

Open = Callable[..., Visit]
"""The fixture `visit`."""


def arms_table(seen: Visit) -> Any:
    """The table with a row for each arm and a column for each eval."""
    heads = [seen.page.get_by_role("columnheader", name=name, exact=True) for name in ("Arm", "qa", "Tokens/s")]
    table = seen.page.locator("main table")
    for head in heads:
        table = table.filter(has=head)
    return table.first


def column(table: Any, title: str) -> list[str]:
    """Texts of a column's visible cells."""
    place = 1 + table.locator("thead th").all_inner_texts().index(title)
    return [text.strip() for text in table.locator(f"tbody tr:visible > :nth-child({place})").all_inner_texts()]


def unfold(example: Any) -> None:
    """Open an example; what is in it comes a moment after the click."""
    example.locator("summary").click()
    example.locator(".body").wait_for()


def open_cell(seen: Visit, arm: str, name: str) -> Any:
    cell = seen.page.locator(f'button.cell[title^="Examples: {arm} on {name}"]').first
    cell.scroll_into_view_if_needed()
    cell.click()
    seen.page.wait_for_selector("#examples:visible")
    return cell
