"""What a template leaves out, where its words also stand elsewhere in the row."""

from collections.abc import Sequence

import pytest

from bench.data.render.row import ToolCall, Turn
from bench.data.render.template.complete import left_out
from bench.data.render.thinking import thoughts_and_answer

QUESTION = Turn(role="user", content="Is it warm in Paris?")
CALL = ToolCall(name="Paris", arguments={})


def _contents_alone(turns: Sequence[Turn]) -> str:
    return "\n".join(thoughts_and_answer(turn.content)[1] for turn in turns)


def _calls_alone(turns: Sequence[Turn]) -> str:
    """A template that prints a call in place of the text beside it, as DeepSeek R1's does."""
    return "\n".join(str(turn.tool_calls[0].name) if turn.tool_calls else turn.content for turn in turns)


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        (Turn(role="assistant", content="It is warm", reasoning="warm"), "the reasoning of turn 2 (assistant)"),
        (Turn(role="assistant", content="Wait", tool_calls=(CALL,)), "a tool call of turn 2 (assistant)"),
        (Turn(role="assistant", content="It is warm"), None),
        (Turn(role="assistant", content="<think>warm</think>It is warm"), "the reasoning of turn 2 (assistant)"),
        (Turn(role="assistant", content="<think>a</think>It is warm"), "the reasoning of turn 2 (assistant)"),
        (Turn(role="assistant", content="Paris", tool_calls=(CALL,)), "a tool call of turn 2 (assistant)"),
    ],
)
def test_words_elsewhere_in_the_row_do_not_stand_for_a_part_left_out(answer: Turn, missing: str | None) -> None:
    turns = [QUESTION, answer]
    assert left_out(turns, _contents_alone(turns), _contents_alone) == missing


def test_text_beside_a_call_is_looked_for_by_itself() -> None:
    turns = [QUESTION, Turn(role="assistant", content="warm", tool_calls=(CALL,))]
    assert left_out(turns, _calls_alone(turns), _calls_alone) == "the text of turn 2 (assistant)"


def test_thoughts_that_are_printed_are_found_though_they_are_one_letter() -> None:
    turns = [QUESTION, Turn(role="assistant", content="<think>a</think>It is warm")]

    def everything(turns: Sequence[Turn]) -> str:
        return "\n".join(turn.content for turn in turns)

    assert left_out(turns, everything(turns), everything) is None
