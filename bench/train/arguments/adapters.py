"""A recipe's adapter as PEFT's configuration, and what some adapters need beside it.

Contract: what a recipe names and PEFT does not know, or cannot apply to this model, is an `InputError`; nothing is
ignored. `add_adapter` works on the meta device, so that all of this is known before weights are read.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import torch
from peft import (
    IA3Config,
    LoraConfig,
    PeftConfig,
    PeftModel,
    PeftType,
    PrefixTuningConfig,
    PromptTuningConfig,
    get_peft_model,
)
from transformers import PreTrainedModel, TrainerCallback

from bench.errors import InputError, Problem, did_you_mean
from bench.model.loading.load import load_config, load_skeleton, runs_code
from bench.model.peft_private import (
    adapted_modules,
    allocate_ranks,
    carries_adapter,
    config_classes,
    is_rank_counter,
    moves_ranks,
)
from bench.suite.resolved import ResolvedModel
from bench.suite.tables.training.adapter import Ia3Spec, LoraSpec, PeftSpec, PrefixSpec, PromptTuningSpec
from bench.suite.tables.training.recipe import Recipe

TASK = "CAUSAL_LM"

_REFUSED = {
    "XLORA": "it mixes adapters that were trained before",
    "POLY": "its rows need the number of their task",
    "MULTITASK_PROMPT_TUNING": "its rows need the number of their task",
    "CPT": "it needs a context of labelled examples",
    "CARTRIDGE": "it is distilled from a long text, not trained on rows",
    "SHADOW": "it adds a loss of its own inside the forward pass, which the trainer here does not call with labels",
}
"""Methods of PEFT that need what no row of a suite has."""

_NEEDS_NUMBERS = frozenset({"ADAMSS", "FROD", "SHIRA", "TINYLORA", "WAVEFT"})
"""Methods that compute from values while they are added or run, which the meta device does not have."""

_OVER_STEPS = "ADALORA"
"""The method that plans its ranks over all steps of a training."""

_MANY_STEPS = 10**9
"""Number of steps where it is not known yet, and nothing is trained."""

_OWN = frozenset(
    {"peft_type", "task_type", "inference_mode", "auto_mapping", "peft_version", "revision", "base_model_name_or_path"}
)
"""Fields of PEFT's configurations that are not the recipe's to set."""


def peft_config(recipe: Recipe, model: ResolvedModel, *, steps: int | None = None) -> PeftConfig | None:
    """The adapter that the recipe asks for; `None` for full fine-tuning, and of a command, whose adapter is its own.

    `steps`: optimiser steps of the training, for methods that plan over them. Raises `InputError` for a type or field
    that the installed PEFT does not have.
    """
    spec = None if recipe.command is not None else recipe.adapter
    if isinstance(spec, LoraSpec):
        return LoraConfig(
            task_type=TASK,
            r=spec.r,
            lora_alpha=spec.alpha,
            lora_dropout=spec.dropout,
            target_modules=_targets(spec.target_modules),
            **_LORA_VARIANTS.get(recipe.method, {}),
        )
    if isinstance(spec, Ia3Spec):
        targets, feedforward = spec.target_modules, spec.feedforward_modules
        target_arguments = {} if targets is None else {"target_modules": list(targets)}
        return IA3Config(
            task_type=TASK,
            **target_arguments,
            **({} if feedforward is None else {"feedforward_modules": list(feedforward)}),
        )
    if isinstance(spec, PrefixSpec):
        prefix = PrefixTuningConfig(
            task_type=TASK, num_virtual_tokens=spec.virtual_tokens, prefix_projection=spec.projection
        )
        return _shaped(prefix, model)
    if isinstance(spec, PromptTuningSpec):
        start: dict[str, Any] = {"prompt_tuning_init": "RANDOM"}
        if spec.text is not None:
            start = {
                "prompt_tuning_init": "TEXT",
                "prompt_tuning_init_text": spec.text,
                "tokenizer_name_or_path": model.path,
                "tokenizer_kwargs": {"local_files_only": True, "trust_remote_code": runs_code(model)},
            }
        return _shaped(PromptTuningConfig(task_type=TASK, num_virtual_tokens=spec.virtual_tokens, **start), model)
    return None if spec is None else _shaped(_by_name(spec, steps), model)


def plans_over_steps(recipe: Recipe) -> bool:
    """Whether the adapter of the recipe depends on the number of steps."""
    return isinstance(recipe.adapter, PeftSpec) and recipe.adapter.type == _OVER_STEPS


def skeleton(model: ResolvedModel, config: PeftConfig | None) -> PreTrainedModel | PeftModel:
    """The base with the adapter, if there is one, for its shape alone: no weight is read. On the meta device, but for
    methods that need numbers. Raises `InputError` as `add_adapter` does."""
    if config is None:
        return load_skeleton(model)
    return add_adapter(load_skeleton(model, device=skeleton_device(config)), config)


def skeleton_device(config: PeftConfig | None) -> Literal["meta", "cpu"]:
    """Device on which a model without its weights can take this adapter."""
    return "cpu" if config is not None and _name(config) in _NEEDS_NUMBERS else "meta"


def add_adapter(model: PreTrainedModel, config: PeftConfig) -> PeftModel:
    """`model` with the adapter of a recipe. Raises `InputError` as `apply_adapter` does, and for an adapted head."""
    adapted = apply_adapter(model, config)
    if carries_adapter(adapted.get_output_embeddings()):
        what = f"{_name(config)} would adapt the language-model head, whose loss does not go through an adapter"
        tied = getattr(model.config.get_text_config(), "tie_word_embeddings", False)
        why = "; in this model the head and the embeddings are one matrix" if tied else ""
        raise _refused(what, f"leave the head out of target_modules{why}")
    return adapted


def apply_adapter(model: PreTrainedModel, config: PeftConfig) -> PeftModel:
    """`model` with the adapter. Raises `InputError` where PEFT refuses: unknown modules, an unfit architecture."""
    on_meta = model.device.type == "meta"
    if on_meta and isinstance(config, LoraConfig):
        config = dataclasses.replace(config, init_lora_weights=True)  # other starts look into the weights
    try:
        adapted = get_peft_model(model, config)
    except (ValueError, TypeError, NotImplementedError, AttributeError, KeyError, AssertionError) as error:
        raise _refused(f"PEFT cannot add {_name(config)} to {type(model).__name__}: {_first_line(error)}") from error
    for name, parameter in adapted.named_parameters():
        if on_meta and is_rank_counter(name):  # PEFT leaves them trainable on this device alone
            parameter.requires_grad_(False)
    return adapted


def check_gradients(model: torch.nn.Module) -> None:
    """Raises `InputError` if nothing in `model` is trainable."""
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise _refused("the adapter leaves nothing in this model to train")


def target_modules(model: torch.nn.Module) -> tuple[str, ...]:
    """Names, each once, of the modules that carry an adapter; none for a learned prompt."""
    return tuple(dict.fromkeys(name.rpartition(".")[2] for name in adapted_modules(model)))


def virtual_tokens(config: PeftConfig | None) -> int:
    """Learned tokens before each row, which take up positions; 0 for most adapters."""
    return int(config.num_virtual_tokens) if config is not None and config.is_prompt_learning else 0


class RankAllocation(TrainerCallback):  # type: ignore[misc]  # transformers is read as untyped
    """AdaLoRA moves ranks between layers after each step, from gradients that are still there (Zhang et al. 2023)."""

    @staticmethod
    def wanted_by(model: torch.nn.Module) -> bool:
        """Whether `model` has an adapter that moves ranks."""
        return moves_ranks(model)

    def on_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Between the optimiser's step and the end of its gradients."""
        allocate_ranks(model, state.global_step)


def _shaped(config: PeftConfig, model: ResolvedModel) -> PeftConfig:
    """A learned prompt's sizes, where PEFT does not find them in the model's configuration by itself."""
    if not config.is_prompt_learning:
        return config
    shape = load_config(model).get_text_config()
    if config.num_attention_heads is None and not {"num_attention_heads", "n_head"} & shape.to_dict().keys():
        config.num_attention_heads = shape.num_attention_heads
    one_for_all = getattr(shape, "multi_query", False) and not getattr(shape, "new_decoder_architecture", False)
    if config.peft_type == PeftType.PREFIX_TUNING and one_for_all:  # Falcon's one key and value for all queries
        config.token_dim = shape.hidden_size // shape.num_attention_heads
        config.num_attention_heads = 1
    return config


def _targets(named: tuple[str, ...] | str) -> list[str] | str:
    return named if isinstance(named, str) else list(named)


_LORA_VARIANTS: dict[str, dict[str, Any]] = {
    "dora": {"use_dora": True},
    "rslora": {"use_rslora": True},
    "pissa": {"init_lora_weights": "pissa"},
}


def _by_name(spec: PeftSpec, steps: int | None) -> PeftConfig:
    classes = config_classes()
    if spec.type in _REFUSED:
        raise _refused(f"{spec.type} cannot be trained from a suite: {_REFUSED[spec.type]}")
    if spec.type not in classes:
        raise _refused(f"the installed PEFT has no method {spec.type!r}", did_you_mean(spec.type, classes), key="type")
    kind: Callable[..., PeftConfig] = classes[spec.type]
    fields_of_kind = {field.name for field in dataclasses.fields(kind) if field.init} - _OWN  # type: ignore[arg-type]
    unknown = [name for name in spec.fields if name not in fields_of_kind]
    if unknown:
        raise InputError(
            _problem(f"{spec.type} has no field {name!r}", did_you_mean(name, fields_of_kind), key=name)
            for name in unknown
        )
    fields: dict[str, Any] = dict(spec.fields)
    if spec.type == _OVER_STEPS:
        fields.setdefault("total_step", steps or _MANY_STEPS)
    try:
        return kind(task_type=TASK, **fields)
    except (ValueError, TypeError, AssertionError, ImportError) as error:
        raise _refused(f"PEFT refuses the fields of {spec.type}: {_first_line(error)}") from error


def _name(config: PeftConfig) -> str:
    return str(getattr(config.peft_type, "value", config.peft_type))


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().splitlines()[0]


def _refused(what: str, hint: str | None = None, *, key: str | None = None) -> InputError:
    return InputError(_problem(what, hint, key=key))


def _problem(what: str, hint: str | None, *, key: str | None = None) -> Problem:
    where = "recipe.*" if key is None else f"recipe.*.peft.{key}"
    return Problem(
        reference="recipe.adapter", what=what, where=where, hint=hint or "see the adapter's tables in docs/recipes.md"
    )
