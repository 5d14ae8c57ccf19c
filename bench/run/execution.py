"""A plan carried out: the bases first, then trainings and evals; the record is written now and then and at the end."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bench.errors import IncompleteError, InterruptedRunError, Problem
from bench.record.contamination import ContaminationRecord
from bench.record.jobs.train_job import ProbeJob
from bench.record.labels import EvalLabels
from bench.record.look import Look
from bench.record.record import Heading, JobOutcome
from bench.record.results.training.result import ProbeResult
from bench.record.rundir import RunDirectory, point_latest
from bench.record.store import JobStore
from bench.run.checks.base_scores import base_findings
from bench.run.contamination import find_contamination
from bench.run.display import Display
from bench.run.executors.allowance import Allowance
from bench.run.executors.executor import Executor
from bench.run.executors.local import LocalExecutor
from bench.run.kept_record import RecordSources, recording_code
from bench.run.plan.free_weights import prune
from bench.run.plan.probe_rounds import in_round, rounds_of, without_later, without_needless_rounds
from bench.run.plan.types import Plan, PlannedJob
from bench.run.preparation import Preparation
from bench.run.process.server import ChildServer
from bench.run.recording.heading import earlier, timestamp
from bench.run.recording.recorder import make_record
from bench.run.scheduling.scheduler import Scheduler

_SECONDS_BETWEEN_RECORDS = 20.0


@dataclass(slots=True, kw_only=True)
class Execution:
    """The part of a run that does its jobs and writes its record."""

    plan: Plan
    store: JobStore
    directory: RunDirectory
    heading: Heading
    began: float
    go_on: bool
    """Train whatever the bases' scores say."""
    executor: Executor | None
    """`None`: this machine."""
    unavailable: Collection[str]
    """Evals whose rows the hub does not give today: their jobs fail, and no training waits for them."""
    allowances: Mapping[str, Allowance] = field(default_factory=dict)
    """What other machines are asked to allow each job, by digest."""
    looks: tuple[Look, ...] = ()
    """At the same question with other seeds, before this run."""
    labels: tuple[EvalLabels, ...] = ()
    """People's labels of judged pairs."""
    meanwhile: Callable[[], object] = lambda: None
    """What the caller does while the last evals run beside each other, in a thread: it changes no result."""
    outcomes: dict[str, JobOutcome] = field(default_factory=dict)
    _recorded: float = 0.0
    _ended_since: bool = False
    """Whether a job ended since the record was written."""
    _preparation: Preparation | None = None
    """What prepares the end of this run; `None` before its last jobs."""

    def execute(self, server: ChildServer, display: Display) -> None:
        """Run the jobs, with the record written now and then and at the end."""
        if not self.plan.to_do:
            self._write_without_work()
            return
        scheduler = Scheduler(
            executor=self.executor or LocalExecutor(server=server),
            store=self.store,
            workers=self.plan.workers,
            display=display,
            on_end=self._on_end,
            on_look=self._write_if_due,
            limits=self.plan.resolved.suite.run.limits,
            outcomes=self.outcomes,
            allowances=dict(self.allowances),
        )
        self._write(self.heading)
        try:
            first = () if self.go_on else self._before_training()
            others = (planned for planned in self.plan.to_do if not isinstance(planned.job, ProbeJob))
            rest = [planned for planned in others if planned not in first]
            scheduler.run(first, later=rest)
            if not self.go_on:
                self._check_bases(display)
            self._probe_in_rounds(scheduler, display, later=rest)
            alone = self.executor is None and self.plan.workers == 1  # and so is the speed that an eval reports
            self._preparation = Preparation(rest, () if alone else (self.meanwhile, self._contamination))
            scheduler.run(rest)
        except KeyboardInterrupt as error:
            self._write(self._ended(), interrupted=True)
            raise InterruptedRunError(self._interruption()) from error
        finally:
            scheduler.executor.stop_all(())
        self._preparation.finish()
        contamination = self._contamination()
        self._write(self._ended(), contamination=contamination)
        recording_code(self.store.home)  # the next run, which finds everything done, need not parse it

    def _write_without_work(self) -> None:
        """Write the record with the heading of the run that did the jobs, unless it would come out as it is."""
        sources = RecordSources(
            plan=self.plan,
            directory=self.directory,
            home=self.store.home,
            contamination=self._contamination(),
            looks=self.looks,
            labels=self.labels,
        )
        if sources.is_kept():
            point_latest(self.directory.path)
            return
        self._write(earlier(self.directory, self.plan) or self._ended(), contamination=sources.contamination)
        sources.keep()

    def _probe_in_rounds(self, scheduler: Scheduler, display: Display, *, later: Sequence[PlannedJob]) -> None:
        """Time the arms until their speeds are resolved; what is not needed leaves the plan, as do later probes of an
        arm whose probe failed."""
        for number in rounds_of(self.plan):
            probes = in_round(self.plan, number)
            scheduler.run(probes, later=later)
            failed = {p.arm for p in probes if self.outcomes[p.digest].failure is not None}
            shorter = without_needless_rounds(without_later(self.plan, number, failed), self._probed)
            kept = {planned.job.id for planned in shorter.jobs}
            for planned in self.plan.to_do:
                if planned.job.id not in kept:
                    display.dropped(planned.job.id)
            self.plan = shorter

    def _probed(self, planned: PlannedJob) -> ProbeResult | None:
        """Result of a probe that has ended in this run, or that this run reuses."""
        outcome = self.outcomes.get(planned.digest)
        ended = not planned.to_do if outcome is None else outcome.failure is None
        return self.store.whole(planned.digest, ProbeResult) if ended else None

    def _before_training(self) -> tuple[PlannedJob, ...]:
        """The bases' evals, where a training comes after them."""
        return tuple(planned for planned in self.plan.can_run if planned.arm is None) if self.plan.trains else ()

    def _check_bases(self, display: Display) -> None:
        """Raises `IncompleteError` where the bases' scores leave an eval without an answer, and trainings wait."""
        if not self.plan.trains:
            return
        base_problems = base_findings(self.plan, self.outcomes, self.store, but=self.unavailable)
        for finding in base_problems:
            if not finding.stops:
                display.note(f"warning: {finding.problem.what}")
        if stops := [finding.problem for finding in base_problems if finding.stops]:
            self._write(self._ended(), interrupted=True)
            raise IncompleteError(stops)

    @property
    def failed(self) -> bool:
        """Whether a job of this run failed."""
        return any(outcome.failure is not None for outcome in self.outcomes.values())

    def _on_end(self, planned: PlannedJob, outcome: JobOutcome) -> None:
        del outcome  # it is in `outcomes`
        prune(self.plan, planned, self.outcomes, self.store)
        self._ended_since = True
        if self._preparation is not None:
            self._preparation.job_ended(planned.digest)

    def _write_if_due(self) -> None:
        """Write the record where it is behind, for `bench status` on whatever machine sees it."""
        if self._ended_since and time.monotonic() - self._recorded >= _SECONDS_BETWEEN_RECORDS:
            self._write(self.heading)

    def _ended(self) -> Heading:
        return self.heading.model_copy(
            update={"finished": timestamp(), "wall_seconds": round(time.monotonic() - self.began, 3)}
        )

    def _contamination(self) -> tuple[ContaminationRecord, ...]:
        return find_contamination(self.plan, store=self.store, home=self.store.home)

    def _write(
        self, heading: Heading, *, interrupted: bool = False, contamination: tuple[ContaminationRecord, ...] = ()
    ) -> None:
        record = make_record(
            self.plan,
            self.outcomes,
            heading,
            store=self.store,
            directory=self.directory,
            interrupted=interrupted,
            contamination=contamination,
            looks=self.looks,
            labels=self.labels,
        )
        self.directory.write(record)
        self._recorded, self._ended_since = time.monotonic(), False

    def _interruption(self) -> Problem:
        finished = sum(outcome.failure is None for outcome in self.outcomes.values())
        return Problem(
            reference="run.interrupted",
            what=f"stopped with {finished} of {len(self.plan.to_do)} jobs done; they are kept",
            where=str(self.directory.path),
            hint="the same command resumes from there",
        )
