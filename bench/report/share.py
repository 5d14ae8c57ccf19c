"""A copy of a report to publish: without the texts of examples, and without this machine's folders.

Contract: pure. Scores, counts, verdicts and plots are those of the run; what training rows, prompts, expected answers
and answers say is left out, because many data sets may be used and not be passed on.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.run_facts.provenance import Provenance
from bench.suite.resolved import ResolvedData, ResolvedModel

_FOLDERS = re.compile(r"(?<![\w.~/])~?/(?:[^/\s=:]+/)*(?=[^/\s]+)")
"""The folders of an absolute path, up to its last name."""
_Resolved = TypeVar("_Resolved", ResolvedModel, ResolvedData)


def to_share(comparison: Comparison) -> Comparison:
    """The comparison without texts and folders."""
    return replace(
        comparison,
        exhibits=(),
        examples=(),
        seen_rows=(),
        flips=replace(comparison.flips, shown=(), file=None),
        given=tuple(replace(weights, source=without_folders(weights.source)) for weights in comparison.given),
        provenance=_provenance(comparison.provenance),
    )


def _provenance(provenance: Provenance) -> Provenance:
    return replace(
        provenance,
        command=tuple(map(without_folders, provenance.command)),
        overrides=tuple(map(without_folders, provenance.overrides)),
        models=_named(provenance.models),
        data=_named(provenance.data),
    )


def _named(resolved: Mapping[str, _Resolved]) -> dict[str, _Resolved]:
    return {key: value.model_copy(update={"source": without_folders(value.source)}) for key, value in resolved.items()}


def without_folders(text: str) -> str:
    """`text` with each absolute path shortened to its last name."""
    return _FOLDERS.sub("", text)
