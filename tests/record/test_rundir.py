"""Run directories: how a run is found, read, and refused."""

import json
import os
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.record.record import Record
from bench.record.rundir import RECORD, RunDirectory, file_name, log_file, point_latest, scores_file
from tests.fakes.suites import fake_suite, run_below


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    root = tmp_path_factory.mktemp("run")
    return run_below(root, fake_suite(root))


def test_the_record_survives_being_written_and_read(run: RunDirectory) -> None:
    record = run.load()
    assert Record.model_validate_json(record.model_dump_json()) == record
    assert record.all_done


def test_scores_are_found_beside_the_record(run: RunDirectory) -> None:
    evaluations = [one for one in run.load().evaluations if one.subject == "few/lora#1" and one.eval == "qa"]
    assert [row.metrics for row in run.scores(evaluations[0])] == [{"acc": 1.0}, {"acc": 1.0}]
    assert evaluations[0].scores == "scores/qa/few__lora--1.jsonl"


@pytest.mark.parametrize("text", ["fake", "latest", "fake/latest"])
def test_a_run_is_found_by_the_names_a_user_would_try(run: RunDirectory, text: str) -> None:
    reports = run.path.parents[1]
    assert RunDirectory.find(text, reports).load() == run.load()
    assert RunDirectory.find(str(run.path), Path("elsewhere")).path == run.path


def test_latest_is_the_newest_of_two(tmp_path: Path) -> None:
    for age, name in ((10, "new"), (1000, "old")):
        folder = tmp_path / "suite" / name
        folder.mkdir(parents=True)
        (folder / RECORD).write_text("{}")
        os.utime(folder / RECORD, (1e9 - age, 1e9 - age))
    assert RunDirectory.find("suite", tmp_path).path.name == "new"
    assert RunDirectory.find("latest", tmp_path).path.name == "new"


def test_latest_points_beside_and_survives_a_move(tmp_path: Path) -> None:
    folder = tmp_path / "suite" / "run-1"
    folder.mkdir(parents=True)
    point_latest(folder)
    (tmp_path / "suite").rename(tmp_path / "moved")
    assert (tmp_path / "moved" / "latest").resolve() == tmp_path / "moved" / "run-1"


@pytest.mark.parametrize("text", ["no-such", "../etc", "", "/nowhere", "a\0b"])
def test_what_is_no_run_is_refused_with_a_hint(run: RunDirectory, text: str) -> None:
    with pytest.raises(InputError) as caught:
        RunDirectory.find(text, run.path.parents[1])
    assert caught.value.problems[0].reference == "run.not-found"
    assert caught.value.problems[0].hint


@pytest.mark.parametrize(("version", "todo"), [(0, "bench run"), (1, "bench run"), (3, "upgrade"), (99, "upgrade")])
def test_a_record_of_another_version_is_refused_with_what_to_do(
    run: RunDirectory, tmp_path: Path, version: int, todo: str
) -> None:
    value = json.loads((run.path / RECORD).read_text())
    (tmp_path / RECORD).write_text(json.dumps({**value, "format_version": version}))
    with pytest.raises(InputError) as caught:
        RunDirectory(tmp_path).load()
    problem = caught.value.problems[0]
    assert problem.reference == "run.record-version"
    assert f"version {version}" in problem.what
    assert todo in (problem.hint or "")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"surprise": 99}'])
def test_a_torn_or_foreign_record_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / RECORD).write_text(content)
    with pytest.raises(InputError) as caught:
        RunDirectory(tmp_path).load()
    assert caught.value.problems[0].reference == "run.bad-record"


def test_a_record_with_an_unknown_key_is_refused(run: RunDirectory, tmp_path: Path) -> None:
    value = json.loads((run.path / RECORD).read_text())
    (tmp_path / RECORD).write_text(json.dumps({**value, "surprise": 1}))
    with pytest.raises(InputError, match="not a whole record"):
        RunDirectory(tmp_path).load()


def test_torn_scores_are_refused_by_name(run: RunDirectory) -> None:
    evaluation = run.load().evaluations[0]
    assert evaluation.scores is not None
    path = run.path / evaluation.scores
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:-9])
        with pytest.raises(InputError, match="scores of base on qa"):
            run.scores(evaluation)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("name", ["../../x", "a/b#1", ".", "..", "", "a\0b", "x" * 20 + "/../y", "ä ö", "-rf", "C:\\x"])
def test_a_name_never_leaves_its_folder(tmp_path: Path, name: str) -> None:
    for relative in (scores_file(name, name), log_file(name), file_name(name)):
        assert (tmp_path / relative).resolve().is_relative_to(tmp_path)
        assert ".." not in Path(relative).parts
    assert "/" not in file_name(name)


def test_different_names_do_not_share_a_file() -> None:
    names = ["a/b#1", "a/b#2", "a b", "a\tb", ".a", "a:b"]
    assert len({file_name(name) for name in names}) == len(names)
