"""Writing the report: files, redrawing, and what the process loads to do it."""

import io
import json
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.record.record import Record
from bench.record.rundir import RunDirectory
from bench.report.compare import compare
from bench.report.export.comparison_json import comparison_json
from bench.report.plots.draw import draw
from bench.report.write import write_report
from tests.fakes.counting import count_calls
from tests.fakes.records import FakeRun, make_run

PLOTS = ["claims.svg", "deltas.svg", "gradient_norm.svg", "learning_rate.svg", "loss.svg", "scores.svg", "tradeoff.svg"]


def make(folder: Path, **options: Any) -> RunDirectory:
    return RunDirectory(make_run(folder, **{"examples": 20, **options}).write())


def test_report_and_plots_lie_in_the_run_directory(tmp_path: Path) -> None:
    path = write_report(make(tmp_path))
    assert path == tmp_path / "report.md"
    text = path.read_text(encoding="utf-8")
    assert sorted(re.findall(r"\(plots/(\w+\.svg)\)", text)) == PLOTS
    assert sorted(file.name for file in (tmp_path / "plots").iterdir()) == PLOTS
    for name in PLOTS:
        ElementTree.parse(tmp_path / "plots" / name)  # noqa: S314  our own file, checked for being whole


def test_a_real_run_directory_gives_the_same_report_as_its_contents(tmp_path: Path) -> None:
    fake = make_run(tmp_path / "a", examples=20)
    fake.write()
    (tmp_path / "b").mkdir()
    written = write_report(RunDirectory(tmp_path / "a")).read_text(encoding="utf-8")
    again = write_report(make_run(tmp_path / "b", examples=20)).read_text(encoding="utf-8")
    assert written == again


@pytest.mark.parametrize("options", [{"hostile": True}, {"failed_training": "lima_1k/full#0", "seeds": (0,)}])
def test_plots_survive_what_can_go_wrong(options: dict[str, Any]) -> None:
    plots = draw(compare(make_run(examples=20, **options), replicates=100))
    assert {f"{name}.svg" for name in plots} == set(PLOTS)


def test_a_run_without_any_result_still_has_its_report(tmp_path: Path) -> None:
    """The user must see why, most of all when everything failed."""
    fake = make_run(tmp_path, examples=5)
    record = fake.record.model_copy(
        update={
            "trainings": tuple(t.model_copy(update={"result": None}) for t in fake.record.trainings),
            "probes": (),
            "evaluations": tuple(
                e.model_copy(update={"result": None, "scores": None}) for e in fake.record.evaluations
            ),
        }
    )
    (tmp_path / "record.json").write_text(record.model_dump_json())
    text = write_report(RunDirectory(tmp_path)).read_text(encoding="utf-8")
    assert "INCOMPLETE" in text
    assert "plots/" not in text
    assert text.count("**incomplete**") == 4


def without(record: Record, **suite: Any) -> Record:
    resolved = record.resolved
    changed = resolved.model_copy(update={"suite": resolved.suite.model_copy(update=suite)})
    return record.model_copy(update={"resolved": changed})


def only_base(record: Record) -> Record:
    evaluations = tuple(e for e in record.evaluations if e.arm is None)
    return without(record, claim=()).model_copy(update={"trainings": (), "probes": (), "evaluations": evaluations})


def one_arm(record: Record) -> Record:
    trainings = tuple(t for t in record.trainings if t.arm == "lima_1k/full")
    evaluations = tuple(e for e in record.evaluations if e.arm in {None, "lima_1k/full"})
    probes = tuple(p for p in record.probes if p.arm == "lima_1k/full")
    return record.model_copy(update={"trainings": trainings, "probes": probes, "evaluations": evaluations})


def only_loss(record: Record) -> Record:
    evaluations = tuple(e for e in record.evaluations if e.eval == "heldout")
    specs = tuple(spec for spec in record.resolved.suite.eval if spec.name == "heldout")
    return without(record, eval=specs, claim=()).model_copy(update={"evaluations": evaluations})


@pytest.mark.parametrize(
    "change", [only_base, one_arm, only_loss, lambda record: without(record, control=None, claim=())]
)
def test_suites_of_other_shapes_have_a_report(change: Callable[[Record], Record], tmp_path: Path) -> None:
    """Only the base, one arm by `--only`, one eval, no control, no claims: none may end in a traceback."""
    fake = make_run(tmp_path, examples=20)
    run = FakeRun(path=tmp_path, record=change(fake.record), rows=fake.rows)
    console = Console(file=io.StringIO(), width=100)
    text = write_report(run, console=console).read_text(encoding="utf-8")
    assert "| **base** |" in text
    assert json.dumps(comparison_json(compare(run)), allow_nan=False)
    for name in re.findall(r"\(plots/(\w+\.svg)\)", text):
        assert (tmp_path / "plots" / name).is_file()


def test_the_terminal_form_ends_with_the_path(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=100)
    path = write_report(make(tmp_path), console=console)
    assert isinstance(console.file, io.StringIO)
    last = console.file.getvalue().strip().splitlines()[-1]
    assert last == f"All of it: --full; to send: {path.with_name('report.html')}"


def test_redrawing_needs_no_torch(tmp_path: Path) -> None:
    """`bench report` must work, and start at once, where nothing can be trained."""
    make(tmp_path)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from bench.record.rundir import RunDirectory\n"
        "from bench.report.write import write_report\n"
        "write_report(RunDirectory(Path(sys.argv[1])))\n"
        "heavy = {'torch', 'transformers', 'trl', 'peft', 'datasets', 'lm_eval', 'evaluate'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from numbers(entry)
    elif isinstance(value, float):
        yield value


def test_json_has_every_figure_unrounded(tmp_path: Path) -> None:
    run = make(tmp_path, missing=0.05, failed_training="alpaca_52k/lora#1")
    exported = comparison_json(compare(run))
    assert json.loads(json.dumps(exported, allow_nan=False)) == exported
    assert all(math.isfinite(number) for number in numbers(exported))
    comparison = compare(run)
    assert len(exported["results"]) == 7 * 5
    for entry in exported["results"]:
        result = comparison.results[entry["arm"], entry["measurand"]["name"]]
        assert entry["value"]["mean"] == result.value.mean
    assert not exported["completeness"]["complete"]
    outcomes = {claim["claim"]["says"]: claim["verdict"]["outcome"] for claim in exported["claims"]}
    assert outcomes["alpaca_52k/lora > base"] == "incomplete", "it lacks a training"
    assert list(outcomes.values()).count("incomplete") == 1


@pytest.mark.usefixtures("no_known_estimates")
def test_the_flagships_report_takes_no_longer_than_a_glance(tmp_path: Path) -> None:
    """19 subjects, 5 evals, 600 examples, 10,000 replicates: 2 million calls of functions, about 2 s; here twice."""
    run = make_run(tmp_path, examples=600)
    assert count_calls(lambda: write_report(run)).number < 4_000_000
