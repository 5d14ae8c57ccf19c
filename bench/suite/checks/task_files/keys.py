"""Keys of a task file and their values, against what lm-eval takes and what an answer here is drawn by.

Contract: looks at the file alone. What is named by `!function` is code, and is left to who trusts it.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.errors import did_you_mean
from bench.suite.catalog.generation_settings import LENGTHS, SUPPORTED, unheeded
from bench.suite.catalog.lm_eval_names import (
    OUTPUT_TYPES,
    OWN_FIGURES,
    few_shot_keys,
    installed_aggregations,
    installed_filters,
    installed_metrics,
    installed_samplers,
    is_unknown_metric,
    task_keys,
)
from bench.suite.catalog.tasks import FunctionName
from bench.suite.checks.task_files.fault import Fault

_STRUCTURE = frozenset({"include", "group", "tag", "task_list"})
"""Keys of a task file that are no part of the task."""
_METRIC_KEYS = ("metric", "aggregation", "higher_is_better", "hf_evaluate")


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


_TEXT = (lambda value: isinstance(value, str), "text")
_TABLE = (lambda value: isinstance(value, dict), "a table of keys")
_LIST = (lambda value: isinstance(value, list), "a list")
_TEXT_OR_NUMBER = (lambda value: isinstance(value, str | int), "text")
_FORMS: dict[str, tuple[Callable[[object], bool], str]] = {
    **dict.fromkeys(("task", "dataset_path", "training_split", "validation_split", "test_split"), _TEXT),
    **dict.fromkeys(("fewshot_split", "description", "target_delimiter", "fewshot_delimiter", "gen_prefix"), _TEXT),
    **dict.fromkeys(("dataset_kwargs", "generation_kwargs", "fewshot_config"), _TABLE),
    **dict.fromkeys(("metric_list", "filter_list"), _LIST),
    "doc_to_text": _TEXT_OR_NUMBER,
    "doc_to_target": (lambda value: isinstance(value, str | int | list), "text, a number or a list"),
    "doc_to_choice": (lambda value: isinstance(value, str | list | dict), "a list of options, or text"),
    "num_fewshot": (lambda value: _is_count(value, 0), "a whole number, 0 or more"),
    "repeats": (lambda value: _is_count(value, 1), "a whole number, 1 or more"),
    "should_decontaminate": (lambda value: isinstance(value, bool), "true or false"),
}


def key_faults(config: Mapping[str, Any]) -> Iterator[Fault]:
    """All that is wrong with the keys of one task; a task that is a Python class has keys of its own."""
    if "class" in config:
        return
    known = task_keys() | _STRUCTURE
    for key in config if task_keys() else ():
        if key not in known:
            yield Fault(what=f"lm-eval has no key {key!r}", hint=did_you_mean(str(key), known))
    given = {key: value for key, value in config.items() if value is not None and not isinstance(value, FunctionName)}
    wrong = {key for key, (fits, _) in _FORMS.items() if key in given and not fits(given[key])}
    for key in sorted(wrong):
        yield Fault(what=f"{key} is {_shown(given[key])}", hint=f"write {_FORMS[key][1]}")
    sound = {key: value for key, value in given.items() if key not in wrong}
    yield from _missing_keys(config)
    yield from _output_type(sound)
    yield from _metrics(sound, of_code=config.get("process_results") is not None)
    of_code = any(isinstance(value, FunctionName) for value in config.values())  # which may bring filters of its own
    yield from _filters(sound.get("filter_list", []), frozenset() if of_code else installed_filters())
    yield from _few_shot(sound.get("fewshot_config", {}))
    if sound.get("output_type", "generate_until") == "generate_until":
        yield from _generation(sound.get("generation_kwargs", {}))


def _missing_keys(config: Mapping[str, Any]) -> Iterator[Fault]:
    if config.get("use_prompt") is not None:
        return
    for key in ("doc_to_text", "doc_to_target"):
        if config.get(key) is None:
            yield Fault(what=f"{key} is missing", hint=f"write {key}: a column's name, or a template such as {{{{…}}}}")
    if config.get("output_type") == "multiple_choice" and config.get("doc_to_choice") is None:
        hint = "write doc_to_choice: the column with the list of options, or the list itself"
        yield Fault(what="doc_to_choice is missing, and output_type is multiple_choice", hint=hint)


def _output_type(config: Mapping[str, Any]) -> Iterator[Fault]:
    output_type = config.get("output_type", "generate_until")
    if output_type not in OUTPUT_TYPES:
        what, hint = f"output_type is {_shown(output_type)}", did_you_mean(str(output_type), OUTPUT_TYPES)
        yield Fault(what=what, hint=hint)


def _metrics(config: Mapping[str, Any], *, of_code: bool) -> Iterator[Fault]:
    """What is wrong with the metrics; `of_code`: the task computes its own, by whatever names."""
    listed = config.get("metric_list")
    if listed == []:
        yield Fault(what="metric_list is empty", hint="name a metric, or remove the key")
    own = OWN_FIGURES.get(config.get("output_type", "")) if not of_code else None
    for index, item in enumerate(listed or []):
        place = f"metric_list[{index}]"
        if not isinstance(item, dict) or "metric" not in item:
            yield Fault(what=f"{place} names no metric", hint="write - metric: NAME")
            continue
        name = item["metric"]
        if isinstance(name, FunctionName):
            continue
        if own is not None and name not in own and (name in installed_metrics() or is_unknown_metric(item)):
            what = f"{place}: lm-eval computes no {name!r} for output_type {config['output_type']}"
            yield Fault(what=what, hint=did_you_mean(str(name), own))
        else:
            yield from () if of_code else _foreign_metric(item, place)
        yield from _combination(item, place)


def _combination(item: Mapping[str, Any], place: str) -> Iterator[Fault]:
    """What is wrong with how a metric's values are combined and read."""
    aggregation = item.get("aggregation")
    known = installed_aggregations()
    if "aggregation" in item and known and not isinstance(aggregation, FunctionName) and aggregation not in known:
        what = f"{place}.aggregation is {_shown(aggregation)}"
        yield Fault(what=what, hint=did_you_mean(str(aggregation), known))
    if not isinstance(item.get("higher_is_better", True), bool):
        yield Fault(what=f"{place}.higher_is_better is {_shown(item['higher_is_better'])}", hint="true or false")
    for key in item:
        near = difflib.get_close_matches(str(key), _METRIC_KEYS, n=1, cutoff=0.8)
        if key not in _METRIC_KEYS and near:
            yield Fault(what=f"{place}.{key} is no key of a metric", hint=f"did you mean {near[0]!r}?")


def _foreign_metric(item: Mapping[str, Any], place: str) -> Iterator[Fault]:
    """What is wrong with a metric that is not lm-eval's: nobody has it, or the task does not say how to combine it."""
    name = str(item["metric"])
    if is_unknown_metric(item):
        near = difflib.get_close_matches(name, sorted(installed_metrics()), n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else did_you_mean(name, installed_metrics())
        what = f"{place}: neither lm-eval nor evaluate has a metric {name!r}"
        yield Fault(what=what, hint=f"{hint}; one of the hub is OWNER/NAME, or has hf_evaluate: true")
    elif installed_metrics() and name not in installed_metrics() and "aggregation" not in item:
        what = f"{place}: the metric {name!r} is not lm-eval's, and has no aggregation"
        yield Fault(what=what, hint="write aggregation: mean")


def _filters(listed: list[Any], known: frozenset[str]) -> Iterator[Fault]:
    for index, item in enumerate(listed):
        place = f"filter_list[{index}]"
        steps = item.get("filter") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not isinstance(steps, list):
            yield Fault(what=f"{place} needs name and filter", hint="name: NAME and filter: [{function: take_first}]")
            continue
        for number, step in enumerate(steps):
            yield from _filter_step(step, f"{place}.filter[{number}]", known)


def _filter_step(step: object, place: str, known: frozenset[str]) -> Iterator[Fault]:
    function = step.get("function") if isinstance(step, dict) else None
    if not isinstance(step, dict) or function is None:
        yield Fault(what=f"{place} names no function", hint=did_you_mean("", known))
        return
    if not isinstance(function, FunctionName) and known and function not in known:
        yield Fault(what=f"{place}.function is {_shown(function)}", hint=did_you_mean(str(function), known))
    pattern = step.get("regex_pattern")
    if isinstance(pattern, str):
        try:
            re.compile(pattern)
        except re.error as error:
            yield Fault(what=f"{place}.regex_pattern is no regular expression: {error}", hint="fix the pattern")


def _few_shot(table: Mapping[str, Any]) -> Iterator[Fault]:
    for key in table if few_shot_keys() else ():
        if key not in few_shot_keys():
            what, hint = f"fewshot_config has no key {key!r}", did_you_mean(str(key), few_shot_keys())
            yield Fault(what=what, hint=hint)
    sampler = table.get("sampler", "default")
    if not isinstance(sampler, FunctionName) and installed_samplers() and sampler not in installed_samplers():
        hint = did_you_mean(str(sampler), installed_samplers())
        yield Fault(what=f"fewshot_config.sampler is {_shown(sampler)}", hint=hint)
    samples = table.get("samples")
    if samples is not None and not isinstance(samples, FunctionName | list):
        yield Fault(what=f"fewshot_config.samples is {_shown(samples)}", hint="write a list of examples")


def _generation(settings: Mapping[str, Any]) -> Iterator[Fault]:
    for key in unheeded(settings):
        what = f"generation_kwargs.{key} = {_shown(settings[key])} is not supported"
        yield Fault(what=what, hint=did_you_mean(str(key), SUPPORTED))
    for key in LENGTHS:
        if settings.get(key) is not None and not _is_count(settings[key], 1):
            what, hint = f"generation_kwargs.{key} is {_shown(settings[key])}", "a whole number, 1 or more"
            yield Fault(what=what, hint=hint)
    until = settings.get("until", [])
    if not isinstance(until, str) and not (isinstance(until, list) and all(isinstance(end, str) for end in until)):
        yield Fault(what=f"generation_kwargs.until is {_shown(until)}", hint="text, or a list of texts")
    temperature = settings.get("temperature", 0.0)
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or temperature < 0:
        yield Fault(what=f"generation_kwargs.temperature is {_shown(temperature)}", hint="a number, 0 or more")


def _shown(value: object) -> str:
    """A value as the file has it, short."""
    text = repr(value) if isinstance(value, str | int | float | bool) or value is None else type(value).__name__
    return {"dict": "a table", "list": "a list", "None": "empty"}.get(text, text[:60])
