"""Names that the installed lm-eval knows: metrics, filters, samplers, keys of a task file; out of its source.

Contract: lm-eval is found and parsed, not imported, which would take seconds. Without lm-eval every set is empty.
"""

import ast
import importlib.util
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

OUTPUT_TYPES = frozenset({"generate_until", "multiple_choice", "loglikelihood", "loglikelihood_rolling"})
OWN_FIGURES: dict[str, frozenset[str]] = {
    "multiple_choice": frozenset(
        {
            "acc", "acc_norm", "acc_bytes", "acc_mutual_info", "exact_match", "f1", "mcc", "brier_score", "likelihood",
        }
    ),
    "loglikelihood": frozenset({"perplexity", "acc"}),
    "loglikelihood_rolling": frozenset({"word_perplexity", "byte_perplexity", "bits_per_byte"}),
}  # fmt: skip
"""Metrics that lm-eval computes for an output type, where it computes no others."""

_EVALUATE = """
accuracy bertscore bleu bleurt brier_score cer character charcut_mt chrf code_eval comet competition_math
confusion_matrix coval cuad exact_match f1 frugalscore glue google_bleu indic_glue mae mahalanobis mape mase
matthews_correlation mauve mcnemar mean_iou meteor mse nist_mt pearsonr perplexity poseval precision r_squared recall
rl_reliability roc_auc rouge sacrebleu sari seqeval smape spearmanr squad squad_v2 super_glue ter toxicity trec_eval
wer wiki_split wilcoxon word_length xnli xtreme_s
"""
EVALUATE_METRICS = frozenset(_EVALUATE.split())
"""Metrics that the `evaluate` library has on the hub under a bare name; any other is `OWNER/NAME` there."""


def is_unknown_metric(item: Mapping[str, Any]) -> bool:
    """Whether a table names a metric that neither lm-eval has nor, as far as a name can tell, the hub. False without
    lm-eval, and where the table says that it is the hub's (`hf_evaluate`)."""
    name = item.get("metric")
    if type(name) is not str or not installed_metrics() or item.get("hf_evaluate") is True:
        return False
    return "/" not in name and name not in installed_metrics() | EVALUATE_METRICS


@cache
def installed_metrics() -> frozenset[str]:
    """Metrics by name."""
    return frozenset(re.findall(r'register_metric\(\s*metric="([^"]+)"', _source("api/metrics.py")))


@cache
def installed_aggregations() -> frozenset[str]:
    """How a task file may combine a metric's values over its examples."""
    return frozenset(re.findall(r'register_aggregation\(\s*"([^"]+)"', _source("api/metrics.py")))


@cache
def installed_filters() -> frozenset[str]:
    """Steps from an answer to what is scored."""
    files = ("extraction", "transformation", "selection", "custom")  # those that lm-eval imports
    return frozenset(
        name for file in files for name in re.findall(r'register_filter\(\s*"([^"]+)"', _source(f"filters/{file}.py"))
    )


@cache
def installed_samplers() -> frozenset[str]:
    """How few-shot examples are chosen."""
    registry = re.search(r"SAMPLER_REGISTRY\b[^{]*\{([^}]*)\}", _source("api/samplers.py"))
    return frozenset(re.findall(r'"([^"]+)":', registry.group(1))) if registry else frozenset()


@cache
def task_keys() -> frozenset[str]:
    """Keys that a task may have."""
    return _fields("config/task.py", "TaskConfig")


@cache
def few_shot_keys() -> frozenset[str]:
    """Keys of a task's `fewshot_config`."""
    return _fields("config/task.py", "FewshotConfig")


@cache
def group_keys() -> frozenset[str]:
    """Keys that a group may have beside those that it sets for its tasks."""
    return _fields("config/group.py", "GroupConfig")


@cache
def aggregate_keys() -> frozenset[str]:
    """Keys of an item of a group's `aggregate_metric_list`."""
    return _fields("config/group.py", "AggMetricConfig")


def _source(file: str) -> str:
    spec = importlib.util.find_spec("lm_eval")  # finds, does not import
    roots = spec.submodule_search_locations if spec is not None else None
    path = Path(next(iter(roots)), file) if roots else None
    return path.read_text(encoding="utf-8") if path is not None and path.is_file() else ""


def _fields(file: str, name: str) -> frozenset[str]:
    """Fields of the data class `name`."""
    return frozenset(_annotated(ast.parse(_source(file)), name))


def _annotated(module: ast.Module, name: str) -> Iterator[str]:
    for table in module.body:
        if isinstance(table, ast.ClassDef) and table.name == name:
            for line in table.body:
                if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                    yield line.target.id
