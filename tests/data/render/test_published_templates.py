"""Chat templates as published: a row is what `apply_chat_template` gives, or it is refused.

The templates are those that TRL ships, each with the tokenizer of a test, whose vocabulary does not matter to the text.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import trl
from transformers.utils import chat_template_utils

from bench.data.formats.chat.messages import message_turns
from bench.data.render.render import Renderer
from bench.data.render.row import Row, ToolCall, Turn
from bench.errors import InputError
from bench.suite.catalog.template import Template
from tests.fakes.rendering import make_tokenizer

FOLDER = Path(trl.__file__).parent / "chat_templates"
NAMES = sorted(path.stem for path in FOLDER.glob("*.jinja"))
FULL_OF_FEATURES = ("qwen3", "glm4moe", "nemotron_3_nano", "gptoss", "lfm2_2_5", "gemma4_v5")
"""Templates that print reasoning, tools and calls, each in a way of its own."""
NO_TEXT_CONTENT = {"idefics3", "idefics3_training", "llava_next", "llava_next_training", "smolvlm", "smolvlm_training"}
"""Templates that print no content which is a text."""

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Where."}},
            "required": ["city"],
        },
    },
}
CALL = ToolCall(name="get_weather", arguments={"city": "Paris"}, id="call00001")


def user(content: str, **settings: Any) -> Turn:
    """What the user says."""
    return Turn(role="user", content=content, **settings)


def assistant(content: str, **settings: Any) -> Turn:
    """What the assistant says."""
    return Turn(role="assistant", content=content, **settings)


RESULT = Turn(role="tool", content="18 C", name="get_weather", tool_call_id="call00001")
ROWS: dict[str, tuple[Turn, ...]] = {
    "plain": (user("1+1?"), assistant("It is two.")),
    "system": (Turn(role="system", content="Be short."), user("1+1?"), assistant("It is two.")),
    "turns": (user("1+1?"), assistant("It is two."), user("And 2+2?"), assistant("Four it is.")),
    "reasoning": (user("1+1?"), assistant("It is two.", reasoning="one and one")),
    "inline": (user("1+1?"), assistant("<think>\none and one\n</think>\n\nIt is two.")),
    "empty block": (user("1+1?"), assistant("<think>\n\n</think>\n\nIt is two.")),
    "earlier reasoning": (
        user("1+1?"), assistant("It is two.", reasoning="one and one"),
        user("And 2+2?"), assistant("Four it is.", reasoning="two and two"),
    ),
    "tools": (user("Weather?", tools=(TOOL,)), assistant("", tool_calls=(CALL,)), RESULT, assistant("It is 18 C.")),
    "call": (user("Weather?", tools=(TOOL,)), assistant("", tool_calls=(CALL,))),
    "two calls": (
        user("Weather?", tools=(TOOL,)),
        assistant("", tool_calls=(CALL, ToolCall(name="get_weather", arguments={"city": "Rome"}, id="call00002"))),
    ),
}  # fmt: skip

WITHOUT_INLINE = {"inline": "reasoning", "empty block": "plain"}
"""Rows that say the same without a block of thinking in their text."""


class FixedDate(datetime):
    """The day that this program prints where a template asks for today's."""

    @classmethod
    def now(cls, tz: Any = None) -> "FixedDate":
        """Always the same."""
        return cls(2024, 7, 26, tzinfo=tz)


def messages(turns: tuple[Turn, ...]) -> list[dict[str, Any]]:
    """The turns as a file for transformers has them."""
    named = {"reasoning": "reasoning_content"}
    given = [turn.model_dump(exclude_defaults=True, exclude={"tools", "tool_calls"}) for turn in turns]
    said = [{named.get(key, key): value for key, value in message.items()} for message in given]
    for message, turn in zip(said, turns, strict=True):
        if turn.tool_calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in turn.tool_calls
            ]
    return said


def renderers(name: str) -> list[tuple[bool, Renderer]]:
    """A template's renderer with thinking off, and on where it has a switch."""
    text = (FOLDER / f"{name}.jinja").read_text(encoding="utf-8")
    tokenizer = make_tokenizer(chat_template=text)
    template = Template(name="tokenizer", text=text)
    both = [(False, Renderer(tokenizer, template, max_length=100_000))]
    if "enable_thinking" in template.variables():
        both.append((True, Renderer(tokenizer, template, max_length=100_000, thinking=True)))
    return both


def expected(renderer: Renderer, turns: tuple[Turn, ...], *, thinking: bool) -> str:
    """What transformers prints, with the switch on where the suite or the row asks for thinking."""
    thinks = thinking or bool(turns[-1].reasoning) or "one and one" in turns[-1].content
    tools = [dict(tool) for tool in turns[0].tools] or None
    text = renderer.tokenizer.apply_chat_template(
        messages(turns), tools=tools, tokenize=False, enable_thinking=thinks, thinking=thinks
    )
    return str(text)


def decoded(renderer: Renderer, ids: list[int]) -> str:
    """Ids as text."""
    return str(renderer.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def learned(renderer: Renderer, row: Row) -> str:
    """What is supervised of a row, as text."""
    rendered = renderer.row(row)
    return decoded(renderer, [i for i, on in zip(rendered.input_ids, rendered.labels_mask, strict=True) if on])


def whole_text(renderer: Renderer, row: Row) -> str | None:
    """A row as text; `None` where it is refused by its origin."""
    try:
        return decoded(renderer, renderer.row(row).input_ids)
    except InputError as error:
        return None if error.problems[0].where == row.origin else ""


def _is_closed(text: str, whole: str) -> bool:
    """Whether a row's text is the whole one but for white space at its end, and the end token that closes it here."""
    closed = text.removesuffix("</s>")
    return whole.startswith((closed, text)) and not whole[len(closed) :].strip().removeprefix("</s>")


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_what_apply_chat_template_gives_or_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is learned of it is never an empty block of thinking, and never what a tool returned."""
    monkeypatch.setattr(chat_template_utils, "datetime", FixedDate)
    if name in NO_TEXT_CONTENT:
        with pytest.raises(InputError, match=r"leaves the question or the answer out|fails"):
            renderers(name)
        return
    refused = set()
    for thinking, renderer in renderers(name):
        for kind, turns in ROWS.items():
            row = Row(turns=turns, origin="x.jsonl:1")
            if (text := whole_text(renderer, row)) is None:
                refused.add(kind)
                continue
            try:
                wholes = [expected(renderer, turns, thinking=thinking)]
            except Exception:
                assert kind == "system", "a row that the template refuses is refused here, too"
                continue
            if kind in WITHOUT_INLINE:  # where the template would leave an empty block before the one in the text
                wholes.append(expected(renderer, ROWS[WITHOUT_INLINE[kind]], thinking=thinking))
            assert any(_is_closed(text, whole) for whole in wholes), kind
            assert text.count("<think>") <= len([turn for turn in turns if turn.role == "assistant"])
            said = learned(renderer, row)
            assert turns[-1].content.rpartition("\n\n")[2] in said
            assert "18 C<" not in said.replace("It is 18 C", "")
            if "<think>" in renderer.template.text:
                assert "<think>\n\n</think>" not in said
                assert "<think></think>" not in said
    assert "plain" not in refused
    assert "turns" not in refused
    if name in FULL_OF_FEATURES:
        assert refused <= ({"two calls"} if name == "gptoss" else set()), "gpt-oss prints the first call alone"


@pytest.mark.parametrize("parts", [["Name it.", "Be brief."], [{"type": "text", "text": word} for word in ("a", "b")]])
def test_parts_of_a_content_are_joined_as_the_templates_that_print_them_join_them(parts: list[Any]) -> None:
    for name in ("glm4moe", "lfm2_2_5_vl"):
        tokenizer = renderers(name)[0][1].tokenizer
        content = message_turns([{"role": "user", "content": parts}])[0]["content"]
        read, printed = (
            tokenizer.apply_chat_template([{"role": "user", "content": said}], tokenize=False)
            for said in (content, parts)
        )
        assert read == printed, name


@pytest.mark.parametrize("name", FULL_OF_FEATURES)
def test_calls_are_learned_and_what_tools_return_is_context(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_template_utils, "datetime", FixedDate)
    _, renderer = renderers(name)[0]
    row = Row(turns=ROWS["tools"], origin="x.jsonl:1")
    ids = renderer.row(row).input_ids
    mask = renderer.earlier_turns(row, lambda turn: turn.is_learned)
    said = decoded(renderer, [token for token, on in zip(ids, mask, strict=False) if on])
    assert "get_weather" in said
    assert "Paris" in said
    assert "18 C" not in said
    assert "Weather?" not in said


def test_an_answer_behind_a_call_is_learned_from_the_same_place_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """gpt-oss leaves the thoughts of a call out once an answer follows: the row does not begin with its prompt."""
    monkeypatch.setattr(chat_template_utils, "datetime", FixedDate)
    _, renderer = renderers("gptoss")[0]
    question, call, result, answer = ROWS["tools"]
    thinks = call.model_copy(update={"reasoning": "one and one", "content": ""})
    behind_call = Row(turns=(question, thinks, result, answer), origin="x.jsonl:1")
    plain = Row(turns=(question, answer), origin="x.jsonl:2")
    assert learned(renderer, behind_call) == learned(renderer, plain)
    assert learned(renderer, plain).startswith("<|channel|>final<|message|>")


def test_what_a_tool_returns_is_not_learned_where_the_template_prints_it_before_the_text_of_the_call() -> None:
    """Gemma's template moves that text behind the result: call, result and text were one stretch."""
    _, renderer = renderers("gemma4_v5")[0]
    turns = (*ROWS["tools"][:1], assistant("Let me look.", tool_calls=(CALL,)), *ROWS["tools"][2:])
    row = Row(turns=turns, origin="x.jsonl:1")
    assert "18 C<" not in learned(renderer, row)
    with pytest.raises(InputError, match="prints what a tool returns before the text of the turn that calls it"):
        renderer.earlier_turns(row, lambda turn: turn.is_learned)
    _, usual = renderers("qwen3")[0]
    mask = usual.earlier_turns(row, lambda turn: turn.is_learned)
    said = decoded(usual, [token for token, on in zip(usual.row(row).input_ids, mask, strict=False) if on])
    assert "Let me look." in said
    assert "18 C" not in said


@pytest.mark.parametrize("name", ["qwen3", "nemotron_3_nano", "glm4moe"])
def test_earlier_answers_without_their_thoughts_are_context(name: str) -> None:
    """The template leaves the thoughts out: what is left would teach the model not to think."""
    _, renderer = renderers(name)[0]
    row = Row(turns=ROWS["earlier reasoning"], origin="x.jsonl:1")
    assert not any(renderer.earlier_turns(row, lambda turn: turn.is_learned))
    assert "leaves out what earlier turns think" in str(renderer.template_note)
    assert any(renderer.earlier_turns(Row(turns=ROWS["turns"], origin="x.jsonl:2"), lambda turn: turn.is_learned))


ROLES = ("<|endoftext|>", "<|user|>", "<|observation|>")


def glm(*, stops: bool) -> Renderer:
    """GLM's template with its tokens; whether the base's generation settings name those at which it stops."""
    text = (FOLDER / "glm4moe.jinja").read_text(encoding="utf-8")
    tokenizer = make_tokenizer(chat_template=text)
    tokenizer.add_special_tokens({"additional_special_tokens": [*ROLES], "eos_token": ROLES[0]})
    ids = tokenizer.convert_tokens_to_ids([*ROLES]) if stops else []
    template = Template(name="tokenizer", text=text)
    return Renderer(tokenizer, template, max_length=100_000, base_stops=ids)


def test_a_turn_of_glm_ends_with_the_token_that_opens_the_next() -> None:
    """GLM prints nothing after an answer, and was trained to say `<|user|>` there, `<|observation|>` after a call. With
    another end it would learn a second way to stop. The expected text is that of TRL's template for training."""
    renderer = glm(stops=True)
    assert learned(renderer, Row(turns=ROWS["plain"], origin="x.jsonl:1")).endswith("It is two.<|user|>")
    assert learned(renderer, Row(turns=ROWS["call"], origin="x.jsonl:1")).endswith("</tool_call><|observation|>")
    assert decoded(renderer, list(renderer.stop_ids)[:1]) == "<|user|>"
    assert {decoded(renderer, [stop]) for stop in renderer.stop_ids} == set(ROLES)
    for name, earlier in (("turns", "It is two.<|user|>"), ("tools", "</tool_call><|observation|>")):
        row = Row(turns=ROWS[name], origin="x.jsonl:1")
        mask = renderer.earlier_turns(row, lambda turn: turn.is_learned)
        ids = renderer.row(row).input_ids
        assert decoded(renderer, [token for token, on in zip(ids, mask, strict=False) if on]).endswith(earlier)
    training = (FOLDER / "glm4moe_training.jinja").read_text(encoding="utf-8").replace("{% generation %}", "")
    for name in ("plain", "turns", "tools", "call", "system"):
        row = Row(turns=ROWS[name], origin="x.jsonl:1")
        tools = [dict(tool) for tool in ROWS[name][0].tools] or None
        expected_ids = renderer.tokenizer.apply_chat_template(
            messages(ROWS[name]),
            tools=tools,
            chat_template=training.replace("{% endgeneration %}", ""),
            tokenize=False,
            enable_thinking=False,
        )
        assert decoded(renderer, renderer.row(row).input_ids) == expected_ids, name


def test_without_the_bases_stops_a_turn_of_glm_ends_with_the_end_token() -> None:
    renderer = glm(stops=False)
    assert learned(renderer, Row(turns=ROWS["plain"], origin="x.jsonl:1")).endswith("It is two.<|endoftext|>")
