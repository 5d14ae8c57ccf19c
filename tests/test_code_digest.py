"""Code that can change a result changes the digest of its job; all other code leaves it, and nobody trains again."""

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import bench
from bench.code_digest import COUNTED_IN_JOBS, PackageCode, own_code
from bench.run.plan.digests import COMMAND, DEPLOY, ENTRIES, TRAIN, UNSLOTH

PACKAGE = Path(bench.__file__).parent
CAPTION = '"""Says what is here."""\n'


def package(root: Path, **files: str) -> Path:
    """A package `p`; `a__b` is the file `a/b.py`."""
    for name, text in {"__init__": "", **files}.items():
        file = root / "p" / (f"{name}.py" if name == "__init__" else f"{name.replace('__', '/', 1)}.py")
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(text)
    return root / "p"


def digest(root: Path, **files: str) -> str:
    """Digest of the entry `p.job`."""
    shutil.rmtree(root / "p", ignore_errors=True)
    return PackageCode(package(root, **files)).digest("p.job")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This program's source, to be changed."""
    root = tmp_path_factory.mktemp("copy") / "bench"
    shutil.copytree(PACKAGE, root, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def test_one_more_statement_in_any_file_of_the_closures_is_another_digest(copy: Path) -> None:
    """Each file in the smallest closure that has it: whatever is in a closure is counted in the same way."""
    code = PackageCode(copy)
    closures = {kind: code.closure(*entries) for kind, entries in ENTRIES.items()}
    kinds = {name: kind for kind in sorted(closures, key=lambda k: -len(closures[k])) for name in closures[kind]}
    before = {kind: code.digest(*entries) for kind, entries in ENTRIES.items()}
    unnoticed = []
    for name, kind in kinds.items():
        file, original = copy / name, (copy / name).read_bytes()
        file.write_bytes(original + b"\n_MORE = 1\n")
        del code._sources[file]  # it is read again, the others are not
        code._digests.clear()
        if code.digest(*ENTRIES[kind]) == before[kind]:
            unnoticed.append(name)
        file.write_bytes(original)
        del code._sources[file]
    assert not unnoticed
    assert {kind: PackageCode(copy).digest(*entries) for kind, entries in ENTRIES.items()} == before


def test_docstrings_comments_and_layout_in_every_file_are_the_same_digest(copy: Path, tmp_path: Path) -> None:
    before = {kind: PackageCode(copy).digest(*entries) for kind, entries in ENTRIES.items()}
    reworded = tmp_path / "bench"
    shutil.copytree(copy, reworded)
    for file in reworded.rglob("*.py"):
        file.write_text(f"# A comment.\n\n{_reworded(file.read_text())}\n\n# One more.\n")
    assert "More. " in (reworded / "train" / "job.py").read_text()
    assert {kind: PackageCode(reworded).digest(*entries) for kind, entries in ENTRIES.items()} == before


def _reworded(source: str) -> str:
    """The source with one more word in each docstring."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            line = lines[node.lineno - 1]
            lines[node.lineno - 1] = f"{line[: node.col_offset + 3]}More. {line[node.col_offset + 3 :]}"
    return "\n".join(lines)


def test_a_training_is_covered_by_its_own_code_only() -> None:
    closure = own_code().closure(*ENTRIES["train"])
    expected = {
        "train/job.py", "train/batches/loss_mask.py", "train/batches/packing.py", "data/render/render.py",
        "suite/tables/training/adapter.py", "suite/tables/training/recipe.py", "suite/catalog/template.py",
        "model/loading/load.py", "record/jobs/train_job.py",
    }  # fmt: skip
    assert expected <= set(closure)
    rooms = {
        "evals/",
        "report/",
        "stats/",
        "run/",
        "cli/",
        "gate/",
        "endpoint/",
        "making/",
        "data/sources/",
        "suite/tables/evals/",
    }
    strange = {
        "record/jobs/eval_job.py",
        "record/results/training/preview.py",
        "data/select/selection.py",
        *(f"suite/tables/{name}.py" for name in ("conclusions/claim", "models/endpoint", "models/model")),
    }
    assert all((PACKAGE / name).exists() for name in strange | rooms), "a moved file is no longer guarded"
    assert not [name for name in closure if name in strange or any(name.startswith(room) for room in rooms)]
    assert not [name for name in closure if name.startswith(tuple(COUNTED_IN_JOBS))], "a job has these texts itself"


def test_an_eval_is_covered_by_the_code_of_its_kind() -> None:
    closures = {kind: set(own_code().closure(*entries)) for kind, entries in ENTRIES.items()}
    assert "evals/metrics/rouge/rouge.py" in closures["generation"]
    assert "stats/samples/corpus_metrics.py" in closures["lm_eval"]
    assert {"evals/lm_eval/run.py", "evals/judge/judge.py", "evals/generated/eval.py"}.isdisjoint(closures["loss"])
    assert {"evals/lm_eval/run.py", "evals/loss.py"}.isdisjoint(closures["judge"] | closures["generation"])
    weights = {TRAIN, COMMAND, UNSLOTH, DEPLOY}  # what makes weights has its own code
    others = set().union(*(closure for kind, closure in closures.items() if kind not in weights)) - closures[TRAIN]
    assert not any(name.startswith(("train/", "run/", "report/")) for name in others)


def test_a_new_key_of_a_suite_or_of_its_given_arms_is_no_other_job() -> None:
    keys = {"suite/tables/suite.py", "suite/tables/arms/given_arm.py"}
    assert all((PACKAGE / name).exists() for name in keys), "a moved file is no longer guarded"
    assert keys.isdisjoint(_closure_files())


def _closure_files() -> Iterator[str]:
    yield from sorted({name for entries in ENTRIES.values() for name in own_code().closure(*entries)})


def test_no_code_that_computes_is_loaded_in_a_way_that_the_closure_cannot_follow() -> None:
    """A file read by its path counts only in the form that is recognised; a module imported by name, not at all."""
    known = {
        "evals/generated/reference_metrics.py": "evals/metrics/bleu/bleu.py",
        "evals/generated/code/sandbox.py": "evals/generated/code/inside.py",
        "model/native/library.py": "model/native/cpp/kernels.cpp",
        "train/programs/unsloth.py": "train/programs/unsloth_script.py",
        "suite/catalog/template.py": None,  # a job has its template's text
        "suite/catalog/judge_prompt.py": None,  # and its judge's prompt
        "places.py": None,  # where things are, no content
        "code_digest.py": None,  # the digest itself
        "source_code.py": None,  # and what reads a file for it
    }
    files = set(_closure_files())
    for name in files:
        text = (PACKAGE / name).read_text() if name.endswith(".py") else ""
        if name != "__init__.py":  # it imports the interface's names by name, for a user and never for a job
            assert not {"import_module", "__import__"} & set(re.split(r"\W+", text)), name
        if "(__file__)" in text:
            assert name in known, name
            assert known[name] is None or known[name] in files
    included = (PACKAGE / "model/native/cpp").glob("*.hpp")
    assert {file.relative_to(PACKAGE).as_posix() for file in included} <= files, "what kernels.cpp includes"


def test_no_code_that_computes_names_a_module_in_a_text() -> None:
    """The name would be a value: a move of that module alone would be another digest."""
    found = [name for name in _closure_files() if name.endswith(".py") and _names_module((PACKAGE / name).read_text())]
    assert found == ["__init__.py"], "the interface's, for a user and never for a job"


def _names_module(text: str) -> bool:
    constants = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    return any(isinstance(value, str) and re.fullmatch(r"bench(\.\w+)+", value) for value in constants)


BASE = {"job": "from p.a import f\n\ndef run():\n    return f()\n", "a": "def f():\n    return 1\n"}


def test_what_an_imported_module_does_counts(tmp_path: Path) -> None:
    before = digest(tmp_path, **BASE)
    assert digest(tmp_path, **{**BASE, "a": "def f():\n    return 2\n"}) != before
    assert digest(tmp_path, **BASE, other="def f():\n    return 3\n") == before


@pytest.mark.parametrize(
    ("job", "counts"),
    [
        ("def run():\n    from p.a import f\n    return f()\n", True),
        ("def run():\n    import p.a\n    return p.a.f()\n", True),
        ("from p import a\n\ndef run():\n    return a.f()\n", True),
        ("import json, p.a\n\ndef run():\n    return p.a.f()\n", True),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.a import f\n", False),
        ("import typing\nif typing.TYPE_CHECKING:\n    from p.a import f\n", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import json\nelse:\n    from p.a import f\n", True),
    ],
)
def test_imports_inside_functions_count_and_those_for_type_checkers_do_not(
    tmp_path: Path, job: str, counts: bool
) -> None:
    before = digest(tmp_path, **{**BASE, "job": job})
    after = digest(tmp_path, **{**BASE, "job": job, "a": "def f():\n    return 2\n"})
    assert (after != before) is counts


def test_a_moved_module_is_the_same_digest(tmp_path: Path) -> None:
    before = digest(tmp_path, **BASE)
    moved = {"job": BASE["job"].replace("p.a", "p.room.other"), "room__other": BASE["a"], "room____init__": CAPTION}
    assert digest(tmp_path, **moved) == before


def test_a_name_taken_from_another_module_is_another_digest(tmp_path: Path) -> None:
    """Both modules are in the closure either way: only who gives the name has changed."""
    b = "def f():\n    return 2\n"
    job = "from p.a import f\nfrom p.b import f as g\n\ndef run():\n    return f() - g()\n"
    swapped = job.replace("p.a", "p.c").replace("p.b", "p.a").replace("p.c", "p.b")
    assert digest(tmp_path, job=job, a=BASE["a"], b=b) != digest(tmp_path, job=swapped, a=BASE["a"], b=b)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("from p.a import f\n", "from p.a import g\n"),  # no statement anywhere: imports are all that there is
        ("from p.a import f as x\n", "from p.a import g as x\n"),
        ("import p.a as b\n", "import p.a as c\n"),
        ("from json import loads as x\n", "from json import dumps as x\n"),
        ("import json, p.a\n", "import math, p.a\n"),
        ("x = f() + 1\n", "x = f() - 1\n"),
        ("if f():\n    g()\nelse:\n    h()\n", "if f():\n    g()\nh()\n"),
        ("if f():\n    g()\n    h()\n", "if f():\n    g()\nh()\n"),
    ],
)
def test_what_differs_in_an_import_an_operator_or_a_place_alone_is_another_digest(
    tmp_path: Path, one: str, other: str
) -> None:
    assert digest(tmp_path, job=one, a="") != digest(tmp_path, job=other, a="")


def test_the_order_of_imports_is_the_same_digest(tmp_path: Path) -> None:
    """A tool that sorts them costs nobody a training."""
    modules = {"a": "def f():\n    return 1\n", "b": "def g():\n    return 2\n"}
    lines = ["from p.a import f\n", "from p.b import g\n"]
    assert digest(tmp_path, job="".join(lines), **modules) == digest(tmp_path, job="".join(reversed(lines)), **modules)


def test_a_closure_is_listed_in_order(tmp_path: Path) -> None:
    names = [f"m{number}" for number in range(9)]
    job = "".join(f"import p.{name}\n" for name in reversed(names))
    listed = PackageCode(package(tmp_path, job=job, **dict.fromkeys(names, ""))).closure("p.job")
    assert listed == ("__init__.py", "job.py", *(f"{name}.py" for name in names))


def test_a_text_that_is_a_value_counts(tmp_path: Path) -> None:
    before = digest(tmp_path, **{**BASE, "a": 'def f():\n    """Doc."""\n    return "x"\n'})
    assert digest(tmp_path, **{**BASE, "a": 'def f():\n    """Other."""\n    return "x"\n'}) == before
    assert digest(tmp_path, **{**BASE, "a": 'def f():\n    """Doc."""\n    return "y"\n'}) != before


@pytest.mark.parametrize(
    "path",
    ['Path(__file__).parent / "texts"', 'Path(__file__).parents[0] / "texts"', 'Path(__file__).with_name("texts")'],
)
def test_a_file_that_is_read_beside_a_module_counts(tmp_path: Path, path: str) -> None:
    one = with_text(tmp_path, path, "one")
    shutil.rmtree(tmp_path / "p" / "texts" / "__pycache__")
    assert PackageCode(tmp_path / "p").digest("p.job") == one, "what Python compiles counts for nothing"
    assert with_text(tmp_path, path, "one") == one
    assert with_text(tmp_path, path, "two") != one


@pytest.mark.parametrize("path", ['Path(place).parent / "texts"', 'Path(place).with_name("texts")'])
def test_a_file_of_that_name_elsewhere_does_not(tmp_path: Path, path: str) -> None:
    assert with_text(tmp_path, path, "one") == with_text(tmp_path, path, "two")


def with_text(folder: Path, path: str, text: str) -> str:
    """Digest of a job that reads `path`, where `text` is in files that may be meant and in one that is not."""
    root = package(folder, job=f"from pathlib import Path\nFOLDER = {path}\n")
    (root / "texts" / "__pycache__").mkdir(parents=True, exist_ok=True)
    (root / "texts" / "prompt.jinja").write_text(text)
    (root / "texts" / "__pycache__" / "x.pyc").write_text("compiled")
    (root / "unread.jinja").write_text(text)
    return PackageCode(root).digest("p.job")


def test_two_modules_that_import_each_other_are_followed(tmp_path: Path) -> None:
    files = {**BASE, "a": "def f():\n    from p.job import run\n    return run\n"}
    before = digest(tmp_path, **files)
    assert digest(tmp_path, **{**files, "job": BASE["job"].replace("return f()", "return f")}) != before


def test_a_relative_import_and_an_unknown_module_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="relative"):
        digest(tmp_path, job="from . import a\n", a="")
    with pytest.raises(ValueError, match=r"no module p\.nothing"):
        PackageCode(package(tmp_path)).digest("p.nothing")


def test_what_was_parsed_is_kept_for_the_next_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, cache = package(tmp_path, **BASE), tmp_path / "code.json"
    first = PackageCode(root).keep_in(cache).digest("p.job")
    monkeypatch.setattr("bench.code_digest._parsed", {})
    monkeypatch.setattr("bench.code_digest.parse_source", lambda *_: pytest.fail("parsed again"))
    written = cache.stat().st_ino
    assert PackageCode(root).keep_in(cache).digest("p.job") == first
    assert cache.stat().st_ino == written, "nothing new, nothing written"
    cache.write_text("{")
    monkeypatch.undo()
    assert PackageCode(root).keep_in(cache).digest("p.job") == first
