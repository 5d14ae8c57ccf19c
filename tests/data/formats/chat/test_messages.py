"""A message's key that is dropped changes what is learned, and nothing in the loss says so."""

from typing import Any

import pytest

from bench.data.formats.chat.messages import MESSAGE_KEYS, Key, message_turns
from bench.data.formats.fields import RowError
from tests.data.formats.chat.one_turn import said


@pytest.mark.parametrize("key", [key for key, meaning in MESSAGE_KEYS.items() if meaning is Key.REASONING])
def test_reasoning_in_a_field_of_its_own_is_kept_apart(key: str) -> None:
    assert said(**{key: "hm"}) == {"role": "assistant", "content": "A", "reasoning": "hm"}
    assert said(**{key: None}) == said(**{key: ""}) == {"role": "assistant", "content": "A"}


@pytest.mark.parametrize("key", [key for key, meaning in MESSAGE_KEYS.items() if meaning is Key.LEARNED])
def test_flags_and_weights_say_whether_a_turn_is_learned(key: str) -> None:
    for excluded in (0, 0.0, False, "false", "0"):
        assert said(**{key: excluded})["train"] is False
    for learned in (1, 1.0, True, "true", None):
        assert "train" not in said(**{key: learned})
    with pytest.raises(RowError, match=r"a weight of 0\.5 cannot be honoured") as caught:
        said(**{key: 0.5})
    assert f'ignore = ["{key}"]' in str(caught.value.hint)
    question = {"role": "user", "content": "Q", key: False}
    assert message_turns([question]) == [{"role": "user", "content": "Q"}]


def test_a_turn_labelled_as_a_bad_example_is_context() -> None:
    for bad in (False, "false", "undesirable", "Rejected"):
        assert said(label=bad)["train"] is False
    for good in (True, "true", "greeting", None):
        assert "train" not in said(label=good)
    with pytest.raises(RowError, match="`label` is 0: true or false would say"):
        said(label=0)


@pytest.mark.parametrize("key", [key for key, meaning in MESSAGE_KEYS.items() if meaning is Key.MASKED])
def test_masked_turns_are_context(key: str) -> None:
    assert [said(**{key: value}).get("train") for value in (True, 1, "true", False, 0, None)] == [False] * 3 + [
        None
    ] * 3
    with pytest.raises(RowError, match=r"a weight of \[1\] cannot be honoured"):
        said(**{key: [1]})


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("weights", [0, 1], "a turn is learned whole or not at all"),
        ("train_detail", [{"begin_offset": 0, "end_offset": 3, "train": False}], "a turn is learned whole or not"),
        ("skip", True, "or out of the conversation"),
        ("image", "x.png", "trains on text"),
    ],
)
def test_a_refusal_gives_its_own_reason(key: str, value: object, reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        said(**{key: value})


def test_a_turn_that_is_not_skipped_is_like_any_other() -> None:
    assert said(skip=False) == said(ignore=0) == said()


@pytest.mark.parametrize(("key", "meant"), [("Weight", "weight"), ("TRAIN", "train"), ("tool-calls", "tool_calls")])
def test_a_key_in_other_letters_is_refused(key: str, meant: str) -> None:
    """`Weight: 0` was named as unused, and its turn learned."""
    with pytest.raises(RowError, match=f"turn 1: `{key}` is not read, `{meant}` would be"):
        said(**{key: 0})
    assert said(**{key: None}) == said(Id=3) == said()


def test_flags_that_disagree_exclude_the_turn() -> None:
    assert said(weight=1, train=False)["train"] is False


@pytest.mark.parametrize("key", [key for key, meaning in MESSAGE_KEYS.items() if meaning is Key.REFUSED])
def test_what_cannot_be_honoured_is_refused_with_a_way_out(key: str) -> None:
    with pytest.raises(RowError, match=f"turn 1: `{key}` cannot be honoured") as caught:
        said(**{key: ["x"]})
    assert f'ignore = ["{key}"]' in str(caught.value.hint)
    assert said(**{key: None}) == {"role": "assistant", "content": "A"}


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": "Name "}, {"type": "text", "text": "it"}],
        [{"text": "Name it"}],
        ["Name ", "it"],
        [{"type": "input_text", "text": "Name it"}],
        {"type": "text", "text": "Name it"},
        {"text": "Name it"},
    ],
)
def test_parts_of_text_are_joined(content: Any) -> None:
    for message in ({"role": "user", "content": content}, {"from": "human", "value": content}):
        assert message_turns([message]) == [{"role": "user", "content": "Name it"}]


@pytest.mark.parametrize("key", ["train", "weight", "image_url"])
def test_a_key_of_a_part_of_text_that_nothing_reads_refuses_the_row(key: str) -> None:
    """A part that is not to be learned was joined to the others and learned."""
    part = {"type": "text", "text": "A", key: False}
    with pytest.raises(RowError, match=f"`{key}` of a part of text is not read"):
        said(content=[part, {"type": "text", "text": "B"}])
    assert said(content=[{**part, key: None, "annotations": [{"url": "x"}]}])["content"] == "A"


def test_a_part_of_thinking_is_reasoning_and_any_other_part_is_refused() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "A"}]
    assert said(content=parts) == {"role": "assistant", "content": "A", "reasoning": "hm"}
    for part in ({"type": "image_url", "image_url": "x"}, {"type": "redacted_thinking", "data": "x"}, 7):
        with pytest.raises(RowError, match="`content` has a part"):
            said(content=[part])


@pytest.mark.parametrize("value", [True, False, "off", "ON", "disabled", "high", "0"])
def test_a_switch_of_thinking_is_no_thought(value: Any) -> None:
    """The column `reasoning` of Llama-Nemotron's rows is on or off: the model would learn to think "off"."""
    with pytest.raises(RowError, match=r"`reasoning` is .*: whether or how much is thought, no thought"):
        said(reasoning=value)


def test_thoughts_in_a_key_and_in_a_part_are_both_kept() -> None:
    parts = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "A"}]
    assert said(content=parts, reasoning="hm")["reasoning"] == "hm"
    assert said(content=parts, reasoning="so")["reasoning"] == "so\nhm"


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"value": "B"}, "`content` and `value` say different things"),
        ({"text": "B"}, "`content` and `text` say different things"),
        ({"from": "human"}, "`role` and `from` name different speakers"),
    ],
)
def test_a_message_that_says_two_things_is_refused(keys: dict[str, str], says: str) -> None:
    """One of the two was dropped without a word."""
    with pytest.raises(RowError, match=says):
        said(**keys)
    assert said(**dict.fromkeys(keys, "A")) == said() or "from" in keys
    assert said(**{"from": "carol@example.org"}) == said(), "no speaker's name"


def test_a_part_that_is_no_text_comes_with_a_way_out() -> None:
    """The shape of a turn is not what is wrong with it."""
    with pytest.raises(RowError, match="this program trains on text") as caught:
        message_turns([{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}])
    assert 'odd_rows = "drop"' in str(caught.value.hint)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"channel": "analysis"}, "`channel` is 'analysis'"),
        ({"recipient": "functions.get_weather"}, "`recipient` is 'functions.get_weather'"),
    ],
)
def test_a_message_that_is_not_for_the_user_is_no_answer(keys: dict[str, str], says: str) -> None:
    with pytest.raises(RowError, match=says):
        message_turns([{"role": "user", "content": "Q"}, said(**keys)])


def test_the_channels_of_one_turn_are_its_thoughts_its_call_and_its_answer() -> None:
    """The notation of gpt-oss: each channel is a message of its own."""
    conversation = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "channel": "analysis", "content": "look it up"},
        {"role": "assistant", "channel": "commentary", "content": "Let me look."},
        {"role": "assistant", "channel": "analysis", "content": "by f"},
        {"role": "assistant", "channel": "commentary", "recipient": "functions.f", "content": '{"a": 1}'},
        {"role": "tool", "name": "functions.f", "channel": "commentary", "recipient": "assistant", "content": "18 C"},
        {"role": "assistant", "channel": "analysis", "content": "18"},
        {"role": "assistant", "channel": "final", "content": "It is 18 C."},
    ]
    assert message_turns(conversation) == [
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": "Let me look.",
            "reasoning": "look it up\nby f",
            "tool_calls": [{"name": "f", "arguments": {"a": 1}}],
        },
        {"role": "tool", "content": "18 C", "name": "f"},
        {"role": "assistant", "content": "It is 18 C.", "reasoning": "18"},
    ]


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "assistant", "channel": "analysis", "content": "hm"}, {"role": "user", "content": "Q"}],
        [{"role": "assistant", "channel": "analysis", "content": "hm"}],
        [{"role": "assistant", "recipient": "functions.f", "content": "no object"}],
        [{"role": "assistant", "recipient": "python", "channel": "analysis2", "content": "1 + 1"}],
    ],
)
def test_a_thought_without_an_answer_and_a_message_to_a_machine_are_refused(messages: list[dict[str, str]]) -> None:
    with pytest.raises(RowError, match=r"`(channel|recipient)` is '"):
        message_turns(messages)


def test_flags_of_channels_are_honoured_or_refused() -> None:
    told = {"role": "assistant", "channel": "commentary", "content": "Let me look.", "weight": 0}
    call = {"role": "assistant", "channel": "commentary", "recipient": "functions.f", "content": "{}"}
    assert [turn.get("train", True) for turn in message_turns([told, call])] == [False, True]
    assert [turn.get("train", True) for turn in message_turns([told, {**call, "weight": 0}])] == [False]
    with pytest.raises(RowError, match="a thought is learned with its answer"):
        message_turns([{"role": "assistant", "channel": "analysis", "content": "hm", "weight": 0}, said()])


def test_an_answer_to_the_user_says_so() -> None:
    assert said(channel="final", recipient="all") == said()


def test_thoughts_that_never_end_stay_in_the_text_though_a_field_repeats_them() -> None:
    """So that the row is left out for what it is, not learned as thoughts without an answer."""
    message = {"role": "assistant", "content": "<think>one", "reasoning": "one"}
    assert message_turns([message]) == [message]
