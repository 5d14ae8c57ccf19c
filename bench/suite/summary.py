"""What a valid suite amounts to, in numbers and in one sentence."""

from typing import TypedDict

from bench.suite.load import LoadedSuite
from bench.suite.tables.suite import Suite
from bench.units import plural


class Summary(TypedDict):
    """What `bench validate` says of one profile."""

    suite: str
    profile: str | None
    arms: list[str]
    seeds: list[int]
    trainings: int
    evals: list[str]
    claims: int
    says: str


def summarise(loaded: LoadedSuite) -> Summary:
    """Count what `loaded` would run."""
    suite = loaded.suite
    arms = suite.arm_names
    evals = [spec.name for spec in suite.eval]
    trained = [arm for arm in suite.expand() if suite.trains(arm)]
    trainings = len(trained) * len(suite.seeds)
    rates = sum(len(suite.recipe[arm.recipe].settings) for arm in trained if suite.recipe[arm.recipe].sweep is not None)
    sweep = f" and {rates} for sweeps" if rates else ""
    return Summary(
        suite=suite.name,
        profile=loaded.profile,
        arms=arms,
        seeds=list(suite.seeds),
        trainings=trainings,
        evals=evals,
        claims=len(suite.claim),
        says=f"{_arms(suite, trainings)}{sweep}, {plural(len(evals), 'eval')}, {plural(len(suite.claim), 'claim')}",
    )


def _arms(suite: Suite, trainings: int) -> str:
    arms = suite.expand()
    forms = sum(arm.deployed is not None for arm in arms)
    given = len(suite.arms.given)
    made = len(arms) - forms - given
    seeds = plural(len(suite.seeds), "seed")
    parts = [f"{plural(made, 'arm')} × {seeds} = {plural(trainings, 'training')}"] if made else []
    parts += [plural(given, "given arm")] if given else []
    return ", ".join([*parts, *([plural(forms, "deployed form")] if forms else [])])
