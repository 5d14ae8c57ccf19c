"""Counts what a training does and where its time goes: one clock, one phase at any moment.

Contract: `enter` closes the phase before it, so that the phases add up to the wall time exactly. Counts come from the
batches that were trained on, not from the plan. Formulas:

- a step's `loss` is the sum of negative log-likelihoods over its forward passes / its supervised tokens;
- a step's `seconds` are those spent in `compute` and `optimizer` since the step before;
- of several processes, each meters its own share; a step on any of their meters is that of all
  (`bench.train.accounting.across_ranks`);
- `tokens_per_second` = non-padding tokens / seconds of data + compute + optimizer, over the steady steps: the first
  tenth of the steps (at least 2, at most 10) is left out as warm-up.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bench.record.results.training.ledger import Seconds, Step
from bench.train.accounting.across_ranks import Share, merged
from bench.train.batches.collate import BatchCounts

Phase = Literal["start_up", "data", "compute", "optimizer", "evaluation", "saving", "other"]
_WORK: tuple[Phase, ...] = ("data", "compute", "optimizer")


@dataclass(slots=True)
class _Open:
    """The step in progress."""

    rows: int = 0
    tokens: int = 0
    supervised_tokens: int = 0
    slots: int = 0
    loss: float = 0.0
    """Already divided by the whole step's supervised tokens."""
    seconds: dict[Phase, float] = field(default_factory=dict)
    processor_seconds: float = 0.0
    """In the phases of work."""

    def share(self) -> Share:
        data, compute, optimizer = (self.seconds.get(phase, 0.0) for phase in _WORK)
        return Share(
            rows=self.rows,
            tokens=self.tokens,
            supervised_tokens=self.supervised_tokens,
            slots=self.slots,
            loss=self.loss,
            seconds=compute + optimizer,
            work_seconds=data + compute + optimizer,
            processor_seconds=self.processor_seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """Speed over the steps after warm-up."""

    left_out: int
    tokens_per_second: float | None
    """`None` below two steady steps."""
    processor_tokens_per_second: float | None = None
    """Per second of processor time; `None` likewise."""


class Meter:
    """Fills the ledger of one training. `synchronize` waits for the device; `clock` gives seconds, `processor` those of
    the processor that this process has used.

    `exchange` is given this process's share of a step and brings back those of all.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.perf_counter,
        processor: Callable[[], float] = time.process_time,
        synchronize: Callable[[], None] | None = None,
        exchange: Callable[[Share], Sequence[Share]] = lambda share: [share],
        since: float | None = None,
    ) -> None:
        """`since`: when, by `clock`, the start-up began; now, if it is not given."""
        self._clock, self._synchronize, self._exchange = clock, synchronize or (lambda: None), exchange
        self._processor, self._processor_since = processor, processor()
        self._seconds: dict[Phase, float] = {}
        self._phase: Phase = "start_up"
        self._since = clock() if since is None else since
        self._open = _Open()
        self._steps: list[Step] = []
        self._work: list[float] = []
        self._processor_work: list[float] = []
        self._tokens = 0

    def enter(self, phase: Phase) -> None:
        """Ends the current phase, once the device has done its work, and begins `phase`."""
        self._synchronize()
        now, processor = self._clock(), self._processor()
        if self._phase in _WORK:
            self._open.processor_seconds += processor - self._processor_since
        self._processor_since = processor
        for account in (self._seconds, self._open.seconds):
            account[self._phase] = account.get(self._phase, 0.0) + now - self._since
        self._phase, self._since = phase, now

    def forward(self, counts: BatchCounts, loss: float) -> None:
        """One forward pass: `loss` is its share of the step's loss (nats / supervised tokens of the whole step)."""
        step = self._open
        step.rows += counts.rows
        step.tokens += counts.tokens
        step.supervised_tokens += counts.supervised_tokens
        step.slots += counts.slots
        step.loss += loss

    def end_step(self, *, gradient_norm: float | None, learning_rate: float) -> Step:
        """Closes the step; whatever follows belongs to the next one."""
        self.enter("other")
        opened, self._open = self._open, _Open()
        done = merged(self._exchange(opened.share()))
        step = Step(
            step=len(self._steps) + 1,
            loss=finite(done.loss) if done.supervised_tokens else None,
            gradient_norm=finite(gradient_norm),
            learning_rate=learning_rate,
            tokens=done.tokens,
            supervised_tokens=done.supervised_tokens,
            slots=done.slots,
            rows=done.rows,
            seconds=done.seconds,
        )
        self._steps.append(step)
        self._work.append(done.work_seconds)
        self._processor_work.append(done.processor_seconds)
        self._tokens += step.tokens
        return step

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps so far."""
        return tuple(self._steps)

    @property
    def tokens(self) -> int:
        """Non-padding tokens so far."""
        return self._tokens

    @property
    def work_seconds(self) -> float:
        """Seconds of data, compute and optimizer over all steps so far."""
        return sum(self._work)

    @property
    def running_tokens_per_second(self) -> float | None:
        """Over all steps so far, warm-up included: for the live display only."""
        seconds = self.work_seconds
        return self._tokens / seconds if seconds > 0 else None

    def steady(self) -> Steady:
        """Tokens per second after warm-up."""
        left_out = min(10, max(2, math.ceil(len(self._steps) / 10)))
        tokens = sum(step.tokens for step in self._steps[left_out:])
        seconds = sum(self._work[left_out:])
        processor = sum(self._processor_work[left_out:])
        enough = len(self._steps) - left_out >= 2
        return Steady(
            left_out=min(left_out, len(self._steps)),
            tokens_per_second=tokens / seconds if enough and seconds > 0 else None,
            processor_tokens_per_second=tokens / processor if enough and processor > 0 else None,
        )

    def seconds(self) -> Seconds:
        """Time by phase up to now; the phases add up to `wall`."""
        self.enter(self._phase)
        return Seconds(**self._seconds, wall=sum(self._seconds.values()))

    def state(self) -> dict[str, object]:
        """JSON value from which `resume` goes on counting."""
        self.enter(self._phase)
        return {
            "seconds": dict(self._seconds),
            "work": list(self._work),
            "processor_work": list(self._processor_work),
            "steps": [step.model_dump() for step in self._steps],
        }

    def resume(self, state: dict[str, object]) -> None:
        """Takes over the steps and seconds of the training that was interrupted."""
        self._steps = [Step.model_validate(step) for step in _list(state["steps"])]
        self._work = [float(seconds) for seconds in _list(state["work"])]
        self._processor_work = [float(seconds) for seconds in _list(state["processor_work"])]
        self._tokens = sum(step.tokens for step in self._steps)
        earlier = state["seconds"]
        assert isinstance(earlier, dict), "written by state()"
        for phase, seconds in earlier.items():
            self._seconds[phase] = self._seconds.get(phase, 0.0) + seconds


def finite(value: float | None) -> float | None:
    """`value`, or `None` if it is missing, infinite or not a number."""
    return value if value is not None and math.isfinite(value) else None


def _list(value: object) -> list[float]:
    assert isinstance(value, list), "written by state()"
    return value
