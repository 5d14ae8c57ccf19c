"""What a user should know before the run and not from its report."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import ExactCounts
from bench.run.checks import warnings as module
from bench.run.checks.remarks import plan_remarks
from bench.run.checks.warnings import advice, as_line
from bench.run.display import PlainDisplay
from bench.run.estimate.forecast import forecast
from bench.run.plan.plan import plan
from bench.run.resolve.suite import resolve
from bench.show.forecast import print_forecast
from tests.fakes.suites import SERVER, fake_suite, run_below

BARE: dict[str, Any] = {"kind": "lm_eval", "name": "qa", "tasks": ("t",), "template": "none"}


def told(root: Path, **changes: Any) -> list[str]:
    return [as_line(one) for one in advice(fake_suite(root, **changes))]


def test_prompts_without_the_template_of_training_are_told(tmp_path: Path) -> None:
    """A difference of forms must not be taken for one of skills."""
    (line,) = told(tmp_path, eval=(BARE,))
    assert line.startswith("warning: eval[0].template: 'qa' asks without the template that arms are trained with")
    assert told(tmp_path, eval=({**BARE, "template": "suite"},)) == []


def test_a_claim_that_another_excludes_is_named_before_the_run(tmp_path: Path) -> None:
    claims = tuple({"says": says, "on": "qa"} for says in ("few/full > base", "base > few/full"))
    (line,) = told(tmp_path, claim=claims)
    assert line.startswith("warning: claim[1]: on qa `base > few/full` and `few/full > base` exclude each other")


def test_a_column_of_a_choice_file_that_is_not_asked_is_named(tmp_path: Path) -> None:
    """Questions about a passage were asked without it, and nobody said so."""
    row = {"question": "Where is it?", "choices": ["here", "there"], "answer": "B", "subject": "places"}
    rows = [{**row, "context": "It is there."}, {**row, "context": "No, it is here.", "hint": ""}]
    (tmp_path / "mc.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = {"kind": "choice", "name": "mc", "source": "mc.jsonl"}
    said = "warning: eval[0]: column 'context' of mc.jsonl is not asked (2 of 2 rows)"
    (line,) = told(tmp_path, eval=(spec,))
    assert line.startswith(said)
    assert told(tmp_path, eval=({**spec, "passage": "context"},)) == []


def test_arms_that_meet_no_template_differ_from_the_base_by_none(tmp_path: Path) -> None:
    text = {"few": {"source": "few.jsonl", "columns": {"text": "output"}}}
    assert told(tmp_path, eval=(BARE,), data=text) == []
    shots = {"shots": {"method": "few_shot", "shots": 2}}
    assert told(tmp_path, eval=(BARE,), recipe=shots, arms={"data": ("few",), "recipe": ("shots",)}) == []


def test_a_mix_is_trained_in_a_template_if_one_of_its_parts_is(tmp_path: Path) -> None:
    parts = {name: {"source": "few.jsonl", "columns": {"text": "output"}} for name in ("one", "two")}
    mixed = {"mix": ({"data": "one", "weight": 1.0}, {"data": "two", "weight": 1.0})}
    assert told(tmp_path, eval=(BARE,), data={**parts, "few": mixed}) == []
    assert len(told(tmp_path, eval=(BARE,), data={**parts, "two": {"source": "few.jsonl"}, "few": mixed})) == 1


def test_an_arm_that_evaluate_at_leaves_out_is_named(tmp_path: Path) -> None:
    """Its line was missing from the plot over the steps, and nobody said why."""
    own = {"run": ("${python}", "t.py", "${rows}", "${out}", "${learning_rate}"), "files": ("t.py",)}
    lora = {"method": "lora", "learning_rate": 1e-3}
    recipes = {"full": lora, "lora": {**lora, "engine": "command", "command": own}}
    (line,) = told(tmp_path, recipe=recipes, evaluate_at={"evals": ("qa",)})
    assert line.startswith("warning: recipe.lora.engine: its arms are not evaluated over steps")
    assert told(tmp_path, recipe=recipes) == []


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where nltk has no data; returns the one folder where it looks."""
    monkeypatch.setattr(module, "_nltk_folders", lambda: iter([tmp_path / "nltk_data"]))
    return tmp_path / "nltk_data"


@pytest.mark.parametrize("form", ["built in", "included", "own code"])
def test_ifeval_without_its_sentences_is_told_with_the_download(form: str, tmp_path: Path, bare_machine: Path) -> None:
    """Else a night's run has no score for half of the instructions."""
    spec: dict[str, Any] = {"kind": "lm_eval", "name": "if", "tasks": ("ifeval",)}
    if form != "built in":
        folder = tmp_path / "tasks"
        folder.mkdir()
        text = "include: /lib/lm_eval/tasks/ifeval/ifeval.yaml\n" if form == "included" else ""
        (folder / "mine.yaml").write_text(f"task: mine\n{text}")
        (folder / "own.py").write_text("nltk.data.find('tokenizers/punkt_tab')" if form == "own code" else "")
        spec |= {"tasks": ("mine",), "include": "tasks"}
    (line,) = told(tmp_path, eval=(spec,))
    assert "needs nltk's punkt_tab" in line
    assert line.endswith("(python -m nltk.downloader punkt_tab)")
    (bare_machine / "tokenizers" / "punkt_tab").mkdir(parents=True)
    assert told(tmp_path, eval=(spec,)) == []


def test_other_tasks_need_no_sentences(tmp_path: Path, bare_machine: Path) -> None:
    assert told(tmp_path, eval=({"kind": "lm_eval", "name": "h", "tasks": ("hellaswag", "arc_easy")},)) == []


def test_sentences_are_looked_for_where_nltk_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A warning that is wrong is worse than none."""
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "named"))
    import nltk.data

    assert {str(tmp_path / "named"), *nltk.data.path} <= {str(path) for path in module._nltk_folders()}


def test_plan_and_run_warn_before_they_work(tmp_path: Path) -> None:
    recipe = {"full": {"method": "full", "learning_rate": 1000}}
    loaded = fake_suite(tmp_path, eval=(BARE,), recipe=recipe, arms={"data": ("few",), "recipe": ("full",)})
    out = StringIO()
    expected = forecast(loaded, home=tmp_path / "home", server=SERVER)
    print_forecast(expected, Console(file=out, width=300))
    assert expected.warnings
    assert all(warning in out.getvalue() for warning in expected.warnings)
    assert any("a learning rate of 1000 makes almost any training diverge" in line for line in expected.warnings)
    said = StringIO()
    display = PlainDisplay(console=Console(file=said, width=300))
    run_below(tmp_path, loaded, display=display)
    assert all(said.getvalue().index(warning) < said.getvalue().index("start ") for warning in expected.warnings)


def test_rows_that_are_cut_are_counted_before_they_are_trained_on(tmp_path: Path) -> None:
    planned = plan(resolve(fake_suite(tmp_path), home=tmp_path / "home"), home=tmp_path / "home")
    job = next(planned_job.job for planned_job in planned.jobs if isinstance(planned_job.job, TrainJob))
    fields = {"steps": 5, "tokens": 90, "supervised_tokens": 50, "slots": 100, "parameters": 9, "dropped_rows": 0}
    lines = {
        cut: [
            line
            for line in plan_remarks(
                planned,
                {job.arm: job},
                {job.arm: ExactCounts(rows=200, truncated_rows=cut, trainable_parameters=9, **fields)},
            )
            if "max_length" in line
        ]
        for cut in (1, 24)
    }
    assert lines[1] == []
    assert lines[24][0].startswith("warning: recipe.full.max_length: few/full: 12% of the rows are cut")
