"""Faulty task files, all in one folder: `bench validate` names each of them at once, with file, key and next step."""

import json
from typing import Any

import pytest
import yaml

from bench.errors import InputError, Problem
from bench.suite.load import load_suite
from tests.fakes.suite_files import write_suite

ROWS = [{"question": f"Which of {n}?", "options": ["yes", "no"], "answer": n % 2} for n in range(40)]
SOUND: dict[str, Any] = {
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}},
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_choice": "options",
    "doc_to_target": "answer",
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}
WRITTEN = {"output_type": "generate_until", "doc_to_choice": None, "metric_list": [{"metric": "exact_match"}]}
MISSING = object()


def rows(**changes: Any) -> dict[str, Any]:
    """Data files of a task of its own."""
    return {"dataset_kwargs": {"data_files": changes}}


def filters(*steps: dict[str, Any]) -> dict[str, Any]:
    return {**WRITTEN, "filter_list": [{"name": "f", "filter": list(steps)}]}


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    # name: (changes of a sound file, what is named, hint)
    "typo_key": ({"doc_to_tex": "x"}, "lm-eval has no key 'doc_to_tex'", "did you mean 'doc_to_text'?"),
    "output_type": ({"output_type": "multi_choice"}, "output_type is 'multi_choice'", "'multiple_choice'"),
    "no_split": ({"test_split": MISSING}, "neither test_split nor validation_split is given", "test_split: test"),
    "other_split": ({"test_split": "tset"}, "test_split is 'tset', and data_files has no such split", "'test'"),
    "few_shot_split": ({"fewshot_split": "train"}, "fewshot_split is 'train', and data_files", "known: test"),
    "no_choice": ({"doc_to_choice": MISSING}, "doc_to_choice is missing", "list of options"),
    "text_choice": ({"doc_to_choice": "question"}, "doc_to_choice gives no list of texts: row 1", "list of texts"),
    "printed_choice": ({"doc_to_choice": "{{options|join}}"}, "doc_to_choice gives no list of texts", "list of texts"),
    "target": ({"doc_to_target": "{{answer + 1}}"}, "doc_to_target gives '2', which is none of the options", "0 to 1"),
    "no_target": ({"doc_to_target": MISSING}, "doc_to_target is missing", "write doc_to_target"),
    "metric": ({"metric_list": [{"metric": "akk"}]}, "computes no 'akk' for output_type multiple_choice", "known: acc"),
    "unknown_metric": (
        {**WRITTEN, "metric_list": [{"metric": "exakt"}]}, "neither lm-eval nor evaluate has a metric 'exakt'",
        "did you mean 'exact_match'?; one of the hub is OWNER/NAME",
    ),
    "hub_metric": (
        {**WRITTEN, "metric_list": [{"metric": "rouge", "aggregation": "mean"}]},
        "uses the metric 'rouge', which is not lm-eval's, which would run code", "--trust-task-code",
    ),
    "no_metric": ({"metric_list": [{"aggregation": "mean"}]}, "metric_list[0] names no metric", "metric: NAME"),
    "other_metric": ({"metric_list": [{"metric": "bleu"}]}, "computes no 'bleu' for output_type", "known: acc"),
    "aggregation": (
        {"metric_list": [{"metric": "acc", "aggregation": "meen"}]}, "metric_list[0].aggregation is 'meen'", "'mean'",
    ),
    "metric_key": ({"metric_list": [{"metric": "acc", "agregation": "mean"}]}, "metric_list[0].agregation", "mean '"),
    "filter": (filters({"function": "regexx"}), "filter_list[0].filter[0].function is 'regexx'", "'regex'"),
    "pattern": (filters({"function": "regex", "regex_pattern": "("}), "regex_pattern is no regular expr", "fix the"),
    "code": ({"process_docs": "!function m.f"}, "refers to a Python function", "--trust-task-code"),
    "few_shot": ({"fewshot_config": {"smplr": "x"}}, "fewshot_config has no key 'smplr'", "'sampler'"),
    "sampler": ({"fewshot_config": {"sampler": "first"}}, "fewshot_config.sampler is 'first'", "'first_n'"),
    "generation": (
        {**WRITTEN, "generation_kwargs": {"temprature": 1}}, "generation_kwargs.temprature = 1 is not", "'temperature'",
    ),
    "until": ({**WRITTEN, "generation_kwargs": {"until": 3}}, "generation_kwargs.until is 3", "list of texts"),
    "length": ({**WRITTEN, "generation_kwargs": {"max_gen_toks": "9"}}, "max_gen_toks is '9'", "whole number"),
    "repeats": ({"repeats": 0}, "repeats is 0", "1 or more"),
    "shots": ({"num_fewshot": "five"}, "num_fewshot is 'five'", "0 or more"),
    "syntax": ({"doc_to_text": "{{question"}, "doc_to_text is no template: unexpected end", "fix the template"),
    "template_filter": ({"doc_to_text": "{{question|trimm}}"}, "No filter named 'trimm'", "fix the template"),
    "field": ({"doc_to_text": "{{qestion}}"}, "doc_to_text names the field 'qestion', which no row has", "'question'"),
    "row_37": (rows(test="row_37.jsonl"), "doc_to_text prints 'question', which has no value: row 37 of", "fill it in"),
    "null_target": (
        {**rows(test="nulls.jsonl"), **WRITTEN}, "doc_to_target prints 'answer', which has no value: row 2", "fill it",
    ),
    "gone": (rows(test="row.jsonl"), "there is no data file row.jsonl", "did you mean 'rows.jsonl'?"),
    "empty": (rows(test="empty.jsonl"), "the data file empty.jsonl is empty", "file with rows"),
    "blank": (rows(test="blank.jsonl"), "its data files have no rows", "file with rows"),
    "not_json": (rows(test="not.jsonl"), "its rows cannot be read: row 2 is not JSON", "fix the data file"),
    "no_object": (rows(test="list.jsonl"), "its rows cannot be read: row 1 is no JSON object", "fix the data file"),
    "no_files": ({"dataset_kwargs": MISSING}, "dataset_kwargs names no data_files", "data_files: {test"),
    "no_path": ({"dataset_path": MISSING}, "dataset_path is missing", "hub id"),
    "include": ({"include": "commn"}, "it includes commn, which is not there", "did you mean 'common'?"),
    "circle": ({"include": "circle.yaml"}, "it includes itself", "remove that include"),
    "group": ({"group": "group", "task": ["field", "feild"]}, "the group has the member 'feild'", "'field'"),
    "alone": ({"group": "alone", "task": "field"}, "the group's task is no list", "[first, second]"),
    "mean": (
        {"group": "mean", "task": ["field"], "aggregate_metric_list": [{"metric": "acc", "aggregation": "max"}]},
        "aggregate_metric_list[0].aggregation is 'max'", "mean alone",
    ),
}  # fmt: skip
FILES = {
    "empty.jsonl": "",
    "blank.jsonl": "\n\n",
    "not.jsonl": json.dumps(ROWS[0]) + "\n{x\n",
    "list.jsonl": "[1]\n",
    "common": "test_split: test\n",
    "nulls.jsonl": "".join(json.dumps({**row, "answer": row["answer"] or None}) + "\n" for row in ROWS[1::-1]),
    "row_37.jsonl": "".join(
        json.dumps({key: value for key, value in row.items() if number != 36 or key != "question"}) + "\n"
        for number, row in enumerate(ROWS)
    ),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Problem]:
    """All that `bench validate` says of a suite that asks for every faulty file, and for one that is not YAML."""
    folder = tmp_path_factory.mktemp("suite")
    names = json.dumps(sorted(FAULTS))
    path = write_suite(folder, replace={'tasks = ["toy"]': f"tasks = {names}"})
    tasks = folder / "tasks"
    (tasks / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    for name, text in FILES.items():
        (tasks / name).write_text(text)
    for name, (changes, _, _) in FAULTS.items():
        fields = {"task": name, **({} if "group" in changes else SOUND), **changes}
        text = yaml.safe_dump({key: value for key, value in fields.items() if value is not MISSING})
        (tasks / f"{name}.yaml").write_text(text.replace("'!function m.f'", "!function m.f"))
    (tasks / "broken.yaml").write_text("task: [\n")
    with pytest.raises(InputError) as caught:
        load_suite(path, refuse_task_code=True)
    return list(caught.value.problems)


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named_with_file_key_and_next_step(told: list[Problem], name: str) -> None:
    _, what, hint = FAULTS[name]
    named = [problem for problem in told if f"task file {name}.yaml" in problem.what]
    found = [problem for problem in named if what in problem.what]
    assert found, named
    assert hint in (found[0].hint or "")
    assert found[0].where


def test_nothing_else_is_named(told: list[Problem]) -> None:
    """One fault, one problem: a sound part of a faulty file is not blamed, and no fault hides another file's."""
    expected = {f"task file {name}.yaml": what for name, (_, what, _) in FAULTS.items()}
    expected["broken.yaml"] = "not YAML"
    unexpected = [
        problem.what
        for problem in told
        if not any(file in problem.what and what in problem.what for file, what in expected.items())
    ]
    assert unexpected == []
