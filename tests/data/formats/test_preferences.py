"""Of preference data the preferred side is learned, whatever the layout; the other never."""

from __future__ import annotations

from typing import Any

import pytest

from bench.data.formats.conversation import Rules
from bench.data.formats.shapes import recognise

Q = {"role": "user", "content": "Q"}
GOOD, BAD = {"role": "assistant", "content": "good"}, {"role": "assistant", "content": "bad"}
HUMAN = {"from": "human", "value": "Q"}

LAYOUTS: dict[str, dict[str, Any]] = {
    "trl, implicit prompt": {"chosen": [Q, GOOD], "rejected": [Q, BAD]},
    "trl, explicit prompt": {"prompt": [Q], "chosen": [GOOD], "rejected": [BAD]},
    "trl, texts": {"prompt": "Q", "chosen": "good", "rejected": "bad"},
    "ultrafeedback binarized": {
        "prompt": "Q", "prompt_id": "x", "chosen": [Q, GOOD], "rejected": [Q, BAD], "messages": [Q, GOOD],
        "score_chosen": 9.0, "score_rejected": 1.0,
    },
    "llama-factory, sharegpt": {
        "conversations": [HUMAN],
        "chosen": {"from": "gpt", "value": "good"}, "rejected": {"from": "gpt", "value": "bad"},
    },
    "llama-factory, alpaca": {"instruction": "Q", "input": "", "chosen": "good", "rejected": "bad"},
    "messages and chosen": {"messages": [Q], "chosen": GOOD, "rejected": BAD},
    "orca dpo": {"system": "", "question": "Q", "chosen": "good", "rejected": "bad"},
    "hh-rlhf": {"chosen": "\n\nHuman: Q\n\nAssistant: good", "rejected": "\n\nHuman: Q\n\nAssistant: bad"},
    "rm-static": {
        "prompt": "\n\nHuman: Q\n\nAssistant:", "response": " bad", "chosen": " good", "rejected": " bad",
    },
    "safe-rlhf": {"prompt": "Q", "response_0": "bad", "response_1": "good", "better_response_id": 1},
    "shp": {"history": "Q", "human_ref_A": "good", "human_ref_B": "bad", "labels": 1},
    "arena": {
        "conversation_a": [Q, BAD], "conversation_b": [Q, GOOD], "winner": "model_b", "model_a": "x", "model_b": "y",
    },
    "nectar": {"prompt": "Q", "answers": [{"answer": "bad", "rank": 2.0}, {"answer": "good", "rank": 1.0}]},
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_preferred_answer_follows_the_question(name: str) -> None:
    shape = recognise([LAYOUTS[name]])
    assert shape is not None
    turns = Rules().read(LAYOUTS[name], shape).turns
    assert [(turn["role"], turn["content"].strip()) for turn in turns] == [("user", "Q"), ("assistant", "good")]


@pytest.mark.parametrize(
    ("name", "change"),
    [("arena", {"winner": "tie"}), ("safe-rlhf", {"better_response_id": None}), ("nectar", {"answers": []})],
)
def test_a_row_that_prefers_none_is_left_out(name: str, change: dict[str, Any]) -> None:
    shape = recognise([LAYOUTS[name]])
    assert shape is not None
    assert Rules().read({**LAYOUTS[name], **change}, shape).dropped == "no preferred answer"


def test_the_question_before_a_preferred_answer_keeps_its_earlier_turns() -> None:
    record = {
        "conversations": [HUMAN, {"from": "gpt", "value": "old"}, {"from": "human", "value": "Q2"}],
        "chosen": {"from": "gpt", "value": "good"},
        "rejected": {"from": "gpt", "value": "bad"},
    }
    shape = recognise([record])
    assert shape is not None
    assert [turn["content"] for turn in Rules().read(record, shape).turns] == ["Q", "old", "Q2", "good"]
