"""A judge's rate on one arm, corrected by people's labels of some of its pairs.

Contract: pure. An example is one unit, with its seeds averaged: pairs of one prompt are not independent.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np

from bench.record.labels import HumanLabel
from bench.record.record import Record
from bench.record.results.evals.evaluation import ScoreRow
from bench.stats.estimates.judged.prediction_powered import Corrected, corrected_rate
from bench.suite.tables.evals.judge_measures import WIN_RATE


def labels_of_eval(record: Record, name: str) -> dict[tuple[str, str], HumanLabel]:
    """Labels of a judge eval, by subject and example."""
    return {
        (label.subject, label.id): label
        for labelled in record.labels
        if labelled.eval == name
        for label in labelled.labels
    }


def corrected_by_people(
    names: Sequence[str], scored: Sequence[Sequence[ScoreRow]], labels: Mapping[tuple[str, str], HumanLabel]
) -> Corrected | None:
    """The corrected rate of an arm; `None` where no scored pair of it is labelled. names, scored: of its subjects."""
    human: dict[str, list[float]] = {}
    judged: dict[str, list[float]] = {}
    others: dict[str, list[float]] = {}
    for name, rows in zip(names, scored, strict=True):
        for row in rows:
            score = row.metrics.get(WIN_RATE)
            if score is None:
                continue
            label = labels.get((name, row.id))
            if label is None:
                others.setdefault(row.id, []).append(score)
            else:
                human.setdefault(row.id, []).append(label.score)
                judged.setdefault(row.id, []).append(score)
    if not human:
        return None
    return corrected_rate(
        np.array([fmean(values) for values in human.values()]),
        np.array([fmean(values) for values in judged.values()]),
        np.array([fmean(values) for id_, values in others.items() if id_ not in human]),
    )


def unmatched_labels(
    names: Sequence[str], scored: Sequence[Sequence[ScoreRow]], labels: Mapping[tuple[str, str], HumanLabel]
) -> int:
    """Labels of an arm's subjects that correct nothing: no scored pair has their id."""
    pairs = {
        (name, row.id)
        for name, rows in zip(names, scored, strict=True)
        for row in rows
        if row.metrics.get(WIN_RATE) is not None
    }
    return sum(subject in names and (subject, id_) not in pairs for subject, id_ in labels)
