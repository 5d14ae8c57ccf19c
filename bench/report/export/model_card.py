"""A model card for one arm: what it was trained on, what it was compared with, intervals, and claims as badges.

Contract: `README.md` with the Hub's `model-index`, `.eval_results/SUITE.yaml` of evals on Hub datasets, a badge of
our own for each claim of the arm, and the evidence (`evidence.py`), from which `bench verify` recomputes the claims.
Values are means over the seeds of the arm; a card says nothing that the report does not.
"""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import yaml

from bench.atomic import write_text
from bench.control_codes import visible
from bench.errors import InputError, Problem, did_you_mean
from bench.record.record import Record
from bench.record.rundir import file_name
from bench.report.analysis.conclusions.claims.claims import ClaimResult
from bench.report.analysis.scores.results import Result
from bench.report.export.evidence import write_evidence
from bench.report.export.tables import TableSources, claim_values
from bench.report.render import format as fmt
from bench.report.render.escape import markdown
from bench.report.share import without_folders
from bench.suite.catalog.card import card_names, load_card
from bench.suite.tables.arms.arms import is_base
from bench.suite.tables.evals.eval_spec import data_of

CARD = "README.md"
EVIDENCE = "evidence"
CLAIMS_KEY = "sft_bench_claims"
"""Key of the card's front matter that `bench verify` reads."""
_COLOURS = {"supported": "#2e7d32", "refuted": "#b23c17", "inconclusive": "#6b6b6b", "incomplete": "#6b6b6b"}


def write_model_card(sources: TableSources, arm: str, folder: Path) -> Path:
    """Write card, badges, `.eval_results` and evidence into `folder`; return the card's path.

    Raises `InputError` for an arm that the run does not have."""
    arms = [name for name in sources.comparison.arms if not is_base(name)]
    if arm not in arms:
        what, hint = f"the run has no arm {arm!r}", did_you_mean(arm, arms)
        raise InputError(Problem(reference="export.unknown-arm", what=what, hint=hint))
    folder.mkdir(parents=True, exist_ok=True)
    claims = claims_of(sources, arm)
    for number, result in enumerate(claims, start=1):
        write_text(folder / f"claim-{number}.svg", badge(result))
    entries = list(_entries(sources, arm))
    if entries:
        results = folder / ".eval_results" / f"{file_name(sources.comparison.run.suite)}.yaml"
        results.parent.mkdir(exist_ok=True)
        write_text(results, _yaml(entries))
    write_evidence(sources.record, sources.rows, folder / EVIDENCE)
    write_text(folder / CARD, f"---\n{_yaml(_front(sources, arm, claims))}---\n\n{_body(sources, arm, claims)}\n")
    return folder / CARD


def claims_of(sources: TableSources, arm: str) -> list[ClaimResult]:
    """Claims with the arm on one side."""
    return [result for result in sources.comparison.claims if arm in result.claim.parts()[::2]]


def claim_entry(result: ClaimResult) -> dict[str, Any]:
    """A claim as the card's front matter has it."""
    return {"says": result.claim.says, **claim_values(result)}


def badge(result: ClaimResult) -> str:
    """A picture of the claim and its verdict, as SVG without a font or a link of anybody's."""
    left = visible(f"{result.claim.says} on {result.claim.measure}")
    right = result.verdict.outcome
    first, second = 12 + 7 * len(left), 12 + 7 * len(right)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{first + second}" height="22" role="img" '
        f'aria-label="{escape(left)}: {right}"><rect width="{first}" height="22" fill="#444"/>'
        f'<rect x="{first}" width="{second}" height="22" fill="{_COLOURS[right]}"/>'
        '<g fill="#fff" font-family="monospace" font-size="11">'
        f'<text x="6" y="15">{escape(left)}</text><text x="{first + 6}" y="15">{right}</text></g></svg>\n'
    )


def _front(sources: TableSources, arm: str, claims: list[ClaimResult]) -> dict[str, Any]:
    results = [_indexed(result) for result in _results(sources, arm)]
    datasets = [source for source in [_data(sources, arm)[1]] if source and "/" in source and ":" not in source]
    ref = next(ref for ref in sources.record.resolved.suite.expand() if ref.name == arm)
    base = hub_base(sources.record.resolved.base_of(ref).source)
    return {
        **({"base_model": base} if base else {}),
        **({"datasets": datasets} if datasets else {}),
        "tags": ["sft-bench"],
        "model-index": [{"name": arm, "results": results}],
        CLAIMS_KEY: {
            "run": sources.comparison.run.digest,
            "evidence": EVIDENCE,
            "claims": list(map(claim_entry, claims)),
        },
    }


def hub_base(source: str) -> str | None:
    """The Hub's id of a base by its source in the record; `None` of a folder, and of a card without one."""
    kind, _, name = source.partition(":")
    if kind == "card" and name in card_names():
        return load_card(name).repo
    return name if kind == "repo" else None


def _indexed(result: Result) -> dict[str, Any]:
    name = result.measurand.name
    metric = fmt.listed(sorted(set(result.measurand.metrics.values()))) or "score"
    return {
        "task": {"type": "text-generation"},
        "dataset": {"name": name, "type": name},
        "metrics": [{"type": metric, "value": result.value.mean, "name": f"{metric} on {name}, mean over seeds"}],
    }


def _entries(sources: TableSources, arm: str) -> Iterator[dict[str, Any]]:
    """The Hub's `.eval_results` entries, of evals whose examples are a Hub dataset's; the interval is in the notes."""
    run = sources.comparison.run
    for result in _results(sources, arm):
        dataset = _dataset(sources.record, result)
        if dataset is None:
            continue
        ends = fmt.interval(result.value.low, result.value.high) or "unknown"
        seeds = fmt.plural(result.value.seeds, "seed")
        yield {
            "dataset": {"id": dataset, "task_id": fmt.listed(list(result.measurand.metrics))},
            "value": result.value.mean,
            "date": sources.record.created,
            "notes": f"95% interval {ends}; mean over {seeds}; {run.suite}",
        }


def _dataset(record: Record, result: Result) -> str | None:
    """The one Hub dataset that the examples are of; `None` of local examples, and of several datasets."""
    measurand = result.measurand
    data = next(data_of(spec) for spec in record.resolved.suite.eval if spec.name == measurand.eval)
    if data is not None:
        return data.source if data.source_kind == "hub" else None
    done = [e.result for e in record.evaluations if e.eval == measurand.eval and e.result is not None]
    found = {result.datasets.get(task) for result in done for task in measurand.metrics}
    return found.pop() if len(found) == 1 else None


def _results(sources: TableSources, arm: str) -> list[Result]:
    named = [sources.comparison.results[arm, measurand.name] for measurand in sources.comparison.measurands]
    return [result for result in named if result.value.mean is not None]


def _body(sources: TableSources, arm: str, claims: list[ClaimResult]) -> str:
    comparison = sources.comparison
    run = comparison.run
    parts = [f"# {markdown(arm)}"]
    parts += [f"> **{markdown(run.simulation)}**"] if run.simulation else []
    parts += [_trained(sources, arm), "## Claims"] if claims else [_trained(sources, arm)]
    parts += [
        f"![{markdown(f'{r.claim.says} on {r.claim.measure}: {r.verdict.outcome}')}](claim-{number}.svg)\n\n"
        f"{markdown(r.seen or r.why)}; asked: {markdown(r.asked)}."
        for number, r in enumerate(claims, start=1)
    ]
    parts += ["## Scores", _table(sources, arm)]
    parts.append(
        f"Question of the suite {markdown(run.suite)}: {markdown(run.question)}\n\n"
        "`bench verify .` computes the claims again from the scores in `evidence/`."
    )
    return "\n\n".join(parts)


def _trained(sources: TableSources, arm: str) -> str:
    data, source = _data(sources, arm)
    cost = next((cost for cost in sources.comparison.costs if cost.arm == arm and cost.tokens is not None), None)
    base = sources.comparison.bases.get(arm, "base")
    model = sources.comparison.provenance.models.get(base)
    name = "its base" if model is None else f"{model.name} ({without_folders(model.source)})"
    dose = "" if cost is None else f", {fmt.count(cost.tokens)} tokens in {fmt.count(cost.steps)} steps"
    rows = "" if data is None else f" on {data}{f' ({source})' if source else ''}{dose}"
    return markdown(f"Trained from {name}{rows}, with {fmt.plural(len(sources.comparison.run.seeds), 'seed')}.")


def _data(sources: TableSources, arm: str) -> tuple[str | None, str | None]:
    """Name and source of the arm's training rows; `None` of a given arm."""
    ref = next((ref for ref in sources.record.resolved.suite.expand() if ref.name == arm and not ref.is_given), None)
    if ref is None:
        return None, None
    resolved = sources.record.resolved.data.get(ref.data)
    return ref.data, None if resolved is None else without_folders(resolved.source)


def _table(sources: TableSources, arm: str) -> str:
    lines = ["| Eval | Score [95%] | − base [95%] | − control [95%] |", "| --- | ---: | ---: | ---: |"]
    for result in _results(sources, arm):
        cells = [f"{fmt.number(result.value.mean)} {fmt.interval(result.value.low, result.value.high)}".rstrip()]
        for contrast in (result.versus_base, result.versus_control):
            delta = None if contrast is None else contrast.delta
            text = fmt.NONE if delta is None else fmt.signed(delta.estimate)
            cells.append(text if delta is None else f"{text} {fmt.signed_interval(delta.low, delta.high)}".rstrip())
        lines.append("| " + " | ".join(markdown(cell) for cell in [result.measurand.name, *cells]) + " |")
    return "\n".join(lines)


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
