"""How fast earlier jobs were on this machine and how much memory they took, read from the finished jobs in the home."""

import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from bench.digest import digest_json
from bench.record.files import RESULT
from bench.record.jobs.eval_job import AnswerJob, EvalJob
from bench.record.jobs.job import job_adapter, result_adapter
from bench.record.jobs.train_job import TrainJob
from bench.record.results.evals.engine_use import EngineUse
from bench.record.results.evals.evaluation import EvalResult
from bench.record.results.training.result import TrainResult
from bench.record.store import Manifest

NOT_IN_SPEED = {"learning_rate", "min_learning_rate", "schedule", "warmup", "weight_decay", "betas", "budget"}
"""Keys of a recipe that change no speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Speeds by what decides them. Missing where nothing comparable has run."""

    _training: dict[str, list[float]] = field(default_factory=dict)
    _evals: dict[str, list[float]] = field(default_factory=dict)
    _engines: dict[str, list[float]] = field(default_factory=dict)
    """Speeds of servers as engines, in multiples of this program's on the same prompts, by hash of the base."""
    _peaks: dict[str, int] = field(default_factory=dict)
    """Highest peak in bytes, by key of a training or an eval: of a GPU's tensors, or of the process on a processor."""
    _keys: dict[str, str] = field(default_factory=dict)
    """Keys of the trainings that were asked about, by digest."""

    @classmethod
    def read(cls, home: Path) -> Self:
        """All finished jobs under `home`; unreadable ones tell nothing."""
        history = cls()
        for manifest in sorted((home / "jobs").glob("*/manifest.json")):
            try:
                history._take(manifest.parent, Manifest.model_validate_json(manifest.read_bytes()))
            except (OSError, ValidationError):
                continue
        return history

    def _take(self, folder: Path, manifest: Manifest) -> None:
        job = job_adapter.validate_json((folder / "job.json").read_bytes())
        job = job.asking if isinstance(job, AnswerJob) else job
        if isinstance(job, EvalJob):
            scored = result_adapter.validate_json((folder / RESULT).read_bytes())
            if isinstance(scored, EvalResult) and scored.recalled_share > 0:
                return  # of a part of its examples
            self._evals.setdefault(_eval_key(job), []).append(manifest.seconds)
            if isinstance(scored, EvalResult):
                self._take_engine(job, scored.engine)
                self._take_peak(_eval_key(job), scored.peak_device_bytes or scored.peak_process_bytes)
        elif isinstance(job, TrainJob):
            result = result_adapter.validate_json((folder / RESULT).read_bytes())
            if isinstance(result, TrainResult) and result.ledger.seconds.wall > 0:
                speed = result.ledger.tokens / result.ledger.seconds.wall
                self._training.setdefault(_training_key(job), []).append(speed)
                ledger = result.ledger
                self._take_peak(_training_key(job), ledger.peak_device_bytes or ledger.peak_process_bytes)

    def _take_engine(self, job: EvalJob, use: EngineUse | None) -> None:
        if use is not None and use.tokens_per_second and use.own_tokens_per_second:
            speedup = use.tokens_per_second / use.own_tokens_per_second
            self._engines.setdefault(job.model.sha256, []).append(speedup)

    def _take_peak(self, key: str, peak: int | None) -> None:
        if peak is not None:
            self._peaks[key] = max(peak, self._peaks.get(key, 0))

    def engine_speedup(self, sha256: str) -> float | None:
        """Median over earlier evals that a server generated for, of subjects of this base."""
        speedups = self._engines.get(sha256)
        return statistics.median(speedups) if speedups else None

    def tokens_per_second(self, job: TrainJob) -> float | None:
        """Median over earlier trainings with this model, data and recipe (rates, budget aside), all phases counted."""
        speeds = self._training.get(self._key(job))
        return statistics.median(speeds) if speeds else None

    def training_bytes(self, job: TrainJob) -> int | None:
        """Highest peak of earlier trainings with this model, data and recipe (rates, budget aside)."""
        return self._peaks.get(self._key(job))

    def _key(self, job: TrainJob) -> str:
        """Key of a training that is asked about; of many arms it takes a while, so that it is made where needed."""
        if not self._training:
            return ""
        if job.digest not in self._keys:
            self._keys[job.digest] = _training_key(job)
        return self._keys[job.digest]

    def eval_bytes(self, job: EvalJob) -> int | None:
        """Highest peak of earlier subjects of this eval."""
        return self._peaks.get(_eval_key(job))

    def eval_seconds(self, job: EvalJob) -> float | None:
        """Median wall time over earlier subjects of this eval."""
        times = self._evals.get(_eval_key(job))
        return statistics.median(times) if times else None


def _training_key(job: TrainJob) -> str:
    recipe: dict[str, Any] = job.recipe.model_dump(mode="json", exclude=NOT_IN_SPEED)
    return digest_json([job.model.sha256, job.data.sha256, recipe, job.threads])


def _eval_key(job: EvalJob) -> str:
    spec: dict[str, Any] = job.eval.model_dump(mode="json", exclude={"role"})
    served = None if job.served is None else job.served.endpoint.identity
    return digest_json([job.model.sha256, spec, job.threads, served])
