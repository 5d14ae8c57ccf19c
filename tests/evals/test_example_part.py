"""Dev and test examples: every example is in one of them, and no one's place depends on the others."""

from pathlib import Path
from typing import Any

import pytest

from bench.data.render.row import Row, Turn
from bench.evals.example_part import in_part, rows_of
from bench.evals.outcome import cluster_of_row
from bench.record.jobs.eval_job import EvalJob, ExamplePart
from tests.evals.jobs import (
    choice_rows,
    evaluate,
    generation_job,
    lm_eval_job,
    loss_job,
    metric,
    resolved_model,
    write_choice,
    write_qa,
    write_task,
)
from tests.fakes.training import WORLD_ROWS, stored_data

DEV, TEST = (ExamplePart(which=which, dev_share=0.3) for which in ("dev", "test"))
CONTENTS = [f"example {number}" for number in range(200)]


def test_each_example_is_in_one_part_and_stays_there_where_an_eval_grows() -> None:
    dev = in_part(DEV, CONTENTS)
    assert dev == [not test for test in in_part(TEST, CONTENTS)]
    assert 40 <= sum(dev) <= 80
    assert in_part(DEV, CONTENTS[:90]) == dev[:90]
    assert in_part(DEV, CONTENTS[::-1]) == dev[::-1]
    assert in_part(DEV, ["a", "b", "a"])[0] == in_part(DEV, ["a", "b", "a"])[2], "the same question twice"


def test_both_parts_of_two_examples_have_one() -> None:
    for share in (0.001, 0.999):
        part = ExamplePart(which="dev", dev_share=share)
        assert sum(in_part(part, ["a", "b"])) == 1
        assert sum(in_part(part, ["a"])) == 1
    assert in_part(DEV, []) == []


@pytest.mark.parametrize("kind", ["choice", "qa", "loss", "generation"])
def test_both_parts_together_are_the_eval(kind: str, checkpoint: Path, tmp_path: Path) -> None:
    """With the ids and the scores that the examples have in the whole."""

    model = resolved_model(checkpoint)

    def job(part: ExamplePart | None) -> EvalJob:
        if kind in ("loss", "generation"):
            data = stored_data(tmp_path, WORLD_ROWS[:20])
            make: Any = loss_job if kind == "loss" else generation_job
            return make(model, Path(data.path), 20, part=part)
        write: Any = write_choice if kind == "choice" else write_qa
        write(tmp_path / "tasks", kind, count=20)
        return lm_eval_job(model, tmp_path / "tasks", [kind], limit=16, part=part)

    scored = {}
    for name, part in (("all", None), ("dev", DEV), ("test", TEST)):
        (tmp_path / name).mkdir()
        result, rows = evaluate(job(part), tmp_path / name)
        assert result.measures[0].n + result.measures[0].missing == len(rows)
        scored[name] = {row.id: row.metrics for row in rows}
    assert scored["dev"]
    assert not scored["dev"].keys() & scored["test"].keys()
    both = {**scored["dev"], **scored["test"]}
    assert both.keys() == scored["all"].keys()
    for id_, metrics in both.items():
        assert metrics == pytest.approx(scored["all"][id_], abs=1e-5)


def test_no_cluster_is_in_both_parts(checkpoint: Path, tmp_path: Path) -> None:
    """Questions on one passage: what is chosen by some of them would be known of the others."""
    questions = [{**row, "cluster": f"passage {n // 5}"} for n, row in enumerate(choice_rows(30))]
    write_task(
        tmp_path / "tasks", "passages", questions, output_type="multiple_choice", doc_to_text="{{question}}",
        doc_to_choice="choices", doc_to_target="label", metric_list=[metric("acc")],
    )  # fmt: skip
    clusters = {}
    for part in (DEV, TEST):
        (tmp_path / part.which).mkdir()
        job = lm_eval_job(resolved_model(checkpoint), tmp_path / "tasks", ["passages"], part=part)
        _, rows = evaluate(job, tmp_path / part.which)
        clusters[part.which] = {row.cluster for row in rows}
    assert clusters["dev"]
    assert not clusters["dev"] & clusters["test"]
    assert len(clusters["dev"] | clusters["test"]) == 6


def test_no_cluster_of_own_rows_is_in_both_parts(tmp_path: Path) -> None:
    rows = [
        Row(
            turns=(
                Turn(role="user", content=f"question {n}"),
                Turn(role="assistant", content="x", slices=(("passage", (f"passage {n // 5}",)),)),
            ),
            origin=f"x:{n}",
        )
        for n in range(30)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(row.model_dump_json() + "\n" for row in rows))
    model = resolved_model(tmp_path)
    dev, test = (
        {cluster_of_row(row, "passage") for row in rows_of(loss_job(model, path, 30, cluster="passage", part=part))}
        for part in (DEV, TEST)
    )
    assert dev
    assert not dev & test
    assert len(dev | test) == 6
