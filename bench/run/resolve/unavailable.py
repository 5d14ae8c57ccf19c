"""Inputs that are unavailable this time, as opposed to wrong ones.

Contract: an input is unavailable where every problem with it may pass by itself (`UNREACHABLE`). Its digest is that of
what was asked for.
"""

import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.atomic import write_text
from bench.digest import digest_json
from bench.errors import InputError, Problem
from bench.suite.catalog.card import load_card
from bench.suite.resolved import UNREACHABLE, ResolvedModel, Unavailable
from bench.suite.resolved_suite import ResolvedSuite
from bench.suite.tables.models.model import ModelSpec

Advise = Callable[[], str]
"""Hint to a profile that does without the hub; empty where there is none."""


def reason(error: InputError, log: Path, advise: Advise, problems: list[Problem]) -> Unavailable:
    """Why an input is absent. Where the user has to fix something, that goes to `problems`."""
    wrong = [problem for problem in error.problems if problem.reference != UNREACHABLE]
    if wrong:
        problems += error.problems
        return is_wrong(wrong[0])
    first = error.problems[0]
    hint = "; ".join(part for part in (advise(), first.hint) if part)
    return Unavailable(what=first.what, where=first.where, hint=hint, log=str(log))


def is_wrong(problem: Problem) -> Unavailable:
    """The mark of an input that has this problem: what needs it is not planned, all else can be checked."""
    return Unavailable(what=problem.what, where=problem.where, hint=problem.hint, log="")


def pinned(
    spec: ModelSpec,
    pin: Callable[[ModelSpec], ResolvedModel],
    *,
    home: Path,
    advise: Advise,
    problems: list[Problem],
) -> ResolvedModel:
    """The model that `pin` makes of `spec`, or a placeholder for one that is unavailable or, as `problems` then say,
    wrong."""
    try:
        return pin(spec)
    except InputError as error:
        identity = digest_json({"absent": spec.model_dump(mode="json")})
        log = home / "logs" / f"model-{identity[:16]}.txt"
        why = reason(error, log, advise, problems)
        write_text(log, "".join(traceback.format_exception(error)))
        return _absent_model(spec, identity, why)


def _absent_model(spec: ModelSpec, identity: str, why: Unavailable) -> ResolvedModel:
    """Placeholder with what the model's card says; its size decides how many jobs run side by side."""
    card = None if spec.card is None else load_card(spec.card)
    repo = spec.repo or ("" if card is None else card.repo) or ""
    return ResolvedModel(
        name=repo if card is None else card.name,
        source=f"repo:{repo}" if spec.card is None else f"card:{spec.card}",
        revision=spec.revision,
        path="",
        sha256=identity,
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


def refuse_unavailable(resolved: ResolvedSuite) -> None:
    """For what has no use for a part. Raises `InputError` with everything that is unavailable."""
    judges = [judge.model for judge in resolved.judges.values() if judge.model is not None]
    models = [*resolved.bases().values(), *judges]
    refuse([*(model.unavailable for model in models), *(data.unavailable for data in resolved.data.values())])


def one_problem_per_source(reasons: Iterable[Unavailable | None]) -> list[Problem]:
    """One problem for each source that is unavailable: the reason itself rather than what followed from it."""
    unavailable = [why for why in reasons if why is not None and not why.is_wrong]
    return [plainest(group).problem for group in by_source(unavailable)]


def refuse(reasons: Iterable[Unavailable | None]) -> None:
    if problems := one_problem_per_source(reasons):
        raise InputError(problems)


def by_source(reasons: Sequence[Unavailable]) -> list[list[Unavailable]]:
    return [[why for why in reasons if why.log == log] for log in dict.fromkeys(why.log for why in reasons)]


def plainest(reasons: Sequence[Unavailable]) -> Unavailable:
    return min(reasons, key=lambda why: len(why.what))
