"""A run for other programs: their own readers find the run's numbers, and nothing else."""

import csv
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyarrow import parquet

from bench.errors import InputError
from bench.report.compare import compare
from bench.report.export.files import write_tables
from bench.report.export.inspect_log import write_inspect
from bench.report.export.lm_eval import write_lm_eval
from bench.report.export.tables import TABLES, TableSources
from bench.report.export.trackers import arm_summaries, track
from tests.fakes.records import make_run


@pytest.fixture(scope="module")
def sources() -> TableSources:
    run = make_run(examples=20, missing=0.1)
    return TableSources(record=run.record, rows=run.rows, comparison=compare(run, replicates=100))


def test_csv_and_parquet_have_every_row_with_missing_as_missing(sources: TableSources, tmp_path: Path) -> None:
    for kind in ("csv", "parquet"):
        assert {path.stem for path in write_tables(sources, tmp_path / kind, kind)} == set(TABLES)  # type: ignore[arg-type]
    rows = list(TABLES["scores"](sources))
    table = parquet.read_table(tmp_path / "parquet" / "scores.parquet").to_pylist()
    assert table == rows
    with (tmp_path / "csv" / "scores.csv").open(encoding="utf-8", newline="") as file:
        text = list(csv.DictReader(file))
    assert len(text) == len(rows)
    missing = [index for index, row in enumerate(rows) if row["score"] is None]
    assert missing
    assert all(text[index]["score"] == "" for index in missing), "a missing score is never 0"


def test_lm_evals_files_have_its_keys_and_the_runs_values(sources: TableSources, tmp_path: Path) -> None:
    write_lm_eval(sources.record, sources.rows, tmp_path)
    results = json.loads((tmp_path / "lima_1k__full--0" / "results.json").read_text())
    evaluation = next(e for e in sources.record.evaluations if (e.subject, e.eval) == ("lima_1k/full#0", "choice"))
    measure = evaluation.result.measures[0]
    assert results["results"][measure.task][f"{measure.metric},none"] == measure.value
    assert results["n-samples"][measure.task] == {"original": measure.n + measure.missing, "effective": measure.n}
    lines = (tmp_path / "lima_1k__full--0" / f"samples_{measure.task}.jsonl").read_text().splitlines()
    scored = {row.id: row.metrics["acc"] for row in sources.rows["choice", "lima_1k/full#0"]}
    assert {json.loads(line)["doc"]["id"]: json.loads(line)["acc"] for line in lines} == scored


def test_inspects_log_counts_what_lacks_a_score_and_scores_none_of_it(sources: TableSources, tmp_path: Path) -> None:
    paths = write_inspect(sources.record, sources.rows, tmp_path)
    assert all(
        re.match(r"\d{4}-\d{2}-\d{2}T\d{2}[:-]\d{2}[:-]\d{2}.*_\w+_[^_]+_[^_]+\.json$", path.name) for path in paths
    )
    logs = [json.loads(path.read_text()) for path in paths]
    log = next(
        log for log in logs if (log["eval"]["task"], log["eval"]["model"]) == ("choice", "sft-bench/lima_1k/full#0")
    )
    rows = sources.rows["choice", "lima_1k/full#0"]
    assert log["version"] == 2
    assert [sample["id"] for sample in log["samples"]] == [f"{row.task}/{row.id}" for row in rows]
    scored = [sample["scores"].get("acc", {}).get("value") for sample in log["samples"]]
    assert scored == [row.metrics["acc"] for row in rows]
    assert log["results"]["scores"][0]["unscored_samples"] == scored.count(None)


def test_a_tracker_gets_a_run_for_each_arm_with_the_reports_figures(
    sources: TableSources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: dict[str, dict[str, Any]] = {}

    def init(*, project: str, name: str, **_: object) -> SimpleNamespace:
        assert project == "lima_vs_alpaca"
        return SimpleNamespace(summary=sent.setdefault(name, {}), finish=lambda: None)

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    track(sources.comparison, "wandb", tmp_path)
    assert sent == arm_summaries(sources.comparison)
    value = sources.comparison.results["lima_1k/full", "choice"].value.mean
    assert sent["lima_1k/full"]["choice/score"] == value
    track(sources.comparison, "tensorboard", tmp_path)
    assert list((tmp_path / "lima_1k" / "full").glob("events.out.tfevents.*"))
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(set_experiment=lambda name: 1 / 0))
    with pytest.raises(InputError, match="mlflow refused: division by zero"):
        track(sources.comparison, "mlflow", tmp_path)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InputError, match="mlflow is not installed"):
        track(sources.comparison, "mlflow", tmp_path)
