"""Which program `--against` names: comparing with the wrong one passes every gate."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.gate.speed import versions
from bench.gate.speed.versions import other_version, our_version

PYPROJECT = '[project]\nname = "x"\ndependencies = ["{needs}"]\n'


def git(folder: Path, *arguments: str) -> str:
    """Run git as somebody."""
    command = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e@x", "-c", "commit.gpgsign=false"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=True).stdout.strip()


def commit(folder: Path, files: dict[str, str]) -> str:
    """Commit `files`; the commit's name."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "x")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of a program like this one, with two commits; the older cannot be stepped."""
    root = tmp_path / "program"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    commit(root, {"pyproject.toml": PYPROJECT.format(needs="a"), "bench/__init__.py": "old"})
    git(root, "tag", "too-old")
    commit(root, {"bench/gate/side.py": "first"})
    git(root, "tag", "first")
    (root / "bench" / "gate" / "side.py").unlink()
    commit(root, {"bench/gate/speed/step_server.py": "second"})
    monkeypatch.setattr(versions, "_program_root", lambda: root)
    return root


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], str | None]]:
    """Environments that would have been made."""
    asked: list[tuple[list[str], str | None]] = []

    def make(requirements: list[str], constraints: str | None, **_: object) -> Path:
        asked.append((list(requirements), constraints))
        return Path("made") / "python"

    monkeypatch.setattr(versions, "_environment", make)
    return asked


def test_a_ref_is_unpacked_as_it_was_and_the_checkout_is_left_alone(checkout: Path, tmp_path: Path) -> None:
    (checkout / "bench" / "gate" / "side.py").write_text("not committed")
    found = other_version("first", suite=tmp_path / "s.toml", home=tmp_path / "home")
    assert found.tree is not None
    assert (found.tree / "bench" / "gate" / "side.py").read_text() == "first"
    assert (checkout / "bench" / "gate" / "side.py").read_text() == "not committed"
    assert found.python == Path(sys.executable)
    assert found.name == f"first ({git(checkout, 'rev-parse', 'first')[:10]})"
    again = other_version(git(checkout, "rev-parse", "first"), suite=tmp_path / "s.toml", home=tmp_path / "home")
    assert again.tree == found.tree
    assert again.name == git(checkout, "rev-parse", "first")[:10], "a commit is its own name"


def test_other_dependencies_get_an_environment_of_their_own(
    checkout: Path, tmp_path: Path, made: list[tuple[list[str], str | None]]
) -> None:
    commit(checkout, {"pyproject.toml": PYPROJECT.format(needs="a>=2"), "constraints.txt": "a==2.1\n"})
    found = other_version("first", suite=tmp_path / "s.toml", home=tmp_path / "home")
    assert made == [(["a"], None)]
    assert found.python == Path("made") / "python"
    assert found.tree is not None


def test_the_same_dependencies_in_another_order_need_no_environment(checkout: Path, tmp_path: Path) -> None:
    commit(checkout, {"pyproject.toml": PYPROJECT.format(needs='a", "b')})
    git(checkout, "tag", "ordered")
    commit(checkout, {"pyproject.toml": PYPROJECT.format(needs='b", "a')})
    found = other_version("ordered", suite=tmp_path / "s.toml", home=tmp_path / "home")
    assert found.python == Path(sys.executable)


def test_what_a_killed_process_unpacked_is_not_taken_for_the_tree(checkout: Path, tmp_path: Path) -> None:
    name = git(checkout, "rev-parse", "first")
    left = tmp_path / "home" / "versions" / f"{name}.{os.getpid()}"
    left.mkdir(parents=True)
    (left / "half").write_text("of another attempt")
    found = other_version("first", suite=tmp_path / "s.toml", home=tmp_path / "home")
    assert found.tree is not None
    assert not (found.tree / "half").exists()


def test_a_tree_that_another_process_unpacked_first_is_used(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, name = versions._git, git(checkout, "rev-parse", "first")
    place = tmp_path / "home" / "versions" / name

    def raced(folder: Path, *arguments: str) -> bytes | None:
        answer = real(folder, *arguments)
        if arguments[0] == "archive":
            (place / "bench" / "gate").mkdir(parents=True)
            (place / "bench" / "gate" / "side.py").write_text("theirs")
            (place / "pyproject.toml").write_text(PYPROJECT.format(needs="a"))
        return answer

    monkeypatch.setattr(versions, "_git", raced)
    found = other_version("first", suite=tmp_path / "s.toml", home=tmp_path / "home")
    assert found.tree == place
    assert (place / "bench" / "gate" / "side.py").read_text() == "theirs"
    assert [path.name for path in place.parent.iterdir()] == [name], "nothing is left beside it"


def test_a_version_that_cannot_be_stepped_is_refused(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no `bench gate speed`"):
        other_version("too-old", suite=tmp_path / "s.toml", home=tmp_path / "home")


@pytest.mark.parametrize("name", ["nosuch", "--output=x", "HEAD:bench"])
def test_what_is_no_commit_is_refused(checkout: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="git knows no commit"):
        other_version(name, suite=tmp_path / "s.toml", home=tmp_path / "home")


def test_an_interpreter_or_its_environment_is_taken_as_it_is(tmp_path: Path) -> None:
    for text in (sys.executable, sys.prefix):
        found = other_version(text, suite=tmp_path / "s.toml", home=tmp_path / "home")
        assert (found.tree, found.python.name.startswith("python")) == (None, True)


@pytest.mark.parametrize("text", ["sft-bench==0.1.0", "==0.1.0"])
def test_a_release_is_installed(tmp_path: Path, made: list[tuple[list[str], str | None]], text: str) -> None:
    found = other_version(text, suite=tmp_path / "s.toml", home=tmp_path / "home")
    assert made == [(["sft-bench==0.1.0"], None)]
    assert (found.name, found.tree) == ("sft-bench==0.1.0", None)


def test_an_installed_program_is_compared_by_the_requirements_beside_the_suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: list[tuple[list[str], str | None]]
) -> None:
    """A user's repository: its ref stands for the versions that it required then."""
    monkeypatch.setattr(versions, "_program_root", lambda: tmp_path / "site-packages")
    root = tmp_path / "theirs"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    commit(root, {"suites/s.toml": ""})
    git(root, "tag", "bare")
    commit(root, {"requirements.txt": "sft-bench==0.1.0\ntorch==2.12.0\n"})
    found = other_version("HEAD", suite=root / "suites" / "s.toml", home=tmp_path / "home")
    assert made == [(["sft-bench==0.1.0", "torch==2.12.0"], None)]
    assert found.tree is None
    with pytest.raises(InputError, match=r"has no requirements\.txt"):
        other_version("bare", suite=root / "suites" / "s.toml", home=tmp_path / "home")
    with pytest.raises(InputError, match="is in a git checkout"):
        other_version("HEAD", suite=tmp_path / "s.toml", home=tmp_path / "home")


def test_an_environment_is_made_once_and_counts_only_when_whole(tmp_path: Path) -> None:
    """No package is asked for: nothing is downloaded."""
    first = versions._environment([], None, home=tmp_path, tell=lambda text: None)
    assert subprocess.run([str(first), "-c", ""], check=False).returncode == 0
    stamp = first.parent.parent / ".whole"
    before = stamp.stat().st_mtime_ns
    assert versions._environment([], None, home=tmp_path, tell=lambda text: None) == first
    assert stamp.stat().st_mtime_ns == before


def test_an_environment_gets_what_is_required_and_a_half_made_one_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    said: list[str] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    python = versions._environment(["b", "a"], "a==1\n", home=tmp_path, tell=said.append)
    folder = python.parents[1]
    assert (folder / "requirements.txt").read_text() == "b\na\n"
    assert (folder / "constraints.txt").read_text() == "a==1\n"
    assert [command[:2] for command in commands] == [[sys.executable, "-m"], [str(python), "-m"]]
    assert commands[1][-4:] == [
        "--requirement", str(folder / "requirements.txt"), "--constraint", str(folder / "constraints.txt"),
    ]  # fmt: skip
    assert said == ["making an environment for the other version"]
    (folder / ".whole").unlink()
    (folder / "half").touch()
    assert versions._environment(["b", "a"], "a==1\n", home=tmp_path, tell=said.append) == python
    assert not (folder / "half").exists()
    assert (len(commands), len(said)) == (4, 2)
    assert versions._environment(["b", "a"], None, home=tmp_path, tell=said.append) != python


def test_an_environment_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, "pip" in command))
    with pytest.raises(InputError, match="could not be made"):
        versions._environment(["not a requirement !"], None, home=tmp_path, tell=lambda text: None)


def test_our_version_is_the_one_that_runs(root: Path) -> None:
    assert our_version().tree == root
