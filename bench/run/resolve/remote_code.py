"""Code that a checkpoint brings along: found before any work, run only where the command line says so.

A checkpoint can name Python files of its own for what the installed transformers does not have (`auto_map` in its
configuration). Without leave it is refused by the names of those files, and none is executed. With leave it is an
input like the weights: the hash of the files is part of every digest and is in the record.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.digest import digest_files
from bench.errors import InputError, Problem
from bench.run.process.payloads import CodeRequest, TrustRequest
from bench.run.process.server import ChildServer

CODE_FILES = ("*.py",)
_CONFIGS = ("config.json", "tokenizer_config.json")
_TOKENIZER = "AutoTokenizer"
PARTS = ("AutoConfig", "AutoModelForCausalLM", _TOKENIZER)
_ASK = "read what it would run; if you trust it, add --trust-remote-code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A class that a checkpoint brings."""

    repo: str | None
    """Another repository that has the file; `None`: its own folder."""
    file: str
    """Relative to the folder."""
    name: str

    def is_in(self, folder: Path) -> bool:
        """Whether the file is there, and not above."""
        return (folder / self.file).is_file() and not {"/", "\\"} & set(self.file)

    def __str__(self) -> str:
        return self.file if self.repo is None else f"{self.file} of {self.repo}"


def remote_code(
    folder: Path,
    *,
    name: str,
    trusted: bool,
    home: Path,
    server: ChildServer,
    download: Callable[[], Path],
    parts: Sequence[str] = PARTS,
) -> str | None:
    """SHA-256 of the code that the model in `folder` may run; `None` where it needs none, leave or not.

    `download`: brings a hub model's Python files too, and returns the folder. Raises `InputError`
    (`model.remote-code`) where code is needed and not trusted, missing, of another repository, or cannot be loaded.
    """
    named = {part: code for part, code in auto_map(folder).items() if part in parts}
    if not named:
        return None
    log = home / "logs" / "code.txt"
    request = CodeRequest(path=str(folder), classes={part: code.name for part, code in named.items()})
    needed: list[str] = server.call("code", request, folder=home, log=log)
    if not needed:
        return None
    wanted = list(dict.fromkeys(named[part] for part in needed))
    if not trusted:
        raise _refused(f"{name} wants to run code of its own: {_list(wanted)}", folder, _ASK)
    foreign = [code for code in wanted if code.repo is not None]
    if foreign:
        hint = "put the file beside the weights, and name it so in auto_map"
        raise _refused(f"the code of {name} is not in its folder, and nothing pins it: {_list(foreign)}", folder, hint)
    folder = download()
    missing = [code for code in wanted if not code.is_in(folder)]
    if missing:
        raise _refused(f"{name} names code that is missing: {_list(missing)}", folder, "copy or download it again")
    server.call("trust", TrustRequest(path=str(folder), parts=tuple(parts)), folder=home, log=log)
    return digest_files(folder, folder.rglob(CODE_FILES[0]))


def auto_map(folder: Path) -> dict[str, Named]:
    """By part (such as `AutoModelForCausalLM`): the class that the folder's configuration names."""
    by_part: dict[str, Named] = {}
    for config in _CONFIGS:
        for part, reference in _table(folder / config).items():
            # A tokenizer has two, the fast one last, and either may be null.
            for text in reference if isinstance(reference, list) else [reference]:
                if isinstance(text, str) and "." in text:
                    repo, _, inside = text.rpartition("--")
                    module, _, name = inside.rpartition(".")
                    by_part[part] = Named(repo=repo or None, file=f"{module}.py", name=name)
    return by_part


def _table(path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}  # what is wrong with it is told where it is used
    named = config.get("auto_map") if isinstance(config, dict) else None
    if isinstance(named, list):  # as old tokenizers were saved
        return {_TOKENIZER: named}
    return named if isinstance(named, dict) else {}


def _list(wanted: list[Named]) -> str:
    return ", ".join(dict.fromkeys(str(code) for code in wanted))


def _refused(what: str, folder: Path, hint: str) -> InputError:
    return InputError(Problem(reference="model.remote-code", what=what, where=str(folder), hint=hint))
