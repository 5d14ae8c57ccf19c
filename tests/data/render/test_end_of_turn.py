"""Where an answer ends: what is learned as its end, and where generation stops."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from bench.data.render.end_of_turn import generation_stops
from bench.data.render.render import Renderer
from bench.data.render.row import Row, Turn
from bench.errors import InputError
from bench.suite.catalog.template import load_template
from tests.fakes.rendering import (
    BEGIN,
    CHATML,
    END,
    KINDS,
    decoded,
    make_renderer_of,
    make_row,
    make_tokenizer,
    own_renderer,
    supervised_ids,
)

WITHOUT_END = (
    "{% for m in messages %}{{ '[' + m.role + '] ' + m.content + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}"
)


def test_a_tokenizer_that_ends_every_text_does_not_end_the_prompt() -> None:
    tokenizer = KINDS["adds bos and eos"]
    ids = make_renderer_of(tokenizer).row(make_row("Q", "A")).input_ids
    assert ids.count(tokenizer.eos_token_id) == 1
    assert ids[-1] == tokenizer.eos_token_id


def test_an_end_that_is_also_the_pad_is_supervised() -> None:
    tokenizer = KINDS["pad is eos"]
    rendered = make_renderer_of(tokenizer).row(make_row("Q", "A"))
    assert tokenizer.pad_token_id == rendered.input_ids[-1]
    assert rendered.labels_mask[-1]


def test_a_chat_template_of_the_tokenizer_stops_at_its_own_end_of_turn() -> None:
    renderer = own_renderer(CHATML)
    im_end, eos = (renderer.tokenizer.convert_tokens_to_ids(token) for token in ("<|im_end|>", "</s>"))
    assert decoded(renderer, supervised_ids(renderer, make_row("Q", "A."))) == "A.<|im_end|>"
    assert renderer.stop_ids == (im_end, eos)
    assert renderer.stop_strings == ()
    assert renderer.template_note is None


def test_an_end_of_turn_that_is_no_token_is_spelled_and_followed_by_one_that_is() -> None:
    """Else generation would never stop."""
    tokenizer = make_tokenizer(additional_special_tokens=[])
    core = tokenizer.backend_tokenizer.to_str().replace("<|im_end|>", "<|no_end|>")
    plain = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(core), bos_token=BEGIN, eos_token=END)
    renderer = make_renderer_of(plain, "chatml")
    assert decoded(renderer, supervised_ids(renderer, make_row("Q", "A."))) == "A.<|im_end|></s>"
    assert renderer.stop_ids == (plain.eos_token_id,)
    assert renderer.stop_strings == ("<|im_end|>",)
    assert renderer.clean(" A.<|im_end|>\nuser") == "A."
    assert "no token" in str(renderer.template_note)


def test_a_template_without_an_end_gets_one() -> None:
    renderer = own_renderer(WITHOUT_END)
    assert decoded(renderer, supervised_ids(renderer, make_row("Q", "A."))) == " A.</s>"
    assert renderer.stop_ids == (renderer.tokenizer.eos_token_id,)


def test_end_of_turn_of_the_card_ends_answers() -> None:
    renderer = make_renderer_of(KINDS["no pad"], end_of_turn="<|im_end|>")
    assert decoded(renderer, supervised_ids(renderer, make_row("Q", "A."))) == " A.<|im_end|>"
    assert set(renderer.stop_ids) == {KINDS["no pad"].convert_tokens_to_ids(token) for token in ("<|im_end|>", "</s>")}


def test_a_tokenizer_without_an_end_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        make_renderer_of(make_tokenizer(eos_token=None))
    assert caught.value.problems[0].reference == "model.no-end-of-sequence"
    with pytest.raises(InputError) as caught:
        make_renderer_of(KINDS["no pad"], end_of_turn="<|eot_id|>")
    assert caught.value.problems[0].reference == "model.unknown-end-of-turn"


@pytest.mark.parametrize(
    ("content", "expected"),
    [('{"eos_token_id": [2, 5]}', (2, 5)), ('{"eos_token_id": 3}', (3,)), ("{}", ()), ("not JSON", ()), ("[]", ())],
)
def test_a_base_stops_where_its_own_generation_settings_say(tmp_path: Path, content: str, expected: object) -> None:
    """Llama 3, GLM and others end answers at several tokens; a base that is stopped at one of them alone runs on."""
    assert generation_stops(tmp_path) == ()
    (tmp_path / "generation_config.json").write_text(content)
    assert generation_stops(tmp_path) == expected
    tokenizer = make_tokenizer()
    renderer = Renderer(tokenizer, load_template("chatml"), max_length=100, base_stops=generation_stops(tmp_path))
    assert renderer.stop_ids[0] == tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert set(renderer.stop_ids) >= set(generation_stops(tmp_path))


@pytest.mark.parametrize("closed", [True, False])
def test_an_empty_answer_teaches_nothing_not_even_its_end(closed: bool) -> None:
    """A model that learns the end alone learns to answer nothing."""
    row = Row(turns=(Turn(role="user", content="Why?"), Turn(role="assistant", content="")), origin="x.jsonl:1")
    for template in ("chatml", "dialogue"):
        rendered = make_renderer_of(make_tokenizer(), template, closed=closed).row(row)
        assert len(rendered.input_ids) > 3
        assert not any(rendered.labels_mask)
