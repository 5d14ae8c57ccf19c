"""Whether what a suite asks of its endpoints can be had of a server: no training, no likelihoods, no `top_k`.

Contract: reads the suite and task files. Keys are looked for when a run begins, in the environment that it has.
"""

from collections.abc import Iterator
from pathlib import Path

from bench.errors import Problem
from bench.suite.catalog.answered_in_text import NO_LIKELIHOODS, answered_in_text
from bench.suite.reading.paths import beside
from bench.suite.tables.evals.eval_spec import EvalSpec, decoding_of
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from bench.suite.tables.suite import Suite


def served_subjects(suite: Suite) -> tuple[str, ...]:
    """Bases and arms that a server answers for."""
    bases = [base for base in suite.base_subjects() if suite.endpoint_of(None, base) is not None]
    return (*bases, *(arm.name for arm in suite.expand() if suite.endpoint_of(arm) is not None))


def endpoint_problems(suite: Suite, base: Path) -> Iterator[Problem]:
    """Arms that need the weights of a served base; evals and claims that a server cannot answer."""
    yield from _weights_of_servers(suite)
    if suite.engine is not None and len(suite.models) > 1:
        what = "[engine] is a server of one base, and the suite has several models"
        hint = "compare one model, or remove [engine]"
        yield Problem(reference="engine.models", what=what, where="engine.server", hint=hint)
    served = served_subjects(suite)
    if not served:
        return
    unanswerable = {spec.name for spec in suite.eval if not scores_text(spec, base)}
    if all(spec.name in unanswerable for spec in suite.eval):
        what = f"no eval can be asked of {', '.join(served)}: {NO_LIKELIHOODS}"
        hint = 'add an eval that the models answer in text, such as kind = "generation"'
        yield Problem(reference="endpoint.no-eval", what=what, where="eval", hint=hint)
    for index, claim in enumerate(suite.claim):
        sides = [side for side in (claim.parts()[0], claim.parts()[2]) if side in served]
        if sides and claim.eval in unanswerable:
            what = f"{sides[0]} has no score on {claim.eval!r}: {NO_LIKELIHOODS}"
            hint = "claim on an eval that the models answer in text"
            yield Problem(reference="suite.claim", what=what, where=f"claim[{index}].on", hint=hint)
    for index, spec in enumerate(suite.eval):
        if (decoding := decoding_of(spec)) is not None and decoding.top_k is not None:
            what = f"eval {spec.name!r} draws by top_k, which the protocol of endpoints does not have"
            hint = "draw by top_p, which weights and endpoints both take"
            yield Problem(reference="endpoint.top-k", what=what, where=f"eval[{index}].decoding.top_k", hint=hint)


def _weights_of_servers(suite: Suite) -> Iterator[Problem]:
    for arm in suite.expand():
        if suite.endpoint_of(None, arm.base) is not None and suite.endpoint_of(arm) is None:
            what = f"{arm.name} needs the weights of its base, which is behind a server"
            where = "model.endpoint" if arm.model is None else f"models.{arm.model}.endpoint"
            hint = "name the base by card, repo or path; or compare endpoints alone"
            yield Problem(reference="endpoint.no-weights", what=what, where=where, hint=hint)


def scores_text(spec: EvalSpec, base: Path) -> bool:
    """Whether the eval scores text alone; its task files are relative to `base`."""
    return answered_in_text(spec, _tasks(spec, base))


def _tasks(spec: EvalSpec, base: Path) -> Path | None:
    """Folder of the eval's own task files, where it is there."""
    if not isinstance(spec, LmEvalSpec) or spec.include is None:
        return None
    folder = beside(base, spec.include, "eval.include")
    return folder if folder.is_dir() else None
