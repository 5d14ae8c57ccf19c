"""A key in the wrong table, or a value in the wrong form, comes with the line to write instead."""

from pathlib import Path

import pytest

from bench.errors import InputError, Problem
from bench.suite.load import load_suite
from tests.fakes.suite_files import write_suite


def problem(tmp_path: Path, replace: dict[str, str]) -> Problem:
    """The first problem of the suite with these lines in place of others."""
    with pytest.raises(InputError) as caught:
        load_suite(write_suite(tmp_path, replace=replace))
    return caught.value.problems[0]


MODEL = '[model]\npath = "model"'


@pytest.mark.parametrize(
    ("replace", "where", "hint"),
    [
        ({MODEL: 'model = "./model"'}, "model", 'write model = { path = "./model" }'),
        ({MODEL: 'model = "Qwen/Qwen2.5-0.5B"'}, "model", 'write model = { repo = "Qwen/Qwen2.5-0.5B" }'),
        ({MODEL: 'model = "gpt2"'}, "model", 'model = { path = "gpt2" } for a folder, repo for the hub, card for'),
        ({MODEL: '[models]\na = "./model"'}, "models.a", 'write models.a = { path = "./model" }'),
        ({'path = "model"': 'path = "Qwen/Qwen2.5-0.5B"'}, "model.path", 'repo = "Qwen/Qwen2.5-0.5B"'),
        ({'path = "model"': 'card = "Qwen/Qwen2.5-0.5B"'}, "model.card", 'repo = "Qwen/Qwen2.5-0.5B"'),
        ({'path = "model"': 'repo = "./model"'}, "model.repo", 'path = "./model"'),
        ({"seeds = [0]": "seeds = 3"}, "seeds", "seeds = [0, 1, 2]"),
        ({"seeds = [0]": 'seeds = "0, 1, 2"'}, "seeds", "seeds = [0, 1, 2]"),
        ({"seeds = [0]": 'track = "wandb"'}, "track", 'it belongs to [run]: track = ["wandb"]'),
        ({"[arms]": '[run]\ntrack = "wandb"\n[arms]'}, "run.track", 'track = ["wandb"]'),
        ({"seeds = [0]": 'track = ["wandb"]'}, "track", 'it belongs to [run]: track = ["wandb"]'),
        ({'method = "full"': 'method = "full"\nreport_to = "wandb"'}, "recipe.full.report_to", "[run] track"),
        ({'method = "full"': 'method = "full"\ngpus = 2'}, "recipe.full.gpus", "processes = 2"),
        ({"[arms]": "[run]\nnum_gpus = 2\n[arms]"}, "run.num_gpus", "processes = 2"),
        ({'method = "full"': 'method = "sft"'}, "recipe.full.method", 'method = "full" for all weights'),
        ({'method = "full"': 'method = "DPO"'}, "recipe.full.method", "the chosen side is trained on"),
        ({'kind = "loss"': 'kind = "perplexity"'}, "eval[1].kind", 'kind = "loss"'),
        (
            {'kind = "loss"': 'kind = "generation"\nmax_new_tokens = 20'},
            "eval[1].max_new_tokens",
            'it belongs to [[eval]] of kind "generation", "judge" or "questions": decoding = { max_new_tokens = 20 }',
        ),
        ({'kind = "loss"': 'kind = "loss"\nnum_fewshot = 2'}, "eval[1].num_fewshot", 'kind "lm_eval": num_fewshot = 2'),
        ({'method = "full"': 'method = "full"\nr = 8'}, "recipe.full.r", "it belongs to [recipe.NAME.lora]: r = 8"),
        ({'method = "full"': 'method = "full"\nseeds = [0]'}, "recipe.full.seeds", "above the first [table]"),
        ({'method = "full"': 'method = "full"\narms = ["a/b"]'}, "recipe.full.arms", "write it as [arms]"),
        ({"[arms]\n": "[data.arms]\n"}, "data.arms.data", "write it as [arms], a table of its own, not under [data]"),
    ],
)
def test_the_hint_is_the_line_to_write(tmp_path: Path, replace: dict[str, str], where: str, hint: str) -> None:
    found = problem(tmp_path, replace)
    assert found.where == where
    assert hint in (found.hint or "")


def test_keys_under_a_table_whose_header_is_missing_lead_to_that_table(tmp_path: Path) -> None:
    found = problem(tmp_path, {"[arms]\n": ""})
    assert found.hint.startswith("it belongs to [arms]: data = [")


def test_a_table_in_place_of_a_list_of_tables(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_suite(write_suite(tmp_path, 'name = "x"\n[eval]\nname = "y"\n'))
    hints = {found.where: found.hint for found in caught.value.problems}
    assert hints["eval"] == "write the table as [[eval]], once for each item"
