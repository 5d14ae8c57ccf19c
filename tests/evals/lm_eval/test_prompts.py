"""lm-eval's prompts: the very ids of training, by the template or without it."""

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from bench.data.render.render import make_renderer
from bench.data.render.row import Row, Turn
from bench.evals.inference.generation.request import GenerationRequest
from bench.evals.inference.scoring.scorer import ContinuationPair
from tests.evals.jobs import evaluate, lm_eval_job, resolved_model, write_choice, write_qa

pytestmark = pytest.mark.usefixtures("no_whole_index")


def training_ids(checkpoint: Path, question: str, answer: str) -> list[int]:
    """What training makes of one question and answer."""
    renderer = make_renderer(AutoTokenizer.from_pretrained(checkpoint), resolved_model(checkpoint), 256)
    turns = (Turn(role="user", content=question), Turn(role="assistant", content=answer))
    return renderer.row(Row(turns=turns, origin="t")).input_ids


def test_wrapped_choices_are_the_very_ids_of_training(
    checkpoint: Path, tmp_path: Path, scored: list[ContinuationPair]
) -> None:
    """A base fine-tuned on one tokenisation and tested on another looks worse than it is."""
    write_choice(tmp_path / "tasks", count=12)
    result, rows = evaluate(lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["choice"]), tmp_path / "out")
    assert result.template == "dialogue"
    documents = [json.loads(line) for line in (tmp_path / "tasks" / "choice.jsonl").read_text().splitlines()]
    expected = [
        training_ids(checkpoint, document["question"], choice)[:-1]
        for document in documents
        for choice in document["choices"]
    ]
    assert [[*context, *continuation] for context, continuation in scored] == expected
    assert all((context + continuation).count(0) == 1 for context, continuation in scored), "one beginning token"
    assert rows[0].prompt == f"User: {documents[0]['question']}\nAssistant:"
    assert rows[0].question == documents[0]["question"]


def test_wrapped_generation_starts_from_the_ids_of_training(
    checkpoint: Path, tmp_path: Path, asked: list[GenerationRequest]
) -> None:
    """The same, for free answers; and they stop where training taught to stop."""
    write_qa(tmp_path / "tasks", count=5)
    evaluate(lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["qa"]), tmp_path / "out")
    documents = [json.loads(line) for line in (tmp_path / "tasks" / "qa.jsonl").read_text().splitlines()]
    for request, document in zip(asked, documents, strict=True):
        whole = training_ids(checkpoint, document["question"], document["answer"])
        assert whole[: len(request.prompt)] == list(request.prompt)
        assert whole[-1] in request.stop_ids


def test_few_shot_turns_are_a_conversation_in_the_template(
    checkpoint: Path, tmp_path: Path, asked: list[GenerationRequest]
) -> None:
    """Examples pasted into one user turn are not what the template was trained on."""
    write_qa(tmp_path / "tasks", count=8, fewshot_split="test")
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["qa"], num_fewshot=2)
    _, rows = evaluate(job, tmp_path / "out")
    assert all(row.prompt.count("User: ") == row.prompt.count("Assistant:") == 3 for row in rows)
    assert all("User: " not in (row.question or "User: ") for row in rows), "the last question alone"
    assert all(request.prompt.count(0) == 1 for request in asked)


def test_a_task_can_decline_the_template(checkpoint: Path, tmp_path: Path, scored: list[ContinuationPair]) -> None:
    """A cloze sentence inside a dialogue is no cloze sentence; the result names the tasks that went without."""
    write_choice(tmp_path / "tasks", "bare", count=3, metadata={"version": 1.0, "wrap": False})
    write_choice(tmp_path / "tasks", "wrapped", count=3)
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["wrapped", "bare"])
    result, rows = evaluate(job, tmp_path / "out")
    assert [("User:" in row.prompt) for row in rows] == [True] * 3 + [False] * 3
    assert result.template == "dialogue (none for bare)"
    assert [measure.task for measure in result.measures if measure.headline] == ["wrapped", "bare"]
    assert result.available == {"wrapped": 3, "bare": 3}
    assert all(context.count(0) == 1 for context, _ in scored)


def test_an_answer_that_is_begun_goes_on_where_it_stopped(
    checkpoint: Path, tmp_path: Path, scored: list[ContinuationPair]
) -> None:
    """lm-eval's `gen_prefix`: prefix and choice together are the ids of one training answer."""
    write_choice(tmp_path / "tasks", count=4, gen_prefix="The answer is:")
    evaluate(lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["choice"]), tmp_path / "out")
    document = json.loads((tmp_path / "tasks" / "choice.jsonl").read_text().splitlines()[0])
    answer = f"The answer is: {document['choices'][0]}"
    assert [*scored[0][0], *scored[0][1]] == training_ids(checkpoint, document["question"], answer)[:-1]
