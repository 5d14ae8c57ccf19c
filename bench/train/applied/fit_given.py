"""Whether weights that were trained elsewhere fit the suite's base, and what they change of it.

Contract: whether a tensor fits is read from headers alone. What fits is loaded whole, here and by evals: PEFT and
transformers would leave out a tensor without a place in the model, with a warning at most.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftConfig, get_peft_model_state_dict

from bench.data.render.render import make_renderer
from bench.data.render.row import Row, Turn
from bench.errors import InputError, Problem
from bench.model.loading.load import PlainBase, from_files, load_gguf, load_skeleton, load_tokenizer
from bench.record.given_facts import GivenFacts
from bench.suite.catalog.template import TOKENIZER
from bench.suite.checks.models.weights_files import tensors_of, weights_files
from bench.suite.peft_files import ADAPTER_WEIGHTS, EMBEDDING_MODULES
from bench.suite.resolved import ResolvedModel, ResolvedWeights
from bench.suite.tables.arms.weights_form import GGUF
from bench.train.applied.given_config import config_notes, config_problems
from bench.train.applied.measure import measure_given
from bench.train.arguments.adapters import apply_adapter, skeleton_device

_SHOWN = 2
_AS_THE_SUITE_SAYS = "here prompts are tokenised and wrapped as the suite says"
_MOVED_STARTS = ("pissa_niter", "corda", "lora_ga")
_LONG = 2**31 - 1
_EMBEDDINGS = re.compile(rf"\.({'|'.join(EMBEDDING_MODULES)})(\.base_layer)?\.weight$")
"""Matrices that PEFT saves beside an adapter that is on them, or whose vocabulary was resized."""
Shapes = Mapping[str, tuple[int, ...]]
"""By name of a tensor."""


def given_facts(model: ResolvedModel, weights: ResolvedWeights, plain: PlainBase = from_files) -> GivenFacts:
    """Facts about `weights` on `model`. Raises `InputError` with all that does not fit."""
    folder = Path(weights.path)
    problems = [*_tokenizer_problems(folder, Path(model.path), weights.source)]
    if weights.form == "adapter":
        stored = _shapes([folder / ADAPTER_WEIGHTS])
        config = _peft_config(folder, weights.source)
        named = cast("str | None", config.base_model_name_or_path) or None  # PEFT renames it as it adds the adapter
        problems += [
            *_start_problems(config, weights.source),
            *_adapter_problems(model, config, stored, weights.source),
        ]
    else:
        named = None
        stored = _gguf_shapes(folder) if folder.suffix == GGUF else _shapes(weights_files(folder))
        problems += _whole_problems(model, stored, _shapes(weights_files(Path(model.path))), weights.source)
        if folder.suffix != GGUF and not problems:
            problems += config_problems(model, folder, weights.source)
    if problems:
        raise InputError(problems)
    applied, check = measure_given(model, weights, plain) or (None, None)
    return GivenFacts(
        parameters=sum(math.prod(shape) for shape in stored.values()),
        tensors=len(stored),
        named_base=named,
        notes=tuple(_notes(folder, model, named, whole=weights.form == "weights" and folder.is_dir())),
        applied=applied,
        weights_check=check,
    )


def _shapes(files: Iterable[Path]) -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors in safetensors files, from their headers."""
    return {name: tuple(tensor["shape"]) for path in files for name, tensor in tensors_of(path).items()}


def _gguf_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors that the file gives a model, by the model's names."""
    model, missing = load_gguf(file, torch.float32)
    return {name: tuple(tensor.shape) for name, tensor in model.named_parameters() if name not in missing}


def _peft_config(folder: Path, source: str) -> PeftConfig:
    try:
        return PeftConfig.from_pretrained(str(folder))
    except (TypeError, ValueError, KeyError) as error:
        what = f"PEFT cannot read its configuration: {str(error).splitlines()[0]}"
        raise InputError(_problem(source, what, "it may be of a newer PEFT; save it with the installed one")) from error


def _start_problems(config: PeftConfig, source: str) -> Iterator[Problem]:
    """A start that took a part of the base into the adapter, found at random or from data: PEFT would take another one
    each time that it loads the adapter."""
    start = getattr(config, "init_lora_weights", None)
    if isinstance(start, str) and start.startswith(_MOVED_STARTS):
        what = f"it began from {start}, which took a part of the base that cannot be found again from its files"
        hint = (
            "convert it where it was trained: save_pretrained(…, path_initial_model_for_weight_conversion=START); "
            "LLaMA-Factory leaves that in pissa_converted"
        )
        yield _problem(source, what, hint)


def _adapter_problems(model: ResolvedModel, config: PeftConfig, stored: Shapes, source: str) -> Iterator[Problem]:
    config.inference_mode = False  # for its shape alone
    place = "cpu" if config.is_prompt_learning else skeleton_device(config)  # a prompt's state is computed
    adapted = apply_adapter(load_skeleton(model, device=place), config)
    expected = {
        name: tuple(tensor.shape)
        for name, tensor in get_peft_model_state_dict(adapted, save_embedding_layers=False).items()
    }
    whole = {name: shape for name, shape in stored.items() if _EMBEDDINGS.search(name) and name not in expected}
    given = {name: shape for name, shape in stored.items() if name not in whole}
    yield from _apart(given, expected, model, source)
    sizes = {tuple(tensor.shape) for tensor in load_skeleton(model).parameters()}
    for name, shape in whole.items():
        if shape not in sizes:
            yield _problem(
                source, f"{name} is {_shape(shape)}: its vocabulary is not that of {model.name}", _OTHER_BASE
            )


def _whole_problems(model: ResolvedModel, stored: Shapes, base: Shapes, source: str) -> Iterator[Problem]:
    """By name, whether or not a file has the prefix of the model without its head; a tied head may be stored or not."""
    prefix = f"{load_skeleton(model).base_model_prefix}."
    tied = {name for name in (*stored, *base) if _EMBEDDINGS.search(f".{name}")}
    mine = {_bare(name, prefix): shape for name, shape in stored.items()}
    theirs = {_bare(name, prefix): shape for name, shape in base.items()}
    optional = {_bare(name, prefix) for name in tied}
    yield from _apart(
        {name: shape for name, shape in mine.items() if name in theirs or name not in optional},
        {name: shape for name, shape in theirs.items() if name in mine or name not in optional},
        model,
        source,
    )


_OTHER_BASE = "another base, or another configuration, was trained: name that base as the suite's model"


def _apart(given: Shapes, expected: Shapes, model: ResolvedModel, source: str) -> Iterator[Problem]:
    """What is in one and not in the other, or of another shape."""
    unknown = [name for name in given if name not in expected]
    missing = [name for name in expected if name not in given]
    other = [name for name in given if name in expected and given[name] != expected[name]]
    if unknown:
        what = f"{len(unknown)} of its {len(given)} tensors have no place in {model.name}, such as {_some(unknown)}"
        yield _problem(source, what, f"they would be left out without a word; {_OTHER_BASE}")
    if missing:
        what = f"it lacks {len(missing)} of {len(expected)} tensors, such as {_some(missing)}"
        yield _problem(source, what, "save it again: what is missing would stay as it is in the base")
    if other:
        name = other[0]
        shapes = f"{name} is {_shape(given[name])}, not {_shape(expected[name])}"
        yield _problem(source, f"{len(other)} of its tensors have another shape: {shapes}", _OTHER_BASE)


def _bare(name: str, prefix: str) -> str:
    return name.removeprefix(prefix)


def _tokenizer_problems(folder: Path, base: Path, source: str) -> Iterator[Problem]:
    """A token that has another number than in the base: prompts are tokenised as the base's are."""
    given, expected = _vocabulary(folder), _vocabulary(base)
    moved = [token for token, number in given.items() if expected.get(token, number) != number] if expected else []
    if moved:
        what = f"its tokenizer numbers {len(moved)} tokens otherwise than the base's, such as {moved[0]!r}"
        yield _problem(source, what, _OTHER_BASE)


def _notes(folder: Path, model: ResolvedModel, named: str | None, *, whole: bool) -> Iterator[str]:
    base = Path(model.path)
    if whole:
        yield from config_notes(model, folder)
    if named is not None and not _same_base(named, model):
        yield f"its configuration names the base {named}, the suite's is {model.name}; all its tensors fit"
    given, expected = _vocabulary(folder), _vocabulary(base)
    if expected and (added := [token for token in given if token not in expected]):
        yield f"its tokenizer has {len(added)} tokens that the base's has not, such as {added[0]!r}: they are not used"
    if (folder / "tokenizer_config.json").is_file():
        yield from _template_notes(folder, model)


def _template_notes(folder: Path, model: ResolvedModel) -> Iterator[str]:
    """What its own tokenizer and template, which nothing here depends on, do otherwise with a conversation."""
    with_its_tokenizer = model.model_copy(update={"path": str(folder), "template": TOKENIZER})
    row = Row(turns=(Turn(role="user", content="Say one."), Turn(role="assistant", content="One.")), origin="")
    try:
        tokenizer = load_tokenizer(with_its_tokenizer)
        if not tokenizer.chat_template:
            return
        theirs = make_renderer(tokenizer, with_its_tokenizer, _LONG).row(row).input_ids
    except Exception as error:  # tokenizers raises no narrower one
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        yield f"its own tokenizer or chat template cannot be used ({why}): {_AS_THE_SUITE_SAYS}"
        return
    if theirs != make_renderer(load_tokenizer(model), model, _LONG).row(row).input_ids:
        yield f"its own chat template writes a prompt otherwise: {_AS_THE_SUITE_SAYS}"


def _same_base(named: str, model: ResolvedModel) -> bool:
    names = {model.name, model.source.partition(":")[2], model.path}
    return named in names or named.rstrip("/").rpartition("/")[2].lower() in {
        name.rstrip("/").rpartition("/")[2].lower() for name in names
    }


def _vocabulary(folder: Path) -> dict[str, int]:
    """Token numbers of a fast tokenizer's file; empty where there is none."""
    file = _json(folder / "tokenizer.json")
    vocabulary = file.get("model", {}).get("vocab", {}) if isinstance(file.get("model"), dict) else {}
    numbers = vocabulary if isinstance(vocabulary, dict) else {entry[0]: at for at, entry in enumerate(vocabulary)}
    return {**numbers, **{token["content"]: token["id"] for token in file.get("added_tokens", ())}}


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _problem(source: str, what: str, hint: str) -> Problem:
    return Problem(reference="given.unfit", what=what, where=source, hint=hint)


def _some(names: Iterable[str]) -> str:
    return " and ".join(list(names)[:_SHOWN])


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
