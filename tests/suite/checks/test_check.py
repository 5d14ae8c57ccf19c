"""What a suite names must be there before anything runs; all that is not is told in one message."""

from pathlib import Path

import pytest

from bench.errors import InputError, Problem
from bench.suite.load import load_suite
from tests.fakes.suite_files import SUITE, write_suite


def refused(path: Path, **options: object) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        load_suite(path, **options)  # type: ignore[arg-type]
    return list(caught.value.problems)


def test_thinking_needs_a_template_with_a_switch(tmp_path: Path) -> None:
    """The plan would find it, after every file was hashed."""
    path = write_suite(tmp_path)
    asked = "model.thinking=true"
    [problem] = refused(path, overrides=[asked, "model.template=dialogue"])
    assert (problem.reference, problem.where) == ("template.no-thinking", "model.thinking")
    (tmp_path / "own.jinja").write_text(
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if enable_thinking %}<think>{% endif %}"
    )
    load_suite(path, overrides=[asked, f"model.template={tmp_path / 'own.jinja'}"])


def test_a_whole_suite_passes(tmp_path: Path) -> None:
    loaded = load_suite(write_suite(tmp_path))
    assert [arm.name for arm in loaded.suite.expand()] == ["rows/full", "rows/lora", "other/full", "other/lora"]


@pytest.mark.parametrize(
    ("old", "new", "where", "reference", "hint"),
    [
        ('data = ["rows", "other"]', 'data = ["rows", "othr"]', "arms.data", "suite.unknown-name", "'other'"),
        ('recipe = ["full", "lora"]', 'recipe = ["ful"]', "arms.recipe", "suite.unknown-name", "'full'"),
        ('data = ["rows", "other"]', 'data = ["rows", "rows"]', "arms.data", "suite.repeated", "once"),
        ('data = ["rows", "other"]', "data = []", "arms", "suite.arms", "for example"),
        (
            'recipe = ["full", "lora"]',
            'recipe = ["full"]\nexclude = [{ data = "rows", recipe = "lora" }]',
            "arms.exclude[0]",
            "suite.arms",
            None,
        ),
        (
            'recipe = ["full", "lora"]',
            'recipe = ["full"]\ninclude = [{ data = "row", recipe = "lora" }]',
            "arms.include[0].data",
            "suite.unknown-name",
            "'rows'",
        ),
        ('by = "random"', 'by = "holdout"', "data.other.select.by", "suite.holdout", None),
        ('control = "other"', 'control = "others"', "control", "suite.unknown-name", "'other'"),
        ('control = "other"', 'control = "other/ful"', "control", "suite.unknown-name", "'other/full'"),
        ('data = ["rows", "other"]', 'data = ["rows"]', "control", "suite.control", "add it to arms.data"),
        ("seeds = [0]", "seeds = [0, 1, 0]", "seeds", "suite.repeated", "once"),
        ('name = "heldout"', 'name = "questions"', "eval", "suite.repeated", "once"),
        ('on = "questions"', 'on = "question"', "claim[0].on", "suite.unknown-name", "'questions'"),
        ('on = "questions"', 'on = "questions/nobody"', "claim[0].on", "eval.unknown-task", None),
        (">= other/full", ">= othr/full", "claim[0].says", "suite.unknown-name", "'other/full'"),
        (">= other/full", ">= rows/full", "claim[0].says", "suite.claim", None),
        (
            'source = "rows.jsonl"',
            'source = "micro:curate"',
            "data.rows.source",
            "data.unknown-micro",
            "'micro:curated'",
        ),
        (
            'source = "rows.jsonl"',
            'source = "rows.jsonl"\ncolumns = { prompt = "instruction", completion = "answer" }',
            "data.rows.columns.completion",
            "data.unknown-column",
            "output",
        ),
        (
            'source = "rows.jsonl"',
            'source = "rows.jsonl"\nselect = { by = "score", column = "scores", size = 2 }',
            "data.rows.select.column",
            "data.unknown-column",
            "instruction",
        ),
        (
            'kind = "loss"',
            'kind = "loss"\nslices = ["instructoin"]',
            "eval[1].slices[0]",
            "data.unknown-column",
            "instruction",
        ),
        (
            'kind = "loss"',
            'kind = "loss"\ncluster = "instructoin"',
            "eval[1].cluster",
            "data.unknown-column",
            "instruction",
        ),
        ('source = "rows.jsonl"', 'source = "row.jsonl"', "data.rows.source", "data.missing-file", "'rows.jsonl'"),
        (
            'source = "rows.jsonl"',
            'source = "rows.jsonl"\nsplit = "dev"',
            "data.rows.split",
            "data.hub-key",
            "leave it out",
        ),
        ('source = "rows.jsonl"', 'source = "a\\u0000b"', "data.rows.source", "suite.path", None),
        ('path = "model"', 'path = "modl"', "model.path", "model.missing", "config.json"),
        ('path = "model"', 'path = "rows.jsonl"', "model.path", "model.missing", None),
        ('path = "model"', 'card = "smollm2-135"', "model.card", "model.unknown-card", "'smollm2-135m'"),
        ('path = "model"', 'repo = "a b"', "model.repo", "model.repo", "OWNER/NAME"),
        ('path = "model"', 'path = "model"\nrevision = "main"', "model.revision", "model.revision", "leave it out"),
        ('path = "model"', 'path = "model"\ntemplate = "chatmll"', "model.template", "template", "chatml"),
        (
            "learning_rate = 1e-3",
            "learning_rate = 1e-3\nmax_length = 65",
            "recipe.full.max_length",
            "recipe.max-length",
            "64",
        ),
        ('include = "tasks"', 'include = "task"', "eval[0].include", "eval.missing-folder", "relative"),
        ('tasks = ["toy"]', 'tasks = ["toi"]', "eval[0].tasks[0]", "eval.unknown-task", "'toy'"),
        ('tasks = ["toy"]', 'tasks = ["toy", "toy"]', "eval[0].tasks", "suite.repeated", "once"),
        (
            'tasks = ["toy"]',
            'tasks = ["toy"]\nmetric = "acc_nrm"',
            "eval[0].metric",
            "eval.unknown-metric",
            "'acc_norm'",
        ),
        (
            'tasks = ["toy"]\ninclude = "tasks"',
            'tasks = ["hellaswagg"]',
            "eval[0].tasks[0]",
            "eval.unknown-task",
            "hellaswag",
        ),
        (
            'tasks = ["toy"]\ninclude = "tasks"',
            'tasks = ["ifeval"]\nmetric = "acc"',
            "eval[0].metric",
            "eval.unknown-metric",
            "acc",
        ),
    ],
)
def test_what_is_not_there_is_named(
    tmp_path: Path, old: str, new: str, where: str, reference: str, hint: str | None
) -> None:
    found = refused(write_suite(tmp_path, replace={old: new}))
    problem = next(problem for problem in found if problem.where == where)
    assert problem.reference.startswith(reference)
    assert hint is None or hint in (problem.hint or "")


@pytest.mark.parametrize(("margin", "refused_there"), [("1.0", True), ("0.5", False)])
def test_a_margin_as_wide_as_the_scale_of_the_tasks_measures_is_refused_before_any_training(
    tmp_path: Path, margin: str, refused_there: bool
) -> None:
    """An eval that names no metric has its tasks'; the report was the first to say that nothing could decide it."""
    path = write_suite(tmp_path, replace={"margin = 0.02": f"margin = {margin}"})
    if not refused_there:
        load_suite(path)
        return
    (problem,) = refused(path)
    assert problem.where == "claim[0].margin"
    assert "spans the whole scale" in problem.what


@pytest.mark.parametrize(("value", "refused_there"), [("60", True), ("0.6", False)])
def test_a_target_that_no_score_of_the_tasks_can_be_is_refused_before_any_training(
    tmp_path: Path, value: str, refused_there: bool
) -> None:
    """An eval that names no metric has its tasks'; every training ended as one that had not reached it."""
    path = write_suite(tmp_path)
    target = f'[evaluate_at]\nevals = ["questions"]\ntarget = {{ eval = "questions", value = {value} }}\n'
    path.write_text(path.read_text() + target)
    if not refused_there:
        load_suite(path)
        return
    (problem,) = refused(path)
    assert problem.where == "evaluate_at.target.value"
    assert problem.what == "no score of 'questions' is 60: its scores are 0 to 1"


def test_all_problems_of_names_and_files_come_at_once(tmp_path: Path) -> None:
    changes = {
        'path = "model"': 'path = "none"',
        "rows.jsonl": "none.jsonl",
        'tasks = ["toy"]': 'tasks = ["x"]',
        'on = "questions"': 'on = "x"',
    }
    found = {problem.where for problem in refused(write_suite(tmp_path, replace=changes))}
    assert {"model.path", "data.rows.source", "eval[0].tasks[0]", "claim[0].on"} <= found


def test_a_column_that_no_file_of_a_folder_has_is_named(tmp_path: Path) -> None:
    columns = 'columns = { prompt = "instruction", completion = "answer" }'
    path = write_suite(tmp_path, replace={'source = "rows.jsonl"': f'source = "./folder"\n{columns}'})
    (tmp_path / "folder").mkdir()
    for name in ("train-0.jsonl", "train-1.jsonl"):
        (tmp_path / "folder" / name).write_text('{"instruction": "Q", "output": "A"}\n')
    [problem] = [found for found in refused(path) if found.reference == "data.unknown-column"]
    assert (problem.where, problem.what) == ("data.rows.columns.completion", "./folder has no column 'answer'")


def test_an_empty_data_file_is_refused(tmp_path: Path) -> None:
    path = write_suite(tmp_path)
    (tmp_path / "rows.jsonl").write_text("")
    assert {problem.reference for problem in refused(path)} == {"data.empty"}


def test_a_malformed_task_file_is_placed(tmp_path: Path) -> None:
    path = write_suite(tmp_path)
    (tmp_path / "tasks" / "toy.yaml").write_text("task: toy\nx: [1,\n")
    (problem,) = refused(path)
    assert problem.reference == "eval.task-file"
    assert (problem.where or "").startswith(f"{tmp_path / 'tasks' / 'toy.yaml'}:3:")


def test_hub_names_and_tasks_are_not_looked_for_on_disk(tmp_path: Path) -> None:
    changes = {
        'source = "rows.jsonl"': 'source = "tatsu-lab/alpaca"\nsplit = "train"',
        'path = "model"': 'repo = "a/b"',
        'tasks = ["toy"]\ninclude = "tasks"': 'tasks = ["ifeval", "mmlu"]',
    }
    assert load_suite(write_suite(tmp_path, replace=changes)).suite.model.repo == "a/b"


def test_an_arm_without_its_control_is_compared_with_the_base_alone(tmp_path: Path) -> None:
    path = write_suite(
        tmp_path,
        replace={
            'data = ["rows", "other"]': 'data = ["rows", "other"]\nexclude = [{ data = "other", recipe = "lora" }]'
        },
    )
    suite = load_suite(path).suite
    assert {arm.name: suite.control_of(arm) for arm in suite.expand()} == {
        "rows/full": "other/full",
        "rows/lora": None,
        "other/full": None,
    }


def test_the_small_suite_is_what_the_cases_start_from() -> None:
    assert SUITE.count("[[eval]]") == 2
