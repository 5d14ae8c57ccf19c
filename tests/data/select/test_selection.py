"""What tables of a suite are to each other: mixes, controls, filters, and rows that evaluation has to itself."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.data.resolve import resolve_data
from bench.data.select.selection import DUPLICATE, HELD_OUT, NEAR_DUPLICATE, SAME_PROMPT, TOO_SHORT_OR_LONG
from bench.data.store import load_rows
from bench.errors import InputError
from bench.suite.resolved import ResolvedData
from bench.suite.tables.data import DataSpec

Resolve = Callable[[Mapping[str, dict[str, Any]]], dict[str, ResolvedData]]


@pytest.fixture
def resolve(tmp_path: Path) -> Resolve:
    return lambda tables: resolve_data(
        {name: DataSpec.model_validate(table) for name, table in tables.items()}, base=tmp_path, home=tmp_path / "home"
    )


def _write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path.name


def _rows(count: int, name: str = "x", **more: Any) -> list[dict[str, Any]]:
    return [{"prompt": f"Do {name}{n}.", "completion": f"Done {name}{n}.", **more} for n in range(count)]


def _answers(data: ResolvedData) -> list[str]:
    return [row.answer for row in load_rows(data.path)]


def _refused(resolve: Resolve, tables: Mapping[str, dict[str, Any]]) -> list[tuple[str, str | None]]:
    with pytest.raises(InputError) as caught:
        resolve(tables)
    return [(problem.reference, problem.where) for problem in caught.value.problems]


def _mix(*parts: tuple[str, float], **select: Any) -> dict[str, Any]:
    return {"mix": tuple({"data": name, "weight": weight} for name, weight in parts), "select": select}


@pytest.fixture
def two(tmp_path: Path) -> dict[str, dict[str, Any]]:
    _write(tmp_path / "a.jsonl", _rows(100, "a"))
    _write(tmp_path / "b.jsonl", _rows(50, "b"))
    return {"a": {"source": "a.jsonl"}, "b": {"source": "b.jsonl", "select": {"by": "first", "size": 30}}}


def test_a_mix_has_the_rows_of_its_parts_in_the_stated_shares(resolve: Resolve, two: dict[str, Any]) -> None:
    found = resolve({**two, "m": _mix(("a", 0.7), ("b", 0.3), by="random", size=40)})["m"]
    assert (found.rows, found.source_rows, found.parts) == (40, 130, {"a": 28, "b": 12})
    answers = _answers(found)
    assert len(set(answers)) == 40
    of_b = {answer for answer in answers if answer.startswith("Done b")}
    assert of_b <= {f"Done b{n}." for n in range(30)}, "from the part's own selection"
    assert {row.origin.partition(":")[0] for row in load_rows(found.path)} == {"a.jsonl", "b.jsonl"}


def test_rows_after_an_offset_are_counted_before_they_are_taken(resolve: Resolve, two: dict[str, Any]) -> None:
    last = {"source": "a.jsonl", "select": {"by": "first", "offset": 90, "size": 10}}
    assert [row.origin for row in load_rows(resolve({"last": last})["last"].path)] == [
        f"a.jsonl:{n}" for n in range(91, 101)
    ]
    last["select"]["size"] = 11
    with pytest.raises(InputError, match=r"asks for 11 rows, a\.jsonl has 10 after the first 90"):
        resolve({"last": last})


def test_a_mix_is_drawn_by_its_seed(resolve: Resolve, two: dict[str, Any]) -> None:
    draws = [
        resolve({**two, "m": _mix(("a", 1), ("b", 1), by="random", size=20, seed=seed)})["m"] for seed in (0, 0, 1)
    ]
    assert draws[0].sha256 == draws[1].sha256 != draws[2].sha256


def test_without_a_size_a_mix_is_as_large_as_its_shares_allow(resolve: Resolve, two: dict[str, Any]) -> None:
    assert resolve({**two, "m": _mix(("a", 1), ("b", 1))})["m"].parts == {"a": 30, "b": 30}
    with pytest.raises(InputError, match="asks for 35 rows of 'b', which has 30"):
        resolve({**two, "m": _mix(("a", 1), ("b", 1), by="random", size=70)})


def test_a_mix_of_mixes_and_of_what_comes_later_in_the_file(resolve: Resolve, two: dict[str, Any]) -> None:
    tables = {"outer": _mix(("inner", 1), ("a", 1), by="random", size=10), "inner": _mix(("a", 1), ("b", 1)), **two}
    assert resolve(tables)["outer"].parts == {"inner": 5, "a": 5}


def test_no_part_of_a_mix_brings_a_held_out_row(resolve: Resolve, two: dict[str, Any]) -> None:
    held = {"source": "a.jsonl", "select": {"by": "holdout", "size": 40}}
    found = resolve({"m": _mix(("a", 1), ("b", 1)), **two, "eval:loss": held})
    assert not set(_answers(found["m"])) & set(_answers(found["eval:loss"]))


def test_what_is_held_out_of_a_table_is_held_out_of_all_that_train_on_it(resolve: Resolve, two: dict[str, Any]) -> None:
    """Tables of one source look for it once, and again where more is held out by then."""
    held = {"source": "a.jsonl", "select": {"by": "holdout", "size": 30}}
    draws = {
        f"draw{seed}": {"source": "a.jsonl", "select": {"by": "random", "size": 40, "seed": seed}} for seed in (1, 2)
    }
    found = resolve({**draws, "dev": held, "eval:loss": held, "rest": {"source": "a.jsonl"}})
    apart = [*_answers(found["eval:loss"]), *_answers(found["dev"])]
    assert len(set(apart)) == 60
    assert not {answer for name in (*draws, "rest") for answer in _answers(found[name])} & set(apart)
    assert [found[name].dropped for name in (*draws, "rest")] == [{HELD_OUT: 60}] * 3
    assert found["dev"].dropped == {HELD_OUT: 30}


def test_a_faulty_part_is_told_once(resolve: Resolve, two: dict[str, Any]) -> None:
    two["b"]["select"]["size"] = 51
    assert _refused(resolve, {**two, "m": _mix(("a", 1), ("b", 1))}) == [("data.too-few-rows", "data.b.select.size")]


def test_a_control_has_the_size_of_what_it_controls(tmp_path: Path, resolve: Resolve) -> None:
    _write(tmp_path / "s.jsonl", [{**row, "score": n % 5} for n, row in enumerate(_rows(100))])
    best = {"source": "s.jsonl", "select": {"by": "score", "column": "score", "minimum": 3.5}}
    control = {"source": "s.jsonl", "select": {"by": "random", "size_of": "best", "seed": 7}}
    found = resolve({"control": control, "best": best})
    assert found["control"].rows == found["best"].rows == 20
    assert set(_answers(found["best"])) != set(_answers(found["control"]))


def test_an_evals_prompts_are_kept_out_of_training_too(tmp_path: Path, resolve: Resolve) -> None:
    """Whatever the answer is: a model that was trained on the question has seen the evaluation."""
    _write(tmp_path / "eval.jsonl", _rows(10))
    others = [{"prompt": f" do X{n}. ", "completion": "Something else."} for n in range(4)]
    _write(tmp_path / "train.jsonl", [*_rows(3), *others, *_rows(20, "y")])
    found = resolve({"t": {"source": "train.jsonl"}, "eval:loss": {"source": "eval.jsonl"}})
    assert found["t"].rows == 20
    assert found["t"].dropped == {HELD_OUT: 3, SAME_PROMPT: 4}
    assert found["eval:loss"].rows == 10


@pytest.mark.parametrize(("value", "reason"), [(None, "no score"), ("", "no score"), ("high", None), (True, None)])
def test_scores_are_numbers_and_rows_without_one_are_counted(
    tmp_path: Path, resolve: Resolve, value: object, reason: str | None
) -> None:
    _write(tmp_path / "s.jsonl", [{**row, "score": str(n)} for n, row in enumerate(_rows(9))] + _rows(1, score=value))
    tables = {"best": {"source": "s.jsonl", "select": {"by": "score", "column": "score", "size": 2}}}
    if reason is None:
        assert _refused(resolve, tables) == [("data.not-a-number", "s.jsonl:10")]
    else:
        found = resolve(tables)["best"]
        assert (_answers(found), found.dropped) == (["Done x7.", "Done x8."], {reason: 1})


def test_a_missing_score_column_is_told_with_the_columns_there(tmp_path: Path, resolve: Resolve) -> None:
    _write(tmp_path / "s.jsonl", _rows(2))
    with pytest.raises(InputError, match=r"no field `score` to select by \(fields seen: prompt, completion\)"):
        resolve({"best": {"source": "s.jsonl", "select": {"by": "score", "column": "score", "size": 1}}})


def test_filters_come_before_selection_and_are_counted(tmp_path: Path, resolve: Resolve) -> None:
    long = {"prompt": "Long?", "completion": "word " * 100}
    _write(tmp_path / "r.jsonl", [*_rows(20), *_rows(5), long, {"prompt": "P", "completion": "s"}])
    table = {
        "source": "r.jsonl",
        "length": {"min_answer_characters": 2, "max_characters": 300},
        "dedup": "exact",
        "select": {"by": "longest", "size": 3},
    }
    found = resolve({"t": table})["t"]
    assert found.dropped == {TOO_SHORT_OR_LONG: 2, DUPLICATE: 5}
    assert _answers(found) == ["Done x10.", "Done x11.", "Done x12."]


def test_near_duplicates_are_taken_out_and_counted(tmp_path: Path, resolve: Resolve) -> None:
    words = [f"w{n}" for n in range(40)]
    texts = [" ".join(words), " ".join([*words[:39], "other"]), " ".join(reversed(words))]
    _write(tmp_path / "r.jsonl", [{"prompt": "P", "completion": text} for text in [*texts, texts[0].upper()]])
    found = resolve({"t": {"source": "r.jsonl", "dedup": "near"}})["t"]
    assert found.dropped == {DUPLICATE: 1, NEAR_DUPLICATE: 1}
    assert _answers(found) == [texts[0], texts[2]]
    diverse = resolve({"t": {"source": "r.jsonl", "select": {"by": "diverse", "size": 2}}})["t"]
    assert diverse.sha256 == found.sha256


def test_a_system_prompt_stands_before_every_row_and_replaces_its_own(tmp_path: Path, resolve: Resolve) -> None:
    own = {"messages": [{"role": role, "content": role} for role in ("system", "user", "assistant")]}
    _write(tmp_path / "r.jsonl", [own, {"messages": own["messages"][1:]}])
    found = resolve({"plain": {"source": "r.jsonl"}, "t": {"source": "r.jsonl", "system": "Be brief."}})
    systems = [[turn.content for turn in row.turns if turn.role == "system"] for row in load_rows(found["t"].path)]
    assert systems == [["Be brief."], ["Be brief."]]
    assert found["t"].sha256 != found["plain"].sha256
    assert load_rows(found["plain"].path)[0].turns[0].content == "system"


def test_plain_text_has_no_place_for_a_system_prompt(tmp_path: Path, resolve: Resolve) -> None:
    _write(tmp_path / "r.jsonl", [{"text": "Once."}, {"text": "Twice."}])
    assert [row.is_text for row in load_rows(resolve({"t": {"source": "r.jsonl"}})["t"].path)] == [True, True]
    assert _refused(resolve, {"t": {"source": "r.jsonl", "system": "S"}}) == [("data.system", "data.t.system")]


BAD_TABLES: dict[str, dict[str, Any]] = {
    "neither source nor mix": {},
    "source and mix": {"source": "a.jsonl", **_mix(("a", 1), ("b", 1))},
    "a mix by length": _mix(("a", 1), ("b", 1), by="longest", size=3),
    "a mix of one": _mix(("a", 1)),
    "a weight of nothing": _mix(("a", 0), ("b", 1)),
    "score without a column": {"source": "a.jsonl", "select": {"by": "score", "size": 3}},
    "score without a bound": {"source": "a.jsonl", "select": {"by": "score", "column": "s"}},
    "a column for no score": {"source": "a.jsonl", "select": {"by": "random", "size": 3, "column": "s"}},
    "two sizes": {"source": "a.jsonl", "select": {"by": "random", "size": 3, "size_of": "b"}},
    "a hold-out sized by what comes later": {"source": "a.jsonl", "select": {"by": "holdout", "size_of": "b"}},
    "a control of a random draw": {"source": "a.jsonl", "select": {"by": "random", "size": 3}, "control": True},
    "a control of everything": {"source": "a.jsonl", "control": True},
    "a control of a mix": {**_mix(("a", 1), ("b", 1)), "control": True},
    "no length at all": {"source": "a.jsonl", "length": {"min_characters": 9, "max_characters": 8}},
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_what_makes_no_sense_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        DataSpec.model_validate(BAD_TABLES[name])
