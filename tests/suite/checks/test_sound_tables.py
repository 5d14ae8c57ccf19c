"""A wrong key hides no fault of another table, and brings none that is only its consequence."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.suite.load import load_suite
from tests.fakes.suite_files import write_suite

FILES = {"rows.jsonl": "gone.jsonl", 'include = "tasks"': 'include = "nowhere"'}
FILE_FAULTS = [("data.missing-file", "data.rows.source"), ("eval.missing-folder", "eval[0].include")]
WRONG_KEYS = {
    "a type of a recipe": ("learning_rate = 1e-2", 'learning_rate = "fast"', "recipe.lora.learning_rate"),
    "an unknown key of a recipe": ("[recipe.lora]", "[recipe.lora]\nlr_scheduler = 1", "recipe.lora.lr_scheduler"),
    "a data table without a source": ("[data.other]", "[data.third]\nsplit = 'x'\n[data.other]", "data.third"),
    "a method": ('method = "lora"', 'method = "sft"', "recipe.lora.method"),
    "a budget": ("amount = 2\n", "", "budget.amount"),
    "seeds": ("seeds = [0]", "seeds = 3", "seeds"),
    "an eval's data": (', select = { by = "holdout", size = 2 }', ", sorce = 1", "eval[1].data.sorce"),
    "a claim": ("margin = 0.02", 'margin = "wide"', "claim[0].margin"),
    "arms": ('recipe = ["full", "lora"]', 'recipes = ["full", "lora"]', "arms.recipes"),
    "a name of a table": ("[[claim]]", "[[clam]]", "clam"),
}


def refused(folder: Path, replace: dict[str, str]) -> list[tuple[str, str | None]]:
    path = write_suite(folder, replace=replace)
    with pytest.raises(InputError) as caught:
        load_suite(path)
    return [(problem.reference, problem.where) for problem in caught.value.problems]


@pytest.mark.parametrize("fault", WRONG_KEYS)
def test_a_wrong_key_hides_no_file_and_brings_no_fault_of_its_own(tmp_path: Path, fault: str) -> None:
    old, new, where = WRONG_KEYS[fault]
    lone = refused(tmp_path, {old: new})
    assert where in [place for _, place in lone]
    assert all(reference.startswith("suite.") for reference, _ in lone)
    assert "suite.unknown-name" not in [reference for reference, _ in lone]
    assert {*lone, *FILE_FAULTS} <= {*refused(tmp_path, {old: new, **FILES})}


def test_an_eval_behind_a_faulty_one_keeps_its_number(tmp_path: Path) -> None:
    """Left out were the first; its successor was named by its number."""
    changes = {'tasks = ["toy"]\n': "", 'source = "data:rows", select': 'source = "gone.jsonl", select'}
    assert refused(tmp_path, changes) == [
        ("suite.missing-key", "eval[0].tasks"),
        ("data.missing-file", "eval[1].data.source"),
    ]


def test_names_are_looked_up_where_all_tables_are_there(tmp_path: Path) -> None:
    changes = {'control = "other"': 'control = "othr"\nsed = 1'}
    assert [where for _, where in refused(tmp_path, changes)] == ["sed", "control"]
