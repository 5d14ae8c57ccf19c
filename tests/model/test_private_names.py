"""Private names of the libraries: a rename upstream must fail here, not change a loss in silence."""

import ast
import importlib.metadata
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.utils import imports, is_peft_available
from peft import AdaLoraConfig, IA3Config, LoraConfig, PeftConfig, get_peft_model
from torch.testing._internal.two_tensor import TwoTensor
from transformers import (
    MixtralConfig,
    MixtralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    dynamic_module_utils,
    trainer,
)

from bench.data.render.tokenizers_private import plain_tokenizer
from bench.model import accelerate_private, peft_private, torch_private, transformers_private
from bench.model.transformers_private import TrainerHooks
from tests.fakes.checkpoints import tiny_model, tiny_tokenizer

OVERRIDDEN = {
    "_get_num_items_in_batch": ["self", "batch_samples", "device"],
    "_clip_grad_norm": ["self", "model"],
    "_get_grad_norm": ["self", "model", "grad_norm"],
    "_maybe_log_save_evaluate": [
        "self", "tr_loss", "grad_norm", "model", "trial", "epoch", "ignore_keys_for_eval", "start_time",
        "learning_rate",
    ],
    "_load_from_checkpoint": ["self", "resume_from_checkpoint", "model"],
    "_load_optimizer_and_scheduler": ["self", "checkpoint"],
    "_load_rng_state": ["self", "checkpoint"],
}  # fmt: skip
"""Steps of `Trainer` that `TrainerHooks` stands in for, with their parameters."""

DOCUMENTED = {"_exit", "_asdict", "_fields"}
"""Names of Python's library that are public for all their underscore."""

BY_NAME = ("getattr", "hasattr", "setattr")
"""Functions whose second argument is a name."""

CALLED = {"_get_learning_rate": ["self"], "_prepare_inputs": ["self", "inputs"]}


@pytest.mark.parametrize(("name", "parameters"), [*OVERRIDDEN.items(), *CALLED.items()])
def test_the_trainer_has_the_step_with_these_parameters(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(Trainer, name)).parameters) == parameters


def test_the_tables_name_every_private_method() -> None:
    """A hook that is added later needs its line here."""
    ours = {name for name, value in vars(TrainerHooks).items() if callable(value) and name.startswith("_")}
    assert {name for name in ours if not name.startswith("__")} == set(OVERRIDDEN)


def test_deepspeeds_own_checkpoint_is_read_by_a_name_that_can_be_replaced() -> None:
    """`_inner_training_loop` calls it by the module's name, before the hook that restores the optimiser."""
    before = trainer.deepspeed_load_checkpoint
    with transformers_private.deepspeed_reads_no_checkpoint():
        assert trainer.deepspeed_load_checkpoint(None, "folder", load_module_strict=True) is None
    assert trainer.deepspeed_load_checkpoint is before
    loop = inspect.getsource(Trainer._prepare_for_training)
    assert loop.index("deepspeed_load_checkpoint(") < loop.index("_load_optimizer_and_scheduler(")


class Recorder(TrainerHooks, Trainer):  # type: ignore[misc]  # transformers is read as untyped
    """Notes which public hook is called when."""

    def __init__(self, **arguments: Any) -> None:
        self.calls: list[str] = []
        super().__init__(**arguments)

    def loss_divisor(self, batches: list[dict[str, Any]]) -> int:
        self.calls.append(f"count {len(batches)}")
        return 7

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        self.calls.append(f"loss {num_items_in_batch}")
        return model(**inputs).logits.sum() * 1e-6

    def before_optimizer(self) -> None:
        self.calls.append("optimizer")

    def after_step(self, gradient_norm: float, learning_rate: float) -> None:
        self.calls.append(f"step at {learning_rate:g}")
        assert gradient_norm > 0
        assert self.learning_rate() == pytest.approx(learning_rate / 2)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        if self.lr_scheduler is None:
            self.use_scheduler(torch.optim.lr_scheduler.ExponentialLR(optimizer or self.optimizer, 0.5))
        return self.lr_scheduler

    def load_checkpoint_weights(self) -> None:
        self.calls.append("weights")

    def load_checkpoint_optimizer(self) -> None:
        self.calls.append("optimizer state")

    def load_checkpoint_random_states(self) -> None:
        self.calls.append("random states")


def recorder(folder: Path, **arguments: Any) -> Recorder:
    """A trainer of two steps of two forward passes, at a rate that halves."""
    rows = [{"input_ids": torch.arange(3, 9)} for _ in range(4)]
    options = TrainingArguments(
        output_dir=str(folder), max_steps=2, per_device_train_batch_size=1, gradient_accumulation_steps=2,
        learning_rate=0.5, use_cpu=True, save_strategy="no", logging_strategy="no", report_to="none",
        disable_tqdm=True, **arguments,
    )  # fmt: skip
    return Recorder(model=tiny_model(), args=options, train_dataset=rows)


@pytest.mark.parametrize(("clipping", "times"), [(1.0, 2), (0.0, 1)])
def test_transformers_calls_each_hook_when_its_name_says(tmp_path: Path, clipping: float, times: int) -> None:
    trainer = recorder(tmp_path, max_grad_norm=clipping)
    trainer.train()
    step = ["count 2", "loss 7", "loss 7", *["optimizer"] * times]
    assert trainer.calls == [*step, "step at 0.5", *step, "step at 0.25"]
    assert trainer.on_device({"input_ids": torch.ones(1)})["input_ids"].device == trainer.args.device


def test_a_scheduler_of_ours_is_made_anew_by_each_training(tmp_path: Path) -> None:
    trainer = recorder(tmp_path)
    trainer.train()
    first = trainer.lr_scheduler
    trainer.train()
    assert trainer.lr_scheduler is not first


def test_transformers_loads_a_checkpoint_through_the_hooks(tmp_path: Path) -> None:
    whole = recorder(tmp_path)
    whole.train()
    whole.state.global_step = 1
    whole.state.save_to_json(str(tmp_path / "trainer_state.json"))
    resumed = recorder(tmp_path)
    resumed.resume_step(1)
    resumed.train(resume_from_checkpoint=str(tmp_path))
    loads = [call for call in resumed.calls if call in {"weights", "optimizer state", "random states"}]
    assert loads == ["weights", "optimizer state", "random states"]
    assert sum(call.startswith("step") for call in resumed.calls) == 1


def test_the_attention_of_a_configuration_is_read() -> None:
    model = tiny_model()
    for name in ("eager", "sdpa"):
        model.set_attn_implementation(name)
        assert transformers_private.attention_implementation(model.config) == name
    assert transformers_private.attention_implementation(object()) is None


def test_one_gpu_is_used_of_many(tmp_path: Path) -> None:
    arguments = TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to="none")
    assert arguments.n_gpu == 0
    arguments._n_gpu = 4
    transformers_private.use_one_gpu(arguments)
    assert arguments.n_gpu == 1


def test_module_copies_go_where_they_are_sent(tmp_path: Path) -> None:
    before = dynamic_module_utils.HF_MODULES_CACHE
    with transformers_private.module_copies_in(tmp_path):
        dynamic_module_utils.init_hf_modules()
        assert (tmp_path / "__init__.py").is_file()
    assert before == dynamic_module_utils.HF_MODULES_CACHE


def test_peft_names_its_methods() -> None:
    classes = peft_private.config_classes()
    assert classes["LORA"] is LoraConfig
    assert classes["ADALORA"] is AdaLoraConfig
    assert all(issubclass(kind, PeftConfig) for kind in classes.values())


def test_peft_tells_which_modules_carry_an_adapter() -> None:
    adapted = get_peft_model(tiny_model(), LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj"]))
    names = peft_private.adapted_modules(adapted)
    assert sorted(names) == [f"model.layers.{layer}.self_attn.q_proj" for layer in range(2)]
    attention = adapted.get_base_model().model.layers[0].self_attn
    assert peft_private.carries_adapter(attention.q_proj)
    assert not peft_private.carries_adapter(attention.k_proj)
    assert not any(map(peft_private.reads_base_weight, (attention.q_proj, attention.k_proj)))
    assert peft_private.adapted_modules(tiny_model()) == ()


@pytest.mark.parametrize(
    ("config", "adds"),
    [
        (LoraConfig(target_modules="all-linear"), True),
        (LoraConfig(target_modules=["q_proj", "embed_tokens"]), True),
        (LoraConfig(target_modules=["q_proj"], lora_bias=True), False),
        (LoraConfig(target_modules=["q_proj"], use_dora=True), False),
        (LoraConfig(target_modules=[], target_parameters=["q_proj.weight"]), False),
        (IA3Config(target_modules=["q_proj"], feedforward_modules=[]), False),
    ],
)
def test_what_merging_adds_to_is_seen(config: PeftConfig, adds: bool) -> None:
    """A layer of any other adapter may fail half-way, and would have the update twice."""
    assert peft_private.merges_by_adding(get_peft_model(tiny_model(), config)) == adds


def test_peft_moves_ranks_in_adalora_alone() -> None:
    config = AdaLoraConfig(
        task_type="CAUSAL_LM", init_r=4, target_r=2, tinit=0, tfinal=0, deltaT=1, total_step=4,
        target_modules=["q_proj"],
    )  # fmt: skip
    model = get_peft_model(tiny_model(), config)
    assert peft_private.moves_ranks(model)
    assert not peft_private.moves_ranks(tiny_model())
    counters = [name for name, _ in model.named_parameters() if peft_private.is_rank_counter(name)]
    assert len(counters) == 2
    singular = [value for name, value in model.named_parameters() if ".lora_E." in name]
    for value in singular:
        torch.nn.init.ones_(value)
    model(input_ids=torch.arange(3, 9)[None]).logits.sum().backward()
    peft_private.allocate_ranks(model, 3)
    assert 0 < sum(int((value == 0).sum()) for value in singular) <= 4


def test_pefts_adapter_of_parameters_is_seen() -> None:
    """Experts are parameters of one module, on which some starts of LoRA fail."""
    config = MixtralConfig(
        vocab_size=16, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
        num_key_value_heads=1, num_local_experts=2,
    )  # fmt: skip
    lora = LoraConfig(r=2, target_modules="all-linear")
    assert peft_private.adapts_parameters(get_peft_model(MixtralForCausalLM(config), lora))
    assert not peft_private.adapts_parameters(get_peft_model(tiny_model(), lora))


def test_torchs_dispatch_mode_sees_every_operation_with_these_arguments() -> None:
    """Operations and tensors are counted by it: one that is never called would count nothing."""
    parameters = list(inspect.signature(torch_private.TorchDispatchMode.__torch_dispatch__).parameters)
    assert parameters == ["self", "func", "types", "args", "kwargs"]
    seen = []

    class Seen(torch_private.TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(str(func))
            return func(*args, **(kwargs or {}))

    with Seen():
        torch.ones(2, 3) @ torch.ones(3, 2)
    assert seen[-1] == "aten.mm.default"


def test_torchs_trees_are_walked_to_their_tensors() -> None:
    first, second = torch.ones(1), torch.ones(2)
    leaves = list(torch_private.tree_iter(((first, [second]), {"a": {"b": 3}})))
    assert leaves[0] is first
    assert leaves[1] is second
    assert leaves[2] == 3


def test_views_share_a_storage_and_copies_do_not() -> None:
    tensor = torch.ones(4, device="meta")
    assert torch_private.storage_key(tensor[1:]) == torch_private.storage_key(tensor)
    assert torch_private.storage_key(tensor.clone()) != torch_private.storage_key(tensor)


def test_onednns_packed_weights_give_a_linear_layers_outputs() -> None:
    assert torch_private.can_pack(torch.float32) == torch.backends.mkldnn.is_available()
    weight, bias, inputs = torch.randn(5, 3), torch.randn(5), torch.randn(2, 7, 3)
    packed = torch_private.pack_weight(weight)
    outputs = torch_private.packed_linear(inputs, packed, bias)
    assert torch.allclose(outputs, torch.nn.functional.linear(inputs, weight, bias), atol=1e-5)


def test_an_operation_that_shares_or_changes_its_arguments_makes_nothing_new() -> None:
    """Results of others are kept: a view or a change in place that counted as new would be lost."""
    aten = torch.ops.aten
    assert [torch_private.makes_new(one) for one in (aten.mm.default, aten.view.default, aten.add_.Tensor)] == [
        True, False, False,
    ]  # fmt: skip


def test_a_tensor_of_several_is_taken_apart_to_plain_ones() -> None:
    """Quantised weights are such: whole, they count as wide as they were before."""
    parts = [torch.ones(2), torch.zeros(2), torch.ones(2), torch.zeros(2)]
    nested = TwoTensor(TwoTensor(*parts[:2]), TwoTensor(*parts[2:]))
    assert all(one is other for one, other in zip(torch_private.plain_parts(nested), parts, strict=True))
    assert next(torch_private.plain_parts(parts[0])) is parts[0]


def private_names(tree: ast.Module) -> Iterator[str]:
    """Private names of other modules that a module takes hold of: attributes and imports by one underscore, and torch's
    protocols by two."""
    nodes = [*ast.walk(tree)]
    own = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            own.add(node.attr)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            own.add(node.target.id)
    taken = [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in BY_NAME:
            taken += [word.value for word in node.args[1:2] if isinstance(word, ast.Constant)]
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            taken += [*(node.module or "").split("."), *(alias.name for alias in node.names)]
    yield from (name for name in taken if re.match(r"_(?!_)|__(torch|tensor)_", name) and name not in own | DOCUMENTED)


def test_private_names_are_taken_in_the_files_that_say_so_alone() -> None:
    package = Path(torch_private.__file__).parents[1]
    found = {
        str(path.relative_to(package)): names
        for path in package.rglob("*.py")
        if not path.name.endswith("_private.py")
        if (names := list(private_names(ast.parse(path.read_text(encoding="utf-8")))))
    }
    assert found == {"run/process/server.py": ["_forkserver", "_forkserver_pid"]}


def words(path: Path) -> set[str]:
    """Texts of a file that are one name with an underscore before it, such as a key of a configuration."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return {text for text in texts if re.fullmatch(r"_[a-z]\w+", text)}


def test_private_names_are_written_as_texts_in_these_files_alone() -> None:
    package = Path(torch_private.__file__).parents[1]
    private = {*package.rglob("*_private.py")}
    names = {name for path in private for name in (*words(path), *private_names(ast.parse(path.read_text())))}
    found = {str(path.relative_to(package)): words(path) & names for path in {*package.rglob("*.py")} - private}
    assert {path: shared for path, shared in found.items() if shared} == {}


def test_architecture_lists_the_file_of_every_library() -> None:
    package = Path(torch_private.__file__).parents[1]
    page = (package.parent / "docs/architecture.md").read_text(encoding="utf-8")
    rule = page.split("- Private names of other libraries")[1].split("\n- ")[0]
    listed = re.findall(r"`(bench/[\w/]+_private\.py)`", rule)
    assert sorted(listed) == sorted(str(path.relative_to(package.parent)) for path in package.rglob("*_private.py"))


def test_weights_that_transformers_keeps_in_fp32_are_known() -> None:
    assert list(inspect.signature(PreTrainedModel._get_dtype_plan).parameters) == ["self", "dtype"]
    model = tiny_model()
    model._keep_in_fp32_modules_strict = {"lm_head"}
    stays = transformers_private.stays_fp32(model, torch.bfloat16)
    assert (stays("lm_head.weight"), stays("model.norm.weight")) == (True, False)
    assert not transformers_private.stays_fp32(model, torch.float32)("lm_head.weight")


def test_a_tokenizer_is_plain_where_transformers_alone_stands_before_it() -> None:
    class Prepares(PreTrainedTokenizerFast):  # type: ignore[misc]  # transformers is read as untyped
        def _encode_plus(self, text: str, **options: Any) -> Any:
            return super()._encode_plus(text.lower(), **options)

    class Answers(PreTrainedTokenizerFast):  # type: ignore[misc]  # same
        def encode(self, text: str, **options: Any) -> list[int]:
            return [7]

    plain = tiny_tokenizer()
    assert plain_tokenizer(plain) is plain.backend_tokenizer
    for kind in (Prepares, Answers):
        assert plain_tokenizer(kind(tokenizer_object=plain.backend_tokenizer)) is None


def test_the_trainer_has_the_name_by_which_it_is_given_a_scheduler(tmp_path: Path) -> None:
    trainer = Recorder(model=tiny_model(), args=TrainingArguments(output_dir=str(tmp_path)))
    assert trainer._created_lr_scheduler is False


def test_accelerate_looks_once_for_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the one function that all its questions go through, and with the same answers."""
    looked = list[str]()
    found, metadata = imports._is_package_available, importlib.metadata.metadata
    answers = is_peft_available(), imports.is_bnb_available(), found("no_such_package")

    def looking(name: str) -> Any:
        looked.append(name)
        return metadata(name)

    monkeypatch.setattr(imports, "_is_package_available", getattr(found, "__wrapped__", found))
    monkeypatch.setattr(importlib.metadata, "metadata", looking)
    accelerate_private.remember_packages()
    assert [is_peft_available() for _ in range(3)] == [answers[0]] * 3
    assert (imports.is_bnb_available(), imports._is_package_available("no_such_package")) == answers[1:]
    assert looked.count("peft") == 1
