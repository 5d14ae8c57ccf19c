"""How to train: method, optimiser, schedule, batch, precision; and what is held equal between the arms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from bench.spec import Count, Spec
from bench.suite.tables.precision import Precision
from bench.suite.tables.training.adapter import (
    TABLES,
    VIRTUAL_TOKEN_METHODS,
    AdapterSpec,
    Ia3Spec,
    JsonTable,
    LoraSpec,
    Modules,
    PeftSpec,
    PrefixSpec,
    PromptTuningSpec,
    QuantizationSpec,
    Text,
)
from bench.suite.tables.training.budget import Budget
from bench.suite.tables.training.command import TrainingCommand, command_faults
from bench.suite.tables.training.launch import Launch
from bench.suite.tables.training.optimizer import FUSED_BACKWARD_OPTIMIZERS, Optimizer
from bench.suite.tables.training.sweep import Setting, Sweep, setting_label, take_sweeps
from bench.suite.tables.training.validation import Validation

Beta = Annotated[float, Field(ge=0, lt=1)]

Method = Literal[
    "full", "lora", "qlora", "dora", "rslora", "pissa", "ia3", "prefix", "prompt", "peft", "few_shot"
]  # fmt: skip


_DEFAULTS: dict[str, Callable[[], AdapterSpec]] = {
    "lora": LoraSpec,
    "ia3": Ia3Spec,
    "prefix": PrefixSpec,
    "prompt": PromptTuningSpec,
}


class Recipe(Spec):
    """`[recipe.NAME]`."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    method: Method
    """`few_shot` trains nothing: the base with `shots` rows of the arm's data in the context of every prompt."""
    from_arm: Text | None = Field(default=None, alias="from")
    """An arm of the suite that the training begins from, such as `given/NAME` or `DATA/RECIPE`, in place of the base:
    its weights merged, seed by seed."""
    engine: Literal["trl", "liger", "unsloth", "command"] = "trl"
    """What trains: TRL's trainer; the same with Liger's kernels; unsloth; or the program that `command` names."""
    command: TrainingCommand | None = None
    """The program of `engine = "command"`, which reads the rows and writes an adapter or a whole model. It runs only
    with `bench run --trust-training-command`."""
    shots: Annotated[int, Field(gt=0, le=1000)] | None = None
    """Rows in the context, drawn from the arm's data with the replicate's seed. Only for `few_shot`."""
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """Highest rate of the schedule. As any key of a recipe it can be chosen: `{ sweep = [1e-5, 3e-5, 1e-4] }`."""
    min_learning_rate: float | None = Field(default=None, ge=0)
    """Rate at the end of the schedule; `None` is 0 (1e-7 for `polynomial`, as in transformers). Only for schedules that
    end."""
    schedule: Literal[
        "constant",
        "constant_with_warmup",
        "linear",
        "cosine",
        "cosine_with_restarts",
        "polynomial",
        "inverse_sqrt",
        "warmup_stable_decay",
    ] = "linear"
    """Name of a schedule of `transformers.get_scheduler`; here `constant` takes a warm-up, too."""
    schedule_cycles: Count = 1
    """Cycles of `cosine_with_restarts`."""
    schedule_power: float = Field(default=1.0, gt=0)
    """Power of `polynomial`."""
    schedule_decay: float = Field(default=0.2, gt=0, le=1)
    """Share of all steps in which `warmup_stable_decay` falls, along a cosine, at the end."""
    warmup: float = Field(default=0.0, ge=0)
    """Steps of warm-up; below 1, their share of all steps."""
    optimizer: Optimizer = "adamw"
    """Optimiser, by transformers' name; `adamw` is its fused AdamW."""
    optimizer_arguments: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Further arguments of the optimiser, as transformers' `optim_args`."""
    optimizer_modules: tuple[str, ...] = ()
    """Modules whose gradients GaLore and APOLLO project, as transformers' `optim_target_modules`."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Weight decay, applied apart from the gradient by AdamW."""
    weight_decay_on: Literal["matrices", "all"] = "matrices"
    """What decays: all trained weights but biases and norms, as in transformers, or, as in many hand-written loops,
    all of them."""
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """Decay of the mean and of the square of the gradient, for AdamW and similar optimisers."""
    max_grad_norm: float = Field(default=1.0, ge=0)
    """Clip the gradient's norm to this; 0: no clipping."""
    loss_on: Literal["completion", "assistant", "all"] = "completion"
    """What enters the loss: the last answer, every assistant turn, or the whole text. Plain text enters it whole."""
    end_token: bool = True
    """Close each answer, and each plain text, with the end token, supervised. `false` is how several published scripts
    train: the model then does not learn where an answer ends."""
    loss_average: Literal["tokens", "batches"] = "tokens"
    """Loss of a step: the mean over all its supervised tokens, or, as in many hand-written loops, the mean of its
    forward passes' means, in which tokens of short answers weigh more. So, too, for the validation loss."""
    loss: Literal["nll", "dft"] = "nll"
    """Negative log-likelihood, or Dynamic Fine-Tuning (Wu et al. 2025): each token's weighted by its probability.
    Reported losses are negative log-likelihoods with either."""
    neftune_alpha: float | None = Field(default=None, gt=0)
    """Uniform noise on the embeddings while training (Jain et al. 2023)."""
    batch_rows: Count = 16
    """Rows per forward pass (a packed sequence counts as one)."""
    batch_tokens: Count | None = None
    """In place of `batch_rows`: as many rows per forward pass as fit into so many slots, padding counted."""
    accumulation: Count = 1
    """Forward passes per optimiser step, over all processes of `launch`."""
    launch: Launch = Launch()
    """Processes that share out the forward passes of each step, on how many machines, and what each of them holds."""
    max_length: int | None = Field(default=None, gt=1, le=2**31 - 1)
    """Tokens per row; longer rows are cut at the end and counted. `None`: the model's context length."""
    packing: Literal["none", "bfd", "bfd_split", "wrapped"] = "none"
    """TRL's strategies, for sequences of `max_length` tokens. `bfd`: best-fit decreasing; rows that share a sequence do
    not see each other. `bfd_split`: so, too, but what is longer than a sequence goes on in another. `wrapped`: one
    stream cut into full sequences, in which rows see each other."""
    group_by_length: bool = False
    """Batches of rows of similar length, in seeded random order; less padding, not the same batches."""
    precision: Precision | Literal["auto"] = "auto"
    """`auto`: bf16 on a GPU that has it; on a processor where a step of the base's shape, timed once, is at least 1.15
    times as fast in it with the same loss within 0.02; else fp32. Plan and record say which, and why. A fully tuned
    model is stored in the type of its base, and in fp32 where the recipe names it."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass: less memory, more time."""
    torch_compile: bool = False
    """Compile the model's forward and backward pass with torch's inductor."""
    lora: LoraSpec | None = None
    """Shape of the adapters of `lora`, `qlora`, `dora`, `rslora` and `pissa`: `{ r = 16, alpha = 32 }`."""
    quantization: QuantizationSpec | None = None
    """How `qlora` quantises the base."""
    ia3: Ia3Spec | None = None
    """Modules of `ia3`."""
    prefix: PrefixSpec | None = None
    """Shape of `prefix`."""
    prompt: PromptTuningSpec | None = None
    """Shape of `prompt`, which is prompt tuning."""
    peft: PeftSpec | None = None
    """Any other method of PEFT, with its fields: `{ type = "LOHA", r = 8 }`."""
    validation: Validation | None = None
    """Rows that are held out of the training and watched: `{ share = 0.1 }`."""
    deepspeed: Text | JsonTable | None = None
    """DeepSpeed's own configuration in place of a `launch.strategy`: a table here, or the path of its JSON file."""
    fsdp: JsonTable | None = None
    """transformers' `fsdp_config` in place of a `launch.strategy`; an empty table turns FSDP on with its defaults."""
    sweep: Sweep | None = None
    """Filled in from the keys that are written as `KEY = { sweep = [...] }`, which then have their first value."""
    budget: Budget | None = None
    """Overrides the suite's budget for this recipe; the report then says by how much the arms differ."""

    @model_validator(mode="before")
    @classmethod
    def _sweeps_apart(cls, table: Any) -> Any:
        return take_sweeps(table) if isinstance(table, Mapping) else table

    @model_validator(mode="after")
    def _each_setting(self) -> Recipe:
        """Every setting of a sweep is a valid recipe by itself."""
        for setting in () if self.sweep is None else self.sweep.settings:
            try:
                Recipe.model_validate(self.with_setting(setting).model_dump(), strict=True)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                place = ".".join(map(str, first["loc"]))
                message = str(first["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")
                raise ValueError(f"with {setting_label(setting)}: {place + ': ' if place else ''}{message}") from None
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        for table in dict.fromkeys(TABLES.values()):
            if getattr(self, table) is not None and TABLES.get(self.method) != table:
                methods = " or ".join(f'"{method}"' for method, key in TABLES.items() if key == table)
                raise ValueError(f"a [{table}] table needs method = {methods}")
        if self.from_arm is not None and self.method == "qlora":
            raise ValueError('qlora quantises the base as it is stored: from needs method = "lora", or another')
        if self.quantization is not None and self.method != "qlora":
            raise ValueError('a [quantization] table needs method = "qlora"')
        if self.method == "peft" and self.peft is None:
            raise ValueError('method = "peft" needs a table, such as peft = { type = "LOHA", r = 8 }')
        if self.warmup >= 1 and self.warmup != int(self.warmup):
            raise ValueError("warmup is a share of the steps below 1, and a whole number of steps from 1")
        if self.min_learning_rate is not None:
            if self.schedule in {"constant", "constant_with_warmup", "inverse_sqrt"}:
                raise ValueError(
                    'min_learning_rate needs a schedule that ends, such as schedule = "linear" or "cosine"'
                )
            if self.learning_rate is not None and self.min_learning_rate > self.learning_rate:
                raise ValueError("min_learning_rate is above learning_rate")
        return self

    @model_validator(mode="after")
    def _no_idle_key(self) -> Recipe:
        """A key that would be accepted and ignored."""
        for key, schedule in (
            ("schedule_cycles", "cosine_with_restarts"),
            ("schedule_power", "polynomial"),
            ("schedule_decay", "warmup_stable_decay"),
        ):
            if self._given(key) and self.schedule != schedule:
                raise ValueError(f'{key} needs schedule = "{schedule}"')
        if self._given("betas") and "adam" not in self.optimizer:
            raise ValueError(f"betas belong to AdamW and similar optimisers; {self.optimizer} has none")
        if self.optimizer_modules and not self.optimizer.startswith(("galore", "apollo")):
            raise ValueError("optimizer_modules are for GaLore and APOLLO")
        if self.batch_tokens is not None and self._given("batch_rows"):
            raise ValueError("give batch_rows or batch_tokens, not both")
        return self

    @model_validator(mode="after")
    def _works_together(self) -> Recipe:
        if self.method in VIRTUAL_TOKEN_METHODS and self.packing in {"bfd", "bfd_split"}:
            raise ValueError(f"{self.method} puts its virtual tokens before a row: rows cannot share a sequence")
        if self.method == "prefix" and self.gradient_checkpointing:
            raise ValueError("prefix tuning hands its keys and values to the layers as a cache, which "
                             "gradient_checkpointing would drop")  # fmt: skip
        if self.packing == "wrapped" and self.group_by_length:
            raise ValueError("wrapped sequences are all of one length: remove group_by_length")
        if self.deepspeed is not None and self.fsdp is not None:
            raise ValueError("give deepspeed or fsdp, not both")
        if self.launch.strategy != "ddp" and (self.deepspeed is not None or self.fsdp is not None):
            raise ValueError(f"launch.strategy = {self.launch.strategy!r} writes the deepspeed or fsdp table: "
                             "give one of both")  # fmt: skip
        if self.validation is not None and self.sharded:
            raise ValueError("validation is not combined with deepspeed or fsdp here: no process has all weights")
        if self.torch_compile and self.sharded:
            raise ValueError("torch_compile is not combined with deepspeed or fsdp here")
        return self

    @model_validator(mode="after")
    def _shared_out(self) -> Recipe:
        if self.processes == 1:
            return self
        if self.accumulation % self.processes:
            raise ValueError(f"launch.processes = {self.processes} share out the forward passes of a step: "
                             f"accumulation = {self.accumulation} is no multiple of it")  # fmt: skip
        if self.torch_compile:
            raise ValueError("launch.processes > 1 with torch_compile is not supported here")
        if self.optimizer in FUSED_BACKWARD_OPTIMIZERS:
            raise ValueError(
                f"launch.processes > 1 with {self.optimizer}: it steps before the gradients have been averaged"
            )
        if self.method == "pissa" and self.sharded:
            raise ValueError("launch.processes > 1 with pissa under deepspeed or fsdp: no process has the whole start")
        return self

    @model_validator(mode="after")
    def _own_program(self) -> Recipe:
        """A command gets every key, but for those that decide its rows."""
        if self.command is None:
            if self.engine == "command":
                raise ValueError('engine = "command" needs command = { run = ["${python}", "train.py", "${rows}", '
                                 '"${out}"], files = ["train.py"] }')  # fmt: skip
            return self
        if self.engine != "command":
            raise ValueError('a [command] table needs engine = "command"')
        if self.method not in {"full", "lora"}:
            raise ValueError('a command writes an adapter (method = "lora") or a whole model (method = "full")')
        idle = {"validation", "launch", "packing", "deepspeed", "fsdp", "from_arm"}
        recipe = self.model_dump(mode="json")
        given = {name: recipe.get(name) for name in type(self).model_fields if self._given(name)}
        for name in given.keys() & idle:
            raise ValueError(f"{'from' if name == 'from_arm' else name} is not handed to a command: remove it")
        for fault in command_faults(self.command, recipe, given):
            raise ValueError(fault)
        return self

    def _given(self, key: str) -> bool:
        """Whether `key` differs from its default."""
        return bool(getattr(self, key) != type(self).model_fields[key].get_default(call_default_factory=True))

    @model_validator(mode="after")
    def _trains_or_not(self) -> Recipe:
        if self.method != "few_shot":
            if self.shots is not None:
                raise ValueError('shots needs method = "few_shot"')
            if self.learning_rate is None and self.engine != "command":
                raise ValueError("learning_rate is missing")
            return self
        if self.shots is None:
            raise ValueError('method = "few_shot" needs shots, the number of rows in the context')
        idle = [name for name in type(self).model_fields if name not in {"method", "shots"} and self._given(name)]
        if idle:
            raise ValueError(f"few_shot trains nothing: remove {idle[0]}")
        return self

    @property
    def processes(self) -> int:
        """Processes of a training, over all nodes."""
        return self.launch.processes

    @property
    def deepspeed_table(self) -> str | Mapping[str, Any] | None:
        """DeepSpeed's configuration, by the strategy or as given; `None` without DeepSpeed."""
        return self.launch.deepspeed if self.deepspeed is None else self.deepspeed

    @property
    def fsdp_table(self) -> Mapping[str, Any] | None:
        """transformers' `fsdp_config`, by the strategy or as given; `None` without FSDP."""
        return self.launch.fsdp if self.fsdp is None else self.fsdp

    @property
    def sharded(self) -> bool:
        """Whether DeepSpeed or FSDP run the training, and no process may have all weights."""
        return self.deepspeed_table is not None or self.fsdp_table is not None

    @property
    def rates(self) -> tuple[float, ...]:
        """All learning rates that trainings of this recipe may have; empty where nothing is trained."""
        rates = (self.with_setting(setting).learning_rate for setting in self.settings)
        return tuple(dict.fromkeys(rate for rate in rates if rate is not None))

    @property
    def settings(self) -> tuple[Setting, ...]:
        """All settings that a sweep tries; without a sweep one that changes nothing."""
        return ({},) if self.sweep is None else self.sweep.settings

    def with_setting(self, setting: Setting) -> Recipe:
        """The recipe with one setting of its sweep, and nothing left to choose."""
        update: dict[str, Any] = {"sweep": None}
        for key, value in setting.items():
            table, _, name = key.rpartition(".")
            chosen = tuple(value) if isinstance(value, list) else value
            if table:
                update[table] = update.get(table, getattr(self, table)).model_copy(update={name: chosen})
            else:
                update[key] = chosen
        return self.model_copy(update=update)

    @property
    def rate(self) -> float:
        """The learning rate of a training, which has exactly one."""
        if self.learning_rate is None or self.sweep is not None:
            raise ValueError("no learning rate was chosen yet")
        return self.learning_rate

    def with_defaults(self, card_modules: Modules | Literal["all-linear"]) -> Recipe:
        """The recipe with every table that its method leaves to defaults, and with the modules that the model's card
        names (`card_modules`) where it asks the card: what a training does, in full. A command has its own defaults."""
        if self.command is not None:
            return self
        table = TABLES.get(self.method)
        tables: dict[str, Spec] = {}
        if table is not None and table != "peft":
            tables[table] = getattr(self, table) or _DEFAULTS[table]()
        if self.method == "qlora":
            tables["quantization"] = self.quantization or QuantizationSpec()
        lora = tables.get("lora")
        if isinstance(lora, LoraSpec) and lora.target_modules == "card":
            tables["lora"] = lora.model_copy(update={"target_modules": card_modules})
        return self.model_copy(update=tables)

    @property
    def stored_in_fp32(self) -> bool:
        """Whether a whole model is stored as it was trained, also where the type of its base would round it."""
        return self.precision == "fp32"

    @property
    def adapter(self) -> AdapterSpec | None:
        """The shape of what is trained beside the frozen base, once `with_defaults` has filled it in; `None` where the
        base itself is trained, or nothing."""
        table = TABLES.get(self.method)
        spec: AdapterSpec | None = None if table is None else getattr(self, table)
        return spec

    def warmup_steps(self, steps: int) -> int:
        """Steps of linear warm-up in a training of `steps`: a share of them, rounded up, below 1; a count from 1."""
        return int(self.warmup) if self.warmup >= 1 else math.ceil(self.warmup * steps)

    @property
    def packed(self) -> bool:
        """Whether rows share a sequence without seeing each other."""
        return self.packing in {"bfd", "bfd_split"}
