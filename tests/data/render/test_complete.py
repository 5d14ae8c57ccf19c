"""What a template leaves out, where its words also stand elsewhere in the row."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench.data.render.complete import left_out
from bench.data.render.row import ToolCall, Turn

QUESTION = Turn(role="user", content="Is it warm in Paris?")
CALL = ToolCall(name="Paris", arguments={})


def _contents_alone(turns: Sequence[Turn]) -> str:
    return "\n".join(turn.content for turn in turns)


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        (Turn(role="assistant", content="It is warm", reasoning="warm"), "the reasoning of turn 2 (assistant)"),
        (Turn(role="assistant", content="Wait", tool_calls=(CALL,)), "a tool call of turn 2 (assistant)"),
        (Turn(role="assistant", content="It is warm"), None),
    ],
)
def test_words_elsewhere_in_the_row_do_not_stand_for_a_part_left_out(answer: Turn, missing: str | None) -> None:
    turns = [QUESTION, answer]
    assert left_out(turns, _contents_alone(turns), _contents_alone) == missing
