"""What the steps of a benchmark are counted as, beside their seconds: sums from the beginning of the work.

Contract: importing this loads torch; it is for `step_server.py`. What is planned is held against what was done.
"""

import traceback
from collections.abc import Callable
from itertools import accumulate

from bench.emit import Event, ExamplesDone, StepDone
from bench.model.loading.load import load_skeleton
from bench.model.size.flops import FlopModel, Work, flop_model
from bench.record.jobs.eval_job import EvalJob
from bench.record.jobs.train_job import TrainJob
from bench.record.results.training.facts import StepFacts
from bench.train.arguments.adapters import skeleton_device
from bench.train.planning.exact_counts import step_facts

Counts = dict[str, int | None]
SoFar = Callable[[Event], Counts]
"""Sums up to an event of training or evaluation."""


def nothing_more(_: Event) -> Counts:
    """For comparisons, which look at tokens and seconds alone."""
    return {}


def counts_of(job: TrainJob | EvalJob) -> SoFar:
    """Counts of a training: slots, supervised tokens and operations of its steps; of an eval: examples, slots and
    operations of its forward passes. `None` where they are not known."""
    return _of_eval(job) if isinstance(job, EvalJob) else _of_training(step_facts(job))


def _of_training(steps: tuple[StepFacts, ...]) -> SoFar:
    names = [name for name in StepFacts.model_fields if name != "tokens"]
    tokens = [*accumulate(step.tokens for step in steps)]
    sums: dict[str, list[int | None]] = {
        name: [*accumulate((getattr(s, name) for s in steps), _plus)] for name in names
    }

    def so_far(event: Event) -> Counts:
        assert isinstance(event, StepDone), "a training's"
        at = event.step - 1
        if event.tokens != tokens[at]:
            raise RuntimeError(f"trained on {event.tokens} tokens where {tokens[at]} were planned")
        return {name: values[at] for name, values in sums.items()}

    return so_far


def _of_eval(job: EvalJob) -> SoFar:
    operations = _operations(job)

    def so_far(event: Event) -> Counts:
        assert isinstance(event, ExamplesDone), "an eval's"
        assert event.passes is not None, "of a subject, not of a judge"
        flops = None if operations is None else operations.forward.of(Work(**event.passes.work))
        return {"examples": event.done, "slots": event.passes.slots, "model_flops": flops}

    return so_far


def _operations(job: EvalJob) -> FlopModel | None:
    try:
        return flop_model(load_skeleton(job.model, device=skeleton_device(None)))
    except Exception:  # whatever a foreign architecture raises without weights
        traceback.print_exc()
        return None


def _plus(first: int | None, second: int | None) -> int | None:
    return None if first is None or second is None else first + second
