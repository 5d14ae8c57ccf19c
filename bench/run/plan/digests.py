"""Digests of jobs: all that can change a result, by content, and nothing else.

In: weights, config and tokenizer; the selected rows; recipe with its defaults, budget, template text, seed, precision;
threads on a processor and the kind of device; versions of the libraries that compute; the code that computes, as the
import closure of the modules in `ENTRIES`. Out: paths, names, comments, docstrings, the order of keys, other evals,
roles and claims, the report.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.digest import SharedTexts, digest_json, digest_with
from bench.record.environment import EVAL_LIBRARIES, TRAINING_LIBRARIES, cores, device, processor, versions
from bench.record.jobs.eval_job import ExamplePart, Judging, QuestionShare, ServerEngineJob, Shots
from bench.record.jobs.train_job import KeepBest
from bench.suite.resolved import ResolvedData, ResolvedModel, ResolvedWeights
from bench.suite.tables.arms.deploy import RUNTIMES, DeployedForm
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.models.endpoint import EndpointSpec
from bench.suite.tables.models.engine import EngineSpec
from bench.suite.tables.training.budget import Budget
from bench.suite.tables.training.evaluate_at import StepPlan
from bench.suite.tables.training.optimizer import libraries_of
from bench.suite.tables.training.recipe import Recipe

TRAIN, COMMAND, UNSLOTH, PROBE = "train", "command", "unsloth", "probe"
CHOSEN_SETTING, KEPT_STEP, SWEEP = "chosen_setting", "kept_step", "sweep"
DEPLOY, TRAJECTORY, JUDGE, SERVED, SHARE = "deploy", "trajectory", "judge", "served", "share"
ENTRIES: Mapping[str, tuple[str, ...]] = {
    TRAIN: ("bench.train.job",),
    COMMAND: ("bench.train.programs.command",),
    UNSLOTH: ("bench.train.programs.unsloth", "bench.train.programs.unsloth_script"),
    PROBE: ("bench.train.probe",),
    CHOSEN_SETTING: ("bench.record.sweep",),
    KEPT_STEP: ("bench.evals.step_score",),
    SWEEP: ("bench.evals.sweep",),
    DEPLOY: ("bench.deploy.job",),
    JUDGE: ("bench.evals.judge.judge",),
    SERVED: ("bench.evals.served.job",),
    TRAJECTORY: ("bench.evals.trajectory",),
    SHARE: ("bench.evals.share",),
    "lm_eval": ("bench.evals.subject_job", "bench.evals.lm_eval.run"),
    "choice": ("bench.evals.subject_job", "bench.evals.lm_eval.choice"),
    "loss": ("bench.evals.subject_job", "bench.evals.loss"),
    "generation": ("bench.evals.subject_job", "bench.evals.generated.eval"),
    "questions": ("bench.evals.subject_job", "bench.evals.generated.questions"),
}
"""Modules whose import closure computes a result: a training by TRL, by a command or by unsloth, the timing of its
first steps, the choice of its setting by a sweep and of the step that it keeps, the loss of one setting of a sweep, a
deployed form, a judge, a served model's evals, the scores of stored steps, a share of an eval's questions, and an eval
by its kind."""

PLANNER = "bench.train.training_data"
"""Module whose import closure plans the batches of a training, and counts the operations of its shape."""

CodeDigest = Callable[..., str]
"""Digest of the import closure of the modules that it is given, as `bench.code_digest.PackageCode.digest`."""

_BY_ENGINE = {"command": COMMAND, "unsloth": UNSLOTH}
_NOT_IN_EVAL = {"name", "role", "data", "include", "rows", "source", "labels"}


def training_digest(
    *,
    model: ResolvedModel,
    data: ResolvedData,
    recipe: Recipe,
    budget: Budget,
    seed: int,
    threads: int,
    code: CodeDigest,
    sweep: Sequence[str] = (),
    evaluated: StepPlan | None = None,
    keep_best: KeepBest | None = None,
    program: Sequence[str] = (),
    texts: SharedTexts | None = None,
) -> str:
    """Digest of one seed replicate. `sweep`: digests of the jobs whose results choose its setting. Of `keep_best` the
    digest of what scores a step is a part, and the code that makes one figure of these scores, for they decide which
    weights are kept; of no other eval. `program`: hashes of the files that another program trains with. `texts`: of
    what other digests share with this one."""
    texts = texts or SharedTexts()
    parts = [_BY_ENGINE.get(recipe.engine, TRAIN)]
    parts += [CHOSEN_SETTING] if sweep else []
    parts += [] if keep_best is None else [KEPT_STEP]
    return digest_with(
        {
            "model": texts.of(model, _identity),
            "recipe": texts.of(recipe, _without_budget),
            "machine": texts.of(threads, machine_part),
            "budget": texts.of(budget, _amount),
            "versions": texts.of((*TRAINING_LIBRARIES, *_also_used(recipe)), versions),
        },
        {
            "kind": TRAIN,
            "data": data.sha256,
            "sweep": list(sweep),
            "evaluated": None if evaluated is None else evaluated.model_dump(mode="json"),
            "keep_best": None if keep_best is None else [keep_best.scored_by, keep_best.patience],
            "program": list(program),
            "seed": seed,
            "code": [code(*ENTRIES[part]) for part in parts],
        },
    )


def planner_digest(code: CodeDigest) -> str:
    """Digest of what plans a training's steps: its batches, and the operations that they take."""
    return digest_json({"versions": versions(TRAINING_LIBRARIES), "code": code(PLANNER)})


def probe_digest(*, training: str, steps: int, number: int, code: CodeDigest) -> str:
    """Digest of one arm's timing in round `number`; a speed belongs to the machine that it was measured on."""
    machine = {"processor": processor(), "cores": cores(), "device": device()}
    return digest_json(
        {
            "kind": PROBE,
            "training": training,
            "steps": steps,
            "round": number,
            "machine": machine,
            "code": code(*ENTRIES[PROBE]),
        }
    )


def sweep_digest(*, training: str, dev: ResolvedData, code: CodeDigest) -> str:
    """Digest of one setting of a sweep; `training` is the digest of its training."""
    return digest_json({"kind": SWEEP, "training": training, "dev": dev.sha256, "code": code(*ENTRIES[SWEEP])})


def deploy_digest(
    *, form: DeployedForm, model: ResolvedModel, trained: str, precision: str, threads: int, code: CodeDigest
) -> str:
    """Digest of one training in a deployed form. `trained`: digest of the training, or of the files that were given."""
    machine = {**machine_part(threads), "processor": processor(), "cores": cores()}
    return digest_json(
        {
            "kind": DEPLOY,
            "form": form,
            "model": model.identity,
            "trained": trained,
            "precision": precision,
            "machine": machine,
            "versions": versions((*EVAL_LIBRARIES, *RUNTIMES.get(form, ()))),
            "code": code(*ENTRIES[DEPLOY]),
        }
    )


def trajectory_digest(*, scoring: str, code: CodeDigest) -> str:
    """Digest of one training's stored steps on the dev examples that the eval of digest `scoring` scores."""
    return digest_json({"kind": TRAJECTORY, "scoring": scoring, "code": code(*ENTRIES[TRAJECTORY])})


def share_digest(*, asking: str, share: QuestionShare, code: CodeDigest) -> str:
    """Digest of one share of the questions of the eval with digest `asking`."""
    return digest_json({"kind": SHARE, "asking": asking, "share": share.model_dump(), "code": code(*ENTRIES[SHARE])})


def eval_digest(
    *,
    evaluation: EvalSpec,
    model: ResolvedModel,
    data: ResolvedData | None,
    tasks_sha256: str | None,
    training: str | None,
    precision: str,
    threads: int,
    code: CodeDigest,
    shots: Shots | None = None,
    given: ResolvedWeights | None = None,
    engine: ServerEngineJob | None = None,
    part: ExamplePart | None = None,
    texts: SharedTexts | None = None,
) -> str:
    """Digest of one subject on one eval. `training` is the digest of the training whose weights are scored; `texts`: of
    what other digests share with this one."""
    texts = texts or SharedTexts()
    return digest_with(
        {
            "eval": texts.of(evaluation, _asked),
            "model": texts.of(model, _identity),
            "machine": texts.of(threads, machine_part),
            "versions": texts.of(EVAL_LIBRARIES, versions),
        },
        {
            "kind": "eval",
            "data": None if data is None else data.sha256,
            "tasks": tasks_sha256,
            "part": None if part is None else part.model_dump(mode="json"),
            "training": training if given is None else given.sha256,
            "shots": None if shots is None else [shots.data.sha256, shots.size, shots.seed],
            "precision": precision,
            "engine": None if engine is None else _engine_part(engine.spec),
            "code": code(*ENTRIES[evaluation.kind]),
        },
    )


def served_digest(
    *,
    evaluation: EvalSpec,
    endpoint: EndpointSpec,
    data: ResolvedData | None,
    tasks_sha256: str | None,
    code: CodeDigest,
    part: ExamplePart | None = None,
) -> str:
    """Digest of a served model on one eval: nothing of this machine decides its answers."""
    return digest_json(
        {
            "kind": SERVED,
            "eval": _asked(evaluation),
            "endpoint": endpoint.identity,
            "data": None if data is None else data.sha256,
            "tasks": tasks_sha256,
            "part": None if part is None else part.model_dump(mode="json"),
            "versions": versions(EVAL_LIBRARIES),
            "code": code(*ENTRIES[SERVED]),
        }
    )


def judge_digest(*, evaluation: JudgeSpec, data: ResolvedData, judging: Judging, threads: int, code: CodeDigest) -> str:
    """Digest of one subject's judged answers. The digests of the answers cover what these depend on."""
    model = judging.judge.model
    local = None if model is None else [model.identity, machine_part(threads), versions(EVAL_LIBRARIES)]
    return digest_json(
        {
            "kind": JUDGE,
            "judge": evaluation.judge.identity(),
            "sampling": evaluation.sampling.model_dump(mode="json"),
            "prompt": judging.judge.prompt_sha256,
            "local": local,
            "data": data.sha256,
            "answers": judging.answers,
            "reference": judging.reference,
            "stored": None if judging.stored is None else judging.stored.sha256,
            "code": code(*ENTRIES[JUDGE]),
        }
    )


def _identity(model: ResolvedModel) -> dict[str, Any]:
    return model.identity


def _without_budget(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude={"budget"})


def _amount(budget: Budget) -> dict[str, Any]:
    return budget.model_dump(mode="json")


def _asked(evaluation: EvalSpec) -> dict[str, Any]:
    return evaluation.model_dump(mode="json", exclude=_NOT_IN_EVAL)


def _engine_part(spec: EngineSpec) -> list[Any]:
    """What of a server decides answers, and whether it is refused."""
    return [spec.server.identity, spec.compared, spec.tolerance]


def machine_part(threads: int) -> Mapping[str, Any]:
    """Kind of device, and on a processor the threads, which decide the order of sums."""
    kind = device()
    return {"device": kind, "threads": threads if kind == "cpu" else None}


def _also_used(recipe: Recipe) -> tuple[str, ...]:
    """Distributions that compute for some recipes only."""
    used = {library.distribution for library in libraries_of(recipe.optimizer)}
    if recipe.quantization is not None:
        used.add("bitsandbytes")
    if recipe.deepspeed_table is not None:
        used.add("deepspeed")
    return tuple(sorted(used))
