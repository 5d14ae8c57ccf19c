"""The rows that choose a learning rate: apart from what is trained on while choosing, and from every eval."""

import json
from pathlib import Path

import pytest

from bench.data.select import dev_split
from bench.data.select.dev_split import MOST_DEV_ROWS, DevSplit, split_dev, use_dev
from bench.data.store import load_rows, write_rows
from bench.errors import InputError
from bench.suite.resolved import ResolvedData


def stored(home: Path, name: str, questions: list[str], *, answer: str = "a") -> ResolvedData:
    turns = [
        json.dumps([{"role": "user", "content": q}, {"role": "assistant", "content": f"{answer} {n}"}]).encode()
        for n, q in enumerate(questions)
    ]
    path, sha256 = write_rows(((turn, f"{name}:{n}") for n, turn in enumerate(turns)), home / "data")
    return ResolvedData(
        name=name, source=name, revision=None, rows=len(questions), source_rows=len(questions), dropped={},
        sha256=sha256, path=str(path),
    )  # fmt: skip


def asked(data: ResolvedData) -> list[str]:
    return [row.turns[0].content for row in load_rows(Path(data.path))]


def numbered(count: int) -> list[str]:
    return [f"q{n}" for n in range(count)]


def test_a_tenth_is_held_out_and_nothing_is_lost(tmp_path: Path) -> None:
    split = split_dev(stored(tmp_path, "d", numbered(40)), [], home=tmp_path)
    assert (split.dev.rows, split.part.rows) == (4, 36)
    assert sorted(asked(split.dev) + asked(split.part)) == sorted(numbered(40))


def test_large_data_gives_no_more_than_it_takes_to_choose(tmp_path: Path) -> None:
    split = split_dev(stored(tmp_path, "d", numbered(6000)), [], home=tmp_path)
    assert split.dev.rows == MOST_DEV_ROWS


def test_a_question_that_comes_twice_is_on_one_side_only(tmp_path: Path) -> None:
    """Else the loss would be measured on what was just learned by heart."""
    split = split_dev(stored(tmp_path, "d", numbered(20) * 3), [], home=tmp_path)
    assert not set(asked(split.dev)) & set(asked(split.part))
    assert split.part.rows == 18 * 3


def test_no_question_of_an_eval_chooses_whatever_its_answer(tmp_path: Path) -> None:
    evaluated = stored(tmp_path, "eval:e", numbered(30), answer="another")
    split = split_dev(stored(tmp_path, "d", numbered(40)), [evaluated], home=tmp_path)
    assert asked(split.dev)
    assert not set(asked(split.dev)) & set(asked(evaluated))


def test_the_draw_depends_on_the_rows_not_on_their_order(tmp_path: Path) -> None:
    one = split_dev(stored(tmp_path, "d", numbered(40)), [], home=tmp_path)
    other = split_dev(stored(tmp_path, "d", numbered(40)[::-1]), [], home=tmp_path)
    assert set(asked(one.dev)) == set(asked(other.dev))


def test_the_same_split_is_found_again_without_reading_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = stored(tmp_path, "d", numbered(40))
    first = split_dev(data, [], home=tmp_path)
    monkeypatch.setattr(dev_split, "_rows", lambda data: pytest.fail("read again"))
    assert split_dev(data, [], home=tmp_path) == first


def test_a_damaged_part_is_made_again(tmp_path: Path) -> None:
    data = stored(tmp_path, "d", numbered(40))
    first = split_dev(data, [], home=tmp_path)
    Path(first.part.path).write_text("")
    again: DevSplit = split_dev(data, [], home=tmp_path)
    assert len(asked(again.part)) == 36


def test_too_few_free_rows_are_refused_with_a_way_out(tmp_path: Path) -> None:
    evaluated = stored(tmp_path, "eval:e", numbered(40))
    with pytest.raises(InputError) as caught:
        split_dev(stored(tmp_path, "d", numbered(40)), [evaluated], home=tmp_path)
    assert caught.value.problems[0].reference == "sweep.no-dev"
    assert 'on = "NAME"' in (caught.value.problems[0].hint or "")


def test_named_rows_choose_and_leave_the_training_rows(tmp_path: Path) -> None:
    split = use_dev(
        stored(tmp_path, "d", numbered(10)), stored(tmp_path, "other", ["q1", "q2", "x"]), [], home=tmp_path
    )
    assert sorted(asked(split.dev)) == ["q1", "q2", "x"]
    assert split.part.rows == 8


@pytest.mark.parametrize(("named", "says"), [(["e1"], "no row that no eval reads"), (numbered(10), "nothing is left")])
def test_named_rows_that_cannot_choose_are_refused(tmp_path: Path, named: list[str], says: str) -> None:
    evaluated = stored(tmp_path, "eval:e", ["e1"])
    with pytest.raises(InputError, match=says):
        use_dev(stored(tmp_path, "d", numbered(10)), stored(tmp_path, "other", named), [evaluated], home=tmp_path)
