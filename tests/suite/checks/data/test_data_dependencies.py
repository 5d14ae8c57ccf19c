"""Tables that are made from other tables: each must be there, and never need itself."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.suite.load import load_suite
from tests.fakes.suite_files import SUITE, write_suite

MIX = """
[data.mixed]
mix = [{ data = "rows", weight = 0.7 }, { data = "other", weight = 0.3 }]
select = { by = "random", size = 6 }
"""
LONGEST = """
[data.longest]
source = "data:rows"
columns = { prompt = "instruction", completion = "output" }
system = "Be brief."
dedup = "exact"
select = { by = "longest", size = 5, seed = 3 }
control = true
"""


def _with(tmp_path: Path, tables: str, **replace: str) -> Path:
    text = SUITE.replace("[recipe.full]", tables + "\n[recipe.full]", 1)
    for old, new in replace.items():
        text = text.replace(old.replace("__", " = "), new, 1)
    return write_suite(tmp_path, text)


def _refused(path: Path) -> list[tuple[str, str | None]]:
    with pytest.raises(InputError) as caught:
        load_suite(path)
    return [(problem.reference, problem.where) for problem in caught.value.problems]


def test_a_mix_of_tables_is_valid_and_usable_in_arms(tmp_path: Path) -> None:
    path = _with(tmp_path, MIX)
    path.write_text(path.read_text().replace('data = ["rows", "other"]', 'data = ["rows", "other", "mixed"]'))
    assert load_suite(path).suite.data["mixed"].needs == ("rows", "other")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('data = "rows", w', 'data = "row", w', ("suite.unknown-name", "data.mixed.mix[0].data")),
        ('data = "rows", w', 'data = "mixed", w', ("suite.reference", "data.mixed.mix[0].data")),
        ('data = "rows", w', 'data = "other", w', ("suite.repeated", "data.mixed.mix")),
        ("size = 6", 'size_of = "mixed"', ("suite.reference", "data.mixed.select.size_of")),
        ("size = 6", 'size_of = "mixd"', ("suite.unknown-name", "data.mixed.select.size_of")),
        ("size = 6 }", 'size = 6 }\ncolumns = { text = "t" }', ("data.columns", "data.mixed.columns")),
    ],
)
def test_a_mix_of_nothing_or_of_itself_is_refused(
    tmp_path: Path, old: str, new: str, expected: tuple[str, str]
) -> None:
    assert old in MIX
    assert _refused(_with(tmp_path, MIX.replace(old, new, 1))) == [expected]


def test_what_is_held_out_is_no_part_of_a_mix(tmp_path: Path) -> None:
    held = MIX.replace('data = "other"', 'data = "held"')
    held += '[data.held]\nsource = "data:rows"\nselect = { by = "holdout", size = 3 }\n'
    assert _refused(_with(tmp_path, held)) == [("suite.holdout", "data.mixed.mix[1].data")]


def test_an_eval_has_rows_of_its_own(tmp_path: Path) -> None:
    path = write_suite(tmp_path, replace={'by = "holdout", size = 2': 'by = "random", size_of = "rows"'})
    assert _refused(path) == [("suite.eval-data", "eval[1].data.select.size_of")]


def test_a_control_is_a_random_draw_of_the_same_source_and_size(tmp_path: Path) -> None:
    tables = LONGEST.replace('columns = { prompt = "instruction", completion = "output" }\n', "")
    path = _with(tmp_path, tables)
    path.write_text(
        path.read_text().replace('data = ["rows", "other"]', 'data = ["longest", "longest_control", "other"]')
    )
    path.write_text(path.read_text().replace("rows/full >= other/full", "longest/full >= longest_control/full"))
    suite = load_suite(path).suite
    control = suite.data["longest_control"]
    assert (control.source, control.system, control.dedup) == ("rows.jsonl", "Be brief.", "none")
    assert (control.select.by, control.select.size_of, control.select.seed) == ("random", "longest", 3)
    controls = {arm.name: suite.control_of(arm) for arm in suite.expand()}
    assert controls["longest/full"] == "longest_control/full"
    assert controls["longest_control/full"] == "other/full", "the suite's control is for all others"


def test_a_control_takes_no_name_that_is_taken(tmp_path: Path) -> None:
    tables = LONGEST.replace('columns = { prompt = "instruction", completion = "output" }\n', "")
    tables += '[data.longest_control]\nsource = "data:rows"\n'
    assert ("suite.control", "data.longest.control") in _refused(_with(tmp_path, tables))


def test_an_override_takes_the_place_of_what_it_contradicts(tmp_path: Path) -> None:
    path = _with(tmp_path, MIX)
    suite = load_suite(path, overrides=["data.mixed.source=data:rows", "data.mixed.select={by='all'}"]).suite
    assert (suite.data["mixed"].source, suite.data["mixed"].mix) == ("rows.jsonl", None)
    suite = load_suite(path, overrides=["data.other.select.size_of=rows"]).suite
    assert (suite.data["other"].select.size, suite.data["other"].select.size_of) == (None, "rows")


def test_embedded_rows_have_one_score(tmp_path: Path) -> None:
    scored = '[data.best]\nsource = "micro:mixed"\nselect = { by = "score", column = "quality", size = 6 }\n'
    assert "best" in load_suite(_with(tmp_path, scored)).suite.data
    assert _refused(_with(tmp_path, scored.replace("quality", "helpfulness"))) == [
        ("data.columns", "data.best.select.column")
    ]
