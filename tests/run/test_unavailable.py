"""A hub that is away costs what needs it and nothing else; the next run makes up for it."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.errors import InputError
from bench.record.record import JobRecord, Record
from bench.report.compare import compare
from bench.run.estimate.forecast import forecast
from bench.run.plan.plan import plan
from bench.run.resolve.suite import resolve
from bench.show.forecast import print_forecast
from bench.suite.resolved import UNREACHABLE
from tests.fakes.orders import ORDERS
from tests.fakes.suites import HELD, SERVER, fake_model, fake_rows, fake_suite, go, worked

FAR = {"source": "org/far"}
DATA: dict[str, Any] = {
    "few": {"source": "few.jsonl"},
    "far": FAR,
    "draw": {**FAR, "select": {"by": "random", "size": 3}},
    "mixed": {"mix": [{"data": "few", "weight": 1}, {"data": "far", "weight": 1}]},
    "sized": {"source": "few.jsonl", "select": {"by": "random", "size_of": "draw"}},
}
"""Rows at hand, rows of the hub, a draw from them, a mix with them, a draw that is as large."""
RECIPE: dict[str, Any] = {"lora": {"method": "lora", "learning_rate": 1e-3}}
QA: dict[str, Any] = {"kind": "lm_eval", "name": "qa", "tasks": ("t",)}


def arms(*data: str, **changes: Any) -> dict[str, Any]:
    """A suite of these tables of `DATA`, one recipe, one seed."""
    tables = {name: DATA[name] for name in DATA if name in data or {"mixed", "sized"} & set(data)}
    return {
        "data": tables,
        "recipe": RECIPE,
        "arms": {"data": data, "recipe": tuple(changes.get("recipe", RECIPE))},
        "seeds": (0,),
        "run": {"workers": 2, "probe_steps": 2, "probe_rounds": 1},
        **changes,
    }


def arrive(root: Path, rows: int = 12) -> None:
    """The hub answers again."""
    (root / "home" / "hub").mkdir(parents=True, exist_ok=True)
    fake_rows(root / "home" / "hub" / "org--far.jsonl", rows=rows, answer="f")


def by_id(record: Record) -> dict[str, JobRecord]:
    return {job.id: job for job in record.jobs}


def unavailable(record: Record) -> set[str]:
    """Ids of what could not run; all else is done."""
    found = {job.id for job in record.jobs if job.failure is not None and job.failure.kind == "unavailable"}
    assert all((job.status == "done") == (job.id not in found) for job in record.jobs)
    return found


def references(error: InputError) -> list[str]:
    return [problem.reference for problem in error.problems]


def test_rows_that_are_away_cost_the_arms_that_need_them_and_come_next_time(tmp_path: Path) -> None:
    changes = arms(*DATA)
    first = go(tmp_path, **changes)
    record = first.load()
    lost = {name for name in by_id(record) if any(f"{data}/lora" in name for data in ("far", "draw", "mixed", "sized"))}
    assert unavailable(record) == lost
    assert len(lost) == 4 * 4
    for name in lost:
        job = by_id(record)[name]
        assert "the hub of org/far is away" in job.failure.message
        assert job.log is not None
        assert "is away" in (first.path / job.log).read_text()
    done = worked(tmp_path / "home")
    arrive(tmp_path)
    second = go(tmp_path, **changes)
    again = second.load()
    assert again.all_done
    assert not first.path.exists(), "one run, one folder"
    assert (second.path.parent / "latest").resolve() == second.path
    assert set(worked(tmp_path / "home")[len(done) :]) == lost
    siblings = {name: job.digest for name, job in by_id(again).items() if name not in lost}
    assert siblings == {name: by_id(record)[name].digest for name in siblings}


def test_an_arm_is_not_trained_while_rows_that_it_must_be_free_of_are_not_known(tmp_path: Path) -> None:
    """The held-out rows could be among its own: nobody can tell until they are here."""
    changes = arms("few", eval=(QA, {**HELD, "data": FAR}))
    record = go(tmp_path, **changes).load()
    assert {name for name, job in by_id(record).items() if job.status == "done"} == {"eval:qa:base"}
    failure = by_id(record)["train:few/lora#0"].failure
    assert failure.kind == "unavailable"
    assert "must be free of" in failure.message
    arrive(tmp_path, rows=4)
    assert go(tmp_path, **changes).load().all_done
    assert worked(tmp_path / "home").count("eval:qa:base") == 1


def test_a_table_that_holds_out_for_all_keeps_every_later_arm_from_training(tmp_path: Path) -> None:
    """Also where only a mix uses it, as `data` that is not an eval's."""
    held = {**FAR, "select": {"by": "holdout", "size": 2}}
    data = {"few": DATA["few"], "out": held}
    record = go(tmp_path, **arms("few", data=data, arms={"data": ("few", "out"), "recipe": ("lora",)})).load()
    assert {name for name, job in by_id(record).items() if job.status == "done"} == {"eval:qa:base", "eval:held:base"}


def test_a_sweep_without_its_rows_is_unavailable_and_few_shots_too(tmp_path: Path) -> None:
    recipe = {
        "swept": {"method": "lora", "learning_rate": {"sweep": (1e-2, 1e-3)}},
        "shots": {"method": "few_shot", "shots": 2},
    }
    fake_rows(tmp_path / "many.jsonl", rows=40)
    data = {"few": {"source": "many.jsonl"}, "far": FAR}
    changes = arms("few", "far", data=data, recipe=recipe)
    lost = unavailable(go(tmp_path, **changes).load())
    assert {"sweep:far/swept=0.01", "train:far/swept#0", "eval:held:far/shots#0"} <= lost
    assert all("far/" in name for name in lost - {"eval:qa:far/shots#0"})
    arrive(tmp_path, rows=40)
    assert go(tmp_path, **changes).load().all_done


def test_one_base_of_several_that_is_away_costs_its_own_subjects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    models = {"far": {"repo": "org/model"}, "near": {"path": "model"}}
    changes = arms("few", model=None, models=models)
    first = go(tmp_path, **changes)
    record = first.load()
    lost = unavailable(record)
    assert lost == {name for name in by_id(record) if name.endswith(("base@far", "few/lora@far#0", "few/lora@far"))}
    assert len(lost) == 6
    log = by_id(record)["eval:qa:base@far"].log
    assert log is not None
    assert "OfflineMode" in (first.path / log).read_text()
    commit = "a" * 40
    refs = tmp_path / "cache" / "models--org--model" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text(commit)
    fake_model(refs.parent / "snapshots" / commit, seed=1)
    done = worked(tmp_path / "home")
    assert go(tmp_path, **changes).load().all_done
    assert set(worked(tmp_path / "home")[len(done) :]) == lost


@pytest.mark.parametrize(
    "changes",
    [
        arms("few", model={"repo": "org/model"}),
        arms("far", eval=({**HELD, "data": FAR},)),
        arms("far", model={"repo": "org/model"}, eval=({**HELD, "data": FAR},)),
    ],
    ids=["the only base", "the only eval", "both"],
)
def test_where_nothing_could_run_it_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError) as caught:
        go(tmp_path, **changes)
    assert set(references(caught.value)) == {UNREACHABLE}
    assert len({problem.where for problem in caught.value.problems}) == len(caught.value.problems)
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(("source", "reference"), [("gone.jsonl", "data.missing-file"), ("org/unknown", "hub.unknown")])
def test_what_the_user_has_to_mend_is_refused_together_with_what_is_away(
    tmp_path: Path, source: str, reference: str
) -> None:
    with pytest.raises(InputError) as caught:
        go(tmp_path, **arms("few", "far", data={"few": {"source": source}, "far": FAR}))
    assert references(caught.value) == [reference, UNREACHABLE]


@pytest.mark.parametrize(("rows", "question"), [(13, "Does it run?"), (12, "Another?")], ids=["rows", "suite"])
def test_a_folder_whose_results_are_not_part_of_the_run_stays(tmp_path: Path, rows: int, question: str) -> None:
    changes = arms("few", "far", data={"few": {"source": "own.jsonl"}, "far": FAR})
    fake_rows(tmp_path / "own.jsonl")
    first = go(tmp_path, **changes)
    before = first.load()
    arrive(tmp_path)
    fake_rows(tmp_path / "own.jsonl", rows=rows)
    second = go(tmp_path, **{**changes, "question": question})
    assert second.path != first.path
    assert first.load() == before


def test_a_folder_of_arms_that_failed_by_themselves_stays(tmp_path: Path) -> None:
    recipe = {"lora": {"method": "lora", "learning_rate": ORDERS["raise"]}}
    changes = arms("few", data={"few": {"source": "own.jsonl"}}, recipe=recipe, run={"probe_steps": 0})
    fake_rows(tmp_path / "own.jsonl")
    first = go(tmp_path, **changes)
    fake_rows(tmp_path / "own.jsonl", rows=13)
    assert go(tmp_path, **changes).path != first.path
    assert first.path.exists()


def test_what_has_no_use_for_a_part_refuses(tmp_path: Path) -> None:
    suite = fake_suite(tmp_path, **arms("few", "far"))
    with pytest.raises(InputError) as caught:
        resolve(suite, home=tmp_path / "home", server=SERVER)
    assert references(caught.value) == [UNREACHABLE]
    found = resolve(suite, home=tmp_path / "home", server=SERVER, partial=True)
    assert found.data["far"].unavailable is not None
    assert found.data["few"].unavailable is None


def test_a_run_of_arms_that_are_all_there_is_complete_but_for_the_others(tmp_path: Path) -> None:
    suite = fake_suite(tmp_path, **arms("few", "far"))
    planned = plan(
        resolve(suite, home=tmp_path / "home", server=SERVER, partial=True), only=("few/lora",), home=tmp_path
    )
    assert planned.to_do == planned.can_run


def test_the_forecast_counts_what_can_run_and_says_what_cannot(tmp_path: Path) -> None:
    expected = forecast(fake_suite(tmp_path, **arms("few", "far")), home=tmp_path / "home", server=SERVER)
    assert [arm.arm for arm in expected.arms] == ["few/lora"]
    assert (expected.jobs, expected.to_run, expected.cached) == (10, 6, 0)
    [line] = expected.unavailable
    console = Console(record=True, width=200, file=io.StringIO())
    print_forecast(expected, console)
    assert line in console.export_text()
    assert "org/far" in line
    assert "4 jobs" in line


def test_a_claim_on_what_is_away_is_incomplete(tmp_path: Path) -> None:
    claim = {"says": "far/lora >= few/lora", "on": "qa", "margin": 0.02}
    directory = go(tmp_path, **arms("few", "far", claim=(claim,)))
    [verdict] = compare(directory).claims
    assert verdict.verdict.outcome == "incomplete"
