"""`choice` evals: the scores are those of a task file that says the same."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.evals.rehearsal.rehearse import rehearse
from bench.record.jobs.eval_job import EvalJob
from bench.suite.resolved import ResolvedModel
from tests.evals.jobs import evaluate, lm_eval_job, metric, resolved_model, sentence, write_task
from tests.evals.loud import loud
from tests.fakes.checkpoints import tiny_tokenizer


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ResolvedModel:
    folder = tmp_path_factory.mktemp("model")
    loud("llama").save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return resolved_model(folder)


def job(model: ResolvedModel, path: Path, **spec: Any) -> EvalJob:
    fields = {"kind": "choice", "name": "e", "source": path.name, **spec}
    base = lm_eval_job(model, None, ["x"])
    return EvalJob.model_validate({**base.model_dump(), "eval": fields, "tasks_path": str(path)})


@pytest.mark.parametrize("template", ["suite", "none"])
def test_scores_are_those_of_the_task_file(model: ResolvedModel, tmp_path: Path, template: str) -> None:
    rows = [
        {
            "id": f"r{n}",
            "kind": ["a", "b"][n % 2],
            "question": sentence(n, 5),
            "options": [sentence(n + k, 2) for k in range(4)],
            "label": n % 4,
        }
        for n in range(24)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    bare = template == "none"
    write_task(
        tmp_path / "tasks", "file", rows, output_type="multiple_choice",
        doc_to_text="Question: {{question}}\nAnswer:" if bare else "{{question}}", doc_to_choice="options",
        doc_to_target="label", target_delimiter=" " if bare else "", metric_list=[metric("acc"), metric("acc_norm")],
    )  # fmt: skip
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    expected, lines = evaluate(lm_eval_job(model, tmp_path / "tasks", ["file"], template=template), tmp_path / "a")
    eval_job = job(model, path, choices="options", answer="label", template=template, slices=("kind",), cluster="kind")
    rehearse(eval_job)
    result, scored = evaluate(eval_job, tmp_path / "b")
    assert [(m.metric, m.value, m.n, m.chance) for m in result.measures] == [
        (m.metric, m.value, m.n, m.chance) for m in expected.measures
    ]
    assert result.measures[0].chance == 0.25
    assert [line.slices for line in scored] == [{"kind": (row["kind"],)} for row in rows]
    assert [line.cluster for line in scored] == [row["kind"] for row in rows]
    assert [(line.id, line.metrics, line.prompt, line.target, line.output) for line in scored] == [
        (line.id, line.metrics, line.prompt, line.target, line.output) for line in lines
    ]


def test_written_answers_are_matched_whatever_their_case_and_points(model: ResolvedModel, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("question,answer\n" + "".join(f"{sentence(n, 4)},seven {n}\n" for n in range(6)))
    eval_job = job(model, path, choices=[], max_new_tokens=6, limit=4)
    rehearse(eval_job)
    (tmp_path / "out").mkdir()
    result, lines = evaluate(eval_job, tmp_path / "out")
    [measure] = result.measures
    assert (measure.metric, measure.n, measure.chance) == ("exact_match", 4, 0.0)
    assert [line.target for line in lines] == [f"seven {n}" for n in range(4)]
    assert result.generated_tokens is not None
