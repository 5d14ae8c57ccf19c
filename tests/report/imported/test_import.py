"""Imported results: paired over the same examples whatever their order is, or refused."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pyarrow
import pytest
from typer.testing import CliRunner

from bench.cli.main import app
from bench.errors import InputError
from bench.report.export.inspect_log import write_inspect
from bench.report.export.lm_eval import write_lm_eval
from bench.report.imported.compare import ImportedDelta, compare_imported
from bench.report.imported.read import read_subject, with_own_names
from tests.fakes.records import make_run

FIRST, SECOND = "base", "lima_1k__full--0"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lm-eval's and Inspect's files of a run, as those programs name them."""
    folder = tmp_path_factory.mktemp("imported")
    run = make_run(examples=60, missing=0.05)
    write_lm_eval(run.record, run.rows, folder / "lm")
    for name in (FIRST, SECOND):
        for path in (folder / "lm" / name).glob("samples_*.jsonl"):
            path.rename(path.with_name(f"{path.stem}_2026-11-01T10-00-00.123.jsonl"))
    write_inspect(run.record, run.rows, folder / "inspect")
    return folder


def on(deltas: tuple[ImportedDelta, ...], metric: str = "acc", task: str = "micro_choice") -> ImportedDelta:
    return next(delta for delta in deltas if (delta.task, delta.metric) == (task, metric))


def test_lm_evals_samples_are_compared_as_the_runs_own_scores(exported: Path) -> None:
    subjects = [read_subject(exported / "lm" / name) for name in (FIRST, SECOND)]
    assert [subject.name for subject in subjects] == [FIRST, SECOND]
    delta = on(compare_imported(subjects)).delta
    rows = make_run(examples=60, missing=0.05).rows
    scores = [{row.id: row.metrics["acc"] for row in rows["choice", name]} for name in ("lima_1k/full#0", "base")]
    both = [
        (left, right) for id_, left in scores[0].items() if left is not None and (right := scores[1][id_]) is not None
    ]
    assert delta.estimate == pytest.approx(sum(left - right for left, right in both) / len(both))
    assert delta.n_examples == len(both)
    assert delta.noise == "example noise only", "one model each: the noise of training is unknown"


class ZstandardZip(zipfile.ZipFile):
    """Files by Zstandard, as Inspect writes them: stored by Python's zipfile, then marked in both of its headers."""

    def writestr(self, name: str, content: str) -> None:  # type: ignore[override]  # all that the test asks of it
        packed = pyarrow.compress(content.encode(), codec="zstd", asbytes=True)
        info = zipfile.ZipInfo(name)
        super().writestr(info, packed)
        info.compress_type, info.file_size = 93, len(content.encode())


@pytest.mark.parametrize("kind", [zipfile.ZipFile, ZstandardZip])
def test_inspects_logs_are_compared_alike_whether_json_or_eval(
    exported: Path, tmp_path: Path, kind: type[zipfile.ZipFile]
) -> None:
    files = [exported / "inspect" / f"{name}_choice.json" for name in (FIRST, SECOND)]
    as_json = on(compare_imported([read_subject(file) for file in files]), task="choice").delta
    archives = []
    for file in files:
        log = json.loads(file.read_text())
        samples = log.pop("samples")
        archives.append(tmp_path / f"{file.stem}.eval")
        with kind(archives[-1], "w") as archive:
            archive.writestr("header.json", json.dumps(log))
            for number, sample in enumerate(reversed(samples)):
                archive.writestr(f"samples/{number}_epoch_1.json", json.dumps(sample))
    as_eval = on(compare_imported([read_subject(file) for file in archives]), task="choice").delta
    assert as_eval == as_json, "the order of the samples changes nothing"


def test_other_examples_are_refused_with_their_number(exported: Path, tmp_path: Path) -> None:
    """Two means over other questions look like a difference of models."""
    log = json.loads((exported / "inspect" / f"{SECOND}_choice.json").read_text())
    log["samples"][0]["input"] += " Really?"
    (tmp_path / "other.json").write_text(json.dumps(log))
    arguments = ["import", str(exported / "inspect" / f"{FIRST}_choice.json"), str(tmp_path / "other.json")]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, InputError)
    assert "choice has other examples: 1 only of sft-bench/base, 1 only of" in str(done.exception)


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no samples of lm-eval"):
        read_subject(tmp_path)
    (tmp_path / "x.json").write_text("[1]")
    with pytest.raises(InputError, match="no log of Inspect"):
        read_subject(tmp_path)


def test_two_models_of_one_name_are_told_apart_by_their_paths(exported: Path) -> None:
    path = exported / "inspect" / f"{FIRST}_choice.json"
    subject = read_subject(path)
    first, second = with_own_names([(path, subject), (Path("later.json"), subject)])
    assert (first.name, second.name) == (f"{subject.name} ({path})", f"{subject.name} (later.json)")
    assert with_own_names([(path, subject)]) == [subject]


def test_the_command_prints_each_difference(exported: Path) -> None:
    arguments = ["import", str(exported / "lm" / FIRST), str(exported / "lm" / SECOND)]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    assert "micro_choice" in done.stdout
    assert "Noise of the examples alone" in done.stdout
