"""Digests of jobs: all that can change a result, by content, and nothing else.

In: weights, config and tokenizer; the selected rows; recipe, budget, template text, seed, precision; threads on a
processor and the kind of device; versions of the libraries that compute; the code of the packages that compute. Out:
paths, names, comments, the order of keys, other evals, roles and claims, the report.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.digest import digest_code, digest_file, digest_json
from bench.record.environment import EVAL_LIBRARIES, TRAINING_LIBRARIES, cores, device, processor, versions
from bench.record.eval_job import Judging, Shots
from bench.suite import template
from bench.suite.evals import EvalSpec, JudgeSpec
from bench.suite.recipe import Budget, Recipe
from bench.suite.resolved import ResolvedData, ResolvedModel

_OPTIMIZER_LIBRARIES = {
    **dict.fromkeys(("8bit", "32bit", "bnb", "ademamix"), "bitsandbytes"),
    **dict.fromkeys(("torch_4bit", "torch_8bit"), "torchao"),
    "galore": "galore-torch",
    "lomo": "lomo-optim",
    "grokadamw": "grokadamw",
    "schedule_free": "schedulefree",
    "apollo": "apollo-torch",
    "stable_adamw": "torch-optimi",
}
"""Distribution that computes the steps, by a part of the optimiser's name; the others are torch's or transformers'."""
_NOT_IN_EVAL = {"name", "role", "data", "include"}


def training_digest(
    *,
    model: ResolvedModel,
    data: ResolvedData,
    recipe: Recipe,
    budget: Budget,
    seed: int,
    threads: int,
    sweep: Sequence[str] = (),
) -> str:
    """Of one seed replicate. `sweep`: digests of the jobs whose results choose its rate."""
    return digest_json(
        {
            "kind": "train",
            "model": model_part(model),
            "lora_target_modules": _targets(model, recipe),
            "data": data.sha256,
            "recipe": recipe.model_dump(mode="json", exclude={"budget"}),
            "budget": budget.model_dump(mode="json"),
            "sweep": list(sweep),
            "seed": seed,
            "machine": machine_part(threads),
            "versions": versions((*TRAINING_LIBRARIES, *_also_used(recipe))),
            "code": code_part("data", "model", "train"),
        }
    )


def probe_digest(*, training: str, steps: int) -> str:
    """Of one arm's lone timing; a speed belongs to the machine that it was measured on."""
    machine = {"processor": processor(), "cores": cores(), "device": device()}
    return digest_json({"kind": "probe", "training": training, "steps": steps, "machine": machine})


def sweep_digest(*, training: str, dev: ResolvedData) -> str:
    """Of one rate of a sweep; `training` is the digest of its training."""
    return digest_json({"kind": "sweep", "training": training, "dev": dev.sha256, "code": code_part("evals")})


def eval_digest(
    *,
    evaluation: EvalSpec,
    model: ResolvedModel,
    data: ResolvedData | None,
    tasks_sha256: str | None,
    training: str | None,
    precision: str,
    threads: int,
    shots: Shots | None = None,
) -> str:
    """Of one subject on one eval. `training` is the digest of the training whose weights are scored."""
    return digest_json(
        {
            "kind": "eval",
            "eval": evaluation.model_dump(mode="json", exclude=_NOT_IN_EVAL),
            "model": model_part(model),
            "data": None if data is None else data.sha256,
            "tasks": tasks_sha256,
            "training": training,
            "shots": None if shots is None else [shots.data.sha256, shots.size, shots.seed],
            "precision": precision,
            "machine": machine_part(threads),
            "versions": versions(EVAL_LIBRARIES),
            "code": code_part("data", "model", "evals"),
        }
    )


def judge_digest(*, evaluation: JudgeSpec, data: ResolvedData, judging: Judging, threads: int) -> str:
    """Of one subject's answers judged. What the answers depend on is in their own digests."""
    model = judging.judge.model
    local = None if model is None else [model_part(model), machine_part(threads), versions(EVAL_LIBRARIES)]
    return digest_json(
        {
            "kind": "judge",
            "judge": evaluation.judge.identity(),
            "sampling": evaluation.sampling.model_dump(mode="json"),
            "prompt": judging.judge.prompt_sha256,
            "local": local,
            "data": data.sha256,
            "answers": judging.answers,
            "reference": judging.reference,
            "stored": None if judging.stored is None else judging.stored.sha256,
            "code": code_part("data", "evals", "endpoint"),
        }
    )


def model_part(model: ResolvedModel) -> Mapping[str, Any]:
    """What of a base can change a result."""
    return {
        "sha256": model.sha256,
        "remote_code": model.remote_code,
        "context_length": model.context_length,
        "template": model.template_sha256,
        "end_of_turn": model.end_of_turn,
        "thinking": model.thinking,
    }


def machine_part(threads: int) -> Mapping[str, Any]:
    """Device, and on a processor the threads, which decide the order of sums."""
    kind = device()
    return {"device": kind, "threads": threads if kind == "cpu" else None}


@functools.cache
def code_part(*packages: str) -> str:
    """Hash of this program's computing code (and of what renders prompts), read once per process."""
    return digest_json([digest_code(*packages), digest_file(Path(template.__file__))])


def _also_used(recipe: Recipe) -> tuple[str, ...]:
    """Libraries that compute for some recipes only."""
    used = {library for sign, library in _OPTIMIZER_LIBRARIES.items() if sign in recipe.optimizer}
    if recipe.quantized is not None:
        used.add("bitsandbytes")
    if recipe.deepspeed is not None:
        used.add("deepspeed")
    return tuple(sorted(used))


def _targets(model: ResolvedModel, recipe: Recipe) -> Any:
    """The card's target modules, where the recipe asks for them."""
    return model.lora_target_modules if recipe.asks_the_card else None
