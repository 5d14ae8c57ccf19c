"""The chat template: what it does otherwise than training needs is seen, worked around and said."""

from typing import Any

import pytest

from bench.data.render.row import Row, ToolCall, Turn
from bench.data.render.special_tokens import unguarded
from bench.data.render.template.chat_template import ASKED_TO_THINK, EMPTY_BLOCK, NAMES_LEFT_OUT, ChatTemplate
from bench.errors import InputError
from bench.suite.catalog.template import Template, load_template
from tests.fakes.checkpoints import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
CHATML = load_template("chatml").text
SYSTEM, FIRST, REPLY, SECOND = (
    Turn(role="system", content="Be kind."),
    Turn(role="user", content="Q1"),
    Turn(role="assistant", content="A1"),
    Turn(role="user", content="Q2"),
)
DIALOGUE = "<|im_start|>assistant\nA1<|im_end|>\n<|im_start|>user\nQ2<|im_end|>\n<|im_start|>assistant\n"


def chat(text: str) -> ChatTemplate:
    return ChatTemplate(TOKENIZER, Template(name="made up", text=text), end_of_turn="<|im_end|>")


def test_a_system_turn_that_the_template_shows_stays_a_turn() -> None:
    template = chat(CHATML)
    text = template.prompt([SYSTEM, FIRST, REPLY, SECOND])
    assert text == f"<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nQ1<|im_end|>\n{DIALOGUE}"
    assert not template.notes


@pytest.mark.parametrize(
    "start",
    [
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}",
        "{% if messages[0].role == 'system' %}{% set messages = messages[1:] %}{% endif %}",
    ],
    ids=["refused", "left out"],
)
def test_a_system_turn_that_it_refuses_or_leaves_out_goes_before_the_first_question(start: str) -> None:
    """And no later turn is lost."""
    template = chat(start + CHATML)
    text = template.prompt([SYSTEM, FIRST, REPLY, SECOND])
    assert text == f"<|im_start|>user\nBe kind.\n\nQ1<|im_end|>\n{DIALOGUE}"
    assert any("system" in note for note in template.notes)


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_a_template_that_leaves_a_turn_out_is_refused(role: str) -> None:
    with pytest.raises(InputError, match="leaves the question or the answer out"):
        chat(CHATML.replace("message.content", f"('' if message.role == '{role}' else message.content)"))


def test_a_prompt_that_its_dialogue_does_not_keep_is_said_once() -> None:
    template = chat(CHATML.replace("'<|im_start|>assistant\\n'", "'<|im_start|>assistant\\n<think>\\n'"))
    assert len(template.notes) == 1
    assert "does not keep its prompt" in next(iter(template.notes))


_THINKS = (
    "{% for m in messages %}[{{ m.role }}]"
    "{% if m.role == 'assistant' and '</think>' not in m.content %}"
    "<think>\n{{ m.reasoning_content or '' }}\n</think>\n\n{% endif %}"
    "{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"
)  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "template", "learned", "note"),
    [
        ("<think>hm</think>A", _THINKS, "<think>hm</think>A</s>", None),
        (
            "<thinking>hm</thinking>A", _THINKS, "<think>\nhm\n</think>\n\nA</s>",
            "<thinking> in answers is printed as the template's own tag",
        ),
        (
            "<reasoning>hm</reasoning>A", _THINKS, "<reasoning>hm</reasoning>A</s>",
            "<reasoning> in answers is no tag of the template: it is learned as text",
        ),
        (
            "<thought>hm</thought>A", _THINKS, "<thought>hm</thought>A</s>",
            "<thought> in answers is no tag of the template: it is learned as text",
        ),
        (
            "<|begin_of_thought|>hm<|end_of_thought|>A", CHATML, "<|begin_of_thought|>hm<|end_of_thought|>A<|im_end|>",
            "<|begin_of_thought|> in answers is no tag of the template: it is learned as text",
        ),
        (
            "<thought>hm</thought>A", CHATML, "<thought>hm</thought>A<|im_end|>",
            "<thought> in answers is no tag of the template: it is learned as text",
        ),
        ("<think>hm</think>A", CHATML, "<think>hm</think>A<|im_end|>", None),
    ],
)  # fmt: skip
def test_a_block_between_other_tags_than_the_templates_is_named(
    answer: str, template: str, learned: str, note: str | None
) -> None:
    row = Row(turns=(Turn(role="user", content="Q"), Turn(role="assistant", content=answer)), origin="r:1")
    rendering = chat(template)
    assert unguarded(rendering.split(row)[1]).strip() == learned
    assert [text for text in rendering.notes if "in answers" in text] == ([] if note is None else [note])


@pytest.mark.parametrize(
    ("template", "left_out"),
    [(CHATML, True), (CHATML.replace("message.role", "(message.name or message.role)"), False)],
)
def test_names_of_speakers_that_the_template_leaves_out_are_named(template: str, left_out: bool) -> None:
    rendering = chat(template)
    question = Turn(role="user", content="Q", name="carol")
    rendering.split(Row(turns=(question, Turn(role="assistant", content="A")), origin="r:1"))
    assert (NAMES_LEFT_OUT in rendering.notes) is left_out


_WHOLE = "{% for m in messages %}[{{ m.role }}]{{ SAID }}</s>{% endfor %}"
_WHOLE += "{% if add_generation_prompt %}[assistant]{% endif %}"
_BEHIND_THOUGHTS = "m.content.split('</think>')[-1]"
_BETWEEN_TAGS = "m.content.split('</think>')[1] if '</think>' in m.content else m.content"


@pytest.mark.parametrize(
    ("answer", "said", "named", "unnamed"),
    [
        ({"content": "A", "reasoning": "hm"}, "m.content", "inline", "tool_calls"),
        ({"content": "A", "reasoning": "hm"}, _BEHIND_THOUGHTS, 'reasoning = "drop"', "inline"),
        ({"content": "<think>hm</think>A"}, _BEHIND_THOUGHTS, "prints thoughts in the answer's text", "inline"),
        ({"content": "<think>a</think>B<think>c</think>D"}, _BETWEEN_TAGS, "one whole block", "tool_calls"),
        ({"content": "A", "tool_calls": (ToolCall(name="f", arguments={}),)}, "m.content", "tool_calls", "inline"),
    ],
)
def test_a_refusal_names_what_helps_with_this_row(answer: dict[str, Any], said: str, named: str, unnamed: str) -> None:
    """And no setting that the template would refuse again."""
    row = Row(turns=(Turn(role="user", content="Q"), Turn(role="assistant", **answer)), origin="r:1")
    with pytest.raises(InputError) as refused:
        chat(_WHOLE.replace("SAID", said)).split(row)
    hint = str(refused.value.problems[0].hint)
    assert named in hint
    assert unnamed not in hint


@pytest.mark.parametrize(
    ("opened", "note"), [("", EMPTY_BLOCK), ("<think>\\n", ASKED_TO_THINK)], ids=["no thinking", "thinking"]
)
def test_an_empty_block_in_a_row_is_named_by_what_evaluations_do(opened: str, note: str) -> None:
    """A template without a switch asks for thinking only where its prompt opens a block."""
    rendering = chat(CHATML.replace("'<|im_start|>assistant\\n'", f"'<|im_start|>assistant\\n{opened}'"))
    answer = Turn(role="assistant", content="<think>\n\n</think>\n\nA")
    prompt, learned = rendering.split(Row(turns=(Turn(role="user", content="Q"), answer), origin="r:1"))
    assert unguarded(prompt).endswith("</think>\n\n")
    assert unguarded(learned).strip() == "A<|im_end|>"
    assert {EMPTY_BLOCK, ASKED_TO_THINK} & set(rendering.notes) == {note}
