"""What spells a special token: found whole, guarded, and taken apart where it stands."""

from __future__ import annotations

from transformers import AddedToken

from bench.data.render.special_tokens import guarded, pieces, spelling, unguarded
from tests.fakes.checkpoints import tiny_tokenizer


def test_every_special_token_is_known_the_longest_first_and_no_other() -> None:
    """Named ones and those that the tokenizer merely has; an added word is a word."""
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([AddedToken("</s>2", special=True), AddedToken("<tool>", special=True)])
    tokenizer.add_tokens([AddedToken("<word>", special=False)])
    pattern = spelling(tokenizer)
    assert pattern is not None
    assert pattern.findall("a</s>2 <word> <tool> </s> <s>") == ["</s>2", "<tool>", "</s>", "<s>"]


def test_pieces_say_where_they_begin_and_what_is_meant() -> None:
    text = guarded({"role": "user", "content": "ab</s>c"}, spelling(tiny_tokenizer()))["content"]
    found = list(pieces(text))
    assert [(piece, special) for _, piece, special in found] == [("ab", True), ("</s>", False), ("c", True)]
    assert all(text[at:].startswith(piece) for at, piece, _ in found)
    assert unguarded(text) == "ab</s>c"
