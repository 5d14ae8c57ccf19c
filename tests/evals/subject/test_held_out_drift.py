"""How far a trained subject is from its base is measured on the suite's own held-out rows, beside the loss."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from bench.evals.job import run_eval
from bench.evals.subject import held_out_drift
from bench.evals.subject.loader import SubjectLoader
from bench.record.jobs.eval_job import EvalJob
from bench.record.results.evals.evaluation import EvalResult
from bench.record.results.training.applied import QUESTION_ROWS, HeldOutDrift
from tests.evals.jobs import evaluate, loss_job, resolved_model, sentence
from tests.evals.test_loss import write_rows


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path) -> Path:
    """A training's folder whose weights are not the base's, and one whose weights are."""
    root = tmp_path / "trained"
    root.mkdir()
    write_rows(root / "rows.jsonl", [sentence(3 * n, 1 + n % 9) for n in range(70)])
    model: Any = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    model.save_pretrained(root / "same" / "weights")
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.3)
    model.save_pretrained(root / "other" / "weights")
    return root


def scored(checkpoint: Path, folder: Path, out: Path, trained: str | None, **changes: Any) -> EvalResult:
    path = None if trained is None else str(folder / trained)
    job: EvalJob = loss_job(
        resolved_model(checkpoint), folder / "rows.jsonl", 70, training=trained, training_path=path, **changes
    )
    return evaluate(job, out)[0]


def test_a_trained_subject_is_held_against_its_base(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    other = scored(checkpoint, folder, tmp_path / "other", "other").drift
    assert other.rows == QUESTION_ROWS
    assert other.kl > 0.001
    same = scored(checkpoint, folder, tmp_path / "same", "same").drift
    assert (same.kl, same.changed_top) == (0.0, 0.0)
    assert same.positions == other.positions


def test_a_base_and_a_trainings_earlier_steps_are_not(checkpoint: Path, folder: Path, tmp_path: Path) -> None:
    assert scored(checkpoint, folder, tmp_path / "base", None).drift is None
    dev = {"which": "dev", "dev_share": 0.5}
    assert scored(checkpoint, folder, tmp_path / "dev", "other", part=dev).drift is None


def test_without_memory_for_two_models_the_loss_stays(
    checkpoint: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.evals.subject.held_out_drift.has_room", lambda model: False)
    result = scored(checkpoint, folder, tmp_path / "out", "other")
    assert result.drift is None
    assert result.measures


def test_the_base_is_asked_once_for_all_subjects_unless_its_logits_are_large(
    checkpoint: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures are those of a process of its own; a process at rest keeps nothing large."""
    alone = [scored(checkpoint, folder, tmp_path / f"alone-{name}", name).drift for name in ("same", "other")]
    asked, passes = list[int](), held_out_drift.base_passes
    monkeypatch.setattr(
        held_out_drift, "base_passes", lambda base, rows, *, like: (asked.append(1), passes(base, rows, like=like))[1]
    )
    loader = SubjectLoader()

    def drift(name: str, out: str) -> HeldOutDrift | None:
        model, path = resolved_model(checkpoint), folder / "rows.jsonl"
        job = loss_job(model, path, 70, training=name, training_path=str(folder / name))
        (tmp_path / out).mkdir()
        return run_eval(job, tmp_path / out, lambda _: None, loader=loader).drift

    assert [drift("same", "a"), drift("other", "b")] == alone
    assert len(asked) == 1
    loader.give_back()
    assert drift("other", "c") == alone[1]
    assert len(asked) == 2
    monkeypatch.setattr(held_out_drift, "KEPT_BYTES", 0)
    monkeypatch.setattr(held_out_drift, "weight_bytes", lambda model: 0)
    assert drift("other", "d") == alone[1]
    assert len(asked) == 3
