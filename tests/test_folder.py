"""The files of a folder as changes are seen by them: a file that is missed here is a change that nobody sees."""

from pathlib import Path

from bench.folder import files_below, state_of


def test_every_file_is_found_by_its_path_in_one_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.txt", "a/c/y.txt", "c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    found = dict(files_below(tmp_path))
    assert list(found) == ["a/c/y.txt", "a/z.txt", "b.txt", "c"]
    assert [Path(entry.path).read_text() for entry in found.values()] == list(found)


def test_a_missing_folder_has_no_files(tmp_path: Path) -> None:
    assert list(files_below(tmp_path / "none")) == []


def test_a_change_of_size_or_time_is_another_state(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("1")
    before = state_of(tmp_path / "file")
    [(_, entry)] = files_below(tmp_path)
    assert state_of(entry) == before
    (tmp_path / "file").write_text("12")
    assert state_of(tmp_path / "file") != before
