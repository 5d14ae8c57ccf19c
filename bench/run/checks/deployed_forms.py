"""Deployed forms that this machine cannot write or load: refused with what they wait for, while the others go on."""

import json
from importlib.util import find_spec
from pathlib import Path

from bench.errors import Problem
from bench.record.jobs.deploy_job import DeployJob
from bench.run.plan.refused import without
from bench.run.plan.types import Plan
from bench.suite.tables.arms.deploy import GGUF_ARCHITECTURES, DeployedForm

_NO_RUNTIME: dict[DeployedForm, tuple[str, str]] = {
    "int4": (
        "torchao's 4-bit layers that can be stored are for GPUs",
        "leave it out here, and score what another program wrote: [arms.given.NAME] weights",
    ),
    "endpoint": (
        "a run starts no server, and the suite names none that has the arm",
        'serve it (bench weights, bench engines serve), then say where: [deploy.endpoint."ARM"] base_url, model',
    ),
}
_CONVERT = (
    "convert the merged form (bench weights RUN ARM --out DIR --merge) by llama.cpp's convert_hf_to_gguf.py, then "
    'score the file: [arms.given.NAME] weights = "model.gguf"'
)


def without_waiting_forms(planned: Plan) -> Plan:
    """The plan in which the forms that wait for a library or a device cannot run, nor the evals of these. Raises
    `InputError` where nothing else is left to do."""
    waiting = {
        job.digest: problem
        for planned_job in planned.can_run
        if isinstance(job := planned_job.job, DeployJob) and (problem := _problem(job)) is not None
    }
    return without(planned, waiting)


def _problem(job: DeployJob) -> Problem | None:
    found = _NO_RUNTIME.get(job.form)
    if job.form == "int8" and find_spec("torchao") is None:
        found = ("torchao is not installed", "pip install 'sft-bench[int8]'")
    if job.form.startswith("gguf"):
        found = _no_gguf(Path(job.model.path))
    if found is None:
        return None
    what, hint = f"{job.form} cannot be built here: {found[0]}", found[1]
    return Problem(reference="deploy.waits", what=what, where="deploy.forms", hint=hint)


def _no_gguf(base: Path) -> tuple[str, str] | None:
    missing = next((name for name in ("llama_cpp", "gguf") if find_spec(name) is None), None)
    if missing is not None:
        return f"the package {missing} is not installed", "pip install 'sft-bench[llama-cpp]', which compiles llama.cpp"
    kind = json.loads((base / "config.json").read_bytes()).get("model_type")
    if kind not in GGUF_ARCHITECTURES:
        return f"no GGUF file is written of model_type {kind}, only of {', '.join(GGUF_ARCHITECTURES)}", _CONVERT
    return None
