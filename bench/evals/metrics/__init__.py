"""Metrics that compare answers with references, as modules of the `evaluate` library that need no network.

Contract: `evaluate.load("<this folder>/NAME").compute(predictions=…, references=…)` takes one text and one list of
references for each answer, and gives by measure name a list with a score for each answer (`None` where the references
allow none), or, for a corpus metric, one number and under `NAME_statistics` the sufficient statistics of each answer.
"""

from typing import Any

import datasets
import evaluate


def text_metric(description: str) -> Any:
    """What `evaluate` wants to know of a metric of one text and its references."""
    features = {"predictions": datasets.Value("string"), "references": datasets.Sequence(datasets.Value("string"))}
    return evaluate.MetricInfo(
        description=description, citation="", inputs_description="", features=datasets.Features(features)
    )
