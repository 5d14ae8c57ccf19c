"""What this machine cannot do is an error before any work, never a silent downgrade."""

from pathlib import Path
from typing import Any

import pytest

from bench.run.checks import machine
from bench.run.checks.machine import here_problems, machine_problems
from bench.run.process.allocation import Allocation
from bench.run.resolve.programs import resolve_programs
from bench.suite.reading.pydantic_errors import freeze
from bench.suite.tables.evaluation import EvaluationOptions
from bench.suite.tables.suite import Suite
from tests.fakes.unsloth import unsloth_environment


def suite(run: dict[str, Any] | None = None, **recipe: Any) -> Suite:
    """One arm with this recipe, and another recipe that no arm uses."""
    return Suite.model_validate(
        {
            "name": "one", "question": "Can it?", "model": {"card": "micro"}, "data": {"d": {"source": "micro:mixed"}},
            "recipe": {"r": {"method": "full", "learning_rate": 1e-3, **recipe},
                       "unused": {"method": "qlora", "learning_rate": 1e-3}},
            "budget": {"unit": "steps", "amount": 1}, "arms": {"data": ["d"], "recipe": ["r"]}, "run": run or {},
        }
    )  # fmt: skip


def told(found: Suite) -> list[str]:
    """What is wrong, in words."""
    return [problem.what for problem in machine_problems(found)]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the machine one with this device and these modules."""

    def make(device: str, *modules: str) -> None:
        monkeypatch.setattr(machine, "device", lambda: device)
        monkeypatch.setattr(machine, "gpus", lambda: 4)
        monkeypatch.setattr(machine, "_installed", lambda module: module in modules)

    return make


@pytest.mark.parametrize(
    ("device", "modules", "asked", "said"),
    [
        ("cpu", ("bitsandbytes",), {"method": "qlora"}, ["qlora needs a CUDA GPU; this machine computes on cpu"]),
        ("cuda: H200", (), {"method": "qlora"}, ["qlora needs bitsandbytes, which is not installed"]),
        ("cuda: H200", ("bitsandbytes",), {"method": "qlora"}, []),
        ("cpu", (), {"precision": "fp16"}, ["cpu cannot train in fp16"]),
        ("mps", (), {"precision": "bf16"}, ["mps cannot train in bf16"]),
        ("cuda: H200", (), {"precision": "fp16"}, []),
        ("mps", ("deepspeed",), {"deepspeed": {}}, ["deepspeed needs a CUDA GPU; this machine computes on mps"]),
        (
            "cpu",
            (),
            {"launch": {"processes": 2, "strategy": "zero2"}, "accumulation": 2},
            ["deepspeed is not installed"],
        ),
        (
            "cpu",
            ("deepspeed",),
            {"launch": {"processes": 2, "strategy": "zero3", "offload": True}, "accumulation": 2},
            ["this machine has no memory beside the processor's to offload from"],
        ),
        ("cuda: H200", (), {"deepspeed": {}}, ["deepspeed is not installed"]),
        ("cpu", (), {"fsdp": {}}, ["fsdp on a processor shards over several processes, and the recipe has one"]),
        ("mps", (), {"fsdp": {}}, ["fsdp needs a CUDA GPU; this machine computes on mps"]),
        ("cuda: H200", (), {"fsdp": {}}, []),
        ("cuda: H200", (), {"launch": {"strategy": "zero3"}}, ["deepspeed is not installed"]),
        ("cpu", (), {"launch": {"processes": 2, "strategy": "fsdp2"}, "accumulation": 2}, []),
        (
            "cpu",
            (),
            {"launch": {"processes": 2, "strategy": "fsdp2", "offload": True}, "accumulation": 2},
            ["this machine has no memory beside the processor's to offload from"],
        ),
        ("cpu", (), {"launch": {"processes": 2}, "accumulation": 2}, []),
        ("mps", (), {"launch": {"processes": 2}, "accumulation": 2}, ["mps has one device, and no processes share it"]),
        ("cuda: H200", (), {"launch": {"processes": 4}, "accumulation": 4}, []),
        (
            "cuda: H200",
            (),
            {"launch": {"processes": 8}, "accumulation": 8},
            ["8 processes on a node need as many GPUs; this machine has 4 GPUs"],
        ),
        ("cuda: H200", (), {"torch_compile": True}, ["torch_compile needs triton, which is not installed"]),
        ("cpu", (), {"optimizer": "adamw_8bit"}, ["optimizer adamw_8bit needs bitsandbytes, which is not installed"]),
        ("cpu", (), {"optimizer": "lomo"}, ["optimizer lomo needs lomo-optim, which is not installed"]),
        ("cpu", (), {"optimizer": "adafactor"}, []),
    ],
)
def test_what_is_missing_is_told(
    on: Any, device: str, modules: tuple[str, ...], asked: dict[str, Any], said: list[str]
) -> None:
    on(device, *modules)
    assert told(suite(**asked)) == said


def test_compiling_on_a_processor_needs_a_compiler(on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    on("cpu")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert told(suite(torch_compile=True)) == ["torch_compile needs a C++ compiler, and none is found"]
    on("cpu", "deepspeed")
    zero = {"launch": {"processes": 2, "strategy": "zero2"}, "accumulation": 2}
    assert told(suite(**zero)) == ["deepspeed needs a C++ compiler on a processor, and none is found"]
    on("cpu")
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/g++" if name == "g++" else None)
    assert told(suite(torch_compile=True)) == []


def test_trackers_must_be_installed(on: Any) -> None:
    on("cpu", "tensorboard")
    assert told(suite({"track": ("tensorboard", "wandb")})) == ["wandb is not installed"]


def test_unsloth_waits_for_its_environment_on_any_device(
    on: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_HOME", str(tmp_path))
    asked = suite(method="lora", engine="unsloth")
    on("cpu")
    (problem,) = machine_problems(asked)
    assert (problem.where, problem.hint) == ("recipe.r.engine", "bench engines add unsloth")
    assert resolve_programs(asked, base=tmp_path) == {"r": ()}, "it is refused later, in words"
    file = unsloth_environment(tmp_path)
    assert machine_problems(asked) == []
    assert resolve_programs(asked, base=tmp_path) == {"r": (file,)}, "another environment is another training"


@pytest.mark.parametrize("strategy", ["fsdp2", "zero2", "zero3"])
def test_shards_are_resumed_from(on: Any, strategy: str) -> None:
    on("cuda: H200", "deepspeed")
    launch = {"processes": 2, "strategy": strategy}
    assert told(suite({"steps_between_saves": 5}, launch=launch, accumulation=2)) == []


def test_each_problem_says_where(on: Any) -> None:
    on("cpu")
    (problem,) = machine_problems(suite(precision="fp16"))
    assert (problem.reference, problem.where) == ("machine.precision", "recipe.r.precision")


def test_a_precision_that_deepspeed_s_file_asks_for_is_looked_for_there(on: Any) -> None:
    """The recipe had no such key, and the hint named it alone."""
    on("cpu")
    table = {"zero_optimization": {"stage": 2}, "fp16": {"enabled": True}}
    recipe = {"precision": "fp16", "deepspeed": table, "launch": {"processes": 2}, "accumulation": 2}
    hints = [problem.hint or "" for problem in machine_problems(suite(**recipe)) if "fp16" in problem.what]
    assert hints
    assert all(hint.endswith("take fp16 out of the file") for hint in hints)


def test_a_precision_of_evals_that_the_device_lacks_is_refused(on: Any) -> None:
    on("mps")
    evaluated = suite().model_copy(update={"evaluation": EvaluationOptions(precision="bf16")})
    assert [problem.where for problem in machine_problems(evaluated)] == ["evaluation.precision"]
    on("cpu")
    assert machine_problems(evaluated) == []


def test_several_nodes_need_an_allocation_of_as_many(on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training would wait for the other nodes."""
    on("cpu")
    spread = {"launch": {"processes": 4, "nodes": 2}, "accumulation": 4}
    assert told(suite(**spread)) == ["2 nodes are needed, and this run was started by itself"]
    monkeypatch.setenv("BENCH_ALLOCATION", Allocation(id="7", nodes=2).model_dump_json())
    assert told(suite(**spread)) == []


def test_keys_of_servers_that_are_not_set_here_are_named_once_at_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """`bench validate` was silent on them."""
    server = {"base_url": "https://judge.example/v1", "model": "m", "key_env": "MINE_KEY"}
    judge = {"kind": "judge", "data": {"source": "micro:heldout"}, "judge": {"endpoint": server}}
    table = {
        "name": "one", "question": "Can it?", "seeds": [0], "model": {"card": "micro"},
        "arms": {"given": {"theirs": {"endpoint": {**server, "base_url": "https://arm.example/v1"}}}},
        "eval": [{**judge, "name": "one"}, {**judge, "name": "two"}],
        "engine": {"server": {**server, "base_url": "https://engine.example/v1"}},
    }  # fmt: skip
    served = Suite.model_validate(freeze(table))
    monkeypatch.delenv("MINE_KEY", raising=False)
    found = here_problems(served)
    assert [problem.where for problem in found] == [
        "arms.given.theirs.endpoint.key_env", "eval[0].judge.endpoint.key_env", "engine.server.key_env",
    ]  # fmt: skip
    monkeypatch.setenv("MINE_KEY", "k-1")
    assert here_problems(served) == []
