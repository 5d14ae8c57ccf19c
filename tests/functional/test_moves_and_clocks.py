"""A checkout that is moved and a clock that is set change nothing that was done."""

import os
from pathlib import Path

import pytest

from bench.record.rundir import RunDirectory
from tests.fakes.suites import fake_suite, run_below, worked

YEARS = {"1970": 86_400.0, "2100": 4_102_444_800.0}


def go(root: Path, name: str = "fake") -> RunDirectory:
    return run_below(root, fake_suite(root, name=name))


def set_back(root: Path, year: str) -> None:
    """As if everything there had been written in that year."""
    for path in root.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (YEARS[year], YEARS[year]))


@pytest.mark.parametrize("year", YEARS)
def test_a_clock_that_was_set_costs_no_work(tmp_path: Path, year: str) -> None:
    first = go(tmp_path)
    work = worked(tmp_path / "home")
    set_back(tmp_path, year)
    second = go(tmp_path)
    assert second.path == first.path
    assert second.load().all_done
    assert worked(tmp_path / "home") == work


def test_the_latest_run_is_the_last_that_was_made_whatever_the_clock_said(tmp_path: Path) -> None:
    first = go(tmp_path)
    newer = run_below(tmp_path, fake_suite(tmp_path, claim=({"says": "few/lora >= base", "on": "qa"},)))
    assert newer.path != first.path
    set_back(newer.path, "1970")
    assert RunDirectory.find("fake", tmp_path / "reports").path == newer.path


def test_a_moved_checkout_goes_on_where_it_was(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    go(here)
    work = worked(here / "home")
    here.rename(there)
    moved = go(there)
    assert moved.load().all_done
    assert worked(there / "home") == work
    assert RunDirectory.find("fake", there / "reports").path == moved.path


def test_links_in_place_of_folders_and_of_the_suite_change_nothing(tmp_path: Path) -> None:
    """Results on another disk are linked to; what is written goes through the link and never replaces it."""
    for name in ("home", "reports"):
        (tmp_path / f"real-{name}").mkdir()
        (tmp_path / name).symlink_to(f"real-{name}")
    first = go(tmp_path)
    assert first.load().all_done
    work = worked(tmp_path / "home")
    assert all((tmp_path / name).is_symlink() for name in ("home", "reports"))
    assert (tmp_path / "real-reports" / "fake").is_dir()
    (first.path.parent / "latest").unlink()
    (first.path.parent / "latest").symlink_to("/etc")  # a pointer that leaves the reports is not followed
    assert RunDirectory.find("fake", tmp_path / "reports").path == first.path
    assert go(tmp_path).load().all_done
    assert RunDirectory.find("fake", tmp_path / "reports").path == first.path
    assert worked(tmp_path / "home") == work
    assert not (Path("/etc") / "record.json").exists()
