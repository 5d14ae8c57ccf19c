"""Digest of this program's own code that can change a result: the import closure of a job's entry modules.

Contract: the closure holds every first-party module that the entries import, at their top or inside a function, the
packages around these, and the files that they read beside themselves (`Path(__file__).parent / "name"`). A changed
statement in any of them is another digest. Not counted: docstrings, comments, layout, imports for type checkers, and
the names and places of the modules, so that a moved file costs nobody a result. Nothing is imported to find this out.
"""

import functools
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from bench import source_code
from bench.atomic import write_text
from bench.digest import digest_file, digest_json
from bench.source_code import Import, SourceCode, digest_of, parse_source

COUNTED_IN_JOBS = frozenset({"suite/catalog/templates", "suite/catalog/judge_prompts"})
"""Resources that closures leave out, for a job has the text that it uses by content."""


_parsed: dict[str, Any] = {}
"""What this process has parsed, by content."""


class PackageCode:
    """The source of one package as it is now: make a new object where files may have changed since."""

    def __init__(self, root: Path) -> None:
        """`root`: folder of the package, whose name is the package's."""
        self._root = root
        self._cache: Path | None = None
        self._read: set[str] = set()
        self._kept: set[str] = set()
        self._sources: dict[Path, SourceCode] = {}
        self._needs: dict[Path, tuple[Path, ...]] = {}
        self._targets: dict[Path, tuple[tuple[Import, Path, str | None], ...]] = {}
        self._modules: dict[str, Path | None] = {}
        self._around: dict[Path, tuple[Path, ...]] = {}
        self._digests: dict[tuple[str, ...], str] = {}

    def digest(self, *entries: str) -> str:
        """SHA-256 (hex) of the closure of `entries`, such as `bench.train.job`.

        Raises `ValueError` for a module that does not exist, and for a relative import.
        """
        if entries not in self._digests:
            self._digests[entries] = self._digest(entries)
        return self._digests[entries]

    def key(self, of: str, *entries: str) -> str:
        """Key of what the code of `entries` finds out about the thing whose digest is `of`."""
        return digest_json({"of": of, "code": self.digest(*entries)})

    def _digest(self, entries: tuple[str, ...]) -> str:
        files = self._closure(entries)
        colors = self._colors(files)
        counted = sorted(colors[file] for file, source in files.items() if source.form is not None or source.imports)
        return digest_json({"entries": [colors[self._file(entry)] for entry in entries], "closure": counted})

    def keep_in(self, cache: Path) -> Self:
        """This source, with what is parsed kept in the file `cache` for other processes."""
        if cache != self._cache:
            kept = _read_cache(cache)
            self._cache, self._kept = cache, set(kept)
            _parsed.update(kept)
        return self

    def closure(self, *entries: str) -> tuple[str, ...]:
        """Paths of all files that the digest of `entries` covers, relative to the package, sorted."""
        return tuple(sorted(file.relative_to(self._root).as_posix() for file in self._closure(entries)))

    def _closure(self, entries: Iterable[str]) -> dict[Path, SourceCode]:
        sources: dict[Path, SourceCode] = {}
        to_read = [self._file(entry) for entry in entries]
        while to_read:
            file = to_read.pop()
            if file not in sources:
                sources[file] = self._source(file)
                to_read += self._beside(file)
        self._keep()
        return sources

    def _beside(self, file: Path) -> tuple[Path, ...]:
        """The files that a file imports or reads, and the packages around it."""
        if file not in self._needs:
            source = self._source(file)
            targets = (target for _, target, _ in self._imported(file))
            self._needs[file] = (*targets, *self._packages(file.parent), *self._resources(file, source))
        return self._needs[file]

    def _keep(self) -> None:
        if self._cache is not None and not self._read <= self._kept:
            self._kept |= self._read
            write_text(self._cache, json.dumps({key: _parsed[key] for key in sorted(self._kept)}))

    def _source(self, file: Path) -> SourceCode:
        """What counts of a file: of Python its statements, of any other file its bytes."""
        if file not in self._sources:
            key = digest_of([_parsed_by(), self._root.name, file.suffix, digest_file(file)])
            self._read.add(key)
            if key not in _parsed:
                _parsed[key] = asdict(parse_source(file, self._root.name))
            self._sources[file] = SourceCode.of(_parsed[key])
        return self._sources[file]

    def _colors(self, files: Mapping[Path, SourceCode]) -> dict[Path, str]:
        """A hash per file that covers what it imports, whatever that is called: colour refinement (Weisfeiler and
        Leman 1968), until it tells no more files apart."""
        colors, distinct = {file: source.form or "" for file, source in files.items()}, -1
        while len(set(colors.values())) > distinct:
            distinct = len(set(colors.values()))
            colors = {file: digest_of([source.form, self._named(file, colors)]) for file, source in files.items()}
        return colors

    def _named(self, file: Path, colors: Mapping[Path, str]) -> list[tuple[str, ...]]:
        """The imports of a file, with the colours of the modules in place of their names."""
        return sorted((i.scope, i.local, name or "", colors[target]) for i, target, name in self._imported(file))

    def _imported(self, file: Path) -> tuple[tuple[Import, Path, str | None], ...]:
        """The imports of a file, with what each runs and takes; closures share many files."""
        if file not in self._targets:
            imports = self._source(file).imports
            self._targets[file] = tuple((imported, *self._target(imported)) for imported in imports)
        return self._targets[file]

    def _target(self, imported: Import) -> tuple[Path, str | None]:
        """The file that an import runs, and what is taken from it: `None` for the module itself."""
        module = None if imported.name is None else self._find(f"{imported.module}.{imported.name}")
        return (self._file(imported.module), imported.name) if module is None else (module, None)

    def _file(self, module: str) -> Path:
        file = self._find(module)
        if file is None:
            raise ValueError(f"{self._root.name} has no module {module}")
        return file

    def _find(self, module: str) -> Path | None:
        if module not in self._modules:
            path = self._root.parent / module.replace(".", "/")
            files = (path / "__init__.py", path.with_suffix(".py"))
            self._modules[module] = next((file for file in files if file.is_file()), None)
        return self._modules[module]

    def _packages(self, folder: Path) -> tuple[Path, ...]:
        """The `__init__.py` of `folder` and of each folder around it, which an import from there runs."""
        if folder not in self._around:
            outer = () if folder == self._root else self._packages(folder.parent)
            own = folder / "__init__.py"
            self._around[folder] = (own, *outer) if own.is_file() else outer
        return self._around[folder]

    def _resources(self, file: Path, source: SourceCode) -> Iterator[Path]:
        for up, name in source.resources:
            path = file.parents[up] / name
            if path.relative_to(self._root).as_posix() not in COUNTED_IN_JOBS:
                inside = path.rglob("*") if path.is_dir() else [path]
                yield from (
                    resource for resource in inside if resource.is_file() and "__pycache__" not in resource.parts
                )


@functools.cache
def _parsed_by() -> tuple[Any, ...]:
    """What decides how a file is parsed: this Python and the parser's own code."""
    return sys.version_info[:2], digest_file(Path(source_code.__file__))


@functools.cache
def _own_code() -> PackageCode:
    return PackageCode(Path(__file__).parent)


def own_code(home: Path | None = None) -> PackageCode:
    """This program's source, which this process runs. `home`: folder of caches, which keeps what was parsed."""
    return _own_code() if home is None else _own_code().keep_in(home / "code.json")


def _read_cache(cache: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(cache.read_bytes())
    except (OSError, ValueError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
