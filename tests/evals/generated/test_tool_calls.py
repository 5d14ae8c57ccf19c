"""Tool calls: name and arguments, in whatever JSON a model family writes them."""

import json

import pytest

from bench.evals.generated.tool_calls import score_tool_calls

CALL = {"name": "weather", "arguments": {"city": "Rome", "days": 2}}
REFERENCE = json.dumps(CALL)


def scores(answer: str | None, reference: str | None = REFERENCE) -> tuple[float | None, float | None]:
    exact, named = score_tool_calls([answer], [reference])
    return exact.scores[0], named.scores[0]


@pytest.mark.parametrize(
    "answer",
    [
        REFERENCE,
        'I will look.\n<tool_call>\n{"arguments": {"days": 2, "city": "Rome"}, "name": "weather"}\n</tool_call>',
        '```json\n[{"name": "weather", "parameters": {"city": "Rome", "days": 2}}]\n```',
        json.dumps({"tool_calls": [{"function": {"name": "weather", "arguments": json.dumps(CALL["arguments"])}}]}),
        '[TOOL_CALLS][{"name": "weather", "arguments": {"city": "Rome", "days": 2}}]',
    ],
)
def test_every_usual_form_of_the_same_call_is_right(answer: str) -> None:
    assert scores(answer) == (1.0, 1.0)


def test_other_arguments_and_other_names_are_wrong() -> None:
    assert scores(REFERENCE.replace("Rome", "Oslo")) == (0.0, 1.0)
    assert scores(REFERENCE.replace("weather", "news")) == (0.0, 0.0)
    assert scores("It is sunny in Rome.") == (0.0, 0.0)
    assert scores(REFERENCE + REFERENCE) == (0.0, 0.0), "one call is wanted, and two are made"


def test_several_calls_count_in_any_order() -> None:
    other = json.dumps({"name": "news", "arguments": {}})
    assert scores(f"{other} {REFERENCE}", f"[{REFERENCE}, {other}]") == (1.0, 1.0)


def test_what_cannot_be_compared_is_missing() -> None:
    assert scores(None) == (None, None)
    assert scores(REFERENCE, "no call") == (None, None)
    assert scores(REFERENCE, None) == (None, None)
