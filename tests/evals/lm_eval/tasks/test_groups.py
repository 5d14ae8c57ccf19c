"""Groups of tasks whose answers go through several filters."""

import pytest
from lm_eval.api.group import Group
from lm_eval.config.group import AggMetricConfig

from bench.evals.lm_eval.samples.measures import TaskScores
from bench.evals.lm_eval.tasks.groups import group_measures
from bench.record.results.evals.evaluation import Measure


class _Leaf:
    """What a group asks of a task."""

    def __init__(self, name: str) -> None:
        self.task_name = name


def scores(task: str, strict: float, loose: float) -> TaskScores:
    measures = tuple(
        Measure(
            task=task, metric=f"acc:{name}", value=value, n=10, missing=0, higher_is_better=True, binary=True,
            chance=None, headline=name == "strict",
        )
        for name, value in (("strict", strict), ("loose", loose))
    )  # fmt: skip
    return TaskScores(rows=(), measures=measures, filters=(("acc", "strict"), ("acc", "loose")))


@pytest.mark.parametrize(
    ("chosen", "figures"),
    [("strict", {"acc:strict": 0.3}), (["loose"], {"acc:loose": 0.7}), (None, {"acc:strict": 0.3, "acc:loose": 0.7})],
)
def test_only_answers_of_one_filter_are_added_up(
    chosen: str | list[str] | None, figures: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers read strictly and loosely are two figures; a mean over both would be none."""
    config = AggMetricConfig(metric="acc", filter_list=chosen)
    group = Group(name="g", aggregate_metric_list=[config])
    monkeypatch.setattr(Group, "get_all_tasks", lambda self, **_: [_Leaf("a"), _Leaf("b")])
    found = group_measures({"g": group}, {"a": scores("a", 0.2, 0.6), "b": scores("b", 0.4, 0.8)}, ["g"])
    assert {one.metric: one.value for one in found} == pytest.approx(figures)
