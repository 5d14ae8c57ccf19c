"""Weights that were trained elsewhere, held against the suite's base by a child before any work.

Contract: what was found is kept by content and code in `HOME/given`; a run's record takes it from there.
"""

from pathlib import Path

from bench.atomic import write_text
from bench.code_digest import own_code
from bench.digest import digest_json
from bench.record.given_facts import GivenFacts
from bench.record.record import GivenRecord
from bench.run.process.payloads import GivenReply, GivenRequest
from bench.run.process.server import ChildServer
from bench.suite.resolved import ResolvedModel, ResolvedWeights
from bench.suite.resolved_suite import ResolvedSuite


def check_given(resolved: ResolvedSuite, *, home: Path, server: ChildServer) -> None:
    """Raises `InputError` with everything about given weights that does not fit its base."""
    pairs = [(model, weights) for _, _, model, weights in _each(resolved) if model.unavailable is None]
    unseen = tuple(pair for pair in pairs if _kept(home, *pair) is None)
    if not unseen:
        return
    reply = server.call("given", GivenRequest(weights=unseen), folder=home, log=home / "logs" / "given.txt")
    for pair, facts in zip(unseen, GivenReply.model_validate(reply).facts, strict=True):
        write_text(_file(home, *pair), facts.model_dump_json())


def given_records(resolved: ResolvedSuite, home: Path) -> tuple[GivenRecord, ...]:
    """What is known of each training that was made elsewhere."""
    return tuple(
        GivenRecord(arm=arm, seed=seed, source=weights.source, sha256=weights.sha256, facts=facts)
        for arm, seed, model, weights in _each(resolved)
        if (facts := _kept(home, model, weights)) is not None
    )


def _each(resolved: ResolvedSuite) -> list[tuple[str, int, ResolvedModel, ResolvedWeights]]:
    """Arm, position, base and weights of each given training."""
    bases = {arm.name: resolved.base_of(arm) for arm in resolved.suite.expand() if arm.is_given}
    return [
        (arm, seed, bases[arm], weights)
        for arm, trainings in resolved.given.items()
        for seed, weights in enumerate(trainings)
    ]


def _kept(home: Path, model: ResolvedModel, weights: ResolvedWeights) -> GivenFacts | None:
    return GivenFacts.kept_in(_file(home, model, weights))


def _file(home: Path, model: ResolvedModel, weights: ResolvedWeights) -> Path:
    code = own_code(home).digest("bench.train.applied.fit_given")
    return home / "given" / f"{digest_json([model.identity, weights.sha256, code])}.json"
