"""What `precision = "auto"` means for a base on this machine: measured once for its shape, and kept below
`HOME/measured`.

Contract: a choice is an input like the hash of a file: it is made before the plan, is part of each job's digest, and is
in the record with its reason.
"""

from collections.abc import Mapping
from pathlib import Path

from bench.atomic import write_text
from bench.code_digest import own_code
from bench.digest import digest_file, digest_json
from bench.errors import BenchError
from bench.record.environment import cores, device, processor, versions
from bench.record.files import MEASURED
from bench.record.results.training.facts import PrecisionTrial
from bench.run.process.payloads import PrecisionRequest
from bench.run.process.server import ChildServer
from bench.suite.resolved import PrecisionChoice, ResolvedModel
from bench.suite.resolved_suite import ResolvedSuite
from bench.suite.tables.suite import Suite

_SMALL_PARAMETERS = 20_000_000
"""Bases below are not measured: their products are too small for a step to gain."""
_FASTER = 1.15
"""Times that bf16 has to be as fast as fp32."""
_LOSS_DIFFERENCE = 0.02
"""Nats per token that its loss may differ by."""


def choose_precisions(
    suite: Suite, bases: Mapping[str | None, ResolvedModel], *, home: Path, server: ChildServer
) -> dict[str, PrecisionChoice]:
    """By hash of its base, the precision of recipes that leave it to `auto`. On a GPU none: each has bf16 or not."""
    trained = [arm for arm in suite.expand() if suite.trains(arm)]
    left_open = {arm.model for arm in trained if suite.recipe[arm.recipe].precision == "auto"}
    models = {bases[name].sha256: bases[name] for name in left_open if name in bases}
    if device() != "cpu":
        return {}
    return {
        sha256: _choice(model, home=home, server=server)
        for sha256, model in models.items()
        if model.unavailable is None and not _is_small(model)
    }


def measured_trial(model: ResolvedModel, *, home: Path, server: ChildServer) -> PrecisionTrial | None:
    """Steps of the base's shape on this machine in both precisions; `None` where it could not be shortened or run."""
    threads = cores()
    config = digest_file(Path(model.path) / "config.json")
    parts = [config, threads, processor(), device(), versions(("torch", "transformers"))]
    key = own_code(home).key(digest_json(parts), "bench.train.planning.precision_trial")
    kept = home / MEASURED / f"{key}.json"
    if (known := PrecisionTrial.kept_in(kept)) is not None:
        return known
    request = PrecisionRequest(model=model, threads=threads)
    try:
        value = server.call("precision", request, folder=home, log=home / "logs" / "precision.txt")
    except BenchError:  # the log has it
        return None
    trial = PrecisionTrial.model_validate(value)
    write_text(kept, trial.model_dump_json())
    return trial


def precision_notes(resolved: ResolvedSuite) -> tuple[str, ...]:
    """A sentence for each base whose trainings have a measured precision: which it is, and why; and one on the evals
    where the trainings do not give them theirs."""
    names = {model.sha256: model.name for model in resolved.bases().values()}
    measured = tuple(
        f"precision of {names[sha256]}: auto is {choice.precision}: {choice.why}"
        for sha256, choice in resolved.precisions.items()
    )
    return (*measured, *_evals_note(resolved))


def _evals_note(resolved: ResolvedSuite) -> tuple[str, ...]:
    trained = sorted("the device's own" if name == "auto" else name for name in resolved.training_precisions())
    if resolved.suite.evaluation.precision != "auto" or len(trained) < 2:
        return ()
    own = "fp32" if device() == "cpu" else "bf16 where the device has it, else fp32"
    return (
        f"precision of all evals: {own}, because trainings have {' and '.join(trained)}; "
        "evaluation.precision names another",
    )


def is_faster(trial: PrecisionTrial) -> bool:
    """Whether bf16 is worth it on this machine."""
    return trial.speedup >= _FASTER and trial.loss_difference <= _LOSS_DIFFERENCE


def _is_small(model: ResolvedModel) -> bool:
    return model.parameters is None or model.parameters < _SMALL_PARAMETERS


def _choice(model: ResolvedModel, *, home: Path, server: ChildServer) -> PrecisionChoice:
    trial = measured_trial(model, home=home, server=server)
    if trial is None:
        return PrecisionChoice(precision="fp32", why="a step of its shape could not be timed here")
    bf16, fp32 = (f"{seconds * 1000:,.0f} ms" for seconds in (trial.bf16_seconds, trial.fp32_seconds))
    measured = (
        f"a step of its shape takes {bf16} in bf16 and {fp32} in fp32 on this machine (×{trial.speedup:.2f}), "
        f"losses {trial.loss_difference:.4f} apart"
    )
    return PrecisionChoice(precision="bf16" if is_faster(trial) else "fp32", why=measured)
