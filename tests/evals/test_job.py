"""One eval job from start to end."""

from pathlib import Path

import pytest

from bench.deploy.job import run_deploy
from bench.evals.job import KINDS
from bench.evals.judge.judge import run_judge
from bench.evals.lm_eval.tasks.tasks import load_tasks
from bench.evals.rehearsal import rehearse
from bench.evals.served.job import run_served
from bench.evals.share import ask_share
from bench.evals.step_score import score_step
from bench.evals.subject_job import score_subject
from bench.evals.sweep import sweep_result
from bench.evals.trajectory import score_trajectory
from bench.places import shipped
from bench.record.results.evals.evaluation import EvalResult, ScoreRow
from bench.record.sweep import with_chosen_setting
from bench.run.plan.digests import (
    CHOSEN_SETTING,
    COMMAND,
    DEPLOY,
    ENTRIES,
    JUDGE,
    KEPT_STEP,
    PROBE,
    SERVED,
    SHARE,
    SWEEP,
    TRAIN,
    TRAJECTORY,
    UNSLOTH,
)
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.train.job import run_training
from bench.train.probe import run_probe
from bench.train.programs.command import run_command
from bench.train.programs.unsloth import run_unsloth
from tests.evals.jobs import evaluate, lm_eval_job, resolved_model, write_choice, write_qa
from tests.fakes.checkpoints import tiny_model


def test_every_kind_of_eval_has_code() -> None:
    """A kind that validates and then fails would waste the whole run's training."""
    union = EvalSpec.__origin__  # type: ignore[attr-defined]
    kinds = {spec.model_fields["kind"].annotation.__args__[0] for spec in union.__args__}
    assert kinds == {*KINDS, "judge"}  # a judge loads no subject and has a way of its own
    assert kinds == set(rehearse._KINDS)


def test_the_tuned_weights_are_scored_not_the_bases(checkpoint: Path, tmp_path: Path) -> None:
    """Handing the base's answers to a tuned model is the classic silent error."""
    write_choice(tmp_path / "tasks")
    write_qa(tmp_path / "tasks")
    other = tiny_model("llama", seed=5)
    other.save_pretrained(tmp_path / "training" / "weights")
    model = resolved_model(checkpoint)
    names = ["choice", "qa"]
    base, base_rows = evaluate(lm_eval_job(model, tmp_path / "tasks", names), tmp_path / "a")
    job = lm_eval_job(
        model, tmp_path / "tasks", names, subject="x/full#0", training="t", training_path=str(tmp_path / "training")
    )
    tuned, tuned_rows = evaluate(job, tmp_path / "b")
    assert [row.output for row in base_rows] != [row.output for row in tuned_rows]
    assert [(row.task, row.id, row.prompt) for row in base_rows] == [(r.task, r.id, r.prompt) for r in tuned_rows]
    assert base.batch == tuned.batch


def test_more_examples_of_an_eval_cost_only_themselves(checkpoint: Path, tmp_path: Path) -> None:
    """Choices and written answers of a larger limit: the old ones come back as they were, and are not asked again."""
    write_choice(tmp_path / "tasks")
    write_qa(tmp_path / "tasks")
    model = resolved_model(checkpoint)

    def scored(limit: int, folder: str, replies: str | None = None) -> tuple[EvalResult, list[ScoreRow]]:
        kept = None if replies is None else str(tmp_path / replies)
        job = lm_eval_job(model, tmp_path / "tasks", ["choice", "qa"], limit=limit, replies=kept)
        return evaluate(job, tmp_path / folder)

    few, few_rows = scored(2, "few", "kept.jsonl")
    more, rows = scored(4, "more", "kept.jsonl")
    again, again_rows = scored(4, "again", "kept.jsonl")
    whole, whole_rows = scored(4, "whole")
    assert {(row.task, row.id): row for row in rows}.items() >= {(row.task, row.id): row for row in few_rows}.items()
    assert [(row.id, row.output) for row in rows] == [(row.id, row.output) for row in whole_rows]
    assert again_rows == rows
    assert (few.recalled_share, whole.recalled_share, again.recalled_share) == (0.0, 0.0, 1.0)
    assert 0.3 < more.recalled_share < 0.7
    assert few.tokens is not None
    assert more.tokens is not None
    assert whole.tokens is not None
    assert more.tokens < whole.tokens
    assert (more.generated is not None, more.generated_tokens) == (True, whole.generated_tokens)


def test_the_result_says_where_the_time_went(checkpoint: Path, tmp_path: Path) -> None:
    write_choice(tmp_path / "tasks", count=5)
    result, _ = evaluate(lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["choice"]), tmp_path / "out")
    seconds = result.seconds
    assert seconds.start_up > 0
    assert seconds.evaluation > 0
    assert seconds.start_up + seconds.evaluation + seconds.saving == pytest.approx(seconds.wall)
    assert result.peak_process_bytes is not None
    assert result.peak_process_bytes > 50 * 2**20
    assert result.peak_device_bytes is None
    assert (result.precision, result.versions) == ("fp32", {"choice": "1.0"})


def test_the_asked_precision_is_used_and_recorded(checkpoint: Path, tmp_path: Path) -> None:
    """One precision for all subjects of a run, or their deltas would be rounding."""
    write_choice(tmp_path / "tasks", count=5)
    job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["choice"], precision="bf16")
    result, rows = evaluate(job, tmp_path / "out")
    assert result.precision == "bf16"
    assert result.measures[0].n == len(rows) == 5


@pytest.mark.parametrize("name", ["micro_qa", "micro_choice", "micro_instructions", "micro_cloze"])
def test_shipped_tasks_load_with_their_own_code(name: str) -> None:
    """The shipped task files are the program's own: what they call needs no leave."""
    tasks = load_tasks([name], shipped("suites") / "tasks" / "micro").tasks
    assert len(tasks[name].eval_docs) >= 500


def test_digests_cover_the_modules_that_do_the_work() -> None:
    shared = score_subject.__module__
    work = {kind: (shared, evaluate.__module__) for kind, evaluate in KINDS.items()}
    others = {
        TRAIN: run_training,
        COMMAND: run_command,
        PROBE: run_probe,
        CHOSEN_SETTING: with_chosen_setting,
        KEPT_STEP: score_step,
        SWEEP: sweep_result,
        JUDGE: run_judge,
        SERVED: run_served,
        DEPLOY: run_deploy,
        TRAJECTORY: score_trajectory,
        SHARE: ask_share,
    }
    scripts = {UNSLOTH: (run_unsloth.__module__, "bench.train.programs.unsloth_script")}  # run by another Python
    assert {**work, **{kind: (function.__module__,) for kind, function in others.items()}, **scripts} == ENTRIES
