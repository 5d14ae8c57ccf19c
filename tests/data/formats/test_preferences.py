"""Of preference data the preferred side is learned, whatever the layout; the other never."""

from __future__ import annotations

from typing import Any

import pytest

from bench.data.formats.conversation import Rules
from bench.data.formats.shapes import recognise
from bench.data.formats.unused import unused_names

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
    "ultrafeedback, raw": {
        "instruction": "Q", "models": ["x", "y", "z"], "correct_answers": ["None"], "incorrect_answers": ["None"],
        "completions": [
            {"model": "x", "response": "bad", "overall_score": 6.0, "fine-grained_score": 4.9},
            {"model": "y", "response": "good", "overall_score": 8.5, "fine-grained_score": 4.0},
            {"model": "z", "response": "bad", "overall_score": None, "fine-grained_score": None},
        ],
    },
    "webgpt": {
        "question": {"dataset": "eli5", "id": "x", "full_text": "Q"}, "quotes_0": {"title": [], "extract": []},
        "answer_0": "bad", "answer_1": "good", "score_0": -0.5, "score_1": 0.5, "tokens_0": "t", "tokens_1": "t",
    },
    "stack exchange, scored": {
        "question": "Q", "answers": [{"text": "bad", "pm_score": 1}, {"text": "good", "pm_score": 4}],
    },
    "stack exchange, paired": {"question": "Q", "response_j": "good", "response_k": "bad"},
    "alpaca farm": {"instruction": "Q", "input": "", "output_1": "bad", "output_2": "good", "preference": 2},
    "helpsteer": {"context": [Q], "response1": "good", "response2": "bad", "overall_preference": -2},
    "arena, lists of texts": {
        "prompt": '["Q"]', "response_a": '["bad"]', "response_b": '["good"]', "winner_model_a": 0,
        "winner_model_b": 1, "winner_tie": 0, "model_a": "x", "model_b": "y",
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
    [
        ("arena", {"winner": "tie"}),
        ("safe-rlhf", {"better_response_id": None}),
        ("nectar", {"answers": []}),
        ("ultrafeedback, raw", {"completions": [{"response": "bad", "overall_score": None}]}),
        ("webgpt", {"score_0": 0.0, "score_1": 0.0}),
        ("webgpt", {"score_0": None}),
        ("stack exchange, scored", {"answers": [{"text": "bad", "pm_score": None}]}),
        ("alpaca farm", {"preference": 0}),
        ("helpsteer", {"overall_preference": 0}),
        ("arena, lists of texts", {"winner_model_b": 0, "winner_tie": 1}),
    ],
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


def test_a_better_summary_follows_the_post_that_it_sums_up() -> None:
    record = {
        "info": {"id": "x", "post": "Long.", "title": "T", "subreddit": "r/a", "site": None, "article": None},
        "summaries": [{"text": "bad", "policy": "p"}, {"text": " good", "policy": "q"}], "choice": 1,
        "worker": "w", "batch": "b", "split": "train", "extra": {"confidence": None},
    }  # fmt: skip
    shape = recognise([record])
    assert shape is not None
    turns = Rules().read(record, shape).turns
    assert [turn["content"] for turn in turns] == ["SUBREDDIT: r/a\nTITLE: T\nPOST: Long.\nTL;DR:", " good"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_nothing_of_a_preference_row_is_reported_as_unused(name: str) -> None:
    shape = recognise([LAYOUTS[name]])
    assert shape is not None
    repeated = {"rm-static": {"column `response` not used"}, "ultrafeedback binarized": {"column `prompt` not used"}}
    assert set(unused_names(LAYOUTS[name], shape)) == repeated.get(name, set())
