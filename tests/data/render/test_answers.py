"""Answers: where they are cut, cleaned and ended, and what stands before them."""

from bench.data.render.render import Renderer
from bench.data.render.row import Row, Turn
from bench.suite.catalog.template import Template, load_template
from tests.fakes.checkpoints import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
TOKENIZER.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
ROW = Row(turns=(Turn(role="user", content="Q"), Turn(role="assistant", content="A </s> town.")), origin="fake:1")


def spelled() -> Renderer:
    """A template whose end of turn is no token."""
    text = (
        "{% for m in messages %}[{{ m.role }}] {{ m.content }}<done>{% endfor %}"
        "{% if add_generation_prompt %}[assistant] {% endif %}"
    )
    return Renderer(TOKENIZER, Template(name="spelled", text=text), max_length=512, end_of_turn="<|im_end|>")


def test_a_row_of_exactly_the_limit_is_whole() -> None:
    whole = Renderer(TOKENIZER, load_template("dialogue"), max_length=512).row(ROW)
    assert whole.supervised == sum(whole.labels_mask) > 1
    for limit, truncated in ((len(whole.input_ids), False), (len(whole.input_ids) - 1, True)):
        assert Renderer(TOKENIZER, load_template("dialogue"), max_length=limit).row(ROW).truncated is truncated


def test_what_follows_the_first_end_is_no_part_of_an_answer() -> None:
    assert spelled().clean(" A town.<done>[user] More?<done>") == "A town."


def test_generation_stops_at_the_cards_end_and_at_the_end_of_sequence() -> None:
    renderer = spelled()
    end = TOKENIZER.convert_tokens_to_ids("<|im_end|>")
    assert set(renderer.stop_ids) == {end, TOKENIZER.eos_token_id}
    assert renderer.stop_strings == ("<done>",)
    assert renderer.ending[-1] == end


def test_blanks_before_an_answer_are_the_templates() -> None:
    renderer = Renderer(TOKENIZER, load_template("dialogue"), max_length=512)
    assert renderer.answer("  town ") == renderer.answer("town ") != renderer.answer("town")


def test_a_template_without_a_generation_prompt_has_its_opening_learned_with_its_answer() -> None:
    """The opening's special tokens are meant, the answer's are text."""
    text = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    renderer = Renderer(TOKENIZER, Template(name="bare", text=text), max_length=512)
    rendered = renderer.row(ROW)
    learned = [token for token, on in zip(rendered.input_ids, rendered.labels_mask, strict=True) if on]
    assert TOKENIZER.decode(learned) == "<|im_start|>assistant\nA </s> town.<|im_end|>"
    special = [token for token in learned if token in TOKENIZER.all_special_ids]
    assert TOKENIZER.convert_ids_to_tokens(special) == ["<|im_start|>", "<|im_end|>"]


def test_plain_text_ends_with_the_end_of_sequence_and_not_with_a_turns_end() -> None:
    row = Row(turns=(Turn(role="text", content="A town."),), origin="fake:2")
    assert spelled().row(row).input_ids[-1] == TOKENIZER.eos_token_id
    bare = tiny_tokenizer()
    bare.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    bare.eos_token = None
    renderer = Renderer(bare, load_template("chatml"), max_length=512, end_of_turn="<|im_end|>")
    assert renderer.row(row).input_ids[-1] == bare.convert_tokens_to_ids("<|im_end|>"), "the only end that there is"
