"""Where a run's inputs came from: its command, suite, checkout, models, data, tasks, prompts and machine.

Contract: pure functions of the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.record.record import Environment, GitState, Record
from bench.suite.resolved import ResolvedData, ResolvedModel
from bench.suite.tables.data import Select


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What it takes to run the same again."""

    created: str
    """ISO 8601, UTC."""
    command: tuple[str, ...]
    suite_sha256: str
    overrides: tuple[str, ...]
    git: GitState | None
    models: Mapping[str, ResolvedModel]
    """By `base`, or `base@MODEL`."""
    data: Mapping[str, ResolvedData]
    """By data name, as in the resolved suite."""
    selected: Mapping[str, Select]
    """How the rows of a `[data]` table were taken, where not all were."""
    tasks_sha256: Mapping[str, str]
    templates: Mapping[str, tuple[str, ...]]
    """By eval, how its prompts were wrapped, and whether answers were scored without their thinking."""
    environment: Environment
    training_precisions: Mapping[str, tuple[str, ...]]
    """Arms by the precision that they were trained in."""
    eval_precisions: tuple[str, ...]
    """Precisions that subjects were evaluated in."""
    precision_choices: Mapping[str, str]
    """By base, why its trainings have the precision that `auto` stands for."""


def provenance(record: Record) -> Provenance:
    """The inputs of `record`."""
    resolved = record.resolved
    return Provenance(
        created=record.created,
        command=record.command,
        suite_sha256=record.suite_toml_sha256,
        overrides=resolved.overrides,
        git=record.git,
        models=resolved.bases(),
        data=resolved.data,
        selected={
            name: spec.select
            for name, spec in resolved.suite.data.items()
            if spec.mix is None and spec.select.by != "all"
        },
        tasks_sha256=resolved.tasks_sha256,
        templates=_templates(record),
        environment=record.environment,
        training_precisions=_training_precisions(record),
        eval_precisions=tuple(sorted({e.result.precision for e in record.evaluations if e.result is not None})),
        precision_choices={
            base: resolved.precisions[model.sha256].why
            for base, model in resolved.bases().items()
            if model.sha256 in resolved.precisions
        },
    )


def _training_precisions(record: Record) -> dict[str, tuple[str, ...]]:
    arms: dict[str, list[str]] = {}
    for training in record.trainings:
        if training.result is not None:
            arms.setdefault(training.result.precision, []).append(training.arm)
    return {precision: tuple(dict.fromkeys(names)) for precision, names in arms.items()}


def _templates(record: Record) -> dict[str, tuple[str, ...]]:
    used: dict[str, set[str]] = {}
    for evaluation in record.evaluations:
        if evaluation.result is not None:
            stripped = ", scored without thinking" if evaluation.result.strip_thinking else ""
            used.setdefault(evaluation.eval, set()).add(f"{evaluation.result.template}{stripped}")
    return {name: tuple(sorted(templates)) for name, templates in used.items()}
