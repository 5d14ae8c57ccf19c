"""Task files held against their rows by `bench validate`: what a run would find after its trainings."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.errors import Problem
from bench.suite.catalog.tasks import installed_task_file, read_task_folder
from bench.suite.checks.task_files.check import code_problems, longest_task_answer, own_row_problems, task_problems
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from bench.suite.tables.suite import Suite
from tests.fakes.suites import suite_table

ROWS = [{"question": "Which?", "options": ["a", "b"], "answer": 0}, {"question": "Why?", "options": ["c"], "answer": 0}]


def task(folder: Path, *, rows: str | None = None, name: str = "rows.jsonl", **changes: Any) -> Path:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in ROWS) if rows is None else rows)
    fields = {
        "task": "t",
        "dataset_path": "csv" if name.endswith("csv") else "json",
        "dataset_kwargs": {"data_files": {"test": name}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "options",
        "doc_to_target": "answer",
        **changes,
    }
    path = folder / "t.yaml"
    path.write_text(yaml.safe_dump(fields))
    return path


def problems(path: Path) -> list[Problem]:
    return list(task_problems(path.stem, read_task_folder(path.parent), "eval[0].tasks[0]"))


def said(path: Path) -> list[str]:
    return [problem.what for problem in problems(path)]


def test_the_longest_answer_of_an_evals_task_files_is_known(tmp_path: Path) -> None:
    """What no eval's key says must be seen, too: a length beyond the model's context cuts every answer."""

    def asked(**changes: Any) -> int | None:
        task(tmp_path, **changes)
        return longest_task_answer(LmEvalSpec(kind="lm_eval", name="e", tasks=("t",), include="."), tmp_path)

    assert asked(output_type="generate_until", generation_kwargs={"max_gen_toks": 4000}) == 4000
    assert asked(output_type="generate_until", generation_kwargs={"max_tokens": 70}) == 70
    assert asked(output_type="generate_until") is None
    assert asked(generation_kwargs={"max_gen_toks": 4000}) is None, "options are not written"
    own = LmEvalSpec(kind="lm_eval", name="e", tasks=("ifeval", "hellaswag"))
    assert longest_task_answer(own, tmp_path) == 1280


def test_a_sound_task_has_no_problem(tmp_path: Path) -> None:
    text = "{% for option in options %}{{loop.index}} {{option}}{% endfor %}{{question|trim}}{% set x = answer %}{{x}}"
    assert said(task(tmp_path, doc_to_text=text)) == []
    assert said(task(tmp_path, name="rows.json", rows=json.dumps(ROWS), doc_to_text=text)) == []
    assert (
        said(
            task(
                tmp_path,
                name="rows.csv",
                rows="question,options,answer\nq,o,0\n",
                doc_to_text=text,
                doc_to_choice="{{[options]}}",
            )
        )
        == []
    )


@pytest.mark.parametrize("key", ["doc_to_text", "doc_to_choice", "doc_to_target"])
@pytest.mark.parametrize(("name", "rows"), [("rows.jsonl", None), ("rows.json", json.dumps(ROWS))])
def test_a_field_that_no_row_has_is_named_with_the_nearest(
    tmp_path: Path, key: str, name: str, rows: str | None
) -> None:
    path = task(tmp_path, name=name, rows=rows, **{key: "{{qestion}}"})
    [problem] = problems(path)
    assert problem.what == f"task file t.yaml: {key} names the field 'qestion', which no row has"
    assert problem.hint == "did you mean 'question'?"


def test_a_missing_data_file_is_named_with_the_nearest(tmp_path: Path) -> None:
    path = task(tmp_path, dataset_kwargs={"data_files": {"test": "row.jsonl"}})
    [problem] = problems(path)
    assert (problem.what, problem.hint) == (
        "task file t.yaml: there is no data file row.jsonl",
        "did you mean 'rows.jsonl'?",
    )


def test_an_included_file_counts(tmp_path: Path) -> None:
    part = task(tmp_path, doc_to_text="{{qestion}}")
    part.rename(tmp_path / "part")
    (tmp_path / "child.yaml").write_text("include: part\ntask: child\n")
    assert len(said(tmp_path / "child.yaml")) == 1
    (tmp_path / "child.yaml").write_text('include: part\ntask: child\ndoc_to_text: "{{question}}"\n')
    assert said(tmp_path / "child.yaml") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"doc_to_text": "{% if hint is defined %}{{hint}}{% endif %}{{question}}"},
        {"doc_to_text": "{{qestion}}", "process_docs": "made by code"},
        {"doc_to_text": "{{qestion}}", "dataset_path": "owner/name", "dataset_kwargs": None},
        {"doc_to_text": "{{qestion}}", "dataset_kwargs": {"data_files": "https://x/rows.jsonl"}},
    ],
)
def test_what_needs_lm_eval_is_left_to_the_rehearsal(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert said(task(tmp_path, **changes)) == []


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ({"metric": "bertscore"}, ["has no aggregation"]),
        ({"metric": "bertscore", "aggregation": "mean"}, []),
        ({"metric": "me/mine", "aggregation": "mean"}, []),
        ({"metric": "new", "aggregation": "mean", "hf_evaluate": True}, []),
        ({"metric": "mine", "aggregation": "mean"}, ["neither lm-eval nor evaluate has a metric 'mine'"]),
    ],
)
def test_a_metric_of_the_hub_is_told_from_one_that_nobody_has(
    tmp_path: Path, metric: dict[str, Any], expected: list[str]
) -> None:
    """Both were "not lm-eval's", and the flag that trusts code led to a KeyError."""
    found = said(task(tmp_path, output_type="generate_until", doc_to_choice=None, metric_list=[metric]))
    assert len(found) == len(expected)
    assert all(text in what for text, what in zip(expected, found, strict=True))
    own = task(tmp_path, output_type="generate_until", doc_to_choice=None, metric_list=[metric])
    own.write_text(own.read_text() + "process_results: !function m.f\n")
    assert said(own) == [], "the names of what code computes are its own"


def test_an_empty_option_costs_its_example_alone(tmp_path: Path) -> None:
    """It has no score, and the others keep theirs: a published file has one such row in 817."""
    rows = "".join(json.dumps({**row, "options": ["a", ""]}) + "\n" for row in ROWS)
    assert said(task(tmp_path, rows=rows)) == []


def test_a_field_that_only_some_rows_have_is_no_problem(tmp_path: Path) -> None:
    rows = "".join(json.dumps({**ROWS[0], **({"extra": 1} if n == 40 else {})}) + "\n" for n in range(50))
    assert said(task(tmp_path, rows=rows, doc_to_text="{{question}}{% if question == 'x' %}{{extra}}{% endif %}")) == []


def suite_asking(folder: Path, *tasks: str) -> Suite:
    """A suite whose only eval asks for tasks of `folder`."""
    evaluation = {"kind": "lm_eval", "name": "e", "tasks": tasks, "include": str(folder)}
    return Suite.model_validate(suite_table(folder, eval=(evaluation,)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("metric_list: [{metric: rouge}]", "uses the metric 'rouge', which is not lm-eval's"),
        ("metric_list: [{metric: !function m.f}]", "refers to a Python function"),
        ("process_docs: !function m.f", "refers to a Python function"),
        ("class: !function m.T", "has the key 'class'"),
        ("include: part.yaml", "uses the metric 'me/mine'"),
    ],
)
def test_code_in_a_task_file_is_found_without_lm_eval(tmp_path: Path, text: str, said: str) -> None:
    """Also where a group leads to the file; a task that nobody asks for is not looked at."""
    (tmp_path / "part.yaml").write_text("metric_list: [{metric: me/mine}]")
    (tmp_path / "t.yaml").write_text(f"task: t\n{text}\n")
    (tmp_path / "g.yaml").write_text("group: g\ntask: [t]\n")
    (tmp_path / "sound.yaml").write_text("task: sound\nmetric_list: [{metric: acc}]\n")
    for asked in ("t", "g"):
        assert any(said in problem.what for problem in code_problems(suite_asking(tmp_path, asked), tmp_path))
    assert code_problems(suite_asking(tmp_path, "sound"), tmp_path) == []


ARC = {"question": "Which?", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "B"}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"arc_easy.jsonl": [ARC]}, None),
        ({"arc_easy.json": [ARC]}, None),
        ({"arc-easy.jsonl": [ARC]}, "the rows of task 'arc_easy' are not there: no arc_easy.jsonl in rows"),
        ({"arc_easy.jsonl": []}, "task 'arc_easy' on arc_easy.jsonl: the data file arc_easy.jsonl is empty"),
        ({"arc_easy.jsonl": [{**ARC, "question": None}, ARC]}, "doc_to_text prints 'question', which has no value"),
        ({"arc_easy.jsonl": [ARC, {**ARC, "answerKey": "C"}]}, "row 2 of arc_easy.jsonl"),
        ({"arc_easy.jsonl": [{"question": "Which?"}]}, "names the field 'choices', which no row has"),
    ],
)
def test_own_rows_of_a_task_of_lm_eval_are_held_against_its_templates(
    tmp_path: Path, files: dict[str, list[Any]], said: str | None
) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    for name, rows in files.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / name).write_text(json.dumps(rows) if name.endswith(".json") else lines)
    file = installed_task_file("arc_easy")
    assert file is not None
    told = [problem.what for problem in own_row_problems("arc_easy", file, folder, "eval[0].rows")]
    assert told == [] if said is None else any(said in text for text in told)
