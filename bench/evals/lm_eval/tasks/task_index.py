"""lm-eval's own tasks by name, group or tag, without its index of all of them.

Contract: `installed_entries` gives what lm-eval's whole index, which takes ten seconds to build, has for the names and
for all their members. Only the files that speak of one of these names are parsed; which those are, one reading of all
files as bytes says (under a second).
"""

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from bench.evals.lm_eval.lm_eval_private import Entry, TaskIndex, load_yaml
from bench.suite.catalog.tasks import installed_files, names_in

_INCLUDE = re.compile(rb"^include[ \t]*:[ \t]*(.*(?:\r?\n[ \t]*-[ \t].*)*)", re.MULTILINE)
_PATH = re.compile(rb"[^\s\"',\[\]]*[^\s\"',\[\]-][^\s\"',\[\]]*")

Reach = Callable[[Mapping[str, Entry]], Collection[str]]


def installed_entries(reach: Reach) -> dict[str, Entry]:
    """Entries of lm-eval's own files, as its index has them, for all names that `reach` asks for.

    `reach` gives from the entries known so far the names that are wanted: those asked for and their members.
    """
    index: dict[str, Entry] = {}
    looked_up: set[str] = set()
    files: set[Path] = set()
    while new := set(reach(index)) - looked_up:
        looked_up |= new
        mentioning = _speaking_of(new)
        if not mentioning <= files:
            files |= mentioning
            index = _parsed(files)
    return index


def _parsed(files: Iterable[Path]) -> dict[str, Entry]:
    """lm-eval's own reading of the files, in its own order: of two files with one name the first counts."""
    index: dict[str, Entry] = {}
    for file in sorted(files, key=lambda path: path.as_posix()):
        try:
            TaskIndex.process_cfg(load_yaml(file, resolve_func=False), file, index)
        except Exception:  # noqa: S112  # as lm-eval's index does: a shared part is no task, and is passed over
            continue
    return index


def _speaking_of(names: Iterable[str]) -> set[Path]:
    """Task files that have one of the names, in themselves or in what they include."""
    by_name, included_by = _read()
    waiting = [file for name in names for file in by_name.get(name.encode(), ())]
    files: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file not in files:
            files.add(file)
            waiting += included_by.get(file, ())
    return {file for file in files if file.suffix == ".yaml"}


@cache
def _read() -> tuple[Mapping[bytes, list[Path]], Mapping[Path, list[Path]]]:
    """Files by each name in them, and the files that include a file."""
    by_name: dict[bytes, list[Path]] = {}
    included_by: dict[Path, list[Path]] = {}
    for file in installed_files():
        raw = file.read_bytes()
        for name in set(names_in(raw)):
            by_name.setdefault(name, []).append(file)
        for part in _includes(file, raw):
            included_by.setdefault(part, []).append(file)
    return by_name, included_by


def _includes(file: Path, raw: bytes) -> Iterator[Path]:
    for listed in _INCLUDE.findall(raw):
        for name in _PATH.findall(listed.partition(b" #")[0] if b"\n" not in listed else listed):
            yield Path(os.path.normpath(file.parent / name.decode(errors="replace")))
