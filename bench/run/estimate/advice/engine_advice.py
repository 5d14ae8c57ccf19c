"""Whether starting vLLM is worth it for the answers that a plan has to come."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.record.jobs.eval_job import AnswerJob
from bench.run.estimate.forecast_types import EvalForecast
from bench.run.plan.types import Plan, PlannedJob
from bench.suite.catalog.answered_in_text import surely_writes
from bench.suite.tables.suite import Suite

LOADING_SECONDS = 20.0
"""Time that vLLM's processor build takes to load a 135M base on two cores, where no start was measured."""


def engine_advice(
    planned: Plan, evals: Sequence[EvalForecast], *, loading: float | None, speedup: float | None
) -> tuple[str, ...]:
    """One line where the suite names no engine, and it is known how long the answers to come take this program.

    loading: seconds of the last start with this base here. speedup: how many times as fast as this program a server was
    on the same prompts. Without one, a server can save no more than all of that time.
    """
    suite = planned.resolved.suite
    if suite.engine is not None:
        return ()
    seconds = {scored.eval: scored.seconds for scored in evals}
    written = {spec.name for spec in suite.eval if surely_writes(spec, _folder(planned, spec.name))}
    times = [_seconds(entry, suite, written, seconds) for entry in planned.can_run]
    known = [time for time in times if time is not None]
    if not known:
        return ()
    total = sum(known)
    facts = f"about {total:.0f} s of answers of {len(known)} evals of base and LoRA arms are to come"
    if speedup is not None:
        facts += f", an engine was ×{speedup:.2f} as fast as this program on the same prompts here"
    facts += f", and loading takes about {loading or LOADING_SECONDS:.0f} s"
    facts += " (measured here)" if loading else " (not measured here)"
    saved = total if speedup is None else total * (1 - 1 / speedup)
    if saved <= (loading or LOADING_SECONDS):
        return (f"engine vllm: not worth starting: {facts}",)
    worth = "may be worth starting" if speedup is None else "worth starting"
    return (f"engine vllm: {worth} (bench engines serve): {facts}",)


def _folder(planned: Plan, name: str) -> Path | None:
    folder = planned.resolved.tasks_path.get(name)
    return None if folder is None else Path(folder)


def _seconds(entry: PlannedJob, suite: Suite, written: set[str], seconds: Mapping[str, float | None]) -> float | None:
    """Time of a job that a server could do; `None` of any other, and where it is not known."""
    answers = isinstance(entry.job, AnswerJob)
    job = entry.eval_job
    if job is None or job.judging is not None or job.served is not None or job.form is not None:
        return None
    arm = next((arm for arm in suite.expand() if arm.name == entry.arm), None)
    lora = arm is None or (arm.is_given and suite.arms.given[arm.recipe].adapter is not None)
    lora = lora or (arm is not None and not arm.is_given and suite.recipe[arm.recipe].method == "lora")
    name = job.eval.name
    return seconds.get(f"{name}, answers" if answers else name) if lora and name in written else None
