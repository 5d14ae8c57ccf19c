"""Rewritten rows: paraphrases and harder instructions."""

from pathlib import Path

from tests.fakes.endpoint_server import Body, EndpointServer, Fenced, Step
from tests.making.conftest import SEEDS, Make, question


def test_a_paraphrase_keeps_the_answer_and_the_input(make: Make) -> None:
    def answer(body: Body) -> str | Step:
        if "rainbow" in question(body):
            return '{"instruction": "name THREE  colours of the rainbow."}'
        return Fenced({"instruction": "Put it into French."}) if "French" in question(body) else "no"

    with EndpointServer(answer) as server:
        text = 'kind = "augment"\ntasks = { source = "tasks.jsonl" }'
        summary, rows = make(text, server.url, SEEDS)
    [row] = rows
    assert (row["instruction"], row["input"], row["output"]) == ("Put it into French.", "Good morning.", "Bonjour.")
    assert summary.left_out == {"duplicate": 1, "unparsable": 1}


def test_rows_that_a_users_prompt_does_not_tell_apart_are_all_kept(make: Make, tmp_path: Path) -> None:
    """Both are asked the same, and get the same mark."""
    (tmp_path / "short.jinja").write_text("Mark: {{ output }}")
    rows = [{"instruction": "Say yes.", "output": "Yes."}, {"instruction": "Say it.", "output": "Yes."}]
    text = 'kind = "score"\ntasks = { source = "tasks.jsonl" }\nprompt = "short.jinja"'
    with EndpointServer(lambda body: '{"score": 7}') as server:
        summary, made = make(text, server.url, [*rows, rows[0]])
    assert [row["instruction"] for row in made] == ["Say yes.", "Say it."]
    assert summary.left_out == {"duplicate": 1}


def test_a_harder_instruction_gets_a_new_answer(make: Make) -> None:
    def answer(body: Body) -> str:
        if "Rewrite the instruction" not in question(body):
            return f"An answer to: {question(body)}"
        return '{"instruction": "Explain it in five words."}' if "constraint" in question(body) else '{"instruction": "Go on."}'  # fmt: skip  # noqa: E501

    with EndpointServer(answer) as server:
        text = 'kind = "augment"\ntasks = { source = "tasks.jsonl" }\nways = ["constrain", "deepen"]\nanswers = "new"'
        _, rows = make(text, server.url, SEEDS[2:])
    assert [row["output"] for row in rows] == ["An answer to: Explain it in five words.", "An answer to: Go on."]
    assert [row["provenance"]["way"] for row in rows] == ["constrain", "deepen"]
