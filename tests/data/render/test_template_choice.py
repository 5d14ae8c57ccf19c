"""Which template a model is rendered with, and its switch for thinking."""

from pathlib import Path
from typing import Any

import pytest

from bench.data.render.render import Renderer, make_renderer
from bench.errors import InputError
from bench.suite.catalog.template import Template, load_template
from bench.suite.resolved import ResolvedModel
from tests.fakes.rendering import CHATML, KINDS, TRIMMED, make_renderer_of, make_row, make_tokenizer

THINKS = CHATML.replace(
    "{{- '<|im_start|>assistant\\n' -}}",
    "{{- '<|im_start|>assistant\\n' -}}{%- if not enable_thinking -%}{{- '<think></think>' -}}{%- endif -%}",
)


def _model(template: str | None, **settings: Any) -> ResolvedModel:
    values: dict[str, Any] = {
        "name": "m", "source": "path:m", "revision": None, "path": "m", "sha256": "0", "context_length": 64,
        "parameters": None, "template": template, "template_sha256": None, "end_of_turn": None,
        "lora_target_modules": "all-linear", "simulation": None,
    }  # fmt: skip
    return ResolvedModel.model_validate({**values, **settings})


def test_the_template_is_the_suites_then_the_tokenizers_then_dialogue() -> None:
    own = make_tokenizer(chat_template=TRIMMED)
    assert make_renderer(own, _model("alpaca"), 64).template.name == "alpaca"
    assert make_renderer(own, _model(None), 64).template.text == TRIMMED
    assert make_renderer(own, _model("tokenizer"), 64).template.name == "tokenizer"
    fallback = make_renderer(KINDS["no pad"], _model(None), 64)
    assert fallback.template.name == "dialogue"
    assert "no chat template" in str(fallback.template_note)
    assert fallback.max_length == 64


def test_asking_for_a_chat_template_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        make_renderer(KINDS["no pad"], _model("tokenizer"), 64)
    assert caught.value.problems[0].reference == "template.no-chat-template"


def test_a_template_file_that_changed_since_it_was_resolved_is_refused(tmp_path: Path) -> None:
    (path := tmp_path / "mine.jinja").write_text(CHATML)
    before = load_template(str(path)).sha256
    make_renderer(KINDS["no pad"], _model(str(path), template_sha256=before), 64)
    path.write_text(TRIMMED)
    with pytest.raises(InputError) as caught:
        make_renderer(KINDS["no pad"], _model(str(path), template_sha256=before), 64)
    assert caught.value.problems[0].reference == "template.changed"


def test_the_thinking_switch_reaches_the_template_and_the_record() -> None:
    tokenizer = make_tokenizer(chat_template=THINKS)
    template = Template(name="tokenizer", text=THINKS)
    off, on = (Renderer(tokenizer, template, max_length=100, thinking=thinking) for thinking in (False, True))
    prompt = make_row("Q", "A").prompt
    assert off.prompt_text(prompt).endswith("<think></think>")
    assert on.prompt_text(prompt).endswith("assistant\n")
    assert off.template_note is None or "thinking is switched on" not in off.template_note
    assert "thinking is switched on" in str(on.template_note)


def test_a_switch_that_the_template_does_not_have_is_refused() -> None:
    with pytest.raises(InputError, match="no thinking switch"):
        make_renderer_of(KINDS["no pad"], "chatml", thinking=True)
