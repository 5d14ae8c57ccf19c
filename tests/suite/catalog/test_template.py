"""Templates: a prompt that differs by one character between training and evaluation moves scores."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.suite.catalog.template import Template, TemplateRefusedError, load_template, template_names

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
SYSTEM = {"role": "system", "content": "Be kind."}
ASKED = {"role": "user", "content": "Say hello.", "input": "in French"}
PLAIN = {"role": "user", "content": "Say hello."}
SAID = {"role": "assistant", "content": "Salut."}
AGAIN = [{"role": "user", "content": "Again."}, {"role": "assistant", "content": "Bonjour."}]

_WITH = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\nSay hello.\n\n### Input:\nin French\n\n### Response:\n"
)
_WITHOUT = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\nSay hello.\n\n### Response:\n"
)

PROMPTS = {
    "alpaca": (_WITH, _WITHOUT),
    "dialogue": ("User: Say hello.\nin French\nAssistant:", "User: Say hello.\nAssistant:"),
    "chatml": (
        "<|im_start|>user\nSay hello.\nin French<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>user\nSay hello.<|im_end|>\n<|im_start|>assistant\n",
    ),
    "colon": ("Say hello.: in French", "Say hello."),
    "plain": ("Say hello.\nin French\n", "Say hello.\n"),
}
DIALOGUES = {
    "alpaca": "Be kind.\n\n### Instruction:\nSay hello.\n\n### Response:\nSalut.</s>\n\n"
    "### Instruction:\nAgain.\n\n### Response:\nBonjour.</s>",
    "dialogue": "System: Be kind.\nUser: Say hello.\nAssistant: Salut.</s>\nUser: Again.\nAssistant: Bonjour.</s>",
    "chatml": "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nSay hello.<|im_end|>\n"
    "<|im_start|>assistant\nSalut.<|im_end|>\n<|im_start|>user\nAgain.<|im_end|>\n"
    "<|im_start|>assistant\nBonjour.<|im_end|>\n",
    "colon": "Be kind.\nSay hello.Salut.</s>\nAgain.Bonjour.</s>",
    "plain": "Be kind.\nSay hello.\nSalut.</s>\nAgain.\nBonjour.</s>",
}


def _render(name: str, messages: list[dict[str, str]], *, prompt: bool) -> str:
    return load_template(name).render(messages, add_generation_prompt=prompt, tokens=TOKENS)


def test_every_shipped_template_is_held_to_its_text_here() -> None:
    assert set(template_names()) == {*PROMPTS, "tokenizer"} == {*DIALOGUES, "tokenizer"}


@pytest.mark.parametrize("name", PROMPTS)
def test_prompts_read_as_published(name: str) -> None:
    assert _render(name, [ASKED], prompt=True) == PROMPTS[name][0]
    assert _render(name, [PLAIN], prompt=True) == PROMPTS[name][1]


@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogues_read_as_published(name: str) -> None:
    assert _render(name, [SYSTEM, PLAIN, SAID, *AGAIN], prompt=False) == DIALOGUES[name]


@pytest.mark.parametrize("name", PROMPTS)
@pytest.mark.parametrize("before", [[], [SYSTEM]], ids=["bare", "system"])
def test_an_answered_dialogue_begins_with_its_prompt(name: str, before: list[dict[str, str]]) -> None:
    for messages in ([*before, ASKED, SAID], [*before, PLAIN, SAID, *AGAIN]):
        whole = _render(name, messages, prompt=False)
        assert whole.startswith(_render(name, messages[:-1], prompt=True))


def test_templates_render_as_transformers_does() -> None:
    """A chat template of the hub gives here what it gives there, generation marks and loop controls included."""
    utils = pytest.importorskip("transformers.utils.chat_template_utils")
    text = (
        "{%- for message in messages %}\n    {%- if message.role == 'system' %}{% continue %}{% endif %}\n"
        "<{{ message['role'] }}> {% generation %}{{ message.content | trim }}{{ eos_token }}{% endgeneration %}\n"
        "{{ message | tojson }}\n{% endfor %}\n{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    messages = [SYSTEM, PLAIN, {"role": "assistant", "content": "  <b>'Salut' é</b> "}]
    for text_ in (text, *(load_template(name).text for name in PROMPTS)):
        for prompt in (True, False):
            theirs, _ = utils.render_jinja_template(
                [messages], chat_template=text_, add_generation_prompt=prompt, **TOKENS
            )
            ours = Template(name="x", text=text_).render(messages, add_generation_prompt=prompt, tokens=TOKENS)
            assert ours == theirs[0]


def test_a_template_sees_no_clock() -> None:
    """Else the same row would be other tokens tomorrow."""
    text = "{{ strftime_now('%d %b %Y') }} {{ messages[0].content }}"
    assert (
        Template(name="x", text=text).render([PLAIN], add_generation_prompt=True, tokens={}).startswith("26 Jul 2024")
    )


def test_a_refusal_is_told_apart_from_text() -> None:
    template = Template(name="x", text="{{ raise_exception('no system here') }}")
    with pytest.raises(TemplateRefusedError, match="no system here"):
        template.render([SYSTEM], add_generation_prompt=True, tokens={})


@pytest.mark.parametrize("text", ["{{ ''.__class__.__mro__[1].__subclasses__() }}", "{% set x = messages.clear() %}"])
def test_a_template_cannot_leave_its_sandbox(text: str) -> None:
    with pytest.raises(TemplateRefusedError):
        Template(name="x", text=text).render([PLAIN], add_generation_prompt=True, tokens={})


def test_a_file_is_a_template(tmp_path: Path) -> None:
    text = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}{% endfor %}"
    (tmp_path / "mine.jinja").write_text(text)
    template = load_template("mine.jinja", tmp_path)
    assert (template.name, template.text) == ("mine.jinja", text)
    assert template.sha256 != load_template("plain").sha256
    told = template.render([ASKED], add_generation_prompt=True, tokens=TOKENS)
    assert told == "[user] Say hello.\nin French</s>", "a template that knows no input still shows it"


@pytest.mark.parametrize(
    ("name", "text", "reference"),
    [
        ("dialog", None, "template.unknown"),
        ("gone.jinja", None, "template.missing"),
        ("../templates/gone", None, "template.missing"),
        ("x.jinja", "{% for m in messages %}\n{{ m.content }", "template.broken"),
        ("x.jinja", "{{ messages[0].content }}", "template.drops-content"),
        ("x.jinja", "{% for m in mesages %}{{ m.content }}{% endfor %}", "template.drops-content"),
        ("x.jinja", "\udcff", "template.unreadable"),
    ],
)
def test_a_bad_template_is_refused(tmp_path: Path, name: str, text: str | None, reference: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InputError) as caught:
        load_template(name, tmp_path)
    [problem] = caught.value.problems
    assert problem.reference == reference
    assert problem.hint


def test_a_misspelt_name_gets_its_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_template("dialog", tmp_path)
    assert caught.value.problems[0].hint == "did you mean 'dialogue'?"


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.jinja").write_text("{{ messages }}\n{% for %}")
    with pytest.raises(InputError) as caught:
        load_template("x.jinja", tmp_path)
    assert caught.value.problems[0].where == "x.jinja:2"


def test_a_field_with_the_name_of_a_dictionarys_method_does_not_stand_in_for_it() -> None:
    """As in transformers, where `message.items()` lists a message's fields and `message.content` is one."""
    text = (
        "{% for message in messages %}{{ message.content }} {{ message.items()|length }} {{ message.gone }}{% endfor %}"
    )
    message = {"role": "user", "content": "Hello.", "items": "three"}
    printed = Template(name="own", text=text).render([message], add_generation_prompt=False, tokens=TOKENS)
    assert printed == "Hello. 3 "
