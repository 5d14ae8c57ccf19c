"""A wrong key must be named as it stands in the file, in words that say how to mend it; no word of pydantic's."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.suite.reading.key_types import known_keys
from bench.suite.reading.pydantic_errors import explain, freeze, shown, spell
from bench.suite.tables.suite import Suite
from tests.suite.reading.wrong_suites import problems, valid


def changed(path: str, value: Any) -> dict[str, Any]:
    raw: Any = valid()
    node = raw
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    for part in parents:
        node = node.setdefault(part, {}) if isinstance(node, dict) else node[part]
    node[last] = value
    return dict(raw)


CASES = [
    ("recipe/full/learning_rate", -1, "recipe.full.learning_rate", "must be greater than 0, not -1"),
    ("recipe/full/learning_rate", "1e-3", "recipe.full.learning_rate", 'must be a number, not the text "1e-3"'),
    ("recipe/full/learning_rate", True, "recipe.full.learning_rate", "must be a number, not true"),
    ("recipe/full/learning_rate", float("inf"), "recipe.full.learning_rate", "must be a finite number"),
    ("recipe/full/betas", [0.9], "recipe.full.betas[1]", "recipe.full.betas[1] is missing"),
    ("recipe/full/betas", [0.9, 1.0], "recipe.full.betas[1]", "must be less than 1"),
    ("recipe/full/batch_rows", 1.5, "recipe.full.batch_rows", "must be a whole number"),
    ("recipe/full/batch_rows", 0, "recipe.full.batch_rows", "must be greater than 0, not 0"),
    ("recipe/full/batch_rows", 10**30, "recipe.full.batch_rows", "must be at most 2,147,483,647"),
    ("recipe/full/learning_rate", {"sweep": [1e-3]}, "recipe.full", "learning_rate: a sweep has at least two"),
    ("recipe/full/learning_rate", {"sweep": [1e-3, 1e-3]}, "recipe.full", "learning_rate: give each value once"),
    ("recipe/full/learning_rate", {"sweep": [1e-3, -1]}, "recipe.full", "with -1: learning_rate: greater than 0"),
    ("recipe/full/learning_rate", {"sweep": [-1, 1e-3]}, "recipe.full.learning_rate", "greater than 0, not -1"),
    ("recipe/full/learning_rate", {"sweep": 3}, "recipe.full", "learning_rate: write the values as a list"),
    ("recipe/full/method", {"sweep": ["full", "lora"]}, "recipe.full", "method cannot be swept"),
    ("recipe/full/warmup", {"sweep": [0.1, 1.5]}, "recipe.full", "with warmup=1.5: warmup is a share of the steps"),
    ("recipe/full/batch_rows", {"sweep": list(range(1, 34))}, "recipe.full", "33 combinations of batch_rows"),
    ("recipe/full/shots", 4, "recipe.full", 'shots needs method = "few_shot"'),
    ("recipe/full", {"method": "few_shot"}, "recipe.full", "needs shots"),
    ("recipe/full", {"method": "full"}, "recipe.full", "learning_rate is missing"),
    ("recipe/full", {"method": "few_shot", "shots": 2, "warmup": 0.1}, "recipe.full", "remove warmup"),
    ("recipe/full/method", "ful", "recipe.full.method", 'must be "full", "lora"'),
    ("recipe/full/lora", {"r": 4}, "recipe.full", 'a [lora] table needs method = "lora"'),
    ("recipe/full/warmup", 1.5, "recipe.full", "a whole number of steps"),
    ("recipe/full/min_learning_rate", 1.0, "recipe.full", "min_learning_rate is above learning_rate"),
    ("recipe/full/lora", {"target_modules": []}, "recipe.full.lora.target_modules", "a list of at least 1"),
    ("recipe/a b", {"method": "full", "learning_rate": 1}, 'recipe."a b"', "must be made of letters"),
    ("seeds", [], "seeds", "must be a list of at least 1"),
    ("seeds", ["0"], "seeds[0]", "must be a whole number"),
    ("seeds", [-1], "seeds[0]", "must be at least 0"),
    ("seeds", 0, "seeds", "must be a list, not 0"),
    ("name", "", "name", "must be made of letters"),
    ("name", "a/b", "name", "must be made of letters"),
    ("name", "größe", "name", "must be made of letters from a to z"),
    ("name", 3, "name", "must be text, not 3"),
    ("question", "", "question", "must be text that is not empty"),
    ("model", {}, "model", "give exactly one of card, repo or path"),
    ("model", {"card": "a", "path": "b"}, "model", "give exactly one of card, repo or path"),
    ("model", "gpt2", "model", "must be a table"),
    ("data", {}, "data", "data is missing"),
    ("data/d/select", {"by": "random"}, "data.d.select", "needs a size"),
    ("data/d/select", {"by": "all", "size": 3}, "data.d.select", "takes no size"),
    ("data/d/select", {"by": "random", "size": 0}, "data.d.select.size", "must be greater than 0"),
    ("budget/amount", 0, "budget.amount", "must be greater than 0, not 0"),
    ("budget/amount", 2.5, "budget", "a budget in steps is a whole number"),
    ("budget/unit", "token", "budget.unit", 'must be "epochs", "steps", "tokens", "supervised_tokens"'),
    ("eval/0/tasks", [], "eval[0].tasks", 'eval "e": tasks must be a list of at least 1'),
    ("eval/0/tasks", "t", "eval[0].tasks", 'eval "e": tasks must be a list'),
    ("eval/0/kind", "lmeval", "eval[0].kind", 'eval "e": kind must be "lm_eval", "choice", "loss"'),
    ("eval/0/kind", "accuracy", "eval[0].kind", '"judge", not the text "accuracy"'),
    ("eval/0/kind", 3, "eval[0].kind", "not 3"),
    ("eval/0", {"name": "e"}, "eval[0].kind", 'eval "e": kind is missing'),
    ("eval/0", 7, "eval[0]", "eval[0] must be a table"),
    ("models", {"small": {"card": "c"}}, "", "give [model], or several as [models.NAME], not both"),
    ("eval", {"name": "e"}, "eval", "must be a list"),
    ("eval/1/data/select/by", "hold", "eval[1].data.select.by", "must be"),
    ("claim/0/says", "d/full beats base", "claim[0].says", "arm >= other"),
    ("claim/0/margin", -0.1, "claim[0].margin", "must be at least 0"),
    ("run/workers", "many", "run.workers", 'must be a whole number or "auto", not the text "many"'),
    ("run/workers", 0, "run.workers", 'must be greater than 0 or "auto"'),
]


@pytest.mark.parametrize(("path", "value", "where", "what"), CASES)
def test_a_wrong_value_is_said_at_its_key(path: str, value: Any, where: str, what: str) -> None:
    (problem,) = problems(changed(path, value))
    assert problem.where == where
    assert what in problem.what


@pytest.mark.parametrize(
    ("path", "where", "hint"),
    [
        ("recipe/full/learningrate", "recipe.full.learningrate", "did you mean 'learning_rate'?"),
        ("recipe/full/lora/bias", "recipe.full.lora.bias", "known: alpha, dropout, r, target_modules"),
        ("sedes", "sedes", "did you mean 'seeds'?"),
        ("eval/0/task", "eval[0].task", "did you mean 'tasks'?"),
        ("eval/1/dat", "eval[1].dat", "did you mean 'data'?"),
        ("eval/1/loss", "eval[1].loss", None),
        ("data/d/select/sise", "data.d.select.sise", "did you mean 'size'?"),
        ("recipe/full/lr", "recipe.full.lr", "here it is learning_rate"),
        (
            "recipe/full/num_train_epochs",
            "recipe.full.num_train_epochs",
            'here it is [budget] unit = "epochs", amount = 3',
        ),
        ("recipe/full/Learning_Rate", "recipe.full.Learning_Rate", "did you mean 'learning_rate'?"),
    ],
)
def test_an_unknown_key_names_the_one_that_was_meant(path: str, where: str, hint: str | None) -> None:
    raw = changed(path, 1)
    if "lora" in path:
        raw["recipe"]["full"]["method"] = "lora"
    (problem,) = problems(raw)
    assert (problem.reference, problem.where) == ("suite.unknown-key", where)
    assert hint is None or problem.hint == hint


@pytest.mark.parametrize(
    ("path", "value", "hint"),
    [
        ("recipe/full/method", "LoRA", "did you mean 'lora'?"),
        ("recipe/full/learning_rate", "1e-3", "write it without quotes: 1e-3"),
        ("name", 7, 'write it as text: "7"'),
        ("data/d/select", {"by": "randm"}, "did you mean 'random'?"),
        ("eval/0/kind", "lmeval", "did you mean 'lm_eval'?"),
        (
            "recipe/full/learning_rate",
            [1e-3, 1e-4],
            "write several values as learning_rate = { sweep = [0.001, 0.0001] }",
        ),
        ("recipe/full/lora", {"r": [8, 16]}, "write several values as r = { sweep = [8, 16] }"),
        ("budget/amount", 0, "amount: Number of units for each training: `amount = 2_000_000`."),
    ],
)
def test_a_wrong_value_comes_with_what_to_write(path: str, value: Any, hint: str) -> None:
    raw = changed(path, value)
    raw["recipe"]["full"]["method"] = "lora" if "lora" in path else raw["recipe"]["full"]["method"]
    (problem,) = problems(raw)
    assert problem.hint == hint


def test_a_missing_key_of_a_few_words_comes_with_them() -> None:
    """An eval without its kind was told of lm-eval's tasks, a budget without its unit of FLOPs."""
    raw = valid()
    del raw["eval"][0]["kind"], raw["budget"]["unit"]
    hints = {problem.where: problem.hint for problem in problems(raw)}
    assert hints == {
        "eval[0].kind": 'kind is one of "lm_eval", "choice", "loss", "generation", "questions", "judge"',
        "budget.unit": 'unit is one of "epochs", "steps", "tokens", "supervised_tokens", "flops", "seconds"',
    }


@pytest.mark.parametrize("key", ["data", "recipe", "budget", "arms"])
def test_a_missing_table_comes_with_how_to_write_it(key: str) -> None:
    raw = valid()
    del raw[key]
    (problem,) = problems(raw)
    assert problem.hint is not None
    assert f"[{key}" in problem.hint


@pytest.mark.parametrize("key", ["name", "question", "data", "recipe", "budget", "arms"])
def test_a_missing_key_is_named(key: str) -> None:
    raw = valid()
    del raw[key]
    (problem,) = problems(raw)
    assert (problem.reference, problem.where) == ("suite.missing-key", key)


def test_all_problems_come_at_once() -> None:
    raw = changed("recipe/full/learning_rate", -1)
    raw |= {"seeds": [], "wat": 1}
    del raw["budget"]
    assert {problem.where for problem in problems(raw)} == {"recipe.full.learning_rate", "seeds", "wat", "budget"}


def test_a_key_that_is_called_like_a_kind_misleads_no_path() -> None:
    raw = valid()
    raw["eval"][1] |= {"loss": {"name": 1}, "name": 7}
    assert {problem.where for problem in problems(raw)} == {"eval[1].loss", "eval[1].name"}


def test_keys_of_an_eval_are_those_of_its_kind() -> None:
    assert "tasks" in known_keys(Suite, ("eval", 0), valid())
    assert "tasks" not in known_keys(Suite, ("eval", 1), valid())


def test_values_are_shown_short_and_without_control_codes() -> None:
    assert shown("\x1b[31m" + "x" * 100) == 'the text "␛[31m' + "x" * 52 + '…"'
    assert shown(10**5000) == "a very long number"
    assert spell(("a", "b c", 0, "d")) == 'a."b c"[0].d'


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = sorted({case[0] for case in CASES} | set(valid()))


@given(st.dictionaries(st.sampled_from(KEYS), values, min_size=1, max_size=3))
def test_whatever_stands_at_a_key_is_explained_in_plain_words(changes: dict[str, Any]) -> None:
    raw = valid()
    for path, value in changes.items():
        try:
            node: Any = raw
            *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")]
            for part in parents:
                node = node[part]
            node[last] = value
        except (KeyError, IndexError, TypeError):
            continue
    frozen = freeze(raw)
    try:
        Suite.model_validate(frozen, strict=True)
    except ValidationError as error:
        found = explain(error, frozen, Suite, kind="suite")
        assert found
        for problem in found:
            text = f"{problem.what} {problem.where} {problem.hint}"
            assert not any(
                word in text for word in ("Input should", "pydantic", "dictionary", "instance", "Tuple", "Value error")
            )
            assert "lm_eval." not in (problem.where or "")
