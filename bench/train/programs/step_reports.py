"""Lines by which a program of ours reports its steps: `MARK` and a JSON object, between whatever else it prints."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.emit import Emit, StepDone
from bench.record.results.training.ledger import Step
from bench.train.accounting.meter import Meter
from bench.train.batches.schedule import Schedule

MARK = "@bench "
_WORK = ("data", "compute", "optimizer")


@dataclass(slots=True, kw_only=True)
class StepReports:
    """Steps of one training as they are reported. A report of a step has `step`, `loss` (`None` where it is not
    finite), `gradient_norm` and `seconds` by phase; the last report, without `step`, has what is known at the end."""

    parts: Sequence[Schedule]
    """The schedule of each step."""
    learning_rates: Sequence[float]
    emit: Emit
    steps: list[Step] = field(default_factory=list)
    seconds: list[Mapping[str, float]] = field(default_factory=list)
    """Seconds of each step, by phase."""
    end: dict[str, Any] = field(default_factory=dict)

    def hear(self, line: str) -> bool:
        """Take a report, or an empty line; false of any other line."""
        if not line.startswith(MARK):
            return not line.strip()
        report = json.loads(line.removeprefix(MARK))
        if "step" not in report:
            self.end = report
            return True
        self.seconds.append(report["seconds"])
        self.steps.append(self._step(report))
        self.emit(
            StepDone(
                step=len(self.steps),
                steps=len(self.parts),
                loss=report["loss"],
                gradient_norm=report["gradient_norm"],
                tokens=sum(step.tokens for step in self.steps),
                tokens_per_second=self.meter().running_tokens_per_second,
            )
        )
        return True

    def _step(self, report: Mapping[str, Any]) -> Step:
        part = self.parts[len(self.steps)]
        return Step(
            step=report["step"],
            loss=report["loss"],
            gradient_norm=report["gradient_norm"],
            learning_rate=self.learning_rates[len(self.steps)],
            tokens=part.tokens,
            supervised_tokens=part.supervised_tokens,
            slots=part.slots,
            rows=part.rows,
            seconds=sum(report["seconds"].get(phase, 0.0) for phase in ("compute", "optimizer")),
        )

    @property
    def diverged(self) -> bool:
        """Whether the training ended at a loss that was not finite."""
        return bool(self.steps) and self.steps[-1].loss is None

    def work(self) -> dict[str, float]:
        """Seconds of all steps, by phase."""
        return {phase: sum(step.get(phase, 0.0) for step in self.seconds) for phase in _WORK}

    def meter(self, other: Mapping[str, float] | None = None) -> Meter:
        """A meter as if it had run beside the program. other: seconds of further phases."""
        meter = Meter()
        work = [sum(step.get(phase, 0.0) for phase in _WORK) for step in self.seconds]
        meter.resume(
            {
                "seconds": {**self.work(), **(other or {})},
                "work": work,
                "processor_work": [0.0] * len(work),  # of another process: not known
                "steps": [step.model_dump() for step in self.steps],
            }
        )
        return meter
