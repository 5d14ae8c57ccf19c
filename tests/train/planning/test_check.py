"""Before any work: what a recipe asks for and this installation or model cannot do is told, not tried."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from bench.data.render.row import Row, Turn
from bench.errors import InputError
from bench.suite.tables.training.adapter import QuantizationSpec
from bench.train.arguments.sft_config import sft_config
from bench.train.planning.check import check_rows, check_training, rows_are_sound
from bench.train.processes.distribution import check_distribution
from bench.train.training_data import build_training_data
from tests.fakes.architectures import EXPERTS, architecture_checkpoint
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama."""
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "base")


def job_on(base: Path, **recipe: Any) -> Any:
    """A job of one step."""
    data = stored_data(base.parent, make_rows(4))
    return make_job(resolved_model(base), data, recipe=make_recipe(**recipe), budget={"unit": "steps", "amount": 1})


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"method": "peft", "peft": {"type": "LOHAA"}}, "no method 'LOHAA'"),
        ({"method": "peft", "peft": {"type": "LOHA", "rank": 4}}, "LOHA has no field 'rank'"),
        ({"method": "peft", "peft": {"type": "POLY"}}, "number of their task"),
        ({"method": "peft", "peft": {"type": "LORA", "r": -1}}, "PEFT cannot|PEFT refuses"),
        ({"method": "lora", "lora": {"target_modules": ["nothing_like_it"]}}, "nothing_like_it"),
        ({"method": "peft", "peft": {"type": "ROAD", "target_modules": "all-linear"}}, "group_size"),
        ({"method": "lora", "lora": {"target_modules": ["lm_head"]}}, "LORA would adapt the language-model head"),
        ({"method": "peft", "peft": {"type": "TRAINABLE_TOKENS", "token_indices": [3]}}, "would adapt the language"),
        ({"optimizer_arguments": {"eps": 1e-6}}, "adamw takes no argument 'eps'"),
        ({"optimizer": "adafactor", "optimizer_arguments": {"scale_parameter": True}}, "no argument 'scale_parameter'"),
        ({"optimizer": "sgd", "optimizer_arguments": {"momentum": 0.9, "momentun": 0.9}}, "no argument 'momentun'"),
        ({"max_length": 300}, "beyond the model's 256 positions"),
        ({"precision": "fp16"}, "cannot compute in fp16"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_before_weights_are_read(
    base: Path, recipe: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_training(job_on(base, **recipe))


@pytest.mark.parametrize(
    "recipe",
    [
        {},
        {"method": "pissa"},
        {"method": "prefix"},
        {"packing": "bfd"},
        {"optimizer": "adafactor"},
        {"optimizer": "sgd", "optimizer_arguments": {"momentum": 0.9, "nesterov": True}},
        {"optimizer": "rmsprop", "optimizer_arguments": {"alpha": 0.99, "centered": False}},
    ],
)
def test_a_recipe_that_works_passes(base: Path, recipe: dict[str, Any]) -> None:
    check_training(job_on(base, **recipe))


@pytest.mark.parametrize("name", EXPERTS)
def test_an_adapter_on_experts_stored_in_bf16_passes(tmp_path: Path, name: str) -> None:
    """As nearly all mixtures of experts are stored. PEFT cannot fold its factors into experts without numbers."""
    base = architecture_checkpoint(tmp_path / "base", EXPERTS[name]())
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).save_pretrained(base)
    check_training(job_on(base, method="lora"))


def test_distribution_tables_reach_the_trainer_as_they_are(tmp_path: Path) -> None:
    """And are copies: the libraries write into them."""

    table = {"version": 2, "transformer_layer_cls_to_wrap": ["LlamaDecoderLayer"]}
    recipe = make_recipe(fsdp=table)
    config = sft_config(recipe, steps=1, seed=0, precision="fp32", device=torch.device("cpu"), folder=tmp_path)
    assert config.fsdp is True
    assert config.fsdp_config["transformer_layer_cls_to_wrap"] == ["LlamaDecoderLayer"]
    assert recipe.fsdp == table


def test_a_machine_that_falls_back_in_silence_is_told(base: Path) -> None:
    """accelerate runs plain data parallelism where it cannot shard."""

    class Kind:
        value = "NO"

    class Accelerator:
        distributed_type = Kind()
        num_processes = 1

    class Trainer:
        accelerator = Accelerator()

        def add_callback(self, callback: object) -> None:
            """What looks at the shards when training begins."""

    check_distribution(make_recipe(), Trainer())
    with pytest.raises(InputError, match="asks for distribution FSDP in one process, and this machine gave NO in 1"):
        check_distribution(make_recipe(fsdp={}), Trainer())
    with pytest.raises(InputError, match="asks for distribution MULTI_GPU in 2 processes, and this machine gave NO"):
        check_distribution(make_recipe(launch={"processes": 2}, accumulation=2), Trainer())
    Kind.value = "FSDP"
    check_distribution(make_recipe(fsdp={}), Trainer())
    with pytest.raises(InputError, match="asks for distribution FSDP in 4 processes, and this machine gave FSDP in 1"):
        check_distribution(make_recipe(fsdp={}, launch={"processes": 4}, accumulation=4), Trainer())


def test_qlora_says_how_the_base_is_held() -> None:
    assert make_recipe(method="qlora").quantization == QuantizationSpec()
    assert make_recipe(method="qlora", quantization={"bits": 8}).quantization == QuantizationSpec(bits=8)
    assert make_recipe(method="lora").quantization is None


STEP = {"unit": "steps", "amount": 1}


def asked(question: str, answer: str, **more: Any) -> Row:
    """A row of one question."""
    turns = (Turn(role="user", content=question), Turn(role="assistant", content=answer, **more))
    return Row(turns=turns, origin=f"rows:{question}")


def test_every_row_goes_through_the_template_before_any_work(base: Path, tmp_path: Path) -> None:
    """The odd rows may be reached by one seed alone, after the others were paid for. One problem for each kind."""
    rows = [asked("plain", "yes"), asked("thinks", "4", reasoning="two and two"), asked("again", "5", reasoning="why")]
    job = make_job(resolved_model(base), stored_data(tmp_path, rows), recipe=make_recipe(), budget=STEP)
    with pytest.raises(InputError) as caught:
        check_rows(job)
    [problem] = caught.value.problems
    assert problem.what.endswith("leaves out the reasoning of turn 2 (assistant), as of 1 more row")
    assert problem.where == "rows:thinks"


@pytest.mark.parametrize(
    ("odd_rows", "plain", "passes"),
    [("repair", 99, True), ("repair", 98, False), ("strict", 99, False), ("drop", 1, True), ("drop", 0, False)],
)
def test_one_row_that_the_template_cannot_print_refuses_no_file(
    base: Path, tmp_path: Path, odd_rows: str, plain: int, passes: bool
) -> None:
    rows = [asked(str(number), "yes") for number in range(plain)] + [asked("thinks", "4", reasoning="two and two")]
    data = stored_data(tmp_path, rows).model_copy(update={"odd_rows": odd_rows})
    job = make_job(resolved_model(base), data, recipe=make_recipe(), budget={"unit": "epochs", "amount": 1})
    if not passes:
        with pytest.raises(InputError, match="leaves out the reasoning"):
            check_rows(job)
        return
    check_rows(job)
    schedule = build_training_data(job, budget=job.budget).schedule
    assert (schedule.distinct_rows, schedule.refused_rows, schedule.dropped_rows) == (plain, 1, 0)


def test_a_part_of_the_rows_is_sound_where_the_template_prints_each_of_it(base: Path, tmp_path: Path) -> None:
    """One odd row of a hundred refuses no file, but what becomes of it is for the check of all rows to say."""
    rows = [asked(str(number), "yes") for number in range(6)] + [asked("thinks", "4", reasoning="two and two")]
    job = make_job(resolved_model(base), stored_data(tmp_path, rows), recipe=make_recipe(), budget=STEP)
    assert [rows_are_sound(job, part=part, parts=3) for part in range(3)] == [True, True, False]
    assert [rows_are_sound(job, part=part, parts=7) for part in range(7)] == [True] * 6 + [False]


def test_rows_that_the_template_prints_pass(base: Path, tmp_path: Path) -> None:
    data = stored_data(tmp_path, [asked("plain", "yes"), asked("other", "no")])
    check_rows(make_job(resolved_model(base), data, recipe=make_recipe(loss_on="assistant"), budget=STEP))


def test_a_row_with_a_token_beyond_the_embedding_is_refused(tmp_path: Path) -> None:
    """The suite's own check sees the template alone; training would fail with an index out of range."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tiny_checkpoint(tmp_path / "base")
    rows = [asked("plain", "yes"), asked("by the", "river! of"), asked("at the", "river! too")]
    job = make_job(resolved_model(folder), stored_data(tmp_path, rows), recipe=make_recipe(), budget=STEP)
    check_rows(job)
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens([f"unused{place}" for place in range(max(0, model.config.vocab_size - len(tokenizer)))])
    tokenizer.add_tokens(["river!"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(InputError) as caught:
        check_rows(job)
    [problem] = caught.value.problems
    assert problem.what == (
        "the row as the template prints it has river!, and the model's embedding has 384 rows, as of 1 more row"
    )
    assert problem.where == "rows:by the"
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(folder)
    check_rows(job)
