"""The documentation names what exists: files, links, and the functions of docs/architecture.md."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from bench.suite.tables.suite import RunOptions, Suite

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "suites/**/*.md", "benchmarks/*.md", ".github/*.md")
    for path in ROOT.glob(pattern)
)
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def test_the_pages_are_found() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/decisions/README.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = CODE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if "://" in file:
            continue
        path = (ROOT / page).parent / file if file else ROOT / page
        if not path.exists() or (anchor and anchor not in _anchors(path)):
            dead.append(target)
    assert not dead


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    if page == "CHANGELOG.md":
        return  # it speaks of earlier versions, too
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:bench|tests|docs|suites|models|benchmarks)/[\w./-]+)`", text)
    assert not [name for name in named if "NAME" not in name and not (ROOT / name).exists()]


def test_names_of_the_walks_are_defined_in_their_files() -> None:
    rows = re.findall(
        r"^\| `(bench/[\w/]+\.py)` \| ([^|]*) \|", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE
    )
    assert len(rows) > 30
    missing = [
        f"{file}: {name}"
        for file, names in rows
        for name in re.findall(r"`(\w+)`", names)
        if not re.search(
            rf"^(def|class) {name}\b|^{name}\b.*=", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE
        )
    ]
    assert not missing


def test_every_room_is_in_the_list_of_rooms() -> None:
    section = (ROOT / "docs/architecture.md").read_text().split("## The rooms")[1].split("\n## ")[0]
    listed = set(re.findall(r"`(bench/\w+(?:\.py)?)`", section))
    rooms = {f"bench/{path.parent.name}" for path in ROOT.glob("bench/*/__init__.py")}
    files = {f"bench/{path.name}" for path in ROOT.glob("bench/*.py") if not path.name.startswith("__")}
    assert rooms | files <= listed


def test_rooms_are_listed_from_top_to_bottom() -> None:
    section = (ROOT / "docs/architecture.md").read_text().split("## The rooms")[1].split("\n## ")[0]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["name"] == "Imports point down")
    depth = {room: place for place, layer in enumerate(layers) for room in re.findall(r"\w+", layer)}
    listed = [depth[room] for room in re.findall(r"^\| `bench/(\w+)(?:\.py)?` \|", section, re.MULTILINE)]
    assert listed == sorted(listed)


def test_every_sub_room_is_named_in_the_row_of_its_room() -> None:
    section = (ROOT / "docs/architecture.md").read_text().split("## The rooms")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `bench/(\w+)` \| (.*)", section, re.MULTILINE))
    sub_rooms = [path.relative_to(ROOT / "bench").parent.parts for path in ROOT.glob("bench/*/**/__init__.py")]
    unnamed = [parts for parts in sub_rooms if len(parts) > 1 and not re.search(rf"[`/]{parts[-1]}`", rows[parts[0]])]
    assert not unnamed


@pytest.mark.parametrize(
    "room", [path.relative_to(ROOT).parent.as_posix() for path in ROOT.glob("bench/**/__init__.py")]
)
def test_every_room_states_its_contract(room: str) -> None:
    caption = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text(encoding="utf-8"))) or ""
    assert re.search(r"^Contract: \S", caption, re.MULTILINE)


def test_names_of_new_parts_are_defined() -> None:
    section = (ROOT / "docs/architecture.md").read_text().split("## Where a new part goes")[1].split("\n## ")[0]
    found = re.findall(r"`(_?[A-Z]\w+)`(?: protocol)? (?:of|in) `(bench/[\w/]+\.py)`", section)
    assert found
    for names, file in found:
        assert re.search(rf"\b{names}\b", (ROOT / file).read_text(encoding="utf-8")), f"{names} in {file}"


def _anchors(path: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    listed = set(re.findall(r"\]\((\d+-[\w-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in folder.glob("[0-9]*.md")}
    by_room = re.findall(
        r"\]\(decisions/(\d+-[\w-]+\.md)\)", (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    )
    assert set(by_room) == listed


def test_every_table_and_every_key_of_run_is_named() -> None:
    page = (ROOT / "docs" / "suites.md").read_text(encoding="utf-8")
    for key in (*Suite.model_fields, *RunOptions.model_fields, "profile", "default_profile", "extends"):
        assert re.search(rf"[`\[]{key}\b", page), key


def test_the_readme_quotes_the_example_reports_to_the_letter() -> None:
    """A figure of an earlier run beside a report that has another one."""
    reports = {
        line
        for name in ("example", "example-real")
        for line in (ROOT / "reports" / name / "report.md").read_text(encoding="utf-8").splitlines()
    }
    page = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    quoted = [line.removeprefix("> ") for line in page if line.startswith(("> ", "| **", "| inconclusive"))]
    assert len(quoted) > 20
    assert [line for line in quoted if line not in reports] == []
