"""How to get the same run again: the command, the versions, and the hashes of everything that went in."""

import shlex

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.run_facts.provenance import Provenance
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Code, Section, Table, texts
from bench.suite.listing import REPRESENTATION
from bench.suite.resolved import ResolvedData, ResolvedModel
from bench.suite.tables.arms.arms import BASE
from bench.suite.tables.data import Select

_HASH = 16


def reproduce_section(comparison: Comparison) -> Section:
    """The command and what it ran on."""
    rows = tuple((Cell(text=name, tone="strong"), Cell(text=value)) for name, value in _facts(comparison))
    columns = texts("What", "Which")
    blocks = (Code(lines=(shlex.join(_command(comparison)),)), Table(columns=columns, rows=rows))
    return Section(title="How to reproduce", blocks=blocks, only="document")


def _command(comparison: Comparison) -> list[str]:
    """The command as typed, without the folder that it wrote to, and with the profile where the suite's default was
    taken: a later suite may have another."""
    words = list(comparison.provenance.command)
    while "--reports" in words:
        place = words.index("--reports")
        del words[place : place + 2]
    words = [word for word in words if not word.startswith("--reports=")]
    profile = comparison.run.profile
    named = any(word in ("--profile", "-p") or word.startswith("--profile=") for word in words)
    return [*words, *([] if named or profile is None or words[:2] != ["bench", "run"] else ["--profile", profile])]


def _facts(comparison: Comparison) -> list[tuple[str, str]]:
    run, origin = comparison.run, comparison.provenance
    machine = origin.environment
    versions = ", ".join(f"{name} {version}" for name, version in sorted(machine.versions.items()))
    return [
        ("run", f"{run.digest[:_HASH]}, started {origin.created}"),
        ("suite", f"{run.suite}, profile {run.profile or 'none'}, sha256 {origin.suite_sha256[:_HASH]}"),
        ("overrides", " ".join(f"--set {shlex.quote(override)}" for override in origin.overrides) or "none"),
        ("git", _git(origin)),
        *((base.replace(BASE, "model", 1).replace("@", " "), _model(model)) for base, model in origin.models.items()),
        *((f"data {name}", _data(data, origin.selected.get(name))) for name, data in origin.data.items()),
        *((f"tasks of {name}", f"sha256 {value[:_HASH]}") for name, value in origin.tasks_sha256.items()),
        (
            "machine",
            f"{machine.device}; {machine.processor}, {fmt.plural(machine.cores, 'core')}, "
            f"{fmt.memory(machine.memory_bytes)}; {machine.platform}",
        ),
        ("workers", f"{machine.workers}, with {fmt.plural(machine.threads, 'thread')} each"),
        ("versions", f"Python {machine.python}, {versions}"),
        ("precision", _precision(origin)),
        ("prompts", _prompts(origin)),
    ]


def _precision(origin: Provenance) -> str:
    """What was trained and evaluated in which; more than one of either are named with what they are of."""
    trained = origin.training_precisions
    one = [f"trainings in {next(iter(trained))}"] if len(trained) == 1 else []
    parts = one or [f"{', '.join(arms)} trained in {precision}" for precision, arms in trained.items()]
    if origin.eval_precisions:
        parts.append(f"evals in {' and '.join(origin.eval_precisions)}")
    why = [f"auto, {base}: {reason}" for base, reason in origin.precision_choices.items()]
    return "; ".join([*parts, *why]) or "n/a"


def _git(origin: Provenance) -> str:
    if origin.git is None:
        return "not a git checkout"
    state = "with uncommitted changes" if origin.git.dirty else "clean"
    return f"{origin.git.commit[:_HASH]}, {state}"


def _model(model: ResolvedModel) -> str:
    code = f"; runs code of its own, sha256 {model.remote_code[:_HASH]}" if model.remote_code else ""
    return f"{model.name} ({model.source}{_revision(model.revision)}), {_had(model)}{code}"


def _data(data: ResolvedData, select: Select | None) -> str:
    chosen = "" if select is None else _chosen(select)
    return f"{data.source}{_revision(data.revision)}: {_rows(data)}{chosen}, {_had(data)}"


def _revision(revision: str | None) -> str:
    return f" @ {revision[:_HASH]}" if revision else ""


def _had(resolved: ResolvedModel | ResolvedData) -> str:
    return (
        f"sha256 {resolved.sha256[:_HASH]}"
        if resolved.unavailable is None
        else f"unavailable: {resolved.unavailable.what}"
    )


def _rows(data: ResolvedData) -> str:
    if data.unavailable is not None:
        return "no rows"
    remarks = "".join(f"; {remark}" for remark in data.remarks)
    return f"{data.rows:,} of {data.source_rows:,} rows{_dropped(data.dropped)}{remarks}"


def _dropped(dropped: dict[str, int]) -> str:
    return "".join(f", {count:,} dropped ({reason})" for reason, count in dropped.items() if count)


def _chosen(select: Select) -> str:
    """How the rows of a `[data]` table were taken."""
    words = [f"taken by {select.by}"]
    if select.by == "score":
        words.append(f"column {select.column}" + ("" if select.minimum is None else f" ≥ {select.minimum:g}"))
    if select.by == "diverse":
        words.append(f"k-centre greedy over {REPRESENTATION}")
    if select.by in ("random", "diverse", "holdout"):
        words.append(f"seeds {', '.join(map(str, select.seeds))}" if select.seeds else f"seed {select.seed}")
    return "; " + ", ".join(words)


def _prompts(origin: Provenance) -> str:
    """How each eval wrapped its prompts."""
    return "; ".join(f"{name}: {fmt.listed(templates)}" for name, templates in origin.templates.items()) or "none"
