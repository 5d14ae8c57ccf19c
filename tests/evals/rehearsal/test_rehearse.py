"""Rehearsals: what would leave every score missing is found without the model, before anything is paid for."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from lm_eval.tasks import TaskManager

from bench.data.render.row import Row, Turn
from bench.errors import InputError
from bench.evals.rehearsal.rehearse import rehearse, rehearse_all
from bench.suite.resolved import ResolvedModel
from tests.evals.jobs import (
    choice_rows,
    generation_job,
    lm_eval_job,
    loss_job,
    metric,
    questions_job,
    resolved_model,
    write_choice,
    write_qa,
    write_task,
)
from tests.evals.rehearsal.rehearsed import problems
from tests.fakes.checkpoints import tiny_tokenizer


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ResolvedModel:
    """A tokenizer and no weights: a rehearsal must not want any."""
    folder = tmp_path_factory.mktemp("model")
    tiny_tokenizer().save_pretrained(folder)
    return resolved_model(folder)


def stored(folder: Path, answers: list[str]) -> Path:
    path = folder / "rows.jsonl"
    turns = [
        (Turn(role="user", content=f"question {n}"), Turn(role="assistant", content=a)) for n, a in enumerate(answers)
    ]
    path.write_text("".join(Row(turns=t, origin="x:1").model_dump_json() + "\n" for t in turns))
    return path


@pytest.mark.parametrize("template", ["suite", "none"])
def test_sound_tasks_pass_without_weights(model: ResolvedModel, tmp_path: Path, template: str) -> None:
    write_choice(tmp_path, count=30)
    write_qa(tmp_path, count=30)
    write_task(
        tmp_path, "text", [{"text": "the baker"}] * 3, output_type="loglikelihood_rolling", doc_to_text="",
        doc_to_target="{{text}}", metric_list=[metric("word_perplexity", "weighted_perplexity", higher=False)],
    )  # fmt: skip
    rehearse(lm_eval_job(model, tmp_path, ["choice", "qa", "text"], template=template, num_fewshot=1))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"doc_to_text": "{{qestion}}"}, "'qestion' is undefined"),
        ({"doc_to_choice": "{{chices}}"}, "'chices' is undefined"),
        ({"metric_list": [metric("accu")]}, "uses the metric 'accu', which is not lm-eval's (did you mean 'acc'?)"),
        ({"test_split": "tset"}, "tset"),
        ({"dataset_kwargs": {"data_files": {"test": "gone.jsonl"}}}, "data file gone.jsonl does not exist"),
    ],
)
def test_a_task_that_could_score_nothing_is_refused(
    model: ResolvedModel, tmp_path: Path, config: dict[str, Any], said: str
) -> None:
    write_choice(tmp_path, count=4, **config)
    [problem] = problems(lm_eval_job(model, tmp_path, ["choice"]))
    assert said in problem.what
    assert problem.where


def test_a_task_whose_options_are_all_equal_is_refused(model: ResolvedModel, tmp_path: Path) -> None:
    """Every subject would have the same score, whatever it learned."""
    rows = [{"q": "x", "options": ["a", "a"], "label": 0}] * 20
    fields = {"output_type": "multiple_choice", "doc_to_text": "{{q}}", "doc_to_choice": "{{options}}",
              "doc_to_target": "{{label}}", "metric_list": [metric("acc")]}  # fmt: skip
    write_task(tmp_path, "same", rows, **fields)
    [problem] = problems(lm_eval_job(model, tmp_path, ["same"]))
    assert "the options of each of its 20 rows are all equal" in problem.what
    write_task(tmp_path, "same", [*rows, {"q": "y", "options": ["a", "b"], "label": 1}], **fields)
    rehearse(lm_eval_job(model, tmp_path, ["same"]))


@pytest.mark.parametrize("empty", ["", " ", []])
def test_a_task_without_a_single_reference_is_refused(model: ResolvedModel, tmp_path: Path, empty: object) -> None:
    fields = {"output_type": "generate_until", "doc_to_text": "{{q}}", "doc_to_target": "a",
              "metric_list": [metric("exact_match")]}  # fmt: skip
    write_task(tmp_path, "bare", [{"q": "x", "a": empty}] * 20, **fields)
    [problem] = problems(lm_eval_job(model, tmp_path, ["bare"]))
    assert "none of its 20 rows has an answer to compare with" in problem.what
    write_task(tmp_path, "bare", [*[{"q": "x", "a": "" if empty != [] else []}] * 20,
                                  {"q": "y", "a": "b" if empty != [] else ["b"]}], **fields)  # fmt: skip
    rehearse(lm_eval_job(model, tmp_path, ["bare"]))


def test_code_that_is_not_trusted_is_refused_before_training(model: ResolvedModel, tmp_path: Path) -> None:
    path = write_choice(tmp_path, count=4)
    path.write_text(path.read_text() + "process_results: !function x.y\n")
    assert "refers to a Python function" in problems(lm_eval_job(model, tmp_path, ["choice"]))[0].what


def test_scoring_that_fails_on_every_made_up_answer_is_refused(model: ResolvedModel, tmp_path: Path) -> None:
    """A field that only the task's own scoring reads is met after the model has answered."""
    (tmp_path / "own.py").write_text("def scores(doc, results):\n    return {'acc': doc['missing']}\n")
    path = write_choice(tmp_path, count=4)
    path.write_text(path.read_text() + "process_results: !function own.scores\n")
    [problem] = problems(lm_eval_job(model, tmp_path, ["choice"], trust_task_code=True))
    assert problem.reference == "rehearsal.no-score"
    assert "KeyError: 'missing'" in problem.what


@pytest.mark.parametrize("name", ["rouge", "exact_match", "numeric", "bleu"])
def test_metrics_without_a_single_reference_are_refused(model: ResolvedModel, tmp_path: Path, name: str) -> None:
    job = generation_job(model, stored(tmp_path, [""] * 60), 60, metrics=(name,))
    [problem] = problems(job)
    assert problem.reference == "rehearsal.no-reference"
    assert "none of the 60 rows has an answer to compare with" in problem.what


def test_references_that_the_metric_cannot_use_are_counted(model: ResolvedModel, tmp_path: Path) -> None:
    [problem] = problems(generation_job(model, stored(tmp_path, ["seven", ""] * 20), 40, metrics=("numeric",)))
    assert "none of the 20 references" in problem.what


def test_one_reference_far_behind_is_enough(model: ResolvedModel, tmp_path: Path) -> None:
    """A file whose first rows lack answers is no reason to refuse it."""
    rehearse(generation_job(model, stored(tmp_path, [""] * 100 + ["7"]), 101, metrics=("numeric", "rouge")))


def test_a_hub_metric_that_may_not_run_is_refused(model: ResolvedModel, tmp_path: Path) -> None:
    hub = ({"name": "bertscore", "key": "f1"},)
    [problem] = problems(generation_job(model, stored(tmp_path, ["a"]), 1, hub_metrics=hub))
    assert problem.reference == "metric.hub"


def test_evals_without_references_need_none(model: ResolvedModel, tmp_path: Path) -> None:
    rehearse(generation_job(model, stored(tmp_path, [""] * 5), 5))
    rehearse(questions_job(model, questions=("Why?", "How?")))


def test_a_loss_needs_a_token_to_score(model: ResolvedModel, tmp_path: Path) -> None:
    rehearse(loss_job(model, stored(tmp_path, ["an answer"]), 1))
    long = stored(tmp_path, ["an answer"])
    long.write_text(long.read_text().replace("question 0", "question " * 3000))
    [problem] = problems(loss_job(model, long, 1))
    assert "none of the 1 rows has a token to score" in problem.what


def test_all_problems_of_all_evals_come_at_once(model: ResolvedModel, tmp_path: Path) -> None:
    write_choice(tmp_path, "first", count=4, doc_to_text="{{one}}")
    write_choice(tmp_path, "second", count=4, doc_to_text="{{two}}")
    jobs = [lm_eval_job(model, tmp_path, [name]) for name in ("first", "second")]
    with pytest.raises(InputError) as caught:
        rehearse_all(jobs)
    said = str(caught.value)
    assert "'one' is undefined" in said
    assert "'two' is undefined" in said


def test_no_faulty_task_of_an_eval_hides_another(model: ResolvedModel, tmp_path: Path) -> None:
    """Also members of a group, whose tasks lm-eval builds one after the other."""
    write_choice(tmp_path, "sound", count=4)
    write_choice(tmp_path, "first", count=4, doc_to_text="{{one}}")
    write_choice(tmp_path, "second", count=4, metric_list=[metric("acc", "meen")])
    write_choice(tmp_path, "third", count=4, test_split="gone")
    (tmp_path / "all.yaml").write_text("group: all\ntask: [sound, second, third]\n")
    said = "\n".join(problem.what for problem in problems(lm_eval_job(model, tmp_path, ["first", "all"])))
    assert all(word in said for word in ("'one' is undefined", "second", "third"))
    assert "sound" not in said


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_one_row_that_the_template_cannot_print_is_found_far_behind(
    model: ResolvedModel, tmp_path: Path, suffix: str
) -> None:
    """lm-eval would ask "None", and count the answer."""
    path = write_choice(tmp_path, count=40)
    rows = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    rows[36]["question"] = None
    if suffix == "jsonl":
        path.with_suffix(".jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path.with_suffix(".parquet"))
        changed = path.read_text().replace("dataset_path: json", "dataset_path: parquet")
        path.write_text(changed.replace("choice.jsonl", "choice.parquet"))
    [problem] = problems(lm_eval_job(model, tmp_path, ["choice"]))
    assert "doc_to_text prints 'question', which has no value: example 37" in problem.what


def test_rows_that_a_hub_does_not_give_today_are_unavailable_and_not_wrong(
    model: ResolvedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a network the sound evals can still be scored, and those of the hub in the next run."""

    def away(self: TaskManager, *_: object) -> None:
        raise RuntimeError("no rows") from ConnectionError("nobody answers")

    write_choice(tmp_path, count=4)
    monkeypatch.setattr(TaskManager, "load", away)
    found = rehearse_all([lm_eval_job(model, tmp_path, ["choice"])])
    assert list(found) == ["e"]
    assert "choice cannot be loaded" in found["e"]


TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def with_odd_rows(folder: Path, plain: int, odd: Row) -> Path:
    rows = [Row(turns=(Turn(role="user", content=f"Q{n}"), Turn(role="assistant", content="A.")), origin=f"x:{n}")
            for n in range(plain)]  # fmt: skip
    (path := folder / "rows.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in [*rows, odd]))
    return path


@pytest.mark.parametrize("kind", ["loss", "generation", "questions"])
def test_a_row_that_the_template_cannot_print_is_found_before_the_night(
    model: ResolvedModel, tmp_path: Path, kind: str
) -> None:
    """Only its first sixteen rows were looked at, and a prompt was asked without its tools."""
    odd = Row(
        turns=(Turn(role="user", content="Rain?", tools=(TOOL,)), Turn(role="assistant", content="Yes.")),
        origin="x:odd",
    )
    make = {"loss": loss_job, "generation": generation_job, "questions": questions_job}[kind]
    job = make(model, with_odd_rows(tmp_path, 30, odd), 31)
    [problem] = problems(job)
    assert "leaves out the tool 'weather'" in problem.what
    assert problem.where == "x:odd"
    rehearse(make(model, with_odd_rows(tmp_path, 99, odd), 100))
    rehearse(job.model_copy(update={"data": job.data.model_copy(update={"odd_rows": "drop"})}))


@pytest.mark.parametrize("kind", ["loss", "generation", "questions"])
def test_a_row_with_a_token_beyond_the_embedding_is_found_before_the_night(tmp_path: Path, kind: str) -> None:
    tokenizer = tiny_tokenizer()
    (folder := tmp_path / "model").mkdir()
    (folder / "config.json").write_text(json.dumps({"vocab_size": len(tokenizer)}))
    tokenizer.add_tokens(["river!"])
    tokenizer.save_pretrained(folder)
    odd = Row(turns=(Turn(role="user", content="river!"), Turn(role="assistant", content="Yes.")), origin="x:odd")
    make = {"loss": loss_job, "generation": generation_job, "questions": questions_job}[kind]
    [problem] = problems(make(resolved_model(folder), with_odd_rows(tmp_path, 300, odd), 301))
    assert "it has river!, and the model's embedding" in problem.what.replace("prints it has", "it has")
    assert problem.where == "x:odd"


@pytest.mark.parametrize("at", ["context", "choice", "question"])
def test_a_task_with_a_token_beyond_the_embedding_is_found_before_the_night(tmp_path: Path, at: str) -> None:
    """Only rows of an eval's own data were looked at: a choice of a task's last row ended the base's eval."""
    tokenizer = tiny_tokenizer()
    (folder := tmp_path / "model").mkdir()
    (folder / "config.json").write_text(json.dumps({"vocab_size": len(tokenizer)}))
    tokenizer.add_tokens(["river!"])
    tokenizer.save_pretrained(folder)
    model, rows = resolved_model(folder), choice_rows(40)
    if at == "question":
        job = questions_job(model, questions=("Hm?", "What river!"))
    else:
        rows[-1] |= {"question": "river!"} if at == "context" else {"choices": ["river!", *rows[-1]["choices"][1:]]}
        write_choice(tmp_path, "sound")
        write_choice(tmp_path, "odd", dataset_kwargs={"data_files": {"test": str(tmp_path / "rows.jsonl")}})
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        job = lm_eval_job(model, tmp_path, ["sound", "odd"])
    [problem] = problems(job)
    assert "has river!, and the model's embedding has" in problem.what
    assert ("'odd'" in problem.what) is (at != "question"), problem.what
    assert problem.reference == "template.no-embedding"
