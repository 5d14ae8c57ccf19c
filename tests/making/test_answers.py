"""Best of K: which answer is kept, with all scores, and what makes no row."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.endpoint_server import Body, EndpointServer
from tests.making.conftest import QUESTIONS, SEEDS, Make, number, question, trained_on

BEST = 'kind = "best_of"\ntasks = { source = "tasks.jsonl" }\nsamples = 3\nsampling = { temperature = 1.0, seed = 0 }\n'


def sampled(texts: list[str]) -> Callable[[Body], str]:
    """The text of each sample, told apart by the seed that is sent."""
    return lambda body: texts[body["seed"]].replace("N", str(2 * number(body)))


@pytest.mark.parametrize(
    ("scorer", "texts", "best", "scores"),
    [
        ('{ kind = "verifier", rule = "numeric" }', ["It is 99.", "So, it is N.", "N"], 1, [0, 1, 1]),
        ('{ kind = "verifier", rule = "regex", pattern = "^so" }', ["a", "b", "so"], 2, [0, 0, 1]),
        ('{ kind = "verifier", rule = "json" }', ["a", '{"a": N}', "b"], 1, [0, 1, 0]),
        ('{ kind = "metric", name = "rouge_l" }', ["no", "Twice", "twice as much"], 1, [0, 0.5, 1 / 3]),
    ],
)
def test_the_best_of_k_is_kept_with_all_scores(
    make: Make, scorer: str, texts: list[str], best: int, scores: list[float]
) -> None:
    with EndpointServer(sampled(texts)) as server:
        _, rows = make(f"{BEST}scorer = {scorer}", server.url, QUESTIONS[:1])
    [row] = rows
    assert row["output"] == texts[best].replace("N", "2")
    assert row["provenance"]["sample"] == best
    assert row["provenance"]["scores"] == pytest.approx(scores)


def test_a_prompt_without_a_right_answer_makes_no_row(make: Make) -> None:
    text = BEST + 'minimum = 1.0\nscorer = { kind = "verifier", rule = "numeric" }'
    with EndpointServer(sampled(["4", "5", "6"])) as server:
        summary, rows = make(text, server.url, QUESTIONS)
    assert [row["instruction"] for row in rows] == ["What is 2 + 2?", "What is 3 + 3?"]
    assert summary.left_out == {"below minimum": 2}


def test_a_judges_marks_choose_and_those_that_cannot_be_read_are_counted(make: Make) -> None:
    marks = {"good": "```json\n{'score'}\n```", "fine": '{"reason": "x", "score": 6,}', "best": "Score: 9/10"}

    def answer(body: Body) -> str:
        text = question(body)
        return next((marks[word] for word in marks if f"<answer>\n{word}" in text), None) or sampled(list(marks))(body)

    with EndpointServer(answer) as server:
        summary, rows = make(BEST + 'scorer = { kind = "judge" }', server.url, QUESTIONS[:2])
    assert [row["output"] for row in rows] == ["best", "best"]
    assert rows[0]["provenance"]["scores"] == [None, 6, 9]
    assert rows[0]["provenance"]["scorer"]["model"] == "teacher"
    assert summary.left_out == {"unparsable mark": 2}
    assert summary.asked == 12


def test_no_scored_answer_is_no_row(make: Make) -> None:
    with EndpointServer(lambda body: "I would rather not.") as server:
        summary, rows = make(BEST + 'scorer = { kind = "judge" }', server.url, QUESTIONS[:1])
    assert rows == []
    assert summary.left_out == {"unparsable mark": 3, "unscored": 1}


def test_rows_with_scores_can_be_selected_by_them(make: Make, tmp_path: Path) -> None:
    def answer(body: Body) -> str:
        return "no idea" if "French" in question(body) else f'{{"score": {4 if "rainbow" in question(body) else 9}}}'

    with EndpointServer(answer) as server:
        text = 'kind = "score"\ntasks = { source = "tasks.jsonl" }'
        summary, rows = make(text, server.url, [*SEEDS, {"instruction": "Unanswered.", "output": ""}])
    assert [row["score"] for row in rows] == [4, 9]
    assert {name: rows[0][name] for name in SEEDS[0]} == SEEDS[0]
    assert summary.left_out == {"no answer to mark": 1, "unparsable": 1}
    best = trained_on(tmp_path / "made.jsonl", tmp_path, by="score", column="score", size=1)
    assert [row.answer for row in best] == ["Air scatters blue light most."]
