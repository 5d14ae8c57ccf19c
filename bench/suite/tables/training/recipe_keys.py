"""How to train: method, optimiser, schedule, batch, precision; and what is held equal between the arms."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from bench.spec import Count, Spec, is_path
from bench.suite.tables.models.precision import Precision
from bench.suite.tables.training.adapter import (
    TABLES,
    AdapterSpec,
    Ia3Spec,
    JsonTable,
    LoraSpec,
    PeftSpec,
    PrefixSpec,
    PromptTuningSpec,
    QuantizationSpec,
    Text,
)
from bench.suite.tables.training.budget import Budget
from bench.suite.tables.training.command import TrainingCommand
from bench.suite.tables.training.launch import Launch
from bench.suite.tables.training.optimizer import Optimizer
from bench.suite.tables.training.sweep import Sweep
from bench.suite.tables.training.validation import Validation

Beta = Annotated[float, Field(ge=0, lt=1)]

Method = Literal[
    "full", "lora", "qlora", "dora", "rslora", "pissa", "ia3", "prefix", "prompt", "peft", "few_shot"
]  # fmt: skip


class RecipeKeys(Spec):
    """`[recipe.NAME]` with its keys, each right by itself."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    file_keys: ClassVar = {"deepspeed": is_path}

    method: Method
    """`few_shot` trains nothing: the base with `shots` rows of the arm's data in the context of every prompt."""
    from_arm: Text | None = Field(default=None, alias="from")
    """An arm of the suite that the training begins from, such as `given/NAME` or `DATA/RECIPE`, in place of the base:
    its weights merged, seed by seed."""
    engine: Literal["trl", "liger", "unsloth", "command"] = "trl"
    """What trains: TRL's trainer; the same with Liger's kernels; unsloth, in an environment that `bench engines add
    unsloth` builds; or the program that `command` names."""
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
    model is stored in fp32 where it was trained in it, else in the type of its base."""
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

    @property
    def by_program(self) -> bool:
        """Whether a program with a process of its own trains, which stores no steps and has no probe."""
        return self.engine in {"command", "unsloth"}

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
    def packed(self) -> bool:
        """Whether rows share a sequence without seeing each other."""
        return self.packing in {"bfd", "bfd_split"}

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

    def differs(self, key: str) -> bool:
        """Whether `key` differs from its default."""
        return bool(getattr(self, key) != type(self).model_fields[key].get_default(call_default_factory=True))
