"""Whether the scores of two runs mean the same, and in what else the runs differ.

Contract: pure. Scores can be compared where suite, evals, tasks, held-out rows, prompts and metrics are the same; what
was trained, with what, by which version and where, may differ, and is listed.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.errors import Problem
from bench.record.record import Record
from bench.report.analysis.aligned.score_rows import ScoreRows

_MISSING = "–"
_HINT = "run both with the same suite name and evals; recipes, data, seeds, models and code may differ"
_COMPARED_ELSEWHERE = ("include", "rows", "data", "name", "reference", "prompt", "judge", "slices", "labels")
"""Keys of an eval: compared by content, or without an effect on a score."""
_IGNORED = ("suite.eval", "suite.claim", "suite.gate", "suite.run", "profile", "overrides")
"""Keys of the resolved suite that are compared elsewhere, or have no effect of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One key with its value in each run, as text."""

    key: str
    first: str
    second: str


def incomparable(first: Record, second: Record, rows: tuple[ScoreRows, ScoreRows]) -> list[Problem]:
    """A problem for each key that keeps scores of the two from being compared; one for an eval that only one has."""
    names = [[spec.name for spec in record.resolved.suite.eval] for record in (first, second)]
    shared = frozenset(names[0]) & frozenset(names[1])
    keys = [*_differences(_meaning(first, shared), _meaning(second, shared)), *_other_examples(first, rows)]
    alone = [
        Problem(
            reference="compare.not-comparable", where=f"eval.{name}", hint=_HINT,
            what=f"only the {which} run has the eval {name!r}",
        )
        for which, evals in zip(("first", "second"), names, strict=True)
        for name in evals
        if name not in shared
    ]  # fmt: skip
    return alone + [
        Problem(
            reference="compare.not-comparable",
            what=f"{difference.key} differs: {difference.first} in the first run, {difference.second} in the second",
            where=difference.key,
            hint=_HINT,
        )
        for difference in keys
    ]


def other_differences(first: Record, second: Record) -> tuple[Difference, ...]:
    """What may explain a difference of scores: recipes, data, seeds, base, libraries, code, machine."""
    return tuple(_differences(_circumstances(first), _circumstances(second)))


def _meaning(record: Record, evals: Collection[str]) -> dict[str, Any]:
    """All that decides what a score of this run on `evals` is a score of."""
    resolved = record.resolved
    meaning: dict[str, Any] = {"suite.name": resolved.suite.name}
    for spec in resolved.suite.evals_as_run():
        if spec.name not in evals:
            continue
        fields = spec.model_dump(mode="json", exclude=set(_COMPARED_ELSEWHERE))
        meaning |= _flat(fields, f"eval.{spec.name}")
        meaning[f"eval.{spec.name}.tasks_sha256"] = resolved.tasks_sha256.get(spec.name)
        data = resolved.data.get(f"eval:{spec.name}")
        meaning[f"eval.{spec.name}.data.sha256"] = None if data is None else data.sha256
        if spec.kind == "judge":
            endpoint = spec.judge.endpoint
            meaning[f"eval.{spec.name}.judge"] = spec.judge.identity() if endpoint is None else endpoint.model
            stored, judge = resolved.data.get(f"eval:{spec.name}~reference"), resolved.judges.get(spec.name)
            meaning[f"eval.{spec.name}.reference.sha256"] = None if stored is None else stored.sha256
            meaning[f"eval.{spec.name}.prompt.sha256"] = None if judge is None else judge.prompt_sha256
    for evaluation in record.evaluations:
        if evaluation.result is not None and evaluation.eval in evals:
            key = f"eval.{evaluation.eval}"
            meaning[f"{key}.prompts"] = evaluation.result.template
            meaning |= _flat(evaluation.result.versions, f"{key}.version")
            for measure in evaluation.result.measures:
                if measure.headline:
                    meaning[f"{key}.metric.{measure.task}"] = measure.metric
    return meaning


def _circumstances(record: Record) -> dict[str, Any]:
    resolved = record.resolved
    of_tasks = {"tasks_sha256", "tasks_path", "task_answers"}
    fields = resolved.model_dump(mode="json", exclude={"model", "models", "data", *of_tasks})
    circumstances = {key: value for key, value in _flat(fields, "").items() if not key.startswith(_IGNORED)}
    for name, model in {"": resolved.model, **resolved.models}.items():
        circumstances[f"base.{name}".rstrip(".")] = f"{model.name}, sha256 {model.sha256[:12]}"
    for name, data in resolved.data.items():
        if not name.startswith("eval:"):
            circumstances[f"data.{name}.sha256"] = data.sha256[:12]
    circumstances["git"] = (
        None if record.git is None else record.git.commit[:12] + (" (dirty)" if record.git.dirty else "")
    )
    environment = record.environment
    circumstances |= _flat(environment.versions, "version")
    circumstances |= {"python": environment.python, "device": environment.device, "processor": environment.processor}
    circumstances["precision"] = sorted({e.result.precision for e in record.evaluations if e.result is not None})
    return circumstances


def _other_examples(record: Record, rows: tuple[ScoreRows, ScoreRows]) -> Iterator[Difference]:
    """Evals whose examples are not the same or do not ask the same, seen with a subject that both runs have."""
    for spec in record.resolved.suite.eval:
        shared = [subject for name, subject in rows[0] if name == spec.name and (name, subject) in rows[1]]
        if not shared:
            continue
        questions = [
            {(r.task, r.id): (r.prompt, r.target) for r in run_rows[spec.name, shared[0]]} for run_rows in rows
        ]
        if questions[0] == questions[1]:
            continue
        same = sum(questions[1].get(example) == question for example, question in questions[0].items())
        counts = [f"{len(examples):,} examples, {same:,} of them in both" for examples in questions]
        yield Difference(key=f"eval.{spec.name}.examples", first=counts[0], second=counts[1])


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    for key in dict.fromkeys([*first, *second]):
        if first.get(key) != second.get(key):
            yield Difference(key=key, first=_text(first.get(key)), second=_text(second.get(key)))


def _text(value: Any) -> str:
    return _MISSING if value is None else str(value)


def _flat(value: Any, key: str) -> dict[str, Any]:
    """Nested tables as dotted keys; lists and plain values stay whole."""
    if not isinstance(value, Mapping):
        return {key: value}
    parts = [_flat(inner, f"{key}.{name}" if key else str(name)) for name, inner in value.items()]
    return {name: inner for part in parts for name, inner in part.items()}
