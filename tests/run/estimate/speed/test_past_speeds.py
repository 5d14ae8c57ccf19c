"""What earlier jobs of a home say about the next ones."""

from pathlib import Path

from bench.record.results.evals.engine_use import EngineUse
from bench.record.store import Manifest
from bench.run.estimate.speed.past_speeds import History
from tests.fakes.results import eval_result
from tests.run.plan.jobs.test_evals import WRITTEN, make_plan, scorings


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
        folder = home / "jobs" / job.digest
        folder.mkdir(parents=True)
        (folder / "job.json").write_text(job.model_dump_json())
        (folder / "result.json").write_text(eval_result(0.5).model_copy(update={"engine": use}).model_dump_json())
        done = Manifest(digest=job.digest, files={}, started="2026-01-01T00:00:00Z", seconds=1.0, alone=True)
        (folder / "manifest.json").write_text(done.model_dump_json())
    assert History.read(home).engine_speedup(jobs[0].model.sha256) == 1.7
    assert History.read(home).engine_speedup("0" * 64) is None
