"""All that is wrong comes in one message: each early stop was one more morning on which a run had not begun."""

import json
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.errors import InputError
from bench.run.checks import preflight
from bench.run.checks.before_work import checked_plan
from bench.run.display import QuietDisplay
from bench.run.estimate.memory import limit
from bench.run.process.server import Child, ChildServer
from bench.run.process.work import ChildRequest
from bench.run.run import run_suite
from tests.fakes.orders import ORDERS, REFUSED
from tests.fakes.suites import HELD, SERVER, fake_suite, worked

ENDPOINT = {"base_url": "http://127.0.0.1:9/v1", "model": "judge", "key_env": "NO_SUCH_KEY"}
JUDGES: tuple[dict[str, Any], ...] = tuple(
    {"kind": "judge", "name": name, "data": {"source": "held.jsonl"}, "judge": {"endpoint": ENDPOINT}}
    for name in ("one", "two")
)
MANY_FAULTS: dict[str, Any] = {
    "data": {
        "few": {"source": "few.jsonl"},
        "short": {"source": "few.jsonl", "select": {"by": "random", "size": 99}},
        "torn": {"source": "torn.jsonl"},
        "mixed": {"mix": [{"data": "few", "weight": 1}, {"data": "torn", "weight": 1}]},
        "gone": {"source": "org/unknown"},
    },
    "recipe": {
        "lora": {"method": "lora", "learning_rate": 1e-3},
        "module": {"method": "full", "learning_rate": ORDERS["check in vain"]},
        "nothing": {"method": "lora", "learning_rate": ORDERS["teach nothing"]},
    },
    "arms": {"data": ("few", "short", "torn", "mixed", "gone"), "recipe": ("lora", "module", "nothing")},
    "eval": (HELD, {"kind": "lm_eval", "name": REFUSED, "tasks": ("t",)}, *JUDGES),
}
"""Rows that are too few, torn, or unknown to the hub; recipes that cannot be done or teach nothing; an eval that fails
its rehearsal; a server without its key, which two judges share."""
FAULTS = {
    "run.unknown-arm": "--only nothing/*",
    "data.too-few-rows": "data.short.select.size",
    "data.not-json": "torn.jsonl:2",
    "hub.unknown": "source = 'org/unknown'",
    "rehearsal.failed": "eval 'refused'",
    "endpoint.no-key": "eval[2].judge.endpoint.key_env",
}


def problems_of(root: Path, only: tuple[str, ...] = ("nothing/*", "*"), **changes: Any) -> list[tuple[str, str | None]]:
    (root / "torn.jsonl").write_text(json.dumps({"instruction": "q", "output": "a"}) + "\n{torn\n", encoding="utf-8")
    loaded = fake_suite(root, **{**MANY_FAULTS, **changes})
    with pytest.raises(InputError) as caught:
        checked_plan(loaded, only=only, home=root / "home", server=SERVER)
    assert worked(root / "home") == []
    return [(problem.reference, problem.where) for problem in caught.value.problems]


def test_no_fault_hides_another(tmp_path: Path) -> None:
    found = problems_of(tmp_path)
    assert len(found) == len(set(found))
    by_child = [("fake.refused", "arm few/module"), ("fake.refused", None)]
    assert sorted(found, key=str) == sorted([*FAULTS.items(), *by_child], key=str)


def test_a_faulty_base_hides_no_fault_of_rows(tmp_path: Path) -> None:
    found = problems_of(tmp_path, model={"repo": "org/../none"})
    by_base = {"run.unknown-arm", "data.too-few-rows", "data.not-json", "hub.unknown"}
    assert by_base <= {reference for reference, _ in found}
    assert any((where or "").startswith("model.repo") for _, where in found)


def test_people_s_labels_are_read_with_everything_else(tmp_path: Path) -> None:
    """A run read them last of all, and named their fault alone."""
    (tmp_path / "labels.jsonl").write_text("{torn\n", encoding="utf-8")
    judge = {**JUDGES[0], "labels": "labels.jsonl"}
    loaded = fake_suite(tmp_path, eval=(judge, {"kind": "lm_eval", "name": REFUSED, "tasks": ("t",)}))
    places = {"home": tmp_path / "home", "reports": tmp_path / "reports"}
    with pytest.raises(InputError) as caught:
        run_suite(loaded, **places, display=QuietDisplay(), server=SERVER)
    references = [problem.reference for problem in caught.value.problems]
    assert references[1:] == ["endpoint.no-key", "rehearsal.failed"]
    assert "labels" in (caught.value.problems[0].where or "")


def test_a_run_says_which_trainings_do_not_fit_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan said so; whoever ran without it saw a training ended for its memory."""
    notes: list[str] = []
    monkeypatch.setattr(QuietDisplay, "note", lambda self, what: notes.append(what))
    run_suite(
        fake_suite(tmp_path), home=tmp_path / "a", reports=tmp_path / "reports", display=QuietDisplay(), server=SERVER
    )
    assert not [line for line in notes if "of memory" in line]
    present = psutil.virtual_memory()._replace(total=1000)
    monkeypatch.setattr(limit.psutil, "virtual_memory", lambda: present)
    run_suite(
        fake_suite(tmp_path), home=tmp_path / "b", reports=tmp_path / "reports", display=QuietDisplay(), server=SERVER
    )
    places = [line.split(": ")[1] for line in notes if "of memory" in line]
    assert places == ["recipe.full.batch_rows", "recipe.lora.batch_rows"]


def test_checks_of_a_sound_suite_are_all_begun_before_the_first_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On two free cores the start of a run takes half the time."""
    begun, forked = list[str](), list[str]()
    fork, begin = ChildServer.fork, ChildServer.begin

    def counted(server: ChildServer, request: ChildRequest) -> Child:
        forked.append(request.kind)
        return fork(server, request)

    def noted(server: ChildServer, kind: str, *args: Any, **options: Any) -> None:
        begun.append(kind)
        begin(server, kind, *args, **options)

    monkeypatch.setattr(ChildServer, "fork", counted)
    monkeypatch.setattr(ChildServer, "begin", noted)
    checked_plan(fake_suite(tmp_path), home=tmp_path / "home", server=SERVER)
    assert set(begun) == {"check", "count", "rehearse"}
    assert forked == begun


def test_rows_of_large_tables_are_looked_at_in_parts_and_checked_whole_where_one_is_not_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the rows on each of two cores; what is wrong with them is said as of all rows."""
    asked = list[ChildRequest]()
    fork = ChildServer.fork

    def noted(server: ChildServer, request: ChildRequest) -> Child:
        asked.append(request)
        return fork(server, request)

    monkeypatch.setattr(ChildServer, "fork", noted)
    monkeypatch.setattr(preflight, "LARGE", 1)
    monkeypatch.setattr(preflight, "cores", lambda: 2)
    (tmp_path / "odd.jsonl").write_text(json.dumps({"instruction": "q", "output": "a"}) + "\n", encoding="utf-8")
    data = {"few": {"source": "few.jsonl"}, "odd": {"source": "odd.jsonl"}}
    loaded = fake_suite(tmp_path, data=data, arms={"data": ("few", "odd"), "recipe": ("lora",)})
    checked_plan(loaded, only=(), home=tmp_path / "home", server=SERVER)
    parts = [request.payload for request in asked if request.kind == "sound"]
    assert [(part["part"], part["parts"], len(part["rows"])) for part in parts] == [(0, 2, 2), (1, 2, 2)]
    whole = [job["arm"] for request in asked if request.kind == "check" for job in request.payload["rows"]]
    assert whole == ["odd/lora"]
    checked_plan(loaded, only=(), home=tmp_path / "home", server=SERVER)
    assert len([request for request in asked if request.kind in ("sound", "check")]) == 4
