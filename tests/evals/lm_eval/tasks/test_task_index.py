"""lm-eval's own tags and groups, without its index of fourteen thousand names."""

from collections.abc import Iterator
from pathlib import Path

import lm_eval.tasks
import pytest

from bench.evals.lm_eval.lm_eval_private import Entry, TaskIndex
from bench.evals.lm_eval.tasks import task_index
from bench.evals.lm_eval.tasks.task_index import installed_entries
from bench.evals.lm_eval.tasks.tasks import _all_reached, _manager

BUILT_IN = Path(lm_eval.tasks.__file__).parent
FILES = {
    "a/tagged.yaml": "task: one\ntag: [plain, 'quoted']\n",
    "a/listed.yaml": "task: two\ntag:\n  - plain\n  - other # a remark\n",
    "b/_shared_yaml": "tag: plain\noutput_type: multiple_choice\n",
    "b/_more.part.yaml": "include: _shared_yaml\n",
    "b/from_shared.yaml": "include: ../b/_more.part.yaml\ntask: three\n",
    "b/from_two.yaml": "include:\n  - _nothing_yaml\n  - _shared_yaml\ntask: four\n",
    "b/_nothing_yaml": "output_type: multiple_choice\n",
    "b/own_tag.yaml": "include: _shared_yaml\ntask: five\ntag: other\n",
    "c/twice.yaml": "task: one\ntag: plain\n",
    "c/a_first.yaml": "task: two_again\ntag: quoted\n",
    "c/b_second.yaml": "task: two_again\ntag: plain\n",
    "d/group.yaml": "group: all\ntask:\n  - plain\n  - task: five\n  - group: inner\n    task: [six]\n",
    "e/six.yaml": "task: six\n",
    "e/unlike.yaml": "task: plainer\ntag: plain_not\n",
    "f/broken.yaml": "task: [plain\n",
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A library of task files with all that makes looking for a tag difficult."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(
        task_index, "installed_files", lambda: tuple(path for path in tmp_path.rglob("*") if path.is_file())
    )
    task_index._read.cache_clear()
    yield tmp_path
    task_index._read.cache_clear()


def alike(names: list[str], whole: dict[str, Entry], found: dict[str, Entry]) -> bool:
    reached = _all_reached(names, whole)
    return reached == _all_reached(names, found) and all(whole.get(name) == found.get(name) for name in reached)


@pytest.mark.parametrize("name", ["plain", "quoted", "other", "all", "one", "two_again", "plain_not", "unknown"])
def test_what_is_found_is_what_lm_evals_own_index_has(files: Path, name: str) -> None:
    """A tag with a task too many or too few is another benchmark under the same name."""
    found = installed_entries(lambda index: _all_reached([name], index))
    assert alike([name], TaskIndex.build([files]), found)
    assert (name in found) == (name != "unknown")


@pytest.mark.parametrize(("name", "folders"), [("ai2_arc", ["arc"]), ("glue", ["glue"])])
@pytest.mark.usefixtures("no_whole_index")
def test_tags_of_lm_eval_have_their_tasks_without_its_whole_index(name: str, folders: list[str]) -> None:
    index = _manager([name], None).task_index
    there = TaskIndex.build([BUILT_IN / folder for folder in folders])
    assert index[name].tags == there[name].tags
    assert len(index[name].tags) > 1
    assert index[name].tags <= index.keys()
