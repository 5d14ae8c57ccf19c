"""Profiles of a suite that need no model hub: what to run where the hub cannot be reached."""

from pathlib import Path

from bench.data.resolve import hub_data
from bench.errors import InputError
from bench.run.resolve.data_specs import data_specs
from bench.suite.catalog.card import load_card
from bench.suite.load import LoadedSuite, build_all_profiles
from bench.suite.tables.evals.judge import JudgeSpec
from bench.suite.tables.evals.lm_eval import LmEvalSpec
from bench.suite.tables.models.model import BaseSpec, ModelSpec
from bench.suite.tables.suite import Suite


def offline_hint(loaded: LoadedSuite) -> str:
    """`--profile NAME needs no hub`, of the profiles of the suite's file that do without; empty where none does."""
    names = [f"--profile {name}" for name in _offline_profiles(loaded.path)]
    return f"{' or '.join(names)} needs no hub" if names else ""


def _offline_profiles(file: Path) -> list[str]:
    """Empty, too, where another profile of the file is wrong: that is not what the user asked for."""
    try:
        profiles = build_all_profiles(file)
    except InputError:
        return []
    return [name for name, suite in profiles.items() if name and not needs_hub(suite, file.parent)]


def needs_hub(suite: Suite, base: Path) -> bool:
    """Whether a model, rows or a task of the suite come from the hub. `base`: the folder that relative paths mean."""
    judges = [spec.judge.local for spec in suite.eval if isinstance(spec, JudgeSpec)]
    models = [*suite.bases().values(), *(judge for judge in judges if judge is not None)]
    given = [source for arm in suite.arms.given.values() for source in arm.sources]
    return (
        any(_on_hub(model) for model in models)
        or any(not (base / Path(source).expanduser()).exists() for source in given)
        or bool(hub_data(data_specs(suite), base=base))
        or any(isinstance(spec, LmEvalSpec) and spec.include is None and spec.rows is None for spec in suite.eval)
    )


def _on_hub(model: ModelSpec) -> bool:
    if isinstance(model, BaseSpec) and model.endpoint is not None:
        return False
    return model.path is None and (model.card is None or load_card(model.card).path is None)
