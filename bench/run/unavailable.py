"""Inputs that could not be had this time: told from those that are wrong, marked, and what a plan does without them.

Contract: an input is unavailable where every problem with it may pass by itself (`UNREACHABLE`). The jobs that need it
cannot run and fail with that reason; all others have the digests that they would have anyway.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from bench.digest import digest_json
from bench.errors import InputError, Problem
from bench.record.atomic import write_text
from bench.record.job import AnswerJob, EvalJob, Job, ProbeJob, SweepJob, TrainJob
from bench.run.plan.types import Plan
from bench.suite.card import load_card
from bench.suite.model import ModelSpec
from bench.suite.resolved import UNREACHABLE, ResolvedModel, ResolvedSuite, Unavailable


def reason(error: InputError, log: Path) -> Unavailable:
    """Why an input is unavailable. Raises `error` again where the user has to mend something."""
    if any(problem.reference != UNREACHABLE for problem in error.problems):
        raise error
    first = error.problems[0]
    return Unavailable(what=first.what, where=first.where, hint=first.hint, log=str(log))


def pinned(spec: ModelSpec, pin: Callable[[ModelSpec], ResolvedModel], *, home: Path) -> ResolvedModel:
    """What `pin` makes of `spec`, or what stands in the place of a model that could not be had."""
    try:
        return pin(spec)
    except InputError as error:
        asked = digest_json({"absent": spec.model_dump(mode="json")})
        log = home / "logs" / f"model-{asked[:16]}.txt"
        why = reason(error, log)
        write_text(log, "".join(traceback.format_exception(error)))
        return _absent_model(spec, asked, why)


def _absent_model(spec: ModelSpec, asked: str, why: Unavailable) -> ResolvedModel:
    """As far as its card tells; a size counts, for it decides how many jobs run side by side."""
    card = None if spec.card is None else load_card(spec.card)
    repo = spec.repo or ("" if card is None else card.repo) or ""
    return ResolvedModel(
        name=repo if card is None else card.name,
        source=f"repo:{repo}" if spec.card is None else f"card:{spec.card}",
        revision=spec.revision,
        path="",
        sha256=asked,
        context_length=0 if card is None else card.context_length,
        parameters=None if card is None else card.parameters,
        template=spec.template or (None if card is None else card.template),
        template_sha256=None,
        end_of_turn=None if card is None else card.end_of_turn,
        thinking=spec.thinking,
        lora_target_modules="all-linear" if card is None else card.lora_target_modules,
        simulation=None if card is None else card.simulation,
        unavailable=why,
    )


def missing_input(job: Job) -> Unavailable | None:
    """The first of the inputs that `job` reads itself which could not be had."""
    return next((one for one in _inputs(job) if one is not None), None)


def _inputs(job: Job) -> Iterator[Unavailable | None]:
    match job:
        case TrainJob():
            yield from (job.model.unavailable, job.data.unavailable)
        case SweepJob():
            yield from _inputs(job.training)
            yield job.dev.unavailable
        case ProbeJob():
            yield from _inputs(job.training)
        case AnswerJob():
            yield from _inputs(job.asking)
        case EvalJob():
            yield job.model.unavailable
            yield None if job.data is None else job.data.unavailable
            yield None if job.shots is None else job.shots.data.unavailable
            if job.judging is not None:
                judge, stored = job.judging.judge.model, job.judging.stored
                yield None if judge is None else judge.unavailable
                yield None if stored is None else stored.unavailable


def refuse_what_is_away(resolved: ResolvedSuite) -> None:
    """For what has no use for a part. Raises `InputError` with everything that could not be had."""
    judges = [judge.model for judge in resolved.judges.values() if judge.model is not None]
    models = [*resolved.bases().values(), *judges]
    _refuse([*(one.unavailable for one in models), *(one.unavailable for one in resolved.data.values())])


def refuse_idle(plan: Plan) -> None:
    """Raises `InputError` where unavailable inputs leave nothing to run, and nothing that was run."""
    asked = [one for one in plan.jobs if one.selected]
    if all(one.unavailable is not None for one in asked):
        _refuse([one.unavailable for one in asked])


def told(found: Iterable[Unavailable | None]) -> list[Problem]:
    """Each source once, said as it was found rather than as what followed from it."""
    return [_plainest(those).problem for those in _by_source([why for why in found if why is not None])]


def _refuse(found: Iterable[Unavailable | None]) -> None:
    if problems := told(found):
        raise InputError(problems)


def notes(plan: Plan) -> tuple[str, ...]:
    """A line for each source that is away: how many jobs of this run wait for it."""
    stuck = [one.unavailable for one in plan.to_do if one.unavailable is not None]
    return tuple(
        f"unavailable: {_plainest(those).what}; {len(those)} {'job' if len(those) == 1 else 'jobs'} cannot run; "
        "the next bench run tries again"
        for those in _by_source(stuck)
    )


def _by_source(found: Sequence[Unavailable]) -> list[list[Unavailable]]:
    return [[one for one in found if one.log == log] for log in dict.fromkeys(one.log for one in found)]


def _plainest(those: Sequence[Unavailable]) -> Unavailable:
    return min(those, key=lambda one: len(one.what))
