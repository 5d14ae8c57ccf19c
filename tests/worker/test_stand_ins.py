"""What stands in for subjects that there are not yet is loaded as they will be, and changes nothing."""

from pathlib import Path

import pytest

from bench.emit import Event, StageDone
from bench.evals.subject.held_out_drift import HeldOutDrift
from bench.model.loading.load import load_tuned
from bench.record.jobs.eval_job import EvalJob
from bench.run.process.payloads import StandIn, StandInsReply, StandInsRequest
from bench.worker import stand_ins
from bench.worker.stand_ins import load_stand_ins
from tests.evals.jobs import loss_job
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data

STAGES = ["made", "loaded", "compared"]


def subjects(folder: Path, *methods: str) -> list[StandIn]:
    """A base and trainings of it by these methods."""
    model, data = resolved_model(tiny_checkpoint(folder / "model")), stored_data(folder, make_rows(4))
    job, budget = loss_job(model, Path(data.path), 4), {"unit": "steps", "amount": 2}
    made = [StandIn(job=job, training=None)]
    for method in methods:
        training = make_job(model, data, recipe=make_recipe(method=method), budget=budget)
        made.append(StandIn(job=job.model_copy(update={"training": "t"}), training=training))
    return made


def loaded(asked: list[StandIn], folder: Path) -> tuple[StandInsReply, list[str]]:
    stages = list[Event]()
    reply = load_stand_ins(StandInsRequest(subjects=tuple(asked)), folder, stages.append)
    return reply, [event.stage for event in stages if isinstance(event, StageDone)]


def test_a_subject_of_each_kind_is_loaded_and_compared_with_its_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base's files for all weights, an adapter of zeros for LoRA: neither is another model than the base."""
    found, score = list[tuple[EvalJob, HeldOutDrift | None]](), stand_ins.score_subject

    def noted(job: EvalJob, *asked: object, **more: object) -> object:
        found.append((job, (result := score(job, *asked, **more)).drift))
        return result

    monkeypatch.setattr(stand_ins, "score_subject", noted)
    reply, stages = loaded(subjects(tmp_path, "full", "lora"), tmp_path)
    assert stages == 3 * STAGES
    drifts = [None if drift is None else (drift.kl, drift.rows) for _, drift in found]
    assert drifts == [None, (0.0, 4), (pytest.approx(0.0, abs=1e-6), 4)]
    assert [None if job.given is None else job.given.form for job, _ in found] == [None, "weights", "adapter"]
    for memory, job in zip(reply.memory, (job for job, _ in found), strict=True):
        assert memory is not None
        assert 0 < memory.resident_bytes <= memory.load_bytes
        assert (memory.comparison_bytes is None) is (job.given is None)


def test_an_adapter_of_zeros_has_the_shape_of_the_training(tmp_path: Path) -> None:
    _, asked = subjects(tmp_path, "lora")
    model = load_tuned(asked.job.model, stand_ins._zeros(asked.training, tmp_path / "zeros"), precision="fp32")
    assert not any("lora" in name for name, _ in model.named_parameters()), "merged"
    assert (tmp_path / "zeros" / "adapter_model.safetensors").stat().st_size > 4 * asked.training.recipe.lora.r * 32


def test_what_nothing_can_stand_in_for_leaves_the_others_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = stand_ins._zeros

    def failing(training: object, folder: Path) -> Path:
        if folder.name == "1":
            raise RuntimeError("no such method today")
        return make(training, folder)

    monkeypatch.setattr(stand_ins, "_zeros", failing)
    reply, stages = loaded(subjects(tmp_path, "lora", "lora"), tmp_path)
    assert [memory is None for memory in reply.memory] == [False, True, False]
    assert stages == 2 * STAGES
