"""Whether the further seeds and examples of a suite, and the looks that it plans, fit it. Pure: looks at the suite
alone."""

from collections.abc import Iterable, Iterator

from bench.errors import Problem, did_you_mean
from bench.suite.tables.evals.eval_spec import examples_asked
from bench.suite.tables.suite import Suite


def seed_problems(suite: Suite) -> Iterator[Problem]:
    """Seeds of unknown arms, and planned looks that are over already or decide nothing."""
    arms = [arm.name for arm in suite.expand() if arm.deployed is None]
    for name in suite.more_seeds:
        if name not in arms:
            what = f"there is no arm {name!r} in this suite"
            where, hint = f"more_seeds.{name}", did_you_mean(name, arms)
            yield Problem(reference="suite.unknown-name", what=what, where=where, hint=hint)
    yield from _example_problems(suite, "more_examples", suite.more_examples)
    if suite.sequential is None:
        return
    yield from _example_problems(suite, "sequential.max_examples", suite.sequential.max_examples)
    for spec in suite.eval:
        planned, asked = suite.sequential.max_examples.get(spec.name), suite.examples_of(spec)
        if planned is not None and asked is not None and planned < asked:
            what = f"eval {spec.name!r} has {asked:,} examples, and the last planned look is at {planned:,}"
            where, hint = f"sequential.max_examples.{spec.name}", f"plan the looks before the run: {asked} or more"
            yield Problem(reference="suite.sequential", what=what, where=where, hint=hint)
    most = max((len(suite.seeds_of(arm)) for arm in arms), default=0)
    if most > suite.sequential.max_seeds:
        what = f"an arm has {most} seeds, and the last planned look is at {suite.sequential.max_seeds}"
        hint = f"plan the looks before the run: max_seeds = {most} or more"
        yield Problem(reference="suite.sequential", what=what, where="sequential.max_seeds", hint=hint)
    claimed = {side for claim in suite.claim if claim.eval is not None for side in claim.parts()[::2]}
    trained = [arm.name for arm in suite.expand() if arm.name in claimed and suite.trains(arm)]
    if lone := [arm for arm in trained if len(suite.seeds_of(arm)) == 1]:
        what = f"the first look has one training of {', '.join(lone)}: nothing shows the noise of training again"
        yield Problem(reference="suite.sequential", what=what, where="seeds", hint="begin with two: seeds = [0, 1]")
    if not suite.claim:
        hint = "state what is to be decided as [[claim]], or remove [sequential]"
        yield Problem(
            reference="suite.sequential", what="looks are planned, and no claim", where="sequential", hint=hint
        )


def _example_problems(suite: Suite, key: str, evals: Iterable[str]) -> Iterator[Problem]:
    """Evals that the suite does not have, and those that no examples can be added to."""
    specs = {spec.name: spec for spec in suite.eval}
    for name in evals:
        if name not in specs:
            what, hint = f"there is no eval {name!r} in this suite", did_you_mean(name, specs)
            yield Problem(reference="suite.unknown-name", what=what, where=f"{key}.{name}", hint=hint)
        elif examples_asked(specs[name]) is None:
            what = f"eval {name!r} takes all of its examples, so that none can be added"
            hint = 'give it fewer: limit = 200 in a task, select = { by = "random", size = 200 } in data'
            yield Problem(reference="suite.sequential", what=what, where=f"{key}.{name}", hint=hint)
