"""Which parts of a checkpoint need code that the checkpoint brings, and whether that code loads.

Contract: without trust no file of the checkpoint is executed. A part needs its code where transformers refuses to load
it otherwise, and where it is a class that transformers does not have: in its place transformers would load, without a
word, one that computes something else.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from bench.errors import InputError, Problem
from bench.model.transformers_private import module_copies_in

_REFUSAL = "trust_remote_code"
"""Argument that every refusal of transformers' `resolve_trust_remote_code` names."""


@contextlib.contextmanager
def own_modules(folder: Path) -> Iterator[None]:
    """Python files that a model brings are copied to be imported: here into a part of `folder` that goes at the end.

    transformers copies over what differs, in place. Of two processes with one such folder, which first load the same
    weights, one could import what the other has half copied.
    """
    copies = folder / "modules"
    try:
        with module_copies_in(copies):
            yield
    finally:
        shutil.rmtree(copies, ignore_errors=True)


def parts_that_need_code(path: str, classes: Mapping[str, str]) -> list[str]:
    """Parts of `classes` (`AutoConfig`, `AutoModelForCausalLM`, `AutoTokenizer`) that need their code."""
    refused = {part for part, load in _LOADS.items() if _is_refused(load, path)}
    if "AutoConfig" in refused:
        refused.add("AutoModelForCausalLM")  # it could not be asked
    unknown = {part for part, name in classes.items() if not hasattr(transformers, name)}
    return [part for part in _LOADS if part in classes and part in refused | unknown]


def check_trusted(path: str, parts: Iterable[str]) -> None:
    """Load these parts with their own code, weights aside. Raises `InputError` where it fails."""
    for part in parts:
        try:
            _LOADS[part](path, True)
        except Exception as error:  # what a stranger's code can raise is without bounds
            raise _failed(error, path) from error


def _is_refused(load: Callable[[str, bool], object], path: str) -> bool:
    try:
        load(path, False)
    except Exception as error:  # whatever else is wrong with the files is told where they are used
        return isinstance(error, ValueError) and _REFUSAL in str(error)
    return False


def _load_config(path: str, trusted: bool) -> Any:
    return AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=trusted)


def _load_model(path: str, trusted: bool) -> Any:
    config = _load_config(path, trusted)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, trust_remote_code=trusted)


def _load_tokenizer(path: str, trusted: bool) -> Any:
    return AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=trusted)


_LOADS: dict[str, Callable[[str, bool], object]] = {
    "AutoConfig": _load_config,
    "AutoModelForCausalLM": _load_model,
    "AutoTokenizer": _load_tokenizer,
}


def _failed(error: Exception, path: str) -> InputError:
    lines = str(error).strip().splitlines()
    what = f"the model's own code fails: {type(error).__name__}{': ' + lines[0] if lines else ''}"
    hint = f"it may want another version of transformers, or a package: see {Path(path).name}'s page"
    return InputError(Problem(reference="model.remote-code", what=what, where=path, hint=hint))
