"""Whether the seeds of single arms, and the looks that a suite plans, fit the suite. Pure: looks at the suite alone."""

from __future__ import annotations

from collections.abc import Iterator

from bench.errors import Problem, did_you_mean
from bench.suite.tables.suite import Suite


def seed_problems(suite: Suite) -> Iterator[Problem]:
    """Seeds of unknown arms, and planned looks that are over already or decide nothing."""
    arms = [arm.name for arm in suite.expand()]
    for name in suite.more_seeds:
        if name not in arms:
            what = f"there is no arm {name!r} in this suite"
            where, hint = f"more_seeds.{name}", did_you_mean(name, arms)
            yield Problem(reference="suite.unknown-name", what=what, where=where, hint=hint)
    if suite.sequential is None:
        return
    most = max((len(suite.seeds_of(arm)) for arm in arms), default=0)
    if most > suite.sequential.max_seeds:
        what = f"an arm has {most} seeds, and the last planned look is at {suite.sequential.max_seeds}"
        hint = f"plan the looks before the run: max_seeds = {most} or more"
        yield Problem(reference="suite.sequential", what=what, where="sequential.max_seeds", hint=hint)
    if not suite.claim:
        hint = "state what is to be decided as [[claim]], or remove [sequential]"
        yield Problem(
            reference="suite.sequential", what="looks are planned, and no claim", where="sequential", hint=hint
        )
