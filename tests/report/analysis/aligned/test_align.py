"""Lining up scores: a wrong pairing would make every difference in the report meaningless."""

import numpy as np
import pytest

from bench.record.record import EvaluationRecord, Record
from bench.record.results.evals.evaluation import GroupMeasure, ScoreRow
from bench.report.analysis.aligned.align import Aligned, align, align_one, usable
from bench.report.analysis.aligned.measurand import Measurand
from bench.report.analysis.aligned.score_rows import read_rows
from bench.report.analysis.run_facts.subjects import subjects
from bench.stats.samples.sample import layout
from bench.suite.catalog.metrics import BEHAVIOUR, REFERENCE
from bench.suite.tables.arms.arms import BASE
from tests.fakes.records import make_run


def aligned(record: Record, rows: dict[tuple[str, str], list[ScoreRow]], name: str) -> Aligned:
    return next(entry for entry in align(record, rows) if entry.measurand.name == name)


def test_examples_are_matched_by_task_and_id_not_by_position() -> None:
    """A subject whose file is in another order would be compared on the wrong examples."""
    run = make_run(examples=30)
    rows = dict(read_rows(run, run.record))
    straight = aligned(run.record, rows, "qa")
    shuffled = dict(rows)
    shuffled["qa", "lima_1k/full#1"] = list(reversed(rows["qa", "lima_1k/full#1"]))
    again = aligned(run.record, shuffled, "qa")
    assert again.examples == straight.examples
    assert np.array_equal(again.arms["lima_1k/full"].values, straight.arms["lima_1k/full"].values)


def test_missing_scores_are_absent_never_zero() -> None:
    """A score that could not be computed would count as a wrong answer."""
    run = make_run(examples=60, missing=0.2)
    entry = aligned(run.record, dict(run.rows), "qa")
    for row in run.rows["qa", "base"]:
        position = entry.examples.index((row.task, row.id))
        assert entry.arms[BASE].present[0, position] == (row.metrics["exact_match"] is not None)
    assert not entry.arms[BASE].present.all()


def test_example_that_one_subject_lacks_is_kept_for_the_others() -> None:
    run = make_run(examples=20)
    rows = dict(run.rows)
    rows["choice", "lima_1k/lora#0"] = rows["choice", "lima_1k/lora#0"][5:]
    entry = aligned(run.record, rows, "choice")
    assert len(entry.examples) == 20
    assert entry.arms["lima_1k/lora"].present.sum(axis=1).tolist() == [15, 20, 20]


def test_the_weight_of_an_example_is_that_of_a_subject_that_scored_it() -> None:
    """A row without a score weighs nothing: its weight would end the report, or weigh the score of the others."""
    run = make_run(examples=20)
    rows = {key: [row.model_copy(update={"weight": 3.0}) for row in found] for key, found in run.rows.items()}
    blank = {"weight": 0.0, "metrics": dict.fromkeys(rows["heldout", "base"][0].metrics)}
    for key in rows:
        rows[key][1] = rows[key][1].model_copy(update=blank)
    rows["heldout", "base"][0] = rows["heldout", "base"][0].model_copy(update=blank)
    entry = aligned(run.record, rows, "heldout")
    assert entry.arms[BASE].weights.tolist() == [3.0, 1.0, *[3.0] * 18]
    assert entry.arms[BASE].present[0].tolist() == [False, False, *[True] * 18]


def test_failed_replicate_is_a_row_without_scores() -> None:
    """Dropping it would hide that one of three seeds failed."""
    run = make_run(examples=20, failed_training="alpaca_52k/lora#1")
    entry = aligned(run.record, dict(run.rows), "choice")
    assert entry.arms["alpaca_52k/lora"].present.any(axis=1).tolist() == [True, False, True]


def test_eval_that_nobody_finished_has_a_measurand_without_examples() -> None:
    run = make_run(examples=10)
    evaluations = tuple(
        evaluation.model_copy(update={"result": None, "scores": None}) if evaluation.eval == "qa" else evaluation
        for evaluation in run.record.evaluations
    )
    record = run.record.model_copy(update={"evaluations": evaluations})
    entry = aligned(record, {key: rows for key, rows in run.rows.items() if key[0] != "qa"}, "qa")
    assert entry.examples == ()
    assert set(entry.arms) == set(subjects(record))


def test_tasks_are_strata_and_clusters_stay_within_their_task() -> None:
    run = make_run(examples=30)
    rows = {
        key: [row.model_copy(update={"cluster": str(int(row.id) % 4)}) for row in found]
        for key, found in run.rows.items()
    }
    scores = aligned(run.record, rows, "qa").arms[BASE]
    assert len(set(scores.strata.tolist())) == 2
    assert len(set(scores.clusters.tolist())) == 8, "the same label in two tasks is two clusters"


def test_examples_without_a_label_beside_labelled_ones_are_of_an_unknown_cluster() -> None:
    """Else losing labels would turn a cluster into independent examples, and raise confidence."""
    run = make_run(examples=30)

    def labelled(row: ScoreRow) -> ScoreRow:
        return row.model_copy(update={"cluster": None if int(row.id) < 10 else str(int(row.id) % 4)})

    rows = {
        key: [labelled(row) if row.task == scored[-1].task else row for row in scored]
        for key, scored in run.rows.items()
    }
    entry = next(part for part in align(run.record, rows) if part.measurand.name == "qa")
    clusters = entry.arms[BASE].clusters
    labels = [task == entry.examples[-1][0] for task, _ in entry.examples]
    unlabelled = [int(name) < 10 and here for (_, name), here in zip(entry.examples, labels, strict=True)]
    assert len(set(clusters[np.array(unlabelled)].tolist())) == 1
    assert (clusters < 0).tolist() == unlabelled
    assert len(set(clusters[np.array(labels)].tolist())) == 5
    others = clusters[~np.array(labels)]
    assert len(set(others.tolist())) == others.size, "a task without labels has independent examples"


def _with_measures(evaluation: EvaluationRecord, updates: dict[str, dict[str, object]]) -> EvaluationRecord:
    if evaluation.result is None:
        return evaluation
    measures = tuple(m.model_copy(update=updates.get(m.task, {})) for m in evaluation.result.measures)
    return evaluation.model_copy(update={"result": evaluation.result.model_copy(update={"measures": measures})})


def test_tasks_without_a_common_scale_are_not_averaged() -> None:
    """A mean of an accuracy and a loss says nothing."""
    run = make_run(examples=30)
    updates: dict[str, dict[str, object]] = {
        "micro_qa_towns": {"metric": "word_loss", "binary": False, "higher_is_better": False}
    }
    evaluations = tuple(_with_measures(evaluation, updates) for evaluation in run.record.evaluations)
    names = [e.measurand.name for e in align(run.record.model_copy(update={"evaluations": evaluations}), run.rows)]
    assert names == ["qa/micro_qa_people", "qa/micro_qa_towns", "choice", "instructions", "cloze", "heldout"]


def test_binary_only_where_every_subject_is() -> None:
    """A subject that happens to score only 0 and 1 on a graded metric must not make it right-or-wrong for all."""
    run = make_run(examples=10)
    evaluations = tuple(
        _with_measures(evaluation, {"micro_choice": {"binary": False}})
        if evaluation.subject == "lima_1k/full#0"
        else evaluation
        for evaluation in run.record.evaluations
    )
    record = run.record.model_copy(update={"evaluations": evaluations})
    assert not aligned(record, dict(run.rows), "choice").measurand.binary
    assert aligned(run.record, dict(run.rows), "choice").measurand.binary


def test_arms_left_out_by_only_are_not_part_of_the_report() -> None:
    run = make_run(examples=5)
    trainings = tuple(t for t in run.record.trainings if t.arm.startswith("lima_1k"))
    record = run.record.model_copy(update={"trainings": trainings})
    assert list(subjects(record)) == [BASE, "lima_1k/full", "lima_1k/lora"]


def test_a_group_that_weighs_by_examples_counts_as_one_task() -> None:
    """MMLU's published figure is over its questions: a mean over its 57 subjects would be another number."""
    run = make_run(examples=20)
    rows, evaluations = dict(run.rows), []
    for evaluation in run.record.evaluations:
        if evaluation.eval != "choice" or evaluation.result is None:
            evaluations.append(evaluation)
            continue
        (measure,) = [one for one in evaluation.result.measures if one.headline]
        sizes = {"small": 5, "large": 15, "alone": 20}
        measures = [
            measure.model_copy(update={"task": task, "n": n, "missing": 0, "chance": chance})
            for (task, n), chance in zip(sizes.items(), (0.5, 0.25, 0.1), strict=True)
        ]
        group = GroupMeasure(
            group="both",
            metric=measure.metric,
            value=0.5,
            tasks=("small", "large"),
            by="examples",
            n=20,
            missing=0,
            asked=True,
        )
        result = evaluation.result.model_copy(update={"measures": tuple(measures), "groups": (group,)})
        evaluations.append(evaluation.model_copy(update={"result": result}))
        old = rows["choice", evaluation.subject]
        split = [("small" if at < 5 else "large", row) for at, row in enumerate(old)] + [("alone", row) for row in old]
        rows["choice", evaluation.subject] = [row.model_copy(update={"task": task}) for task, row in split]
    record = run.record.model_copy(update={"evaluations": tuple(evaluations)})
    entry = aligned(record, rows, "choice")
    scores = entry.arms[BASE]
    share = layout(scores.weights, None, scores.strata).share
    assert np.allclose(share, 1 / 40), "half for the task that stands alone, half for the group's 20 examples"
    assert entry.measurand.parts == ("both", "alone")
    assert entry.measurand.chance == pytest.approx(((5 * 0.5 + 15 * 0.25) / 20 + 0.1) / 2)
    inner = group.model_copy(update={"asked": False})
    apart = [
        e if e.result is None else e.model_copy(update={"result": e.result.model_copy(update={"groups": (inner,)})})
        for e in evaluations
    ]
    by_task = aligned(record.model_copy(update={"evaluations": tuple(apart)}), rows, "choice")
    assert by_task.measurand.parts == ("small", "large", "alone"), "the group that was asked for decides"


@pytest.mark.parametrize(
    ("metric", "scores", "bounds"),
    [
        ("token_f1", (0.3, 0.7), (0.0, 1.0)),
        ("token_f1", (0.3, 1.5), None),
        ("loss", (0.3, 0.7), None),
        ("length", (3.0, 7.0), None),
        ("rouge1", (0.3, 0.7), (0.0, 1.0)),
        ("rougeL_max", (0.3, 40.0), (0.0, 100.0)),
        ("rouge2:first_line", (0.0, 0.0), (0.0, 100.0)),
        ("rouge1_diff", (-0.2, 0.7), (-1.0, 1.0)),
        ("bleu_diff", (-20.0, 7.0), (-100.0, 100.0)),
    ],
)
def test_scores_have_the_ends_of_their_metrics_scale(
    metric: str, scores: tuple[float, float], bounds: tuple[float, float] | None
) -> None:
    """A missing score counts as the worst of its scale, not as the worst that happened to be seen."""
    measurand = Measurand(
        name="e", eval="e", kind="generation", role="target", metrics={"t": metric}, higher_is_better=True,
        binary=False, per_example=True, chance=None, limit=None,
    )  # fmt: skip
    rows = [ScoreRow(task="t", id=str(at), metrics={metric: score}, prompt="p") for at, score in enumerate(scores)]
    entry = align_one(measurand, {"base": ("base",)}, {("e", "base"): rows})
    assert entry.arms["base"].bounds == entry.measurand.bounds == bounds


def test_every_catalogued_measure_but_a_length_has_the_ends_of_its_scale() -> None:
    scales = [scale for scales in (*REFERENCE.values(), BEHAVIOUR) for scale in scales]
    assert [scale.name for scale in scales if scale.ends is None] == ["length"]
    assert {scale.name for scale in scales if scale.ends == (0.0, 100.0)} == {
        "chrf", "sentence_chrf", "bleu", "sentence_bleu",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "width"),
    [("inst_level_strict_acc", 1.0), ("bleu", 100.0), ("mcc", 2.0), ("word_perplexity", None), ("f1", None)],
)
def test_a_corpus_metric_has_its_scale(metric: str, width: float | None) -> None:
    """A margin of 1.0 on IFEval's rate over instructions decides nothing; of a perplexity none is too wide, and nothing
    shows which of two scales a corpus F1 has."""
    measurand = Measurand(
        name="e", eval="e", kind="lm_eval", role="target", metrics={"t": metric},
        higher_is_better=True, binary=False, per_example=False, chance=None, limit=None,
    )  # fmt: skip
    assert align_one(measurand, {"base": ("base",)}, {}).measurand.largest_difference == width


def test_scores_that_can_be_computed_with_end_at_a_googol() -> None:
    assert usable(np.array([0.0, -1e100, 1e100, 1.1e100, -np.inf, np.nan])).tolist() == [True] * 3 + [False] * 3
