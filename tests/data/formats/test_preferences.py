"""Of preference data the preferred side is learned, whatever the layout; the other never."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from bench.data.formats.conversation import Rules
from bench.data.formats.fields import RowError
from bench.data.formats.shapes import recognise
from bench.data.formats.unused import unused_names

Q = {"role": "user", "content": "Q"}
GOOD, BAD = {"role": "assistant", "content": "good"}, {"role": "assistant", "content": "bad"}
CHAT = [{"role": "system", "content": "S"}, Q, {"role": "assistant", "content": "A"}]
HUMAN = {"from": "human", "value": "Q"}

LAYOUTS: dict[str, dict[str, Any]] = {
    "trl, implicit prompt": {"chosen": [Q, GOOD], "rejected": [Q, BAD]},
    "trl, explicit prompt": {"prompt": [Q], "chosen": [GOOD], "rejected": [BAD]},
    "sides behind the answer's name": {"prompt": "Q", "answer_chosen": "good", "answer_rejected": "bad"},
    "winner and loser": {"prompt": "Q", "winner": "good", "loser": "bad"},
    "better and worse": {"question": "Q", "better": "good", "worse": "bad"},
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
    "argilla, cleaned": {
        "instruction": "Q", "chosen_response": "good", "rejected_response": "bad",
        "chosen_avg_rating": 5.0, "rejected_avg_rating": 3.0, "chosen_model": "m",
    },
    "argilla, capybara dpo": {
        "conversation": [{"input": "Q", "output": "bad"}], "chosen": [Q, GOOD], "rejected": [Q, BAD],
        "rating_chosen": 5, "rating_rejected": 3,
    },
    "distilabel, orca pairs": {
        "system": "", "input": "Q", "chosen": "good", "rejected": "bad", "generations": ["bad", "good"],
        "rating": [3.0, 9.0],
    },
    "distilabel, rated generations": {"instruction": "Q", "generations": ["bad", "good"], "ratings": [3, 5]},
    "tulu 3": {"id": "x", "prompt": "Q", "chosen": [Q, GOOD], "rejected": [Q, BAD]},
    "orpo mix": {"chosen": [Q, GOOD], "rejected": [Q, BAD], "prompt": "Q", "question": "Q"},
    "openai, preference files": {
        "input": {"messages": [Q], "tools": [], "parallel_tool_calls": True},
        "preferred_output": [GOOD], "non_preferred_output": [BAD],
    },
    "hh-rlhf, processed": {
        "context": [{"role": "human", "text": "Q"}], "chosen": {"role": "assistant", "text": "good"},
        "rejected": {"role": "assistant", "text": "bad"},
    },
    "safe-rlhf, safer only": {"prompt": "Q", "response_0": "good", "response_1": "bad", "safer_response_id": 0},
    "helpsteer 2": {"prompt": "Q", "response_1": "bad", "response_2": "good", "preference_strength": 3},
    "align anything": {"question": "Q", "response_1": "bad", "response_2": "good", "overall_response": 2},
    "alpaca eval": {"instruction": "Q", "output_1": "bad", "output_2": "good", "preference": 1.98},
    "two responses": {"prompt": "Q", "response": "bad", "response2": "good", "preferred": 2},
    "two responses, by name": {"prompt": "Q", "response": "good", "response2": "bad", "preferred": "response"},
    "two responses, by text": {"prompt": "Q", "response_a": "good", "response_b": "bad", "better": "good"},
    "two responses, by letter": {"prompt": "Q", "response_a": "bad", "response_b": "good", "winner": "B"},
    "two responses, chosen by name": {"prompt": "Q", "response_a": "bad", "response_b": "good", "chosen": "response_b"},
    "two responses, scored": {"prompt": "Q", "response_a": "bad", "response_b": "good", "score_a": -1, "score_b": 0.5},
    "responses and an index": {"prompt": "Q", "responses": ["bad", "good"], "chosen": 1},
    "responses and two indices": {"prompt": "Q", "responses": ["bad", "good"], "chosen": 1, "rejected": 0},
    "responses and a text": {"prompt": "Q", "responses": ["bad", "good"], "chosen": "good"},
    "responses and ranks": {"prompt": "Q", "responses": ["bad", "good", "bad 2"], "rank": [2, 1, 3]},
    "responses and scores": {
        "messages": [Q], "all_generated_responses": ["bad", "good"], "all_rm_scores": [0.1, 0.11],
    },
    "samples and the best": {"query": "Q", "sample0": "bad", "sample1": "bad 2", "sample2": "good", "best": 2},
    "gpt-4 comparisons": {
        "user_input": "Q",
        "responses_and_scores": [{"response": "good", "source": "x", "score": 9}, {"response": "bad", "score": 8}],
    },
    "kto, messages": {"prompt": [Q], "completion": [GOOD], "label": True},
    "ultra interact": {"trajectory": [{"from": "user", "value": "Q"}], "chosen": "good", "rejected": "bad"},
    "code pairs": {"input": "Q", "accepted": "good", "rejected": "bad"},
}  # fmt: skip


def as_csv(record: dict[str, Any], written: Callable[[object], str]) -> dict[str, str]:
    """What a CSV file makes of a record: text in every cell."""
    return {
        name: value if isinstance(value, str) else "" if value is None else written(value)
        for name, value in record.items()
    }


@pytest.mark.parametrize("written", [None, json.dumps, str], ids=["as it is", "in CSV", "in CSV by pandas"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_preferred_answer_follows_the_question(name: str, written: Callable[[object], str] | None) -> None:
    record = LAYOUTS[name] if written is None else as_csv(LAYOUTS[name], written)
    shape = recognise([record])
    turns = Rules().read(record, shape).turns
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
        ("arena", {"winner": "tie (bothbad)"}),
        ("alpaca eval", {"preference": 1.5}),
        ("two responses, by letter", {"winner": "Both"}),
        ("two responses, scored", {"score_b": -1}),
        ("responses and an index", {"chosen": -1}),
        ("responses and scores", {"all_rm_scores": [None, None]}),
    ],
)
def test_a_row_that_prefers_none_is_left_out(name: str, change: dict[str, Any]) -> None:
    shape = recognise([LAYOUTS[name]])
    assert Rules().read({**LAYOUTS[name], **change}, shape).dropped == "no preferred answer"


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("two responses", {"preferred": 0}),  # counted from 0 or from 1: nobody can say
        ("two responses, by letter", {"winner": 1}),
        ("safe-rlhf", {"better_response_id": 2}),
        ("responses and an index", {"chosen": 2}),
        ("two responses, by text", {"better": "fine"}),
        ("helpsteer", {"overall_preference": "strong"}),
    ],
)
def test_a_preference_that_names_no_candidate_refuses_the_row(name: str, change: dict[str, Any]) -> None:
    shape = recognise([LAYOUTS[name]])
    with pytest.raises(RowError, match="names none of"):
        Rules().read({**LAYOUTS[name], **change}, shape)


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [Q, GOOD], "responses": ["bad", "x"], "rewards": [2, 1]},
        {"prompt": "Q", "response": "good", "rejected": "bad"},
        {"prompt": "Q", "chosen": "good", "rejected": "bad", "response_a": "x", "response_b": "y", "winner": "a"},
        {"prompt": "Q", "answer": "good", "scores": [1, 2]},
    ],
)
def test_a_row_that_says_itself_what_is_learned_is_no_choice(record: dict[str, Any]) -> None:
    shape = recognise([record])
    assert Rules().read(record, shape).turns[-1]["content"] == "good"


def test_two_answers_to_one_question_are_not_joined() -> None:
    """They were one answer, parted by a blank line."""
    record = {"messages": [Q, BAD], "chosen": "good", "rejected": "bad"}
    shape = recognise([record])
    with pytest.raises(RowError, match="`messages` ends with an answer, and `chosen` holds another"):
        Rules().read(record, shape)


def test_tools_beside_the_messages_of_a_prompt_are_kept() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    record = {"input": {"messages": [Q], "tools": [tool]}, "preferred_output": [GOOD], "non_preferred_output": [BAD]}
    shape = recognise([record])
    assert Rules().read(record, shape).turns[0]["tools"] == [tool]


def test_the_question_before_a_preferred_answer_keeps_its_earlier_turns() -> None:
    record = {
        "conversations": [HUMAN, {"from": "gpt", "value": "old"}, {"from": "human", "value": "Q2"}],
        "chosen": {"from": "gpt", "value": "good"},
        "rejected": {"from": "gpt", "value": "bad"},
    }
    shape = recognise([record])
    assert [turn["content"] for turn in Rules().read(record, shape).turns] == ["Q", "old", "Q2", "good"]


def test_a_better_summary_follows_the_post_that_it_sums_up() -> None:
    record = {
        "info": {"id": "x", "post": "Long.", "title": "T", "subreddit": "r/a", "site": None, "article": None},
        "summaries": [{"text": "bad", "policy": "p"}, {"text": " good", "policy": "q"}], "choice": 1,
        "worker": "w", "batch": "b", "split": "train", "extra": {"confidence": None},
    }  # fmt: skip
    shape = recognise([record])
    turns = Rules().read(record, shape).turns
    assert [turn["content"] for turn in turns] == ["SUBREDDIT: r/a\nTITLE: T\nPOST: Long.\nTL;DR:", " good"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_nothing_of_a_preference_row_is_reported_as_unused(name: str) -> None:
    shape = recognise([LAYOUTS[name]])
    assert shape is not None
    repeated = {
        "rm-static": {"column `response` not used"},
        "ultrafeedback binarized": {"column `prompt` not used"},
        "orpo mix": {"column `prompt` not used"},
        "distilabel, orca pairs": {"column `generations` not used"},
    }
    assert set(unused_names(LAYOUTS[name], shape)) == repeated.get(name, set())


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "other", "chosen": CHAT},
        {"prompt": "Q", "input": "about this", "chosen": CHAT},
        {"prompt": "other", "response_0": CHAT, "response_1": CHAT, "better_response_id": 0},
    ],
)
def test_a_prompt_beside_a_conversation_with_another_is_refused(record: dict[str, Any]) -> None:
    """The prompt of the column was dropped without a word."""
    shape = recognise([record])
    with pytest.raises(RowError, match="has a prompt of its own") as caught:
        Rules().read(record, shape)
    assert 'ignore = ["prompt"]' in str(caught.value.hint)


@pytest.mark.parametrize("prompt", ["Q", " Q\n", "S Q", "<|user|>\nQ<|end|>", [CHAT[0], CHAT[1]], "", None])
def test_a_prompt_that_the_conversation_repeats_is_said_once(prompt: object) -> None:
    record = {"prompt": prompt, "chosen": CHAT}
    shape = recognise([record])
    assert [turn["content"] for turn in Rules().read(record, shape).turns] == ["S", "Q", "A"]
