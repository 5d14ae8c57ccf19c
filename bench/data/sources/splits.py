"""Which files of a folder are of the split that is asked for, by their names and those of their folders.

Contract: a folder in which any name tells a split gives the files of one split or is refused; what is read together is
never of two splits.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import InputError, Problem, did_you_mean
from bench.suite.tables.data import FILE_SUFFIXES

_SPLIT_OF = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation", "holdout", "heldout"), "test"),
}
"""Words in a path that name a split, as `datasets` reads them, and two that it does not know."""
_WORD = re.compile(rf"({'|'.join(sorted(_SPLIT_OF, key=len, reverse=True))})(?:s|sets?|data|datasets?)?")
"""Such a word, also in the plural or written together with what it is of: `tests`, `trainset`."""
_NUMBERING = re.compile(r"|[a-z]|\d+|of|(part|shard|chunk|file)s?\d*|[0-9a-f]{8,}|sets?|datas?|datasets?|splits?|rows?")
"""Words after it that tell no two splits apart: numbers and hashes of shards, and what any file holds."""

_SHARD = re.compile(r"(.+)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?")
"""A shard as `datasets` names it, after its split whatever that is called: `gen-00000-of-00002`."""


@dataclass(frozen=True, slots=True, order=True)
class SplitName:
    """`train_sft` is the part `sft` of `train`; `train-00000-of-00003` is all of `train`."""

    kind: str
    part: str = ""

    def __str__(self) -> str:
        return f"{self.kind}_{self.part}" if self.part else self.kind


def split_of(name: str) -> SplitName | None:
    """The split that a name tells, a file's without its suffixes or a folder's."""
    words = re.split(r"[-_ .]+", name.lower())
    for place, word in enumerate(words):
        found = _WORD.fullmatch(re.sub(r"\d+$", "", word))
        if found is not None:
            rest = [later for later in words[place + 1 :] if not _NUMBERING.fullmatch(later)]
            return SplitName(_SPLIT_OF[found[1]], "_".join(rest))
    return None


def is_split_name(value: object) -> bool:
    """Whether a value is the name of a split and nothing else."""
    return isinstance(value, str) and value.strip().lower() in _SPLIT_OF


def files_of_split(files: Sequence[Path], folder: Path, *, source: str, where: str, split: str) -> tuple[Path, ...]:
    """The files of one split; all of them where no name tells a split and `train` is asked for."""
    splits = {file: _split_of_path(file.relative_to(folder)) for file in files}
    known = sorted({found for found in splits.values() if found is not None})
    unnamed = [str(file.relative_to(folder)) for file, found in splits.items() if found is None]
    wanted = split_of(split) or SplitName(split)
    usual = any(found.kind in _SPLIT_OF.values() for found in known)
    if len(known) <= 1 and not usual and wanted == SplitName("train"):
        return tuple(files)
    taken = [found for found in known if found == wanted or (not wanted.part and found.kind == wanted.kind)]
    if len(taken) == 1 and not unnamed:
        return tuple(file for file, found in splits.items() if found == taken[0])
    names = [str(found) for found in known]
    if not taken:
        what = f"{source} has no split {split!r}" + (f", but {' and '.join(map(repr, names))}" if names else "")
        hint = _split_hint(split, names, unnamed, source)
    elif unnamed:
        what = f"{source} holds files of splits ({', '.join(names)}), and {', '.join(unnamed[:3])}, which names none"
        hint = "name one file as source, or move the others"
    else:
        what = f"{source} holds several splits of {split!r}: {', '.join(map(str, taken))}"
        one = next(found for found in taken if found.part)
        hint = f'split = "{one}" takes one, or name a file as source; a mix draws from several tables'
    raise InputError(Problem(reference="data.split", what=what, where=where, hint=hint))


def _split_hint(split: str, names: Sequence[str], unnamed: Sequence[str], source: str) -> str:
    """What to write where a folder lacks a split. Another split is none the user meant, unless this one is misspelt."""
    near = did_you_mean(split, names)
    if near.startswith("did you mean"):
        return near
    if not names:
        return "no file of the folder is named after a split: leave split out"
    if split_of(split) == SplitName("train") and not any(split_of(name) for name in names):
        return f'split = "{names[0]}" takes one; a mix draws from several tables'
    if len(unnamed) == 1 and split_of(split) == SplitName("train"):
        return f'name the file that is of no split: source = "{source.rstrip("/")}/{unnamed[0]}"'
    return f"name the file with the rows for {split!r} as source"


def _split_of_path(path: Path) -> SplitName | None:
    """The split that a path inside its folder names, the file's own name before its folders'."""
    name = path
    while name.suffix.lower() in FILE_SUFFIXES:
        name = name.with_suffix("")
    found = (split_of(part) for part in reversed(name.parts))
    shard = _SHARD.fullmatch(name.name)
    return next((split for split in found if split is not None), SplitName(shard[1].lower()) if shard else None)
