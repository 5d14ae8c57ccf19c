"""What is gained and forgotten over the steps of a training: its stored steps on dev examples, or checkpoints of a
training that was made elsewhere, which are arms, on the test examples.

Contract: pure functions of the record and its scores. The band of a trajectory on a measurand holds for all its steps
at once (`bench.stats.estimates.simultaneous`), over examples and, where there are several seeds, over these.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.record.record import Record, TrajectoryRecord
from bench.report.analysis.aligned.align import Aligned, align_one, draws_by_arm
from bench.report.analysis.aligned.deltas import Deltas
from bench.report.analysis.aligned.score_rows import ScoreRows
from bench.report.analysis.run_facts.subjects import planned_arms
from bench.stats.estimates.delta import Delta
from bench.stats.estimates.paired import paired_delta
from bench.stats.estimates.replicates import seed_prior_of
from bench.stats.estimates.simultaneous import band_level
from bench.stats.noise.moderation import SeedPrior
from bench.stats.samples.sample import Scores
from bench.suite.tables.arms.arms import ArmRef


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectoryPoint:
    """One step on one measurand."""

    arm: str
    """The training, or the checkpoint where each is an arm."""
    step: int
    gain: Delta
    """Difference from the base, its interval at the level of the band."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """One training on one measurand, by ascending step."""

    name: str
    """The arm, or the name of the given training in the suite."""
    measurand: str
    on: Literal["dev", "test"]
    """Examples that the steps were scored on."""
    higher_is_better: bool
    seeds: int
    level: float
    """Level of each interval, so that all hold at once at 95%."""
    points: tuple[TrajectoryPoint, ...]

    @property
    def best_step(self) -> int | None:
        """The step with the largest gain; a maximum of many is larger than what it would score again."""
        sign = 1 if self.higher_is_better else -1
        gains = [(sign * point.gain.estimate, -point.step) for point in self.points if point.gain.estimate is not None]
        return -max(gains)[1] if gains else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Steps:
    """Scores of one training by step. arms: what each step is called."""

    name: str
    on: Literal["dev", "test"]
    arms: Mapping[int, str]
    scores: Mapping[int, Scores]
    base: Scores
    priors: Mapping[int, SeedPrior | None]


def trajectories(record: Record, rows: ScoreRows, aligned: Sequence[Aligned], deltas: Deltas) -> tuple[Trajectory, ...]:
    """By training, then by measurand that has a score for each example; empty where no step was scored."""
    entries = [entry for entry in aligned if entry.measurand.per_example]
    found = [
        _trajectory(steps, entry, deltas)
        for entry in entries
        for steps in (*_stored(record, rows, entry), *_checkpoints(record, entry, deltas))
        if steps.scores
    ]
    names = list(dict.fromkeys(trajectory.name for trajectory in found))
    return tuple(sorted(found, key=lambda trajectory: names.index(trajectory.name)))


def steps_of_all_seeds(record: Record, arm: str, eval_name: str) -> tuple[int, ...]:
    """Steps at which every training of the arm was scored, ascending."""
    scored = [{step.step for step in entry.steps} for entry in _of(record, arm, eval_name)]
    return tuple(sorted(set.intersection(*scored))) if scored else ()


def _of(record: Record, arm: str, eval_name: str) -> list[TrajectoryRecord]:
    return [entry for entry in record.trajectories if (entry.arm, entry.eval) == (arm, eval_name)]


def _stored(record: Record, rows: ScoreRows, entry: Aligned) -> Iterator[_Steps]:
    """The stored steps of each arm on the dev examples of an eval."""
    measurand = entry.measurand
    subjects: dict[str, tuple[str, ...]] = {}
    arms = {arm.name: arm for arm in planned_arms(record)}
    steps = {name: steps_of_all_seeds(record, name, measurand.eval) for name in arms}
    for name, scored in steps.items():
        for step in scored:
            subjects[f"{name}@{step}"] = tuple(f"{one.subject}@{step}" for one in _of(record, name, measurand.eval))
    if not subjects:
        return
    bases = {arm.base: (arm.base,) for arm in arms.values()}
    dev = {
        (measurand.eval, subject): scored for (name, subject), scored in rows.items() if name == f"{measurand.eval}@dev"
    }
    drawn = draws_by_arm(record)
    draws = {key: drawn[arm] for key in subjects if (arm := key.rpartition("@")[0]) in drawn}
    scores = align_one(measurand, {**bases, **subjects}, dev, draws=draws).arms
    priors = _priors_by_turn({name: [scores[f"{name}@{step}"] for step in scored] for name, scored in steps.items()})
    for name, scored in steps.items():
        yield _Steps(
            name=name,
            on="dev",
            arms=dict.fromkeys(scored, name),
            scores={step: scores[f"{name}@{step}"] for step in scored},
            base=scores[arms[name].base],
            priors={step: priors[turn] for turn, step in enumerate(scored)},
        )


def _priors_by_turn(scores: Mapping[str, Sequence[Scores]]) -> list[SeedPrior | None]:
    """What all arms say of their seeds' noise at their first evaluation, at their second, and so on."""
    turns = max((len(steps) for steps in scores.values()), default=0)
    return [seed_prior_of(steps[turn] for steps in scores.values() if len(steps) > turn) for turn in range(turns)]


def _checkpoints(record: Record, entry: Aligned, deltas: Deltas) -> Iterator[_Steps]:
    """The checkpoints of each given training, which are arms."""
    trainings: dict[str, dict[int, ArmRef]] = {}
    for arm in planned_arms(record):
        given = record.resolved.suite.arms.given.get(arm.recipe) if arm.is_given else None
        if given is not None and given.trajectory is not None and given.step is not None:
            trainings.setdefault(given.trajectory + arm.suffix, {})[given.step] = arm
    for name, found in trainings.items():
        steps = {step: arm for step, arm in sorted(found.items()) if arm.name in entry.arms}
        if steps:
            yield _Steps(
                name=name,
                on="test",
                arms={step: arm.name for step, arm in steps.items()},
                scores={step: entry.arms[arm.name] for step, arm in steps.items()},
                base=entry.arms[next(iter(steps.values())).base],
                priors=dict.fromkeys(steps, deltas.seed_prior(entry)),
            )


def _trajectory(steps: _Steps, entry: Aligned, deltas: Deltas) -> Trajectory:
    level = band_level(list(steps.scores.values()), steps.base, seed=deltas.seed)
    points = tuple(
        TrajectoryPoint(
            arm=steps.arms[step],
            step=step,
            gain=paired_delta(
                scores,
                steps.base,
                seed=deltas.seed,
                replicates=deltas.replicates,
                level=level,
                prior=steps.priors[step],
            ),
        )
        for step, scores in steps.scores.items()
    )
    return Trajectory(
        name=steps.name,
        measurand=entry.measurand.name,
        on=steps.on,
        higher_is_better=entry.measurand.higher_is_better,
        seeds=max((scores.values.shape[0] for scores in steps.scores.values()), default=0),
        level=level,
        points=points,
    )
