"""Sources to stored selections: the part of `bench.data.resolve` that a repeated call leaves out."""

from collections.abc import Mapping
from pathlib import Path

from bench.data.select.selection import select_all
from bench.data.sources.faulty_tables import TableError
from bench.data.sources.read import read
from bench.data.sources.source import Source, SourceKey
from bench.data.sources.table import RowTable
from bench.data.store import writable
from bench.errors import Problem, collected
from bench.suite.resolved import ResolvedData, Unavailable
from bench.suite.tables.data import DataSpec


def selected(
    specs: Mapping[str, DataSpec], sources: Mapping[str, Source], folder: Path, gone: Mapping[str, Unavailable]
) -> dict[str, ResolvedData]:
    """Reads the sources and stores every selection save those that are `gone`. Raises `TableError`."""
    tables = _read_all(sources, folder)
    try:
        by_name = {name: tables[source.key] for name, source in sources.items()}
        revisions = {name: source.revision for name, source in sources.items()}
        return select_all(specs, by_name, revisions, folder, absent=gone)
    finally:
        for table in tables.values():
            table.close()


def _read_all(sources: Mapping[str, Source], folder: Path) -> dict[SourceKey, RowTable]:
    """Each distinct source as a table, or all that is wrong with any."""
    tables: dict[SourceKey, RowTable] = {}
    problems: list[Problem] = []
    faulty = set[SourceKey]()
    for source in {source.key: source for source in sources.values()}.values():
        with writable(folder):
            table = tables[source.key] = RowTable(source.origin, folder)
        before = len(problems)
        with collected(problems):
            problems += read(table, source)
        if len(problems) > before:
            faulty.add(source.key)
    if problems:
        for table in tables.values():
            table.close()
        raise TableError(problems, names={name for name, source in sources.items() if source.key in faulty})
    return tables
