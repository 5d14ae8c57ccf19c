"""Trained weights out of a run: found by arm and seed, usable in plain transformers, talked to beside the base."""

import contextlib
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftConfig, PeftModel, PromptTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from bench.cli.main import app
from bench.data.render.render import make_renderer
from bench.data.render.row import Turn
from bench.errors import InputError
from bench.model.loading.load import load_base, load_subject, load_tokenizer
from bench.record.files import WEIGHTS
from bench.record.jobs.train_job import TrainJob
from bench.run.commands import chat
from bench.run.commands.chat import ChatOptions, open_chat
from bench.run.commands.weights import TrainedWeights, export_weights, find_trained
from bench.train.saved.export import export_subject
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.suites import SERVER, fake_suite, run_below
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data

CPU = torch.device("cpu")
IDS = torch.arange(2, 40)[None]


def job_on(base: Path, folder: Path) -> TrainJob:
    """A training job whose weights a test has written itself."""
    data, budget = stored_data(folder, make_rows(4)), {"unit": "epochs", "amount": 1}
    return make_job(resolved_model(base), data, recipe=make_recipe(), budget=budget)


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits


def adapter(base: Path, job: Path, config: object) -> None:
    """An adapter that changes the base visibly, as a training leaves it."""
    adapted = get_peft_model(load_base(resolved_model(base), precision="fp32", device=CPU), config)  # type: ignore[arg-type]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                torch.nn.init.normal_(parameter, std=0.2)
    adapted.save_pretrained(job / WEIGHTS)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_checkpoint(tmp_path / "base")


def test_a_merged_arm_is_the_subject_in_plain_transformers(tmp_path: Path, base: Path) -> None:
    adapter(base, tmp_path / "job", LoraConfig(r=4, target_modules="all-linear"))
    (tmp_path / "out").mkdir()
    export_subject(resolved_model(base), tmp_path / "job", tmp_path / "out", merge=True, precision="fp32")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32)
    subject = load_subject(resolved_model(base), tmp_path / "job", precision="fp32", device=CPU)
    assert torch.equal(logits(plain), logits(subject))
    assert not (tmp_path / "out" / "adapter_config.json").exists()


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_what_fp32_has_trained_is_merged_without_rounding_it_to_the_bases_type(
    tmp_path: Path, base: Path, precision: str, dtype: torch.dtype
) -> None:
    """An update of a thousandth of the weights is below what bf16 tells apart: the arm came out as its base."""
    AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16).save_pretrained(base)
    adapter(base, tmp_path / "job", LoraConfig(r=4, lora_alpha=0.004, target_modules="all-linear"))
    (tmp_path / "out").mkdir()
    export_subject(resolved_model(base), tmp_path / "job", tmp_path / "out", merge=True, precision=precision)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    subject = load_subject(resolved_model(base), tmp_path / "job", precision="fp32", device=CPU)
    assert merged.dtype == dtype
    assert torch.equal(logits(merged.float()), logits(subject)) is (precision == "fp32")


def test_an_adapter_is_written_as_it_is(tmp_path: Path, base: Path) -> None:
    adapter(base, tmp_path / "job", LoraConfig(r=4, target_modules="all-linear"))
    (tmp_path / "out").mkdir()
    export_subject(resolved_model(base), tmp_path / "job", tmp_path / "out", merge=False, precision="fp32")
    adapted = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), tmp_path / "out"
    )
    subject = load_subject(resolved_model(base), tmp_path / "job", precision="fp32", device=CPU)
    assert torch.allclose(logits(adapted), logits(subject), atol=1e-4)


def test_its_tokenizer_asks_as_the_arm_was_asked(tmp_path: Path, base: Path) -> None:
    """A tokenizer without the template that was trained in would ask in another form."""
    adapter(base, tmp_path / "job", LoraConfig(r=4, target_modules="all-linear"))
    (tmp_path / "out").mkdir()
    model = resolved_model(base, template="chatml")
    export_subject(model, tmp_path / "job", tmp_path / "out", merge=True, precision="fp32")
    plain = AutoTokenizer.from_pretrained(tmp_path / "out")
    text = plain.apply_chat_template([{"role": "user", "content": "hi"}], add_generation_prompt=True, tokenize=False)
    renderer = make_renderer(load_tokenizer(model), model, 64)
    assert plain(text, add_special_tokens=False)["input_ids"] == renderer.prompt([Turn(role="user", content="hi")])


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3), "a learned prompt changes no weights"),
        (LoraConfig(r=2, target_modules=["q_proj"], lora_bias=True), "the base layer has no bias"),
        (
            LoraConfig(r=2, target_modules=["q_proj"], layer_replication=[[0, 2], [1, 2]]),
            "share one matrix",
        ),
    ],
    ids=["prompt", "lora_bias", "layer_replication"],
)
def test_what_cannot_be_merged_is_refused_with_its_own_reason(
    tmp_path: Path, base: Path, config: PeftConfig, reason: str
) -> None:
    adapter(base, tmp_path / "job", config)
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=f"cannot be merged: .*{reason}"):
        export_subject(resolved_model(base), tmp_path / "job", tmp_path / "out", merge=True, precision="fp32")


def test_an_arm_is_found_by_name_and_seed(tmp_path: Path) -> None:
    run = run_below(tmp_path, fake_suite(tmp_path))
    found = find_trained(run, "few/lora", seed=1, home=tmp_path / "home")
    assert (found.job.arm, found.job.seed, found.precision) == ("few/lora", 1, "fp32")
    assert (found.folder / WEIGHTS / "adapter.safetensors").is_file()
    assert find_trained(run, "few/lora", seed=None, home=tmp_path / "home").job.seed == 0
    for arm, seed, problem in (("few/lorra", None, "weights.unknown-arm"), ("few/lora", 7, "weights.seed")):
        with pytest.raises(InputError) as raised:
            find_trained(run, arm, seed=seed, home=tmp_path / "home")
        assert raised.value.problems[0].reference == problem
    with pytest.raises(InputError, match="are not here"):
        find_trained(run, "few/lora", seed=None, home=tmp_path / "elsewhere")


def test_an_arm_that_trains_nothing_has_no_weights(tmp_path: Path) -> None:
    recipes = {"few": {"method": "few_shot", "shots": 2}}
    suite = fake_suite(tmp_path, recipe=recipes, arms={"data": ("few",), "recipe": ("few",)})
    run = run_below(tmp_path, suite)
    with pytest.raises(InputError, match="trains nothing"):
        find_trained(run, "few/few", seed=None, home=tmp_path / "home")


def test_weights_that_were_removed_say_how_to_have_them(tmp_path: Path) -> None:
    run = run_below(tmp_path, fake_suite(tmp_path, run={"keep_weights": False, "workers": 1}))
    with pytest.raises(InputError) as raised:
        find_trained(run, "few/lora", seed=None, home=tmp_path / "home")
    assert "run.keep_weights=true" in (raised.value.problems[0].hint or "")


def test_nothing_is_written_over_a_folder(tmp_path: Path, base: Path) -> None:
    trained = TrainedWeights(job=job_on(base, tmp_path), folder=tmp_path, precision="fp32")
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match="the folder exists"):
        export_weights(trained, tmp_path / "out", merge=False, home=tmp_path, server=SERVER)


def test_base_and_arm_answer_side_by_side_and_remember(tmp_path: Path, base: Path) -> None:
    adapter(base, tmp_path / "job", LoraConfig(r=4, target_modules="all-linear"))
    job = job_on(base, tmp_path)
    options = ChatOptions(max_new_tokens=5, temperature=1.0)
    trained = TrainedWeights(job=job, folder=tmp_path / "job", precision="fp32")
    with open_chat(trained, options, home=tmp_path) as speakers:
        first = [speaker.answer("Where does the baker live?") for speaker in speakers]
        assert first[0] != first[1], "two models"
        assert [len(speaker.turns) for speaker in speakers] == [2, 2]
        assert speakers[0].answer("word " * 400) is None
        assert len(speakers[0].turns) == 2, "the conversation goes on without what did not fit"
        speakers[0].reset()
        assert speakers[0].answer("Where does the baker live?") == first[0]


class Parrot:
    """Says its name and how many messages it heard since the last reset."""

    def __init__(self, name: str) -> None:
        self.name, self.heard = name, 0

    def answer(self, text: str) -> str | None:
        self.heard += 1
        return None if text == "too long" else f"{text}\x1b[2J\n{self.heard}"

    def reset(self) -> None:
        self.heard = 0


def test_a_chat_works_in_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_below(tmp_path, fake_suite(tmp_path))
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    parrots = contextlib.nullcontext((Parrot("base"), Parrot("few/lora")))
    monkeypatch.setattr(chat, "open_chat", lambda *_, **__: parrots)
    done = CliRunner().invoke(
        app, ["chat", "fake", "few/lora", "--reports", str(tmp_path / "reports")], input="hi\n\nagain\n/reset\ntoo long"
    )
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "base: hi␛[2J⏎1",
        "few/lora: hi␛[2J⏎1",
        "base: again␛[2J⏎2",
        "few/lora: again␛[2J⏎2",
        "base: (longer than the model's context)",
        "few/lora: (longer than the model's context)",
    ]
