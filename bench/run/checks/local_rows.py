"""What the rows of local files show of a suite before any library is imported: what `bench validate` adds to its files.

Contract: rows are read and selected by the code of a run, into a folder that is removed: the smallest sources, up to
`LARGEST_BYTES` together. Larger ones, rows of the hub and embedded rows are left to `bench plan`, and so is what needs
a tokenizer. A selection that is too large here is too large with every source there: rows that other evals hold out
only make it smaller.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.data.resolve import select_local
from bench.data.sources.faulty_tables import of_sound_tables
from bench.data.sources.files import files_of, kind_of, local_path
from bench.data.store import load_rows
from bench.errors import InputError, Problem
from bench.run.resolve.data_specs import data_specs, eval_slices
from bench.suite.catalog.metrics import REFERENCE
from bench.suite.checks.data.data_dependencies import closure
from bench.suite.checks.data.data_tables import lacks_columns
from bench.suite.load import LoadedSuite
from bench.suite.tables.data import DataSpec
from bench.suite.tables.evals.eval_spec import EvalSpec
from bench.suite.tables.evals.generation import GenerationSpec
from bench.suite.tables.evals.judge import JudgeSpec

LARGEST_BYTES = 32 << 20
"""All files together that are read: about six seconds of one core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What reading the rows of one set of specs showed."""

    problems: tuple[Problem, ...] = ()
    unanswered: Mapping[str, int] = field(default_factory=dict)
    """Rows of each eval's data of which none has an answer, by name of the data."""


class LocalRows:
    """The rows of local files; profiles of one suite that name the same rows share one reading."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, _Seen] = {}

    def problems(self, loaded: LoadedSuite) -> list[Problem]:
        """Rows that cannot be read, selections above the rows, hold-outs that leave nothing, and evals without a single
        reference. The suite's own check must have passed: its names and files are right."""
        base, slices = loaded.path.parent, eval_slices(loaded.suite)
        specs = _local(data_specs(loaded.suite), base)
        key = (base, tuple(specs.items()), tuple(slices.items()))
        if key not in self._seen:
            self._seen[key] = _look(specs, base, slices)
        return [*self._seen[key].problems, *_without_references(loaded, self._seen[key].unanswered)]


def _local(specs: Mapping[str, DataSpec], base: Path) -> dict[str, DataSpec]:
    """The specs that local files alone decide, without those that name columns which their file lacks: the suite's own
    check reports these."""
    return _closed(specs, lambda spec: spec.mix is not None or _is_readable(spec, base))


def _is_readable(spec: DataSpec, base: Path) -> bool:
    return kind_of(spec, base) == "file" and not lacks_columns(spec, base)


def _closed(specs: Mapping[str, DataSpec], may_stay: Callable[[DataSpec], bool]) -> dict[str, DataSpec]:
    """The specs that may stay and that need no other."""
    staying = {name for name, spec in specs.items() if may_stay(spec)}
    return {name: spec for name, spec in specs.items() if closure({name}, specs) <= staying}


def _look(specs: Mapping[str, DataSpec], base: Path, slices: Mapping[str, tuple[str, ...]]) -> _Seen:
    problems: list[Problem] = []
    unanswered = of_sound_tables(specs, lambda sound: _unanswered(_small(sound, base), base, slices), problems)
    return _Seen(problems=tuple(problems), unanswered=unanswered)


def _unanswered(specs: Mapping[str, DataSpec], base: Path, slices: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    with TemporaryDirectory(prefix="bench-validate-") as folder:
        selected = select_local(specs, base=base, folder=Path(folder), slices=slices)
        rows = {name: load_rows(data.path) for name, data in selected.items() if name.startswith("eval:")}
        answered = {name for name, found in rows.items() if any(not row.turns[-1].is_empty for row in found)}
        return {name: len(found) for name, found in rows.items() if name not in answered}


def _small(specs: Mapping[str, DataSpec], base: Path) -> dict[str, DataSpec]:
    """The specs of the smallest sources, as many as have `LARGEST_BYTES` together."""
    sizes = {
        (spec.source, spec.split): _bytes_of(spec.source, spec.split, base)
        for spec in specs.values()
        if spec.source is not None
    }
    ordered = sorted(sizes, key=sizes.__getitem__)
    total = dict(zip(ordered, accumulate(sizes[source] for source in ordered), strict=True))
    return _closed(specs, lambda spec: spec.source is None or total[spec.source, spec.split] <= LARGEST_BYTES)


def _bytes_of(source: str, split: str, base: Path) -> int:
    """Size of a source's files; 0 where they cannot be read, which is reported where they are."""
    try:
        files = files_of(local_path(source, base), source=source, where="", split=split)
        return sum(file.stat().st_size for file in files)
    except (InputError, OSError):
        return 0


def _without_references(loaded: LoadedSuite, unanswered: Mapping[str, int]) -> Iterator[Problem]:
    for index, spec in enumerate(loaded.suite.eval):
        rows = unanswered.get(f"eval:{spec.name}")
        if rows is None or not _compares(spec):
            continue
        hint = "add the answers to the rows, or name another metric"
        if isinstance(spec, JudgeSpec):
            hint = 'add the answers to the rows, give reference = { source = "…" }, or compare with the base'
        what = f"eval {spec.name!r}: none of the {rows:,} rows has an answer to compare with"
        yield Problem(reference="eval.no-reference", what=what, where=f"eval[{index}].data", hint=hint)


def _compares(spec: EvalSpec) -> bool:
    """Whether the eval's headline needs an answer of the row itself."""
    if isinstance(spec, JudgeSpec):
        return spec.against == "reference" and spec.reference is None
    if not isinstance(spec, GenerationSpec):
        return False
    measures = {scale.name for metric in spec.metrics for scale in REFERENCE.get(metric, ())}
    measures |= {metric.measure for metric in spec.hub_metrics} | {f"pass@{k}" for k in spec.pass_at}
    return bool(measures) if spec.metric is None else spec.metric in measures | {"majority"}
