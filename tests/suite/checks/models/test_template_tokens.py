"""A template whose tokens the model has no embedding for would fail at the first batch, on a GPU without a reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.suite.checks.models.template_tokens import token_problems

CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}{{ m.content }}<|im_end|>{% endfor %}"
ADDED = [{"id": 99, "content": "</s>"}, {"id": 100, "content": "<|im_start|>"}, {"id": 101, "content": "<|im_end|>"}]


def model(folder: Path, *, rows: int = 100, added: list[dict[str, Any]] = ADDED, **settings: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"vocab_size": rows}))
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": added}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": "</s>", **settings}))
    return folder


def told(folder: Path, template: str | None = None) -> list[str]:
    return [problem.what for problem in token_problems(folder, template, "model.template")]


@pytest.mark.parametrize("form", ["setting", "file", "several"])
def test_the_tokenizers_own_template_is_read_in_each_of_its_forms(tmp_path: Path, form: str) -> None:
    forms: dict[str, Any] = {"setting": CHATML, "several": [{"name": "default", "template": CHATML}], "file": None}
    folder = model(tmp_path / "m", chat_template=forms[form])
    if form == "file":
        (folder / "chat_template.jinja").write_text(CHATML)
    (what,) = told(folder)
    assert what.startswith(
        "the template writes <|im_start|>, <|im_end|>, and the model's embedding has no row for them"
    )


def test_a_template_of_the_suite_is_looked_at_in_place_of_the_tokenizers(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", chat_template=CHATML)
    assert told(folder, "{{ messages[0].content }}") == []
    assert len(told(folder, CHATML)) == 1


def test_a_token_that_ends_every_answer_counts_without_a_template(tmp_path: Path) -> None:
    (what,) = told(model(tmp_path / "m", rows=99, eos_token={"content": "</s>"}))
    assert what.startswith("the template writes </s>, and the model's embedding has no row for it (99 rows)")


def test_tokens_of_a_slow_tokenizer_count(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", added=[], chat_template=CHATML)
    (folder / "added_tokens.json").write_text('{"<|im_start|>": 100}')
    assert len(told(folder)) == 1


@pytest.mark.parametrize("rows", [102, 128])
def test_a_resized_embedding_has_them_all(tmp_path: Path, rows: int) -> None:
    assert told(model(tmp_path / "m", rows=rows, chat_template=CHATML)) == []


def test_a_config_without_a_vocabulary_says_nothing(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", chat_template=CHATML)
    (folder / "config.json").write_text("{}")
    assert told(folder) == []
    (folder / "config.json").write_text('{"text_config": {"vocab_size": 100}}')
    assert len(told(folder)) == 1


BEYOND = [{"id": 100, "content": "<|user|>"}, {"id": 101, "content": "<bos>"}, {"id": 102, "content": "<pad>"}]


@pytest.mark.parametrize(
    ("template", "settings", "start"),
    [
        (
            "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{% endfor %}",
            {},
            "the template writes <|user|>,",
        ),
        ("{{ bos_token }}{{ messages[0].content }}", {"bos_token": "<bos>"}, "the template writes <bos>,"),
        ("{{ messages[0].content }}", {"bos_token": "<bos>", "add_bos_token": True}, "the template writes <bos>,"),
        ("{{ messages[0].content }}", {"pad_token": {"content": "<pad>"}}, "the tokenizer pads batches with <pad>,"),
    ],
    ids=["a name put together", "bos_token", "bos of the tokenizer", "pad_token"],
)
def test_tokens_that_the_template_does_not_spell_out_count(
    tmp_path: Path, template: str, settings: dict[str, Any], start: str
) -> None:
    folder = model(tmp_path / "m", added=BEYOND, chat_template=template, **settings)
    (what,) = told(folder)
    assert what == f"{start} and the model's embedding has no row for it (100 rows)"
    assert told(model(tmp_path / "m", rows=103, added=BEYOND, chat_template=template, **settings)) == []


def test_a_template_that_refuses_a_system_prompt_is_rendered_without_one(tmp_path: Path) -> None:
    refuses = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    template = refuses + "{% for m in messages %}{{ '<|' + m.role + '|>' }}{% endfor %}"
    assert len(told(model(tmp_path / "m", added=BEYOND, chat_template=template))) == 1


def test_a_token_that_nothing_writes_is_no_problem(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", added=BEYOND, chat_template="{{ messages[0].content }}")
    (folder / "special_tokens_map.json").write_text(json.dumps({"bos_token": "<bos>"}))
    assert told(folder) == []


def test_a_token_of_the_tokenizers_post_processor_counts(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", chat_template="{{ messages[0].content }}")
    processor = {"type": "TemplateProcessing", "special_tokens": {"<bos>": {"id": "<bos>", "ids": [101]}}}
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": BEYOND, "post_processor": processor}))
    (what,) = told(folder)
    assert what.startswith("the template writes <bos>,")
