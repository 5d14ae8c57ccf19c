"""Preference data to what supervised fine-tuning learns of it: the preferred side.

Contract: a converter takes a record of one public layout and returns the conversation with the preferred answer, or
raises `RowLeftOut` where the record prefers none. Where the preferred answer has a column of its own (`chosen`),
it is an answer like any other (`bench.data.formats.convert.question_and_answer`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.data.formats.columns import history_turns
from bench.data.formats.convert import Converter, said_by
from bench.data.formats.fields import RowError, RowLeftOut, field_of, is_filled, kind_of, parsed, turn_list
from bench.data.formats.messages import message_turns, parsed_flag
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


def best_scored(prompt: str, answers: str, text: str, *scores: str) -> Converter:
    """Several answers in the column `answers`, each an object with its `text` and one of `scores`; the highest is best,
    and of equals the first (UltraFeedback, Stack Exchange). An answer without a score is none."""

    def convert(record: Mapping[str, Any]) -> Turns:
        scored = [(score, item) for item in turn_list(record, answers) if (score := _score(item, scores)) is not None]
        if not scored:
            raise RowLeftOut(NO_PREFERENCE)
        best = max(scored, key=lambda pair: pair[0])[1]
        return [*said_by("user", record, prompt), *said_by("assistant", best, text)]

    return convert


def better_of_two(prompt: Converter, first: str, second: str, lead: Callable[[Mapping[str, Any]], float]) -> Converter:
    """Two answers in columns of their own. `lead` says by how much the second is preferred: below 0, the first is; 0,
    neither."""

    def convert(record: Mapping[str, Any]) -> Turns:
        by = lead(record)
        if not by:
            raise RowLeftOut(NO_PREFERENCE)
        return [*prompt(record), *said_by("assistant", record, second if by > 0 else first)]

    return convert


def webgpt_question(record: Mapping[str, Any]) -> Turns:
    """WebGPT's question is an object."""
    question = parsed(field_of(record, "question"))
    return said_by("user", question if isinstance(question, dict) else {"full_text": question}, "full_text")


def better_summary(record: Mapping[str, Any]) -> Turns:
    """Summaries of a Reddit post (Stiennon et al. 2020), and the number of the better one; the prompt is theirs."""
    post, choice = parsed(field_of(record, "info")), field_of(record, "choice")
    summaries = turn_list(record, "summaries")
    if not isinstance(post, dict) or choice not in range(len(summaries)):
        raise RowLeftOut(NO_PREFERENCE)
    names = {"SUBREDDIT": "subreddit", "TITLE": "title", "POST": "post", "ARTICLE": "article"}
    lines = [f"{name}: {post[key]}" for name, key in names.items() if is_filled(post.get(key))]
    prompt = {"role": "user", "content": "\n".join([*lines, "TL;DR:"])}
    return [prompt, *said_by("assistant", summaries[int(choice)], "text")]


def arena_answer(record: Mapping[str, Any]) -> Turns:
    """Arena's preferences with the texts of either side as lists: what was asked turn by turn, and both answers."""
    won = {side: parsed_flag(record.get(f"winner_model_{side}")) for side in "ab"}
    if won["a"] == won["b"]:
        raise RowLeftOut(NO_PREFERENCE)
    prompt, response = turn_list(record, "prompt"), turn_list(record, "response_a" if won["a"] else "response_b")
    if len(prompt) != len(response):
        raise RowError("data.not-a-turn", f"{len(prompt)} prompts and {len(response)} responses do not pair")
    return history_turns(list(zip(prompt, response, strict=True)), "prompt")


def lead_of(name: str, values: Mapping[object, float]) -> Callable[[Mapping[str, Any]], float]:
    """A lead that a column states: its value where that is a number, else what `values` say of it."""

    def lead(record: Mapping[str, Any]) -> float:
        value = field_of(record, name)
        return values.get(value, 0.0) if values else number(value) or 0.0

    return lead


def score_lead(first: str, second: str) -> Callable[[Mapping[str, Any]], float]:
    """A lead by the scores of either side; 0 where one has none."""

    def lead(record: Mapping[str, Any]) -> float:
        scores = [number(record.get(name)) for name in (first, second)]
        return 0.0 if scores[0] is None or scores[1] is None else scores[1] - scores[0]

    return lead


def number(value: object) -> float | None:
    """A finite number, also as text; `None` for anything else."""
    try:
        result = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except ValueError:
        return None
    return result if math.isfinite(result) else None


def _score(item: object, names: Sequence[str]) -> float | None:
    if not isinstance(item, dict):
        raise RowError("data.not-ranked", f"the answers hold {kind_of(item)}, not objects with a score")
    return next((score for name in names if (score := number(item.get(name))) is not None), None)
