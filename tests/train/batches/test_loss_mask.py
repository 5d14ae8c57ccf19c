"""Masks: supervising the wrong turns looks like a normal loss."""

from pathlib import Path

import pytest
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from bench.data.render.render import Renderer
from bench.data.render.row import Row, Turn
from bench.errors import InputError
from bench.suite.catalog.template import Template, load_template
from bench.train.batches.encoded_row import RenderedRow
from bench.train.batches.loss_mask import Masked, supervised
from tests.fakes.checkpoints import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
CONVERSATION = Row(
    turns=(
        Turn(role="system", content="Be short."),
        Turn(role="user", content="Who are you?"),
        Turn(role="assistant", content="A baker."),
        Turn(role="user", content="Where is the baker?"),
        Turn(role="assistant", content="In the town."),
        Turn(role="user", content="Why?"),
        Turn(role="assistant", content="To bake."),
    ),
    origin="fake:1",
)


def renderer(template: str, max_length: int = 512) -> Renderer:
    """Of a shipped template."""
    return Renderer(TOKENIZER, load_template(template, Path()), max_length=max_length)


def learned(rendered: object, tokenizer: PreTrainedTokenizerFast = TOKENIZER) -> list[str]:
    """The supervised stretches as text."""
    ids, mask = rendered.input_ids, rendered.labels_mask  # type: ignore[attr-defined]
    runs: list[list[int]] = []
    for before, token, on in zip([False, *mask], ids, mask, strict=False):
        if on and not before:
            runs.append([])
        if on:
            runs[-1].append(token)
    return [tokenizer.decode(run) for run in runs]


@pytest.mark.parametrize(("template", "end"), [("dialogue", "</s>"), ("chatml", "<|im_end|>")])
def test_every_assistant_turn_and_its_ending_is_learned_and_nothing_else(template: str, end: str) -> None:
    """To the character: the line break behind an ending belongs to nobody's answer."""
    rendering = renderer(template)
    masked = supervised(rendering, "assistant").row(CONVERSATION)
    blank = " " if template == "dialogue" else ""
    first, second, last = learned(masked)
    assert (first, second) == (f"{blank}A baker.{end}", f"{blank}In the town.{end}")
    assert last.startswith(f"{blank}To bake.{end}")
    assert masked.input_ids == rendering.row(CONVERSATION).input_ids, (
        "the ids are those of evaluation, whatever is learned"
    )


def test_a_token_that_reaches_beyond_an_earlier_answer_is_not_learned() -> None:
    """One token for the answer's last character and the line break behind it: half of it is the user's."""
    text = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([".\n"])
    rendering = Renderer(tokenizer, Template(name="plain", text=text), max_length=512)
    masked = supervised(rendering, "assistant").row(CONVERSATION)
    assert learned(masked, tokenizer)[:2] == ["A baker", "In the town"]


def test_by_default_the_last_answer_alone_is_learned() -> None:
    one = renderer("dialogue")
    assert [text.strip() for text in learned(supervised(one, "completion").row(CONVERSATION))] == ["To bake.</s>"]


def test_all_is_all() -> None:
    rendered = supervised(renderer("dialogue"), "all").row(CONVERSATION)
    assert all(rendered.labels_mask)


def test_a_cut_row_keeps_the_mask_of_what_is_left() -> None:
    whole = supervised(renderer("dialogue"), "assistant").row(CONVERSATION)
    cut = supervised(renderer("dialogue", 60), "assistant").row(CONVERSATION)
    assert cut.truncated
    assert cut.input_ids == whole.input_ids[:60]
    assert cut.labels_mask == whole.labels_mask[:60]


def test_a_cut_row_with_an_excluded_turn_keeps_the_mask_of_what_is_left() -> None:
    row = flagged(Turn(role="assistant", content="Bad.", train=False), *[Turn(role="assistant", content="Good.")] * 3)
    whole = supervised(renderer("dialogue"), "all").row(row)
    for length in range(10, len(whole.input_ids)):
        cut = supervised(renderer("dialogue", length), "all").row(row)
        assert (cut.input_ids, cut.labels_mask) == (whole.input_ids[:length], whole.labels_mask[:length])


def test_a_template_that_rewrites_earlier_turns_is_refused() -> None:
    """Such as one that drops earlier reasoning: what would be learned is not what was said."""
    text = (
        "{% for m in messages %}{{ m.role }}: {{ m.content if loop.last or m.role != 'assistant' else '(left out)' }}"
        "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    one = Renderer(TOKENIZER, Template(name="forgetful", text=text), max_length=512)
    with pytest.raises(InputError, match=r"leaves out the text of turn 3"):
        supervised(one, "assistant").row(CONVERSATION)


def conversation(*contents: str) -> Row:
    """User and assistant by turns."""
    roles = ("user", "assistant") * len(contents)
    turns = tuple(Turn(role=role, content=content) for role, content in zip(roles, contents, strict=False))
    return Row(turns=turns, origin="fake:2")


def test_an_answer_said_twice_is_learned_at_both_places() -> None:
    row = conversation("Is it far?", "No.", "Is it old?", "No.", "Is it no. 4?", "No.")
    masked = supervised(renderer("dialogue"), "assistant").row(row)
    assert [text.strip() for text in learned(masked)] == ["No.</s>"] * 3


def test_two_answers_in_a_row_are_both_learned() -> None:
    turns = (Turn(role="user", content="Well?"), *(Turn(role="assistant", content=text) for text in ("Yes.", "No.")))
    masked = supervised(renderer("dialogue"), "assistant").row(Row(turns=turns, origin="fake:4"))
    assert [text.strip() for text in learned(masked)] == ["Yes.</s>", "No.</s>"]


def test_what_the_tokenizer_puts_before_every_text_is_not_learned() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    one = Renderer(tokenizer, load_template("dialogue", Path()), max_length=512)
    masked = supervised(one, "assistant").row(CONVERSATION)
    assert masked.input_ids[0] == tokenizer.bos_token_id
    assert [text.strip() for text in learned(masked)] == ["A baker.</s>", "In the town.</s>", "To bake.</s>"]


def test_what_stands_between_prompt_and_answer_is_learned_with_every_answer() -> None:
    text = (
        "{% for m in messages %}{{ m.role }}:{{ ' [A] ' if m.role == 'assistant' else ' ' }}{{ m.content }}"
        "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    one = Renderer(TOKENIZER, Template(name="marked", text=text), max_length=512)
    assert one.answer_prefix == " [A] "
    texts = [text.strip() for text in learned(supervised(one, "assistant").row(CONVERSATION))]
    assert texts[:2] == ["[A] A baker.</s>", "[A] In the town.</s>"]


def test_a_beginning_that_depends_on_what_follows_does_not_matter() -> None:
    text = (
        "{{ messages|length }} turns\n{% for m in messages %}{{ m.role }}: {{ m.content }}"
        "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    one = Renderer(TOKENIZER, Template(name="counting", text=text), max_length=512)
    masked = supervised(one, "assistant").row(CONVERSATION)
    assert TOKENIZER.decode(masked.input_ids).startswith("7 turns\nsystem: Be short.")
    assert [text.strip() for text in learned(masked)] == ["A baker.</s>", "In the town.</s>", "To bake.</s>"]


def test_earlier_answers_are_found_beside_what_spells_a_special_token() -> None:
    """One such row refused the training of all others."""
    row = conversation("What is </s>?", "An </s> ending.", "Of what?", "Of text.")
    masked = supervised(renderer("dialogue"), "assistant").row(row)
    assert [text.strip() for text in learned(masked)] == ["An </s> ending.</s>", "Of text.</s>"]
    assert masked.input_ids.count(TOKENIZER.eos_token_id) == 2


def flagged(*turns: Turn) -> Row:
    """A conversation of these turns, each with a question before it."""
    asked = [Turn(role="user", content=f"Question {place}?") for place in range(len(turns))]
    return Row(turns=tuple(turn for pair in zip(asked, turns, strict=True) for turn in pair), origin="fake:3")


@pytest.mark.parametrize("template", ["dialogue", "chatml"])
def test_turns_that_a_row_excludes_or_that_say_nothing_are_context(template: str) -> None:
    """An ending alone would teach the model to answer nothing."""
    row = flagged(
        Turn(role="assistant", content="Bad.", train=False),
        Turn(role="assistant", content=""),
        Turn(role="assistant", content="Good."),
        Turn(role="assistant", content="Better."),
    )
    rendering = renderer(template)
    end = {"dialogue": "</s>", "chatml": "<|im_end|>"}[template]
    texts = [text.strip() for text in learned(supervised(rendering, "assistant").row(row))]
    assert [text.partition(end)[0] for text in texts] == ["Good.", "Better."]
    assert context(supervised(rendering, "all").row(row)) == [f"Bad.{end}", end]


def context(masked: RenderedRow) -> list[str]:
    """The stretches that are not supervised, as text."""
    flipped = Masked(
        input_ids=masked.input_ids, labels_mask=[not on for on in masked.labels_mask], truncated=masked.truncated
    )
    return [text.strip() for text in learned(flipped)]


@pytest.mark.parametrize("template", ["dialogue", "chatml"])
@pytest.mark.parametrize("nothing", ["", "\u200b", "\ufeff \xa0"])
def test_an_answer_that_is_kept_and_says_nothing_is_not_learned_with_all_the_rest(template: str, nothing: str) -> None:
    row = flagged(Turn(role="assistant", content="Good."), Turn(role="assistant", content=nothing))
    end = {"dialogue": "</s>", "chatml": "<|im_end|>"}[template]
    rendering = renderer(template)
    [left_out] = context(supervised(rendering, "all").row(row))
    assert left_out.removeprefix(TOKENIZER.decode(TOKENIZER.encode(nothing)).strip()).strip().startswith(end)
    texts = [text.strip() for text in learned(supervised(rendering, "assistant").row(row))]
    assert [text.partition(end)[0] for text in texts] == ["Good."]


def test_a_tokenizer_without_offsets_serves_rows_that_have_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(TOKENIZER), "is_fast", property(lambda self: False))
    one = renderer("dialogue")
    row = conversation("Is it far?", "No.")
    assert [text.strip() for text in learned(supervised(one, "assistant").row(row))] == ["No.</s>"]
    with pytest.raises(InputError, match="character offsets"):
        supervised(one, "assistant").row(CONVERSATION)
