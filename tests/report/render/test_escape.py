"""Whatever a model or a data row says must appear as text: never as a link, a tag, a cell or a cursor movement."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bench.control_codes import visible
from bench.report.render.escape import markdown, shorten

PARSER = MarkdownIt("commonmark").enable("table").enable("strikethrough")
HOSTILE = [
    "plain words, 3.14 and +0.5",
    "a|b|c",
    "`code` ``more``",
    "<script>alert(1)</script>",
    "<!-- comment",
    "&lt;b&gt; &amp; &#106;avascript:",
    "[click](javascript:alert(1))",
    "![image](http://example.org/x.png)",
    "[reference]: http://example.org",
    "[^1] note",
    "http://example.org www.example.org",
    "**bold** _under_ ~~gone~~ __init__ snake_case_name",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "---",
    "===",
    "    indented",
    "\\| backslash \\",
    "$x^2$",
    "\x1b[31mred\x1b[0m \x07 \x08",
    "line\nbreak\r\n\ttab",
    "\u202eright to left\u2066",
    "zero\u200bwidth \ufeff",
    "<https://example.org>",
    "[x]",
    "| --- | --- |",
    "",
]
MARKUP = {
    "html_inline",
    "html_block",
    "link_open",
    "image",
    "code_inline",
    "em_open",
    "strong_open",
    "s_open",
    "heading_open",
    "list_item_open",
    "blockquote_open",
    "hr",
    "code_block",
    "fence",
    "hardbreak",
    "softbreak",
}


def tokens(text: str) -> list[Token]:
    return [inner for token in PARSER.parse(text) for inner in [token, *(token.children or [])]]


def shown(parsed: list[Token]) -> str:
    return "".join(token.content for token in parsed if token.type in {"text", "text_special"})


def normal(text: str) -> str:
    return re.sub(r"\s+", " ", visible(text)).strip()


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_renders_as_itself_in_a_paragraph(text: str) -> None:
    parsed = tokens(markdown(text))
    assert not {token.type for token in parsed} & MARKUP
    assert normal(shown(parsed)) == normal(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_stays_in_its_cell(text: str) -> None:
    """An unescaped pipe would shift every figure to the right of it."""
    parsed = tokens(f"| a | b |\n| --- | --- |\n| {markdown(text)} | end |\n")
    assert [token.type for token in parsed].count("td_open") == 2
    assert not {token.type for token in parsed} & MARKUP
    assert normal(shown(parsed)) == normal(f"ab{normal(text)}end")


@given(st.text(max_size=40))
@example("\\|")
@example("]: x")
def test_no_text_becomes_markup(text: str) -> None:
    parsed = tokens(markdown(text))
    assert not {token.type for token in parsed} & MARKUP
    assert normal(shown(parsed)) == normal(text)


@given(st.text(max_size=40))
def test_visible_leaves_one_printable_line(text: str) -> None:
    """A terminal would obey an escape sequence; an editor would hide a direction mark."""
    assert all(character.isprintable() for character in visible(text))
    assert len(visible(text).splitlines()) <= 1


def test_urls_are_not_linked() -> None:
    """GitHub links bare addresses."""
    assert "://" not in markdown("see https://example.org now")
    assert "www." not in markdown("see www.example.org now")


def test_ordinary_names_stay_readable_in_the_source() -> None:
    assert markdown("lima_1k/full: 0.612 [0.571, 0.652]") == "lima_1k/full: 0.612 [0.571, 0.652]"


def test_shorten_marks_the_cut() -> None:
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"
