"""What each deployed form takes on disk and in memory, how fast it answers, and how far it is from the trained form.

Contract: pure functions of the record; means over the trainings that have it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.record.record import DeploymentRecord, Record
from bench.record.results.training.deployed import DeployResult
from bench.report.analysis.run_facts.known import mean_of_known
from bench.report.analysis.run_facts.own_speed import own_speed, unlike_name


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentCost:
    """One form of one arm; figures are `None` where no training was written in it."""

    arm: str
    """`ARM:FORM`."""
    trained: str
    form: str
    trainings: int
    """Trainings that were written in this form, or that a server has."""
    waits_for: str | None
    """Why none was; `None` where one was."""
    precision: str | None = None
    disk_bytes: float | None = None
    """Weights' files; of an adapter without the base."""
    tensor_bytes: float | None = None
    """Weights in memory."""
    memory_bytes: float | None = None
    """Peak while it answered: of the device where there is one, else of the process with its libraries."""
    prompt_tokens_per_second: float | None = None
    tokens_per_second: float | None = None
    """Tokens answered per second, measured alone on the machine; `None` where other programs were at work beside it."""
    shared_tokens_per_second: float | None = None
    """Mean over all measurements, whatever ran beside them."""
    unlike_machine: str | None = None
    """Machine that `shared_tokens_per_second` was measured on, alone, where other forms were on another kind."""
    kl: float | None = None
    """Divergence of the next token from the trained form's, in nats."""
    changed_top: float | None = None
    """Share of positions with another most likely token than the trained form's."""
    same_weights: bool = False
    """Whether the weights of all its trainings are those of the trained arm to the last bit."""


def deployed_arms(record: Record) -> tuple[DeploymentCost, ...]:
    """One per arm and form, in the suite's order."""
    forms = [arm for arm in record.resolved.suite.expand() if arm.deployed is not None]
    rows = [(arm, [one for one in record.deployments if one.arm == arm.name]) for arm in forms]
    served = {arm.name for arm in forms if record.resolved.suite.endpoint_of(arm) is not None}
    return tuple(
        DeploymentCost(arm=arm.name, trained=arm.trained, form=arm.deployed or "", trainings=1, waits_for=None)
        if arm.name in served
        else _row(record, arm.name, arm.trained, arm.deployed or "", made)
        for arm, made in rows
        if made or arm.name in served
    )


def _row(record: Record, arm: str, trained: str, form: str, made: Sequence[DeploymentRecord]) -> DeploymentCost:
    results = [one.result for one in made if one.result is not None]
    if not results:
        failures = [one.job.failure.message for one in made if one.job.failure is not None]
        why = failures[0] if failures else "not written yet"
        return DeploymentCost(arm=arm, trained=trained, form=form, trainings=0, waits_for=why)
    alone = [one.result for one in made if one.result is not None and own_speed(record, one)]
    return DeploymentCost(
        arm=arm,
        trained=trained,
        form=form,
        trainings=len(results),
        waits_for=None,
        precision=results[0].precision,
        disk_bytes=mean_of_known(result.disk_bytes for result in results),
        tensor_bytes=mean_of_known(result.tensor_bytes for result in results),
        memory_bytes=mean_of_known(result.peak_device_bytes or result.peak_process_bytes for result in results),
        prompt_tokens_per_second=mean_of_known(result.prompt_tokens_per_second for result in alone),
        tokens_per_second=mean_of_known(result.tokens_per_second for result in alone),
        shared_tokens_per_second=mean_of_known(result.tokens_per_second for result in results),
        unlike_machine=unlike_name(record, made),
        kl=mean_of_known(None if result.apart is None else result.apart.kl for result in results),
        changed_top=mean_of_known(None if result.apart is None else result.apart.changed_top for result in results),
        same_weights=all(one.result is not None and _same(one.result) for one in made),
    )


def _same(result: DeployResult) -> bool:
    return result.apart is not None and result.apart.same_weights
