"""Preference data to what supervised fine-tuning learns of it: the preferred side.

Contract: a converter takes a record of one public layout and returns the conversation with the preferred answer, or
raises `RowLeftOut` where the record prefers none. Where the preferred answer has a column of its own (`chosen`),
it is an answer like any other (`bench.data.formats.convert.question_and_answer`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.data.formats.convert import said_by
from bench.data.formats.fields import RowError, RowLeftOut, field_of, kind_of, turn_list
from bench.data.formats.messages import message_turns
from bench.data.formats.turns import Turns

NO_PREFERENCE = "no preferred answer"


def better_response(record: Mapping[str, Any]) -> Turns:
    """PKU-SafeRLHF: two responses, and the number of the better one."""
    number = field_of(record, "better_response_id")
    if number not in (0, 1):
        raise RowLeftOut(NO_PREFERENCE)
    return [*said_by("user", record, "prompt"), *said_by("assistant", record, f"response_{int(number)}")]


def human_reference(record: Mapping[str, Any]) -> Turns:
    """Stanford Human Preferences: a post, two comments, and whether the first is preferred."""
    first = field_of(record, "labels")
    if first not in (0, 1):
        raise RowLeftOut(NO_PREFERENCE)
    return [
        *said_by("user", record, "history"),
        *said_by("assistant", record, "human_ref_A" if first else "human_ref_B"),
    ]


def arena_winner(record: Mapping[str, Any]) -> Turns:
    """Chatbot Arena: two conversations, and which model won."""
    name = {"model_a": "conversation_a", "model_b": "conversation_b"}.get(str(record.get("winner")))
    if name is None:
        raise RowLeftOut(NO_PREFERENCE)
    return message_turns(turn_list(record, name))


def best_ranked(record: Mapping[str, Any]) -> Turns:
    """Nectar: several answers with their ranks; 1 is best."""
    answers = turn_list(record, "answers")
    for answer in answers:
        if not isinstance(answer, dict) or not isinstance(answer.get("rank"), int | float):
            what = f"field `answers` holds {kind_of(answer)}, not objects with answer and rank"
            raise RowError("data.not-ranked", what)
    if not answers:
        raise RowLeftOut(NO_PREFERENCE)
    best = min(answers, key=lambda answer: answer["rank"])
    return [*said_by("user", record, "prompt"), *said_by("assistant", best, "answer")]
