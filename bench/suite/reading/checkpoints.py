"""Turns `checkpoints = "run/checkpoint-*"` of a given arm into one arm for each checkpoint.

Contract: after this no given arm has `checkpoints`, so that nothing behind it has to know of them. A suite without them
looks at no file here.
"""

import re
from pathlib import Path

from bench.errors import InputError, Problem, collected
from bench.suite.peft_files import ADAPTER_CONFIG
from bench.suite.reading.paths import beside
from bench.suite.tables.arms.given_arm import GivenArm
from bench.suite.tables.suite import Suite

_STEP = re.compile(r"(\d+)$")


def with_checkpoints(suite: Suite, base: Path) -> Suite:
    """`suite` with an arm for each checkpoint. `base`: the folder that relative paths start from.

    Raises `InputError` where a pattern finds none, or where seeds have other steps.
    """
    if not any(arm.checkpoints for arm in suite.arms.given.values()):
        return suite
    given, problems = dict[str, GivenArm](), list[Problem]()
    for name, arm in suite.arms.given.items():
        with collected(problems):
            given |= {name: arm} if arm.checkpoints is None else _each(name, arm, arm.checkpoints, base)
    if problems:
        raise InputError(problems)
    return suite.model_copy(update={"arms": suite.arms.model_copy(update={"given": given})})


def _each(name: str, arm: GivenArm, pattern: str, base: Path) -> dict[str, GivenArm]:
    folder, _, last = pattern.rstrip("/").rpartition("/")
    where = f"arms.given.{name}.checkpoints"
    root = beside(base, folder or ".", where)
    by_seed = {seed: _steps(beside(root, seed, where), last, f"{where} = {pattern!r}") for seed in arm.seeds or ("",)}
    steps = {tuple(sorted(saved)) for saved in by_seed.values()}
    if len(steps) > 1:
        what = f"the folders of {name} have checkpoints of different steps"
        raise InputError(Problem(reference="given.checkpoints", what=what, where=where, hint="keep the common ones"))
    return {
        f"{name}.{step}": _arm(
            arm, folder or ".", root, {seed: names[step] for seed, names in by_seed.items()}
        ).model_copy(update={"trajectory": name, "step": step})
        for step in steps.pop()
    }


def _steps(folder: Path, pattern: str, where: str) -> dict[int, str]:
    """Names of the checkpoints in `folder` by their step."""
    beside(folder, pattern, where)
    names = [path.name for path in folder.glob(pattern) if path.is_dir()] if folder.is_dir() else []
    steps = {int(match[1]): name for name in names if (match := _STEP.search(name)) and int(match[1]) > 0}
    if not steps:
        what = f"no folder in {folder} is a checkpoint by that name and the number of its step"
        hint = 'such as checkpoints = "runs/one/checkpoint-*", as transformers saves them'
        raise InputError(Problem(reference="given.checkpoints", what=what, where=where, hint=hint))
    return steps


def _arm(arm: GivenArm, folder: str, root: Path, names: dict[str, str]) -> GivenArm:
    """The arm of one step. names: of its checkpoint, by seed."""
    places = tuple(f"{seed}/{checkpoint}".lstrip("/") for seed, checkpoint in names.items())
    form = "adapter" if (root / places[0] / ADAPTER_CONFIG).is_file() else "weights"
    where = {form: folder, "seeds": places} if arm.seeds else {form: f"{folder}/{places[0]}"}
    return arm.model_copy(update={"checkpoints": None, "seeds": (), **where})
