"""How to get the same run again: the command, the versions, and the hashes of everything that went in."""

from __future__ import annotations

import shlex

from bench.record.record import Record
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Code, Column, Section, Table
from bench.suite.listing import REPRESENTATION
from bench.suite.resolved import ResolvedData, ResolvedModel
from bench.suite.suite import BASE

_HASH = 16


def reproduce_section(record: Record) -> Section:
    """The command and what it ran on."""
    rows = tuple((Cell(text=name, tone="strong"), Cell(text=value)) for name, value in _facts(record))
    columns = (Column(title="What"), Column(title="Which"))
    blocks = (Code(lines=(shlex.join(record.command),)), Table(columns=columns, rows=rows))
    return Section(title="How to reproduce", blocks=blocks, only="document")


def _facts(record: Record) -> list[tuple[str, str]]:
    resolved, environment = record.resolved, record.environment
    facts = [
        ("run", f"{record.digest[:_HASH]}, started {record.created}"),
        (
            "suite",
            f"{resolved.suite.name}, profile {resolved.profile or 'none'}, sha256 {record.suite_toml_sha256[:_HASH]}",
        ),
        ("overrides", " ".join(f"--set {shlex.quote(override)}" for override in resolved.overrides) or "none"),
        ("git", _git(record)),
        *(
            (
                base.replace(BASE, "model", 1).replace("@", " "),
                f"{model.name} ({model.source}{_revision(model.revision)}), {_had(model)}"
                + (f"; runs code of its own, sha256 {model.remote_code[:_HASH]}" if model.remote_code else ""),
            )
            for base, model in resolved.bases().items()
        ),
    ]
    facts += [
        (
            f"data {name}",
            f"{data.source}{_revision(data.revision)}: {_rows(data)}{_chosen(record, name)}, {_had(data)}",
        )
        for name, data in resolved.data.items()
    ]
    facts += [(f"tasks of {name}", f"sha256 {value[:_HASH]}") for name, value in resolved.tasks_sha256.items()]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(environment.versions.items()))
    facts += [
        (
            "machine",
            f"{environment.device}; {environment.processor}, {fmt.plural(environment.cores, 'core')}, "
            f"{fmt.memory(environment.memory_bytes)}; {environment.platform}",
        ),
        ("workers", f"{environment.workers}, with {fmt.plural(environment.threads, 'thread')} each"),
        ("versions", f"Python {environment.python}, {versions}"),
        ("prompts", _templates(record)),
    ]
    return facts


def _git(record: Record) -> str:
    if record.git is None:
        return "not a git checkout"
    state = "with uncommitted changes" if record.git.dirty else "clean"
    return f"{record.git.commit[:_HASH]}, {state}"


def _revision(revision: str | None) -> str:
    return f" @ {revision[:_HASH]}" if revision else ""


def _had(one: ResolvedModel | ResolvedData) -> str:
    return f"sha256 {one.sha256[:_HASH]}" if one.unavailable is None else f"unavailable: {one.unavailable.what}"


def _rows(data: ResolvedData) -> str:
    if data.unavailable is not None:
        return "no rows"
    return f"{data.rows:,} of {data.source_rows:,} rows{_dropped(data.dropped)}"


def _dropped(dropped: dict[str, int]) -> str:
    return "".join(f", {count:,} dropped ({reason})" for reason, count in dropped.items() if count)


def _chosen(record: Record, name: str) -> str:
    """How the rows of a `[data]` table were taken, where not all were."""
    spec = record.resolved.suite.data.get(name)
    if spec is None or spec.mix is not None or spec.select.by == "all":
        return ""
    select = spec.select
    words = [f"taken by {select.by}"]
    if select.by == "score":
        words.append(f"column {select.column}" + ("" if select.minimum is None else f" ≥ {select.minimum:g}"))
    if select.by == "diverse":
        words.append(f"k-centre greedy over {REPRESENTATION}")
    if select.by in ("random", "diverse", "holdout"):
        words.append(f"seeds {', '.join(map(str, select.seeds))}" if select.seeds else f"seed {select.seed}")
    return "; " + ", ".join(words)


def _templates(record: Record) -> str:
    """How each eval wrapped its prompts."""
    used: dict[str, set[str]] = {}
    for evaluation in record.evaluations:
        if evaluation.result is not None:
            used.setdefault(evaluation.eval, set()).add(evaluation.result.template)
    return "; ".join(f"{name}: {fmt.listed(sorted(templates))}" for name, templates in used.items()) or "none"
