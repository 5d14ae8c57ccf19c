"""A profile or `--set` must change what it names and what that makes meaningless, and leave the rest alone."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import InputError
from bench.suite.reading.overlay import apply_overrides, merge, parse_override

BASE: dict[str, Any] = {
    "name": "s",
    "model": {"card": "a", "revision": "main", "template": "plain"},
    "data": {"d": {"source": "GAIR/lima", "split": "test", "config": "c", "select": {"by": "random", "size": 5}}},
    "recipe": {
        "lora": {"method": "lora", "lora": {"r": 2, "alpha": 4}, "schedule": "linear", "min_learning_rate": 0.1}
    },
    "seeds": [0, 1],
    "eval": [{"name": "qa", "tasks": ["t"]}, {"name": "loss", "data": {"source": "x.jsonl"}}],
}


def applied(*arguments: str, folder: Path = Path("/nowhere")) -> dict[str, Any]:
    return apply_overrides(BASE, arguments, folder=folder)[0]


def refused(*arguments: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        applied(*arguments)
    assert all(problem.reference == "suite.set" for problem in caught.value.problems)
    return [problem.what for problem in caught.value.problems]


def test_tables_merge_and_lists_are_replaced() -> None:
    merged = merge(BASE, {"seeds": [7], "recipe": {"lora": {"lora": {"r": 8}}}})
    assert merged["seeds"] == [7]
    assert merged["recipe"]["lora"]["lora"] == {"r": 8, "alpha": 4}
    assert merged["recipe"]["lora"]["method"] == "lora"


def test_the_base_is_never_changed() -> None:
    before = repr(BASE)
    merge(BASE, {"model": {"path": "p"}, "eval": []})
    applied("eval.qa.limit=3", "data.d.select.size=9", "model.path=x")
    assert repr(BASE) == before


@pytest.mark.parametrize("key", ["card", "repo", "path"])
def test_a_new_model_takes_the_place_of_the_old_one(key: str) -> None:
    assert merge(BASE, {"model": {key: "new"}})["model"] == {key: "new", "template": "plain"}
    assert set(applied(f"model.{key}=new")["model"]) == {key, "template"}


def test_a_served_model_takes_the_place_of_all_that_weights_have_and_one_form_of_an_arm_of_another() -> None:
    server = {"base_url": "http://localhost:1/v1", "model": "m"}
    assert merge(BASE, {"model": {"endpoint": server}})["model"] == {"endpoint": server}
    arm = {"arms": {"given": {"a": {"adapter": "x", "model": "small"}}}}
    served = {"arms": {"given": {"a": {"endpoint": server}}}}
    assert merge(arm, served)["arms"]["given"]["a"] == {"endpoint": server, "model": "small"}


def test_a_new_source_takes_what_described_the_old_one_but_not_the_selection() -> None:
    select = BASE["data"]["d"]["select"]
    assert merge(BASE, {"data": {"d": {"source": "x/y"}}})["data"]["d"] == {"source": "x/y", "select": select}
    assert applied("data.d.source=x/y")["data"]["d"] == {"source": "x/y", "select": select}


@pytest.mark.parametrize("order", [1, -1])
def test_arguments_that_go_together_may_come_in_any_order(order: int) -> None:
    table = applied(*["data.d.source=x/y", "data.d.split=dev"][::order])
    assert table["data"]["d"] == {"source": "x/y", "split": "dev", "select": BASE["data"]["d"]["select"]}


def test_the_last_of_two_models_wins() -> None:
    assert applied("model.card=b", "model.repo=o/m")["model"]["repo"] == "o/m"
    assert "card" not in applied("model.card=b", "model.repo=o/m")["model"]


def test_keys_that_only_the_old_value_allowed_go_with_it() -> None:
    recipe = applied("recipe.lora.method=full", "recipe.lora.schedule=constant")["recipe"]["lora"]
    assert recipe == {"method": "full", "schedule": "constant"}
    assert applied("data.d.select.by=all")["data"]["d"]["select"] == {"by": "all"}


@pytest.mark.parametrize(
    ("method", "kept"),
    [
        ("lora", {"lora"}), ("dora", {"lora"}), ("qlora", {"lora", "quantization"}), ("full", set()),
        ("prefix", {"prefix"}), ("few_shot", {"shots"}), ("peft", {"peft"}),
    ],
)  # fmt: skip
def test_a_new_method_keeps_the_tables_that_are_its_own(method: str, kept: set[str]) -> None:
    """DoRA in place of LoRA is compared at the same rank; prefix tuning has no use for one."""
    tables = {"lora": {"r": 2}, "quantization": {}, "prefix": {}, "peft": {"type": "LOHA"}, "shots": 3}
    merged = merge({"recipe": {"r": {"method": "lora", **tables}}}, {"recipe": {"r": {"method": method}}})
    assert merged["recipe"]["r"].keys() - {"method"} == kept


def test_a_batch_in_slots_takes_the_place_of_one_in_rows() -> None:
    merged = merge({"recipe": {"r": {"batch_rows": 4}}}, {"recipe": {"r": {"batch_tokens": 512}}})
    assert merged["recipe"]["r"] == {"batch_tokens": 512}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", 1),
        ("a=1e-5", 1e-5),
        ("a=[0, 1]", [0, 1]),
        ('a={ by = "all" }', {"by": "all"}),
        ("a=text", "text"),
        ("a='1'", "1"),
        ("a=a=b", "a=b"),
        ("a=", ""),
        ("a=true", True),
        ("a=2024-01-01", "2024-01-01"),
        ("a=1\nb = 2", "1\nb = 2"),
    ],
)
def test_values_are_toml_where_they_are_and_text_elsewhere(text: str, value: object) -> None:
    assert parse_override(text) == (("a",), value)


def test_items_of_lists_are_reached_by_name_and_by_number() -> None:
    for key in ("eval.qa.limit", "eval.0.limit", "eval[0].limit", '"eval".qa.limit'):
        assert applied(f"{key}=3")["eval"] == [{"name": "qa", "tasks": ["t"], "limit": 3}, BASE["eval"][1]]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("seeds", "--set takes key.path=value"),
        ("=3", "--set takes key.path=value"),
        ("a b=3", '"a b" is not a key path'),
        ("a..b=3", "is not a key path"),
        ("a\nb=3", "is not a key path"),
        ("seeds=[0, 1", "not valid TOML"),
        ("name.x=1", 'name is the text "s", so it has no key "x"'),
        ("eval.qaa.limit=1", 'eval has 2 items, and none is "qaa"'),
        ("eval.9.limit=1", 'eval has 2 items, and none is "9"'),
        ("seeds.x=1", 'seeds has 2 items, and none is "x"'),
        (".".join("a" * 100) + "=1", "is not a key path"),
        ("a=" + "[" * 3000 + "]" * 3000, "nested too deeply"),
    ],
)
def test_a_bad_argument_says_what_is_wrong_with_it(text: str, what: str) -> None:
    (said,) = refused(text)
    assert what in said


def test_all_bad_arguments_are_told_at_once() -> None:
    assert len(refused("x", "name.x=1", "seeds=[3]")) == 2


def test_paths_on_the_command_line_mean_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "GAIR").mkdir()
    (tmp_path / "GAIR" / "local").touch()
    here = lambda *texts: applied(*texts, folder=tmp_path)  # noqa: E731
    assert here("model.path=base")["model"]["path"] == str(tmp_path / "base")
    assert here("model.path=../base")["model"]["path"] == str(tmp_path.parent / "base")
    assert here("data.d.source=rows.jsonl")["data"]["d"]["source"] == str(tmp_path / "rows.jsonl")
    assert here('data.e={source="rows.jsonl"}')["data"]["e"]["source"] == str(tmp_path / "rows.jsonl")
    assert here("data.d.source=GAIR/local")["data"]["d"]["source"] == str(tmp_path / "GAIR" / "local")
    assert here("data.d.source=GAIR/lima")["data"]["d"]["source"] == "GAIR/lima"
    assert here("data.d.source=micro:mixed")["data"]["d"]["source"] == "micro:mixed"
    assert here("eval.loss.data.source=a.csv")["eval"][1]["data"]["source"] == str(tmp_path / "a.csv")
    assert here("recipe.full.deepspeed=ds.json")["recipe"]["full"]["deepspeed"] == str(tmp_path / "ds.json")
    assert here('recipe.full.deepspeed={note="ds.json"}')["recipe"]["full"]["deepspeed"] == {"note": "ds.json"}
    assert here("model.template=chatml")["model"]["template"] == "chatml"
    given = here("arms.given.a.adapter=./mine", "arms.given.b.weights=owner/name")["arms"]["given"]
    assert given == {"a": {"adapter": str(tmp_path / "mine")}, "b": {"weights": "owner/name"}}
    assert here("model.template=./mine.jinja")["model"]["template"] == str(tmp_path / "mine.jinja")


@given(
    st.lists(
        st.text(max_size=20)
        | st.builds(
            "{}={}".format,
            st.sampled_from(
                [
                    "name",
                    "eval.0",
                    "eval.qa.tasks",
                    "seeds.1",
                    "data.d",
                    "model",
                    "recipe.lora.lora.r",
                    "model.path",
                    "data.d.source",
                ]
            ),
            st.text(max_size=12),
        ),
        max_size=4,
    )
)
def test_any_arguments_apply_or_are_refused(arguments: list[str]) -> None:
    try:
        table = applied(*arguments)
    except InputError:
        return
    assert isinstance(table, dict)


@pytest.mark.parametrize("key", ["source", "rows"])
def test_the_rows_of_an_eval_are_found_from_where_the_command_is_given(key: str, tmp_path: Path) -> None:
    """As every path of the command line; a plain name, too, which the suite's own folder does not have."""
    assert applied(f"eval.qa.{key}=rows", folder=tmp_path)["eval"][0][key] == str(tmp_path / "rows")
