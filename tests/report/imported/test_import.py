"""Imported results: paired over the same examples whatever their order is, or refused."""

import json
import math
import zipfile
from pathlib import Path
from statistics import fmean
from typing import Any

import pyarrow
import pytest
from lm_eval.api.metrics import bits_per_byte, perplexity, weighted_perplexity
from typer.testing import CliRunner

from bench.cli.main import app
from bench.errors import InputError
from bench.report.export.inspect_log import write_inspect
from bench.report.export.lm_eval import write_lm_eval
from bench.report.imported.compare import ImportedDelta, compare_imported
from bench.report.imported.metrics import lm_eval_score, metric_name
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


def log_of(exported: Path, name: str) -> Path:
    return next((exported / "inspect").glob(f"*_choice_sft-bench--{name.replace('_', '-')}_*.json"))


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


def test_a_loss_averages_to_the_exported_figure(exported: Path) -> None:
    """The samples' plain mean is another number than the results that are beside them."""
    subjects = [read_subject(exported / "lm" / name) for name in (FIRST, SECOND)]
    delta = on(compare_imported(subjects), "loss", "heldout").delta
    results = json.loads((exported / "lm" / SECOND / "results.json").read_text())
    rows = make_run(examples=60, missing=0.05).rows
    both = [
        (row.weight, loss)
        for row, other in zip(rows["heldout", "lima_1k/full#0"], rows["heldout", "base"], strict=True)
        if (loss := row.metrics["loss"]) is not None and other.metrics["loss"] is not None
    ]
    assert delta.arm_mean == pytest.approx(sum(w * loss for w, loss in both) / sum(w for w, _ in both))
    assert delta.arm_mean == pytest.approx(results["results"]["heldout"]["loss,none"], rel=0.01)
    assert delta.arm_mean != pytest.approx(fmean(loss for _, loss in both), rel=1e-6)


def test_a_loss_of_inspects_logs_weighs_as_that_of_lm_evals_samples(exported: Path) -> None:
    logs = [
        read_subject(next((exported / "inspect").glob(f"*_heldout_sft-bench--{n}_*")))
        for n in ("base", "lima-1k--full--0")
    ]
    samples = [read_subject(exported / "lm" / name) for name in (FIRST, SECOND)]
    of_logs, of_samples = (on(compare_imported(pair), "loss", "heldout").delta for pair in (logs, samples))
    assert of_logs.estimate == pytest.approx(of_samples.estimate)
    assert of_logs.arm_mean == pytest.approx(of_samples.arm_mean)


@pytest.mark.parametrize(
    ("metric", "values", "figure"),
    [
        ("word_perplexity", [[-30.0, 10], [-20.0, 10]], math.log(weighted_perplexity([(-30.0, 10), (-20.0, 10)]))),
        ("bits_per_byte", [[-30.0, 40], [-20.0, 10]], bits_per_byte([(-30.0, 40), (-20.0, 10)])),
        ("perplexity", [-2.0, -4.0], math.log(perplexity([-2.0, -4.0]))),
        ("inst_level_strict_acc", [[True, False, False], [True]], 0.5),
        ("acc_norm", [1.0, 0.0], 0.5),
    ],
)
def test_the_mean_of_lm_evals_samples_is_lm_evals_figure(metric: str, values: list[Any], figure: float) -> None:
    scores = [lm_eval_score(metric, value, 1.0) for value in values]
    weight = sum(score.weight for score in scores)
    assert sum((score.value or 0.0) * score.weight for score in scores) / weight == pytest.approx(figure)
    assert metric_name(metric) == (f"log {metric}" if "perplexity" in metric else metric)


def test_a_corpus_metric_has_no_score_of_an_example() -> None:
    """lm-eval logs what goes into BLEU, and label and prediction for F1: no pair of them is a rate."""
    assert lm_eval_score("bleu", ["a reference", "an answer"], 1.0).value is None
    assert lm_eval_score("mcc", [1, 0], 1.0).value is None


def test_losses_over_other_tokens_are_refused(exported: Path, tmp_path: Path) -> None:
    for line in (file := next((exported / "lm" / SECOND).glob("samples_heldout*"))).read_text().splitlines():
        sample = json.loads(line)
        with (tmp_path / file.name).open("a") as other:
            other.write(json.dumps({**sample, "weight": sample["weight"] + 1}) + "\n")
    with pytest.raises(InputError, match=r"heldout weighs .* differently"):
        compare_imported([read_subject(exported / "lm" / FIRST), read_subject(tmp_path)])


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
    files = [log_of(exported, name) for name in (FIRST, SECOND)]
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
    log = json.loads(log_of(exported, SECOND).read_text())
    log["samples"][0]["input"] += " Really?"
    (tmp_path / "other.json").write_text(json.dumps(log))
    arguments = ["import", str(log_of(exported, FIRST)), str(tmp_path / "other.json")]
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
    path = log_of(exported, FIRST)
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
