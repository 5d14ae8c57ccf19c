"""Pins weights that were trained elsewhere: from a folder or a hub id to files on this machine, hashed by content."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.digest import digest_json
from bench.errors import InputError, Problem, collected
from bench.run.resolve.hash_cache import HashCache
from bench.run.resolve.hub_models import snapshot
from bench.run.resolve.models import MODEL_FILES
from bench.suite.checks.models.model_folder import given_problems
from bench.suite.peft_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from bench.suite.resolved import ResolvedWeights
from bench.suite.tables.arms.weights_form import WeightsForm
from bench.suite.tables.suite import Suite

_ADAPTER_FILES = (ADAPTER_CONFIG, ADAPTER_WEIGHTS)
_WEIGHTS_FILES = ("*.safetensors", "*.safetensors.index.json", "config.json", "generation_config.json")
"""What can change a score: prompts are tokenised and wrapped as the base's are."""


def resolve_given(suite: Suite, *, base: Path, home: Path) -> dict[str, tuple[ResolvedWeights, ...]]:
    """By arm that has weights, each of its trainings. `base`: the folder that relative paths start from.

    Raises `InputError` with the problems of all of them.
    """
    problems: list[Problem] = []
    arms: dict[str, tuple[ResolvedWeights, ...]] = {}
    names = {arm.recipe: arm.name for arm in suite.expand() if arm.is_given and arm.deployed is None}
    for name, arm in suite.arms.given.items():
        if arm.endpoint is not None:
            continue
        weights = list[ResolvedWeights]()
        for source in arm.sources:
            with collected(problems):
                weights.append(_pin(source, arm.form, f"arms.given.{name}.{arm.form}", base=base, home=home))
        problems += _repeated(weights, f"arms.given.{name}.seeds")
        arms[names[name]] = tuple(weights)
    if problems:
        raise InputError(problems)
    return arms


def _repeated(seeds: Sequence[ResolvedWeights], where: str) -> Iterator[Problem]:
    """Copies of one training, which would pass for several that agree."""
    first: dict[str, str] = {}
    for seed in seeds:
        if (earlier := first.setdefault(seed.sha256, seed.source)) != seed.source:
            what = f"{seed.source} holds the weights of {earlier}: one training is not two"
            hint = "name each training once; a copy that is meant to be compared is an arm of its own"
            yield Problem(reference="given.repeated", what=what, where=where, hint=hint)


def _pin(source: str, form: WeightsForm, where: str, *, base: Path, home: Path) -> ResolvedWeights:
    folder, revision = (base / Path(source).expanduser()).resolve(), None
    patterns = _ADAPTER_FILES if form == "adapter" else _WEIGHTS_FILES
    if not folder.exists():
        tokenizer = tuple(name for name in MODEL_FILES if name not in _WEIGHTS_FILES)
        folder = snapshot(source, None, patterns=(*patterns, *tokenizer), needed=patterns[0])
        revision = folder.name
    if problems := given_problems(folder, form, where):
        raise InputError(problems)
    return ResolvedWeights(
        source=source, form=form, revision=revision, path=str(folder), sha256=_hash(folder, patterns, home)
    )


def _hash(folder: Path, patterns: Sequence[str], home: Path) -> str:
    if folder.is_file():
        with HashCache(home) as hashes:
            return hashes.digest(folder)
    files = sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})
    with HashCache(home) as hashes:
        return digest_json({file.name: hashes.digest(file) for file in files})
