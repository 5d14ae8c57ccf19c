"""Versions that can be compared: this one, and another in an environment of its own.

Another version is a git ref, a release (`sft-bench==0.1.0`), or an interpreter that has it installed. A ref of a
checkout of this program becomes a tree under the home; where its dependencies are those of this checkout it runs in
this environment, else in one made for it. A ref of any other repository stands for the `requirements.txt` it had.

Contract: nothing in the checkout is touched; what is made is kept by content and made whole or not at all.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench
from bench.digest import digest_json
from bench.errors import InputError, Problem

DISTRIBUTION = "sft-bench"
STEP_SERVERS = ("bench.gate.side", "bench.gate.speed.step_server")
"""Module of a version that steps it, of the oldest name first: a version has one of them."""
PROTOCOL = 1
"""Language of a comparison and a step server; both versions must speak the same."""
_REQUIREMENTS, _CONSTRAINTS = "requirements.txt", "constraints.txt"
_WHOLE = ".whole"
_GIT_SECONDS = 60
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of the program that can be run."""

    name: str
    python: Path
    """The interpreter of its environment."""
    tree: Path | None
    """Folder that holds its package, put before what is installed; `None`: what is installed."""


def our_version() -> Version:
    """The program that is running."""
    return Version(name="this version", python=Path(sys.executable), tree=_program_root())


def other_version(text: str, *, suite: Path, home: Path, tell: Tell = lambda text: None) -> Version:
    """The version that `text` names; made ready to run. `tell` hears what takes long.

    Raises `InputError` where there is no such version, or its environment cannot be made.
    """
    interpreter = _interpreter(text)
    if interpreter is not None:
        return Version(name=text, python=interpreter, tree=None)
    if "==" in text:
        requirement = text if not text.startswith("==") else DISTRIBUTION + text
        return Version(name=requirement, python=_environment([requirement], None, home=home, tell=tell), tree=None)
    root = _repository(text, suite)
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")
    if commit is None:
        hint = f"name a commit, tag or branch of {root}; a shallow clone has few: git fetch --unshallow"
        raise InputError(_problem("gate.unknown-version", f"git knows no commit {text!r}", f"--against {text}", hint))
    return _version_at(root, commit.decode().strip(), text, home=home, tell=tell)


def other_checkout(text: str, *, home: Path) -> tuple[str, Path]:
    """Name and folder of the other checkout for a command that is run in this folder: a folder, or a git ref of the
    repository that this folder is in, whose tracked files are unpacked.

    Raises `InputError` where there is no such folder or ref.
    """
    here = Path.cwd()
    folder = Path(text).expanduser()
    if folder.is_dir():
        return text, folder.resolve()
    top = _git(here, "rev-parse", "--show-toplevel")
    commit = top and _git(here, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{text}^{{commit}}")
    if not top or not commit:
        hint = "name the folder of another checkout, or a commit, tag or branch of the repository around this folder"
        what = f"there is no folder {text!r}, and git knows no such commit here"
        raise InputError(_problem("gate.unknown-version", what, f"--against {text}", hint))
    root, name = Path(top.decode().strip()), commit.decode().strip()
    return f"{text} ({name[:10]})", _tree(root, name, home) / here.resolve().relative_to(root.resolve())


def _program_root() -> Path:
    return Path(bench.__file__).resolve().parents[1]


def _interpreter(text: str) -> Path | None:
    """`text` as an interpreter, or as an environment's folder."""
    path = Path(text).expanduser()
    for candidate in (path, path / "bin" / "python", path / "Scripts" / "python.exe"):
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate.absolute()  # not resolved: the link is what makes it an environment
    return None


def _repository(text: str, suite: Path) -> Path:
    """The checkout whose ref is meant: that of this program if it runs from one, else that of the suite."""
    program = _program_root()
    if (program / ".git").exists():
        return program
    top = _git(suite.parent, "rev-parse", "--show-toplevel")
    if top is None:
        raise InputError(
            _problem(
                "gate.no-repository",
                "neither this program nor the suite is in a git checkout",
                f"--against {text}",
                f"name a release ({DISTRIBUTION}==0.1.0) or an interpreter that has another version installed",
            )
        )
    return Path(top.decode().strip())


def _version_at(root: Path, commit: str, name: str, *, home: Path, tell: Tell) -> Version:
    title = f"{name} ({commit[:10]})" if name != commit else commit[:10]
    if not _can_step(root):
        return Version(name=title, python=_environment_at(root, commit, name, home=home, tell=tell), tree=None)
    tree = _tree(root, commit, home)
    if not _can_step(tree):
        what = f"{title} has no `bench gate speed` that could step its training"
        hint = "compare with a later commit"
        raise InputError(_problem("gate.version-too-old", what, f"--against {name}", hint))
    if _dependencies(tree) == _dependencies(root):
        return Version(name=title, python=Path(sys.executable), tree=tree)
    requirements, constraints = _dependencies(tree)
    return Version(name=title, python=_environment(requirements, constraints, home=home, tell=tell), tree=tree)


def _environment_at(root: Path, commit: str, name: str, *, home: Path, tell: Tell) -> Path:
    """The environment of a repository that is not this program's, as of `commit`."""
    content = _git(root, "show", f"{commit}:{_REQUIREMENTS}")
    if content is None:
        what = f"{name} has no {_REQUIREMENTS} from which its environment could be made"
        hint = "name an interpreter that has the other version installed: --against .venv-before/bin/python"
        raise InputError(_problem("gate.no-requirements", what, f"{root} at {name}", hint))
    return _environment(content.decode().splitlines(), None, home=home, tell=tell)


def _tree(root: Path, commit: str, home: Path) -> Path:
    """What the program needs of `commit`, unpacked once."""
    place = home / "versions" / commit
    if place.is_dir():
        return place
    archive = _git(root, "archive", "--format=tar", commit)
    if archive is None:
        raise InputError(_problem("gate.git", f"git could not read the tree of {commit}", str(root), None))
    aside = place.with_name(f"{commit}.{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(aside, filter="data")
    try:
        aside.replace(place)
    except OSError:  # another process was first
        shutil.rmtree(aside, ignore_errors=True)
    return place


def _can_step(tree: Path) -> bool:
    return any((tree / f"{name.replace('.', '/')}.py").is_file() for name in STEP_SERVERS)


def _dependencies(tree: Path) -> tuple[list[str], str | None]:
    """What a tree of this program asks to be installed, and its exact versions."""
    project: dict[str, Any] = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    constraints = tree / _CONSTRAINTS
    pins = constraints.read_text(encoding="utf-8") if constraints.is_file() else None
    return sorted(project.get("dependencies", [])), pins


def _environment(requirements: Sequence[str], constraints: str | None, *, home: Path, tell: Tell) -> Path:
    """The interpreter of an environment with these requirements, made once per content."""
    key = digest_json({"requirements": list(requirements), "constraints": constraints, "python": sys.version})[:16]
    folder, log = home / "versions" / f"environment-{key}", home / "logs" / f"gate-environment-{key}.txt"
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if (folder / _WHOLE).is_file():
        return python
    tell("making an environment for the other version")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    asked = folder / _REQUIREMENTS
    asked.write_text("\n".join(requirements) + "\n", encoding="utf-8")
    limits = folder / _CONSTRAINTS
    limits.write_text(constraints or "", encoding="utf-8")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    with log.open("wb") as output:
        for command in (
            [sys.executable, "-m", "venv", str(folder)],
            [*pip, "--requirement", str(asked), "--constraint", str(limits)],
        ):
            completed = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
            if completed.returncode != 0:
                what = "the other version's environment could not be made"
                raise InputError(_problem("gate.environment", what, None, f"see {log}"))
    (folder / _WHOLE).touch()
    return python


def _git(folder: Path, *arguments: str) -> bytes | None:
    """What git says; `None` if it refuses or is not there."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        completed = subprocess.run(command, capture_output=True, timeout=_GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return completed.stdout if completed.returncode == 0 else None


def _problem(reference: str, what: str, where: str | None, hint: str | None) -> Problem:
    return Problem(reference=reference, what=what, where=where, hint=hint)
