"""Every shipped suite: valid in each profile, offline and small by default, and listed with what it asks."""

import json
import re
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from bench.run.resolve.offline import needs_hub, offline_hint
from bench.suite.checks.names.suite_names import data_tables
from bench.suite.load import LoadedSuite, load_suite, suite_names, validate_all_profiles
from bench.suite.tables.suite import Suite

TUTORIALS = tuple(name for name in suite_names() if name.startswith("tutorials/"))

TRAINER_DEFAULTS = {
    "schedule": "linear", "warmup": 0, "max_grad_norm": 1.0, "weight_decay": 0, "weight_decay_on": "matrices",
}  # fmt: skip
"""What transformers' trainer does where a text names none of it."""


@pytest.fixture(scope="module")
def checked() -> dict[str, dict[str, LoadedSuite]]:
    """All profiles of all suites; raises with every problem of the first that has one."""
    return {name: validate_all_profiles(name) for name in suite_names()}


def test_every_profile_of_every_shipped_suite_is_valid(checked: dict[str, dict[str, LoadedSuite]]) -> None:
    assert len(checked) >= 10
    for name, profiles in checked.items():
        assert {"micro", "" if name in TUTORIALS else "gpu"} <= set(profiles), name


@pytest.mark.parametrize("name", suite_names())
def test_a_suite_runs_offline_by_its_micro_profile_which_is_the_default_of_all_but_tutorials(name: str) -> None:
    loaded = load_suite(name, profile="micro" if name in TUTORIALS else None)
    assert loaded.profile == "micro"
    assert not needs_hub(loaded.suite, loaded.path.parent)
    assert [spec.card for spec in loaded.suite.bases().values()] == ["micro"]
    used = {f"data.{arm.data}" for arm in loaded.suite.expand()}
    for where, spec in data_tables(loaded.suite):
        if where in used or where.startswith("eval"):
            shipped = spec.source_kind == "file" and (loaded.path.parent / str(spec.source)).is_file()
            assert shipped or spec.source_kind in {"micro", "mix"}, f"{where} is not at hand"
    for spec in loaded.suite.eval:
        assert spec.kind != "lm_eval" or spec.include is not None, "lm-eval's own tasks need the hub"


@pytest.mark.parametrize("name", suite_names())
def test_a_suite_says_what_it_asks(name: str, root: Path) -> None:
    assert load_suite(name).suite.name == name.rpartition("/")[2]
    readme = root / "suites" / ("tutorials" if name in TUTORIALS else "") / "README.md"
    assert f"| `{name.rpartition('/')[2]}` |" in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_follows_its_text_by_default_and_that_needs_the_hub(name: str) -> None:
    loaded = load_suite(name)
    assert loaded.profile is None
    assert needs_hub(loaded.suite, loaded.path.parent)
    assert offline_hint(loaded) == "--profile micro needs no hub"


def gpu(name: str) -> Suite:
    return load_suite(name, profile="gpu").suite


def text(name: str) -> Suite:
    """A tutorial as its text has it, which is its default."""
    return load_suite(f"tutorials/{name}").suite


def test_full_vs_lora_asks_both_questions_at_rates_that_were_chosen() -> None:
    for profile, costs in (("micro", {"cost:flops"}), ("gpu", {"cost:memory", "cost:seconds"})):
        suite = load_suite("full_vs_lora", profile=profile).suite
        trained = [suite.recipe[arm.recipe] for arm in suite.expand() if suite.recipe[arm.recipe].method != "few_shot"]
        assert all(recipe.sweep is not None and list(recipe.sweep.values) == ["learning_rate"] for recipe in trained)
        assert {spec.role for spec in suite.eval} >= {"target", "retention"}
        assert {"full", "lora", "few_shot"} <= {suite.recipe[arm.recipe].method for arm in suite.expand()}
        assert {suite.budget_of(arm) for arm in suite.expand()} == {suite.budget}
        assert {claim.on for claim in suite.claim if claim.cost} == costs


def test_data_scaling_goes_from_250_rows_to_all_of_them_at_equal_budget_and_at_equal_epochs() -> None:
    suite = gpu("data_scaling")
    assert [suite.data[name].select.size for name in suite.arms.data] == [250, 1000, 4000, 16_000, None]
    assert {suite.data[name].source for name in suite.arms.data} == {"tatsu-lab/alpaca"}
    assert {suite.budget_of(arm).unit for arm in suite.expand() if arm.recipe == "equal_budget"} == {"tokens"}
    assert {suite.budget_of(arm).unit for arm in suite.expand() if arm.recipe == "equal_epochs"} == {"epochs"}


def test_curation_compares_each_selection_with_a_draw_of_its_own_size() -> None:
    for profile in ("gpu", "micro"):
        _check_curation(load_suite("curation", profile=profile).suite)


def _check_curation(suite: Suite) -> None:
    chosen = {name: spec.select.by for name, spec in suite.data.items() if spec.control}
    assert chosen == {"longest": "longest", "scored": "score", "diverse": "diverse"}
    controls = {arm.data: suite.control_of(arm) for arm in suite.expand()}
    assert {name: controls[name] for name in chosen} == {name: f"{name}_control/full" for name in chosen}
    assert controls["mixed"] == "random/full"
    draws = [suite.data[name].select.seed for name in ("random", *(f"{name}_control" for name in chosen))]
    assert len(set(draws)) == len(draws), "the same draw twice would be compared with itself"
    claimed = {claim.parts()[0] for claim in suite.claim}
    assert claimed == {f"{name}/full" for name in (*chosen, "mixed")}
    assert all(suite.data[f"{name}_control"].select.size_of == name for name in chosen)


def test_training_speed_asks_no_quality_and_changes_one_thing_at_a_time() -> None:
    suite = gpu("training_speed")
    assert (suite.eval, suite.run.workers) == ((), 1)
    assert {claim.cost for claim in suite.claim} == {"seconds", "memory"}
    assert all(claim.eval is None for claim in suite.claim)
    padded = suite.recipe["padded"].model_dump()
    changed = {
        name: {key for key, value in recipe.model_dump().items() if value != padded[key]}
        for name, recipe in suite.recipe.items()
        if recipe.method == "full"
    }
    assert changed == {
        "padded": set(), "grouped": {"group_by_length"}, "packed": {"packing", "batch_rows"}, "fp32": {"precision"},
        "checkpointed": {"gradient_checkpointing"},
    }  # fmt: skip
    ranks = [recipe.lora.r for recipe in suite.recipe.values() if recipe.lora is not None]
    assert ranks == [4, 16, 64]


@pytest.mark.parametrize(
    ("name", "card", "template", "arm", "recipe"),
    [
        (
            "distilgpt2_alpaca", "distilgpt2", "colon", "alpaca/published",
            {
                "method": "full", "learning_rate": 5e-5, "schedule": "linear", "warmup": 0, "end_token": False,
                "loss_on": "completion", "loss_average": "tokens", "max_length": 256, "batch_rows": 1,
                "accumulation": 100, "max_grad_norm": 1.0, "weight_decay": 0, "weight_decay_on": "matrices",
                "precision": "fp32",
            },
        ),
        (
            "smollm2_chat", "smollm2-135m", "files/named_lines.jinja", "chat/published",
            {
                "method": "full", "learning_rate": 8e-5, "loss_on": "all", "end_token": True, "batch_rows": 1,
                "accumulation": 8, "max_length": 1024, "precision": "fp32", **TRAINER_DEFAULTS,
            },
        ),
        (
            "gpt2_alpaca_cleaned", "gpt2", "alpaca", "cleaned/published",
            {
                "learning_rate": 2e-4, "warmup": 100, "schedule": "linear", "max_grad_norm": 1.0, "weight_decay": 0.01,
                "weight_decay_on": "all",
                "max_length": 256, "batch_rows": 4, "accumulation": 4, "end_token": False, "loss_average": "batches",
                "loss_on": "completion", "precision": "fp32",
            },
        ),
        (
            "dialogpt_lora", "dialogpt-small", "chatml", "two_rows/lora",
            {
                "method": "lora", "learning_rate": 5e-4, "batch_rows": 1, "accumulation": 1, "precision": "fp32",
                **TRAINER_DEFAULTS,
            },
        ),
        (
            "opt_text", "opt-350m", "alpaca", "reviews/text",
            {
                "method": "full", "loss_on": "all", "learning_rate": 5e-5, "batch_rows": 8, "max_length": 512,
                **TRAINER_DEFAULTS,
            },
        ),
    ],
)  # fmt: skip
def test_a_tutorials_default_arm_has_the_published_hyper_parameters(
    name: str, card: str, template: str, arm: str, recipe: dict[str, object]
) -> None:
    suite = text(name)
    assert (suite.model.card, suite.model.template) == (card, template)
    first = next(iter(suite.expand()))
    found = suite.recipe[first.recipe]
    assert f"{first.data}/{first.recipe}" == arm, "the published arm comes first"
    assert len(suite.expand()) > 1, "the sounder way is a second arm"
    assert {key: getattr(found, key) for key in recipe} == recipe
    assert (suite.budget_of(first).unit, suite.budget_of(first).amount) == ("epochs", 3 if name == "opt_text" else 1)


def test_the_tutorials_ask_what_was_asked_before_and_after() -> None:
    asked = {name: next(spec for spec in load_suite(name).suite.eval if spec.kind == "questions") for name in TUTORIALS}
    bare = asked["tutorials/distilgpt2_alpaca"]
    assert bare.questions == ("Explain machine learning in few words. ", "Explain supervised fine-tuning simply. ")
    assert (bare.template, bare.decoding.max_new_tokens, bare.decoding.temperature) == ("none", 50, 0)
    chat = asked["tutorials/smollm2_chat"]
    assert chat.questions == (
        "Give me an 1-sentence introduction of LLM.",
        "Calculate 1+1-1",
        "What's the difference between thread and process?",
    )
    assert (chat.decoding.max_new_tokens, chat.decoding.temperature) == (100, 0)
    sampled = asked["tutorials/gpt2_alpaca_cleaned"]
    assert sampled.questions == (
        "Explain what machine learning is in simple terms.",
        "Write a haiku about programming.",
        "What are the three branches of the US government?",
    )
    assert (sampled.decoding.temperature, sampled.decoding.top_p, sampled.decoding.max_new_tokens) == (0.7, 0.9, 100)


def test_the_tutorials_take_the_published_rows() -> None:
    assert text("distilgpt2_alpaca").data["alpaca"].select.by == "all"
    cleaned = text("gpt2_alpaca_cleaned")
    select, validation = cleaned.data["cleaned"].select, cleaned.recipe["published"].validation
    assert (select.by, select.offset, select.size) == ("first", 0, 1000)
    assert (validation.by, validation.share, validation.keep_best) == ("last", 0.1, True)
    chat = text("smollm2_chat").data["chat"]
    assert (chat.source, chat.select.by, chat.select.size) == ("banghua/DL-SFT-Dataset", "first", 100)


def test_a_base_that_ends_every_answer_stops_no_tutorial() -> None:
    """The embedded one does: as a target the eval would be at its ceiling before the first training."""
    ends = [spec for name in TUTORIALS for spec in load_suite(name).suite.eval if spec.name == "ends"]
    assert [spec.role for spec in ends] == ["diagnostic"] * 3


def test_the_tutorials_log_as_often_as_their_texts() -> None:
    logged = {name.rpartition("/")[2]: load_suite(name).suite.run.log_every for name in TUTORIALS}
    assert logged == {
        "dialogpt_lora": 1, "distilgpt2_alpaca": 100, "gpt2_alpaca_cleaned": 57, "opt_text": None, "smollm2_chat": 2,
    }  # fmt: skip


def test_the_gpt2_tutorial_states_what_was_published(root: Path) -> None:
    said = (root / "suites/tutorials/gpt2_alpaca_cleaned.toml").read_text(encoding="utf-8")
    assert re.search(r"2\.5208.*2\.4195", said)


def test_the_dialogpt_tutorial_brings_deepspeeds_file_as_it_is() -> None:
    recipes = load_suite("tutorials/dialogpt_lora", profile="deepspeed").suite.recipe
    for name in ("lora", "full"):
        assert recipes[name].deepspeed == {"zero_optimization": {"stage": 2}, "fp16": {"enabled": True}}
        assert recipes[name].precision == "fp16"


def test_the_two_rows_of_the_dialogpt_tutorial_have_the_tokens_of_the_published_operations(
    root: Path, shared_dir: Path
) -> None:
    """18,722,451,456 = 6 × 36 tokens × 86,678,016 parameters without embeddings."""
    bpe = shared_dir / "data" / "gpt2_bpe"
    vocabulary = json.loads((bpe / "encoder.json").read_text(encoding="utf-8"))
    lines = (bpe / "vocab.bpe").read_text(encoding="utf-8").splitlines()[1:]
    tokenizer = Tokenizer(models.BPE(vocabulary, [(a, b) for a, b in (line.split() for line in lines if line)]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    file = root / "suites/tutorials/files/dialogpt_two_rows.jsonl"
    texts = [json.loads(line)["text"] for line in file.read_text(encoding="utf-8").splitlines()]
    tokens = sum(len(tokenizer.encode(text).ids) + 1 for text in texts)  # and the end token
    embeddings = (50_257 + 1024) * 768
    assert 6 * tokens * (126_061_824 - embeddings) == 18_722_451_456


def test_the_dialogpt_tutorial_trains_the_published_adapter() -> None:
    lora = text("dialogpt_lora").recipe["lora"].lora
    assert (lora.r, lora.alpha, lora.dropout, lora.target_modules) == (16, 32, 0.1, ("c_attn", "c_proj"))
