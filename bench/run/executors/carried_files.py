"""Files of a job that travel by content, where its node sees no folder of the run's: what it needs, and what it brings.

Contract: a file is known by its SHA-256. What a node has already with that hash is not sent again; what arrives is
compared with it before it gets its name. A path below the run's home has the same place below the node's, what ships
with the program its place there; every other one is below `inputs`.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bench.atomic import replacing
from bench.digest import digest_file
from bench.places import shipped
from bench.record.files import CHECKPOINT, LOG, MANIFEST, PARTIAL, REMOTE
from bench.record.store import Manifest, StoredFile
from bench.spec import Spec

PIECE_BYTES = 64 << 20
"""Most that is in one message."""
_LEFT_BEHIND = {LOG, PARTIAL, REMOTE}
_PATH_KEYS = {"path", "template", "shares"}
"""Keys of a payload with paths of inputs, beside those that end in `_path`."""


class CarriedInput(Spec):
    """A file or folder that a job reads."""

    path: str
    """On the machine that the run was started on."""
    files: dict[str, StoredFile]
    """By path relative to the folder; of a file the empty string."""


def inputs_of(payload: Any, hash_file: Callable[[Path], str]) -> tuple[CarriedInput, ...]:
    """What a payload names and is there."""
    paths = sorted({value for key, value in _texts(payload) if _is_path(key, value) and Path(value).exists()})
    return tuple(CarriedInput(path=path, files=_files(Path(path), hash_file)) for path in paths)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePlaces:
    """Folders that run and node both have, each under its own path: first the home, then what ships with the program.

    What ships is in the same place of the program on the node: task files there may do what others may not.
    """

    run: tuple[str, ...]
    node: tuple[str, ...]

    def of(self, path: str) -> str:
        """Where an input of the run's machine is on the node."""
        for there, here in zip(self.run, self.node, strict=True):
            if Path(path).is_relative_to(there):
                return str(Path(here) / Path(path).relative_to(there))
        return str(Path(self.node[0]) / "inputs" / hashlib.sha256(path.encode()).hexdigest()[:16] / Path(path).name)

    def is_shipped(self, path: str) -> bool:
        """Whether an input of the run's machine is part of the program."""
        return any(Path(path).is_relative_to(folder) for folder in self.run[1:])


def common_folders(home: Path) -> tuple[str, ...]:
    """The folders of `NodePlaces` on this machine."""
    return str(home), str(shipped("suites")), str(shipped("models"))


def moved(payload: Any, places: NodePlaces, key: str = "") -> Any:
    """The payload with the place on the node for each path of an input, and for each path below the run's home."""
    if isinstance(payload, Mapping):
        return {name: moved(value, places, name) for name, value in payload.items()}
    if isinstance(payload, list | tuple):
        return [moved(value, places, key) for value in payload]
    if isinstance(payload, str) and (_is_path(key, payload) or payload.startswith(f"{places.run[0]}/")):
        return places.of(payload)
    return payload


def lacking(place: Path, carried: CarriedInput) -> Iterator[tuple[Path, StoredFile]]:
    """The files of an input that a node lacks, or has with other content."""
    for name, stored in carried.files.items():
        file = inside(place, name)
        if not file.is_file() or file.stat().st_size != stored.bytes or digest_file(file) != stored.sha256:
            yield file, stored


def inside(folder: Path, name: str) -> Path:
    """The file `name` of the folder. Raises `ValueError` for one that would be outside."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        raise ValueError(f"{name!r} is outside of its folder")
    return folder / parts if name else folder


def pieces_of(file: Path) -> Iterator[bytes]:
    """Content of a file; an empty one is one empty piece."""
    with file.open("rb") as content:
        yield content.read(PIECE_BYTES)
        while piece := content.read(PIECE_BYTES):
            yield piece


def write_checked(file: Path, pieces: Iterable[bytes], sha256: str) -> None:
    """The file from its pieces, whole or not at all. Raises `ValueError` where its hash is another."""
    digest = hashlib.sha256()
    with replacing(file) as temporary:
        with temporary.open("wb") as content:
            for piece in pieces:
                digest.update(piece)
                content.write(piece)
        if digest.hexdigest() != sha256:
            raise ValueError(f"{file.name} arrived with another content")


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, field in value.items():
            yield from _texts(field, name)
    elif isinstance(value, list | tuple):
        for field in value:
            yield from _texts(field, key)
    elif isinstance(value, str):
        yield key, value


def _is_path(key: str, value: str) -> bool:
    return (key in _PATH_KEYS or key.endswith("_path")) and value.startswith("/")


def _files(path: Path, hash_file: Callable[[Path], str]) -> dict[str, StoredFile]:
    if path.is_file():
        return {"": StoredFile.of(path, hash_file)}
    known = _of_manifest(path)
    names = [file.relative_to(path).as_posix() for file in sorted(path.rglob("*")) if file.is_file()]
    carried = [name for name in names if not _is_left_behind(name)] if known else names
    return {name: known.get(name) or StoredFile.of(path / name, hash_file) for name in carried}


def _of_manifest(folder: Path) -> Mapping[str, StoredFile]:
    """Hashes that a finished job has already."""
    manifest = Manifest.kept_in(folder / MANIFEST)
    return {} if manifest is None else manifest.files


def _is_left_behind(name: str) -> bool:
    first = PurePosixPath(name).parts[0]
    return first in _LEFT_BEHIND or first.startswith(CHECKPOINT)
