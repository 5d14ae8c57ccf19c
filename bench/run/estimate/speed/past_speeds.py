"""How fast earlier jobs were on this machine and how much memory they took, read from the finished jobs in the home."""

import statistics
from collections.abc import Iterable
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
from bench.run.estimate.speed.subject_kinds import kind_name, loads_apart
from bench.suite.tables.arms.weights_form import WeightsForm

NOT_IN_SPEED = {"learning_rate", "min_learning_rate", "schedule", "warmup", "weight_decay", "betas", "budget"}
"""Keys of a recipe that change no speed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Speeds by what decides them. Missing where nothing comparable has run."""

    _training: dict[str, list[float]] = field(default_factory=dict)
    _evals: dict[str, list[float]] = field(default_factory=dict)
    _engines: dict[str, list[float]] = field(default_factory=dict)
    """Speeds of servers as engines, in multiples of this program's on the same prompts, by hash of the base."""
    _methods: dict[str, str] = field(default_factory=dict)
    """Methods of the recipes of trainings, by their digest."""
    _subjects: list["_PastSubject"] = field(default_factory=list)
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
            whole = manifest.seconds
            if isinstance(scored, EvalResult) and loads_apart(job):
                beside = _PastSubject.of(job, scored, whole)
                self._subjects.append(beside)
                whole -= (beside.load or 0.0) + (beside.comparison or 0.0)
            self._evals.setdefault(_eval_key(job), []).append(whole)
            if isinstance(scored, EvalResult):
                self._take_engine(job, scored.engine)
                self._take_peak(_eval_key(job), scored.peak_device_bytes or scored.peak_process_bytes)
        elif isinstance(job, TrainJob):
            self._methods[manifest.digest] = job.recipe.method
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

    def subject_seconds(self, kind: str, job: EvalJob) -> tuple[float | None, float | None]:
        """Medians over earlier subjects of this kind and base: of a load, and of a comparison with the base."""
        past = [one for one in self._subjects if (one.base, one.precision) == (job.model.sha256, job.precision)]
        alike = [one for one in past if self._kind(one) == kind]
        return _median(one.load for one in alike), _median(one.comparison for one in alike)

    def _kind(self, subject: "_PastSubject") -> str | None:
        """`None` where its training is not there any more."""
        if subject.training is None:
            return kind_name(None, subject.given)
        return self._methods.get(subject.training)

    def eval_seconds(self, job: EvalJob) -> float | None:
        """Median wall time over earlier subjects of this eval, without their loads and comparisons."""
        times = self._evals.get(_eval_key(job))
        return statistics.median(times) if times else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _PastSubject:
    """What an eval took beside its scoring."""

    base: str
    precision: str
    training: str | None
    given: WeightsForm | None
    load: float | None
    """`None` where the process had the subject."""
    comparison: float | None

    @classmethod
    def of(cls, job: EvalJob, result: EvalResult, seconds: float) -> Self:
        """seconds: of the whole job."""
        return cls(
            base=job.model.sha256,
            precision=job.precision,
            training=job.training,
            given=None if job.given is None else job.given.form,
            load=None if result.weights_kept else result.seconds.start_up,
            comparison=None if result.drift is None else max(0.0, seconds - result.seconds.wall),
        )


def _median(seconds: Iterable[float | None]) -> float | None:
    known = [one for one in seconds if one is not None]
    return statistics.median(known) if known else None


def _training_key(job: TrainJob) -> str:
    recipe: dict[str, Any] = job.recipe.model_dump(mode="json", exclude=NOT_IN_SPEED)
    return digest_json([job.model.sha256, job.data.sha256, recipe, job.threads])


def _eval_key(job: EvalJob) -> str:
    spec: dict[str, Any] = job.eval.model_dump(mode="json", exclude={"role"})
    served = None if job.served is None else job.served.endpoint.identity
    return digest_json([job.model.sha256, spec, job.threads, job.precision, served])
