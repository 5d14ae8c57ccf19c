"""What earlier jobs of a home say about the next ones."""

from pathlib import Path

import pytest

from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.record.results.evals.engine_use import EngineUse
from bench.record.results.evals.evaluation import EvalResult
from bench.record.results.training.applied import HeldOutDrift
from bench.record.results.training.ledger import Seconds
from bench.record.results.training.result import TrainResult
from bench.record.store import Manifest
from bench.run.estimate.speed.past_speeds import History
from tests.fakes.results import eval_result, training_result
from tests.run.plan.jobs.test_evals import LOSS, WRITTEN, make_plan, scorings


def keep(home: Path, job: EvalJob | TrainJob, result: EvalResult | TrainResult, seconds: float = 1.0) -> None:
    """A finished job."""
    folder = home / "jobs" / job.digest
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(job.model_dump_json())
    (folder / "result.json").write_text(result.model_dump_json())
    done = Manifest(digest=job.digest, files={}, started="2026-01-01T00:00:00Z", seconds=seconds, alone=True)
    (folder / "manifest.json").write_text(done.model_dump_json())


def test_loads_and_comparisons_are_no_part_of_an_evals_time(tmp_path: Path) -> None:
    """The first eval of a subject loads it for the others, and a loss is held against the base: both are of the
    subject's kind."""
    planned, home = make_plan(tmp_path, LOSS, WRITTEN), tmp_path / "home"
    for training in (entry.job for entry in planned.jobs if isinstance(entry.job, TrainJob)):
        keep(home, training, training_result())
    jobs = [job for job in scorings(planned) if job.subject in {"base", "few/full#0", "few/lora#0"}]
    loads = {"base": 4.0, "few/full#0": 5.0, "few/lora#0": 7.0}
    for job in jobs:
        kept, compared = job.eval.name == "written", job.eval.name == "loss" and job.subject != "base"
        load = 0.01 if kept else loads[job.subject]
        drift = HeldOutDrift(kl=0.1, changed_top=0.1, rows=2, positions=9) if compared else None
        seconds = Seconds(start_up=load, evaluation=2.0, saving=0.5, wall=load + 2.5)
        done = eval_result(0.5).model_copy(update={"weights_kept": kept, "drift": drift, "seconds": seconds})
        keep(home, job, done, seconds=load + 2.5 + (3.0 if compared else 0.0))
    history = History.read(home)
    loss, written = (next(job for job in jobs if job.eval.name == name) for name in ("loss", "written"))
    assert history.eval_seconds(loss) == pytest.approx(2.5)
    assert history.eval_seconds(written) == pytest.approx(2.51)
    assert history.subject_seconds("base", loss) == (4.0, None)
    assert history.subject_seconds("full", loss) == (5.0, pytest.approx(3.0))
    assert history.subject_seconds("lora", loss) == (7.0, pytest.approx(3.0))
    assert history.subject_seconds("dora", loss) == (None, None)
    other = loss.model_copy(update={"precision": "bf16"})
    assert history.subject_seconds("full", other) == (None, None)
    assert history.eval_seconds(other) is None


def test_an_engines_speed_is_that_of_earlier_evals_on_the_same_prompts(tmp_path: Path) -> None:
    """Evals without a server, and those whose speeds were not measured, tell nothing of it."""
    jobs, home = scorings(make_plan(tmp_path, WRITTEN)), tmp_path / "home"
    speeds = [(100.0, 150.0), (100.0, 250.0), (100.0, 170.0), (None, 900.0), None]
    for job, pair in zip(jobs, speeds, strict=True):
        use = None
        if pair is not None:
            speed = {"own_tokens_per_second": pair[0], "tokens_per_second": pair[1]}
            use = EngineUse.model_validate(
                {**speed, "host": "h", "model": "m", "compared": 8, "equal": 8, "tolerance": 0}
            )
        keep(home, job, eval_result(0.5).model_copy(update={"engine": use}))
    assert History.read(home).engine_speedup(jobs[0].model.sha256) == 1.7
    assert History.read(home).engine_speedup("0" * 64) is None
