"""What cannot be had of a server is found in the suite, before anything is asked or trained."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.suite.load import load_suite

HEAD = """
name = "s"
question = "Which?"
[model]
{base}
[arms.given.a]
endpoint = {{ base_url = "http://localhost:1/v1", model = "a" }}
"""
WRITTEN = """
[[eval]]
name = "written"
kind = "questions"
questions = ["Why?"]
"""
LOSS = """
[[eval]]
name = "loss"
kind = "loss"
data = { source = "micro:curated" }
"""
LOCAL, SERVED = 'card = "micro"', 'endpoint = { base_url = "http://localhost:2/v1", model = "b" }'


def found(folder: Path, body: str, base: str = LOCAL) -> list[tuple[str, str]]:
    """Reference and place of each problem."""
    (folder / "s.toml").write_text(HEAD.format(base=base) + body)
    try:
        load_suite(folder / "s.toml")
    except InputError as error:
        return [(problem.reference, problem.where or "") for problem in error.problems]
    return []


def test_endpoints_beside_a_base_on_this_machine_or_a_served_one_are_fine(tmp_path: Path) -> None:
    assert found(tmp_path, WRITTEN) == []
    assert found(tmp_path, WRITTEN, SERVED) == []
    assert found(tmp_path, WRITTEN + LOSS) == [], "n/a for the endpoint, a score for the base"


def test_a_suite_that_asks_likelihoods_alone_has_nothing_for_an_endpoint(tmp_path: Path) -> None:
    assert found(tmp_path, LOSS) == [("endpoint.no-eval", "eval")]


@pytest.mark.parametrize(
    ("tasks", "answerable"), [("hellaswag", False), ("ifeval", True), ('ifeval", "arc_easy', False), ("mmlu", False)]
)
def test_how_a_task_of_lm_eval_scores_is_read_from_its_files(tmp_path: Path, tasks: str, answerable: bool) -> None:
    body = f'[[eval]]\nname = "t"\nkind = "lm_eval"\ntasks = ["{tasks}"]\n'
    assert (found(tmp_path, body) == []) is answerable


def test_a_claim_on_what_an_endpoint_has_no_score_of_is_refused(tmp_path: Path) -> None:
    claim = '[[claim]]\nsays = "given/a > base"\non = "loss"\n'
    assert found(tmp_path, WRITTEN + LOSS + claim) == [("suite.claim", "claim[0].on")]


def test_nothing_can_be_trained_from_a_served_base_nor_begin_from_an_endpoint(tmp_path: Path) -> None:
    made = (
        WRITTEN + '[arms]\ndata = ["d"]\nrecipe = ["r"]\n[data.d]\nsource = "micro:curated"\n[budget]\nunit = "steps"\n'
        'amount = 1\n[recipe.r]\nmethod = "lora"\nlearning_rate = 1e-4\n'
    )
    assert found(tmp_path, made, SERVED) == [("endpoint.no-weights", "model.endpoint")]
    assert found(tmp_path, made) == []
    assert found(tmp_path, made + 'from = "given/a"\n') == [("suite.start", "recipe.r.from")]


def test_top_k_is_no_word_of_the_protocol(tmp_path: Path) -> None:
    body = WRITTEN + "decoding = { temperature = 1.0, top_k = 5 }\n"
    assert found(tmp_path, body) == [("endpoint.top-k", "eval[0].decoding.top_k")]


@pytest.mark.parametrize(
    ("base", "said"),
    [
        (SERVED + '\ntemplate = "chatml"', "cannot be given of a served model"),
        ('card = "micro"\n' + SERVED, "cannot be given of a served model"),
        ("", "exactly one of card, repo or path"),
        ('endpoint = { base_url = "https://api.x.com/v1", model = "b", key_env = "sk-1234" }', "not the key itself"),
    ],
)
def test_a_base_is_on_this_machine_or_behind_a_server(tmp_path: Path, base: str, said: str) -> None:
    (tmp_path / "s.toml").write_text(HEAD.format(base=base) + WRITTEN)
    with pytest.raises(InputError, match=said):
        load_suite(tmp_path / "s.toml")


@pytest.mark.parametrize("more", ['adapter = "x"', 'seeds = ["1"]', 'trajectory = "t"\nstep = 3'])
def test_an_endpoint_is_one_model_and_no_weights(tmp_path: Path, more: str) -> None:
    (tmp_path / "s.toml").write_text(HEAD.format(base=LOCAL) + more + WRITTEN)
    with pytest.raises(InputError, match="endpoint"):
        load_suite(tmp_path / "s.toml")


def test_an_engine_has_one_base(tmp_path: Path) -> None:
    engine = '[engine]\nserver = { base_url = "http://localhost:1/v1", model = "m" }\n'
    assert found(tmp_path, WRITTEN + engine) == []
    two = HEAD.format(base=LOCAL).replace("[model]", "[models.x]") + '[models.y]\ncard = "smollm2-135m"\n'
    (tmp_path / "s.toml").write_text(two.replace("[arms.given.a]", '[arms.given.a]\nmodel = "x"') + WRITTEN + engine)
    with pytest.raises(InputError, match="server of one base"):
        load_suite(tmp_path / "s.toml")
