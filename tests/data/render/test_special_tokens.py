"""What spells a special token: found whole, guarded, and taken apart where it stands."""

import pytest
from transformers import AddedToken

from bench.data.render.render import Renderer
from bench.data.render.row import Row, Turn
from bench.data.render.special_tokens import Spelling, guarded, pieces, unguarded
from bench.suite.catalog.template import load_template
from tests.fakes.checkpoints import tiny_tokenizer


def test_every_special_token_is_known_the_longest_first_and_no_other() -> None:
    """Named ones and those that the tokenizer merely has; an added word is a word."""
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([AddedToken("</s>2", special=True), AddedToken("<tool>", special=True)])
    tokenizer.add_tokens([AddedToken("<word>", special=False)])
    pattern = Spelling.of(tokenizer).anywhere
    assert pattern.findall("a</s>2 <word> <tool> </s> <s>") == ["</s>2", "<tool>", "</s>", "<s>"]


def test_pieces_say_what_is_meant() -> None:
    text = guarded({"role": "user", "content": "ab</s>c"}, Spelling.of(tiny_tokenizer()))["content"]
    assert pieces(text) == [("ab", True), ("</s>", False), ("c", True)]
    assert unguarded(text) == "ab</s>c"


def test_tags_of_thinking_are_meant_in_what_the_assistant_says_alone() -> None:
    """A template looks for them there; a question that spells them stays a question."""
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([AddedToken(tag, special=True) for tag in ("<think>", "</think>")])
    spelling = Spelling.of(tokenizer)
    said = "<think>hm</think>A</s>"
    assert pieces(guarded({"role": "assistant", "content": said}, spelling)["content"])[0] == (
        "<think>hm</think>A",
        True,
    )
    assert ("<think>", False) in pieces(guarded({"role": "user", "content": said}, spelling)["content"])


def test_texts_inside_lists_and_objects_are_guarded_too() -> None:
    call = {"function": {"name": "f", "arguments": {"q": ["a</s>"]}}}
    message = guarded({"role": "assistant", "content": "", "tool_calls": [call]}, Spelling.of(tiny_tokenizer()))
    [text] = message["tool_calls"][0]["function"]["arguments"]["q"]
    assert pieces(text) == [("a", True), ("</s>", False)]


def test_signs_of_unicodes_private_use_in_a_row_stay() -> None:
    """Icons of web pages: a row that holds one lost it, or was refused."""
    tokenizer = tiny_tokenizer()
    icons = "\ue0f8 \ue0f9 \ue0fa \ue0fb"
    text = guarded({"role": "assistant", "content": icons}, Spelling.of(tokenizer))["content"]
    assert unguarded(text) == icons


@pytest.mark.parametrize(
    ("turns", "note"),
    [
        ((Turn(role="user", content="Q"), Turn(role="assistant", content="A</s>")), "</s> in rows: learned as text"),
        ((Turn(role="user", content="<s>Q"), Turn(role="assistant", content="A")), "<s> in rows: learned as text"),
        ((Turn(role="text", content="<s>[INST] Q [/INST] A </s>"),), "<s>, </s> in rows: learned as text"),
        ((Turn(role="user", content="Q"), Turn(role="assistant", content="A")), None),
    ],
)
def test_special_tokens_that_rows_spell_are_named(turns: tuple[Turn, ...], note: str | None) -> None:
    """Texts of a file that was rendered already would be learned letter by letter without a word."""
    renderer = Renderer(tiny_tokenizer(), load_template("dialogue"), max_length=64)
    renderer.row(Row(turns=turns, origin="r:1"))
    assert (renderer.template_note or "") == (f"{note}, not as special tokens" if note else "")
