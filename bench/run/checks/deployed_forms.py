"""Deployed forms that this machine cannot write or load: refused with what they wait for, while the others go on."""

from importlib.util import find_spec

from bench.errors import Problem
from bench.record.jobs.deploy_job import DeployJob
from bench.run.plan.refused import without
from bench.run.plan.types import Plan
from bench.suite.tables.arms.deploy import DeployedForm

_NO_RUNTIME: dict[DeployedForm, tuple[str, str]] = {
    "int4": (
        "torchao's 4-bit layers that can be stored are for GPUs",
        "leave it out here, and score what another program wrote: [arms.given.NAME] weights",
    ),
    "endpoint": (
        "a run starts no server",
        "serve the merged form, and name it where its answers are asked for",
    ),
}
_NO_GGUF = (
    "nothing that can be installed here writes GGUF files of trained weights",
    "convert the merged form (bench weights RUN ARM --out DIR --merge) by llama.cpp's convert_hf_to_gguf.py, then "
    'score the file: [arms.given.NAME] weights = "model.gguf"',
)


def without_waiting_forms(planned: Plan) -> Plan:
    """The plan in which the forms that wait for a library or a device cannot run, nor the evals of these. Raises
    `InputError` where nothing else is left to do."""
    waiting = {
        job.digest: problem
        for planned_job in planned.can_run
        if isinstance(job := planned_job.job, DeployJob) and (problem := _problem(job.form)) is not None
    }
    return without(planned, waiting)


def _problem(form: DeployedForm) -> Problem | None:
    if form == "int8" and find_spec("torchao") is None:
        return _unbuilt(form, "torchao is not installed", "pip install 'sft-bench[int8]'")
    what = _NO_GGUF if form.startswith("gguf") else _NO_RUNTIME.get(form)
    return None if what is None else _unbuilt(form, *what)


def _unbuilt(form: DeployedForm, what: str, hint: str) -> Problem:
    what = f"{form} cannot be built here: {what}"
    return Problem(reference="deploy.waits", what=what, where="deploy.forms", hint=hint)
