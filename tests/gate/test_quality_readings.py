"""What decides the quality gate, by hand: answers and exit codes from made-up scores, without a run."""

import dataclasses
from datetime import date
from typing import Any

import numpy as np
import pytest

from bench.errors import ExitCode
from bench.gate.changes import _renumbered, _sides, cells
from bench.gate.quality import ClaimChange, QualityComparison, ScoreChange, decided
from bench.report.analysis.aligned.align import Aligned
from bench.report.analysis.aligned.measurand import Measurand
from bench.stats.samples.corpus_metrics import CORPUS_METRICS
from bench.stats.samples.corpus_sample import CorpusScores
from bench.stats.samples.sample import Scores
from bench.suite.tables.conclusions.gate import GatePolicy, Waiver

MEASURAND = Measurand(
    name="qa", eval="qa", kind="choice", role="primary", metrics={"qa": "acc"}, higher_is_better=True, binary=True,
    per_example=True, chance=None, limit=None,
)  # fmt: skip
ROWS = 200
EXAMPLES = tuple(("qa", str(number)) for number in range(ROWS))
ONES = np.ones(ROWS)


def scores(values: np.ndarray[Any, Any], **changes: Any) -> Scores:
    """One untrained subject's scores, right or wrong."""
    values = np.atleast_2d(values)
    plain: dict[str, Any] = {"present": np.ones_like(values, dtype=bool), "weights": np.ones(values.shape[1])}
    return Scores(values=values, **{**plain, "binary": True, "trained": False, **changes})


def aligned(values: np.ndarray[Any, Any], **changes: Any) -> Aligned:
    """One arm on one eval."""
    return Aligned(measurand=MEASURAND, examples=EXAMPLES, arms={"a": scores(values, **changes)})


def right(count: int) -> np.ndarray[Any, Any]:
    """The first `count` examples are right."""
    return (np.arange(ROWS) < count).astype(float)


def changes(
    now: dict[str, Aligned], before: dict[str, Aligned], margin: float = 0.0, *, same_jobs: bool = False
) -> tuple[ScoreChange, ...]:
    policy = GatePolicy(margin=margin)
    compared = cells(
        now, before, policy, same_seeds=lambda _: True, same_jobs=lambda *_: same_jobs, seed=0, replicates=500
    )
    return decided(compared, policy.waiver)


def change(new: Aligned, old: Aligned, margin: float = 0.0) -> ScoreChange:
    """The one comparison of two runs with one arm."""
    (found,) = changes({"qa": new}, {"qa": old}, margin)
    return found


def test_a_change_is_this_run_minus_the_stored_one() -> None:
    found = change(aligned(right(120)), aligned(right(100)))
    assert (found.before, found.after) == (0.5, 0.6)
    assert (found.answer, found.why) == ("go", None)
    assert found.delta.estimate == pytest.approx(0.1)


def test_where_less_is_better_a_fall_is_a_gain() -> None:
    measurand = dataclasses.replace(MEASURAND, higher_is_better=False)
    low, high = (dataclasses.replace(aligned(right(count)), measurand=measurand) for count in (100, 120))
    assert (change(low, high).answer, change(high, low).answer) == ("go", "no-go")


def test_a_small_change_shows_nothing_unless_a_margin_excludes_the_loss() -> None:
    fewer, more = aligned(right(100)), aligned(right(101))
    assert change(more, fewer).answer == "inconclusive"
    assert change(fewer, more).answer == "inconclusive"
    assert change(fewer, more, margin=0.2).answer == "go"
    assert change(aligned(right(100)), aligned(right(120)), margin=0.2).answer != "no-go"
    assert change(fewer, fewer).answer == "go", "nothing changed, so nothing is unresolved"


def test_the_smallest_drop_lies_beyond_the_margin_and_grows_with_the_family() -> None:
    """At 80% power: margin, half the interval, and the quantile of the power."""
    fewer, more = aligned(right(100)), aligned(right(110))
    alone = change(fewer, more)
    assert alone.smallest_drop == pytest.approx(alone.delta.mde)
    assert change(fewer, more, margin=0.1).smallest_drop == pytest.approx(0.1 + (alone.delta.mde or 0.0))
    wide, _ = changes({"qa": fewer, "next": fewer}, {"qa": more, "next": more})
    assert wide.smallest_drop is not None
    assert wide.smallest_drop > (alone.smallest_drop or 0.0)


def test_a_drop_that_the_stored_score_has_no_room_for_is_none_at_all() -> None:
    """2 of 200 right: what this check finds in 80% of cases is a loss of more than all of them."""
    share = dataclasses.replace(MEASURAND, bounds=(0.0, 1.0))

    def fallen(count: int) -> ScoreChange:
        new, old = (dataclasses.replace(aligned(right(n)), measurand=share) for n in (count - 1, count))
        return change(new, old)

    scarce, plenty = fallen(2), fallen(100)
    assert (scarce.room, plenty.room) == (2 / ROWS, 0.5)
    assert (scarce.blind, plenty.blind) == (True, False)


def test_equal_scores_say_nothing_where_all_are_wrong_or_right_unless_the_jobs_are_the_same() -> None:
    """Seen: none of 60 answers right in both runs, interval ±0.119, accepted 0.02: "a loss is excluded"."""
    for count in (0, ROWS):
        level = {"qa": aligned(right(count))}
        (found,) = changes(level, level, 0.001)
        assert found.answer == "inconclusive"
        (reused,) = changes(level, level, 0.001, same_jobs=True)
        assert reused.answer == "go"
    same = {"qa": aligned(right(100))}
    assert changes(same, same)[0].answer == "go"


def test_a_cell_that_both_runs_share_stays_in_the_family() -> None:
    """With a loss, equal scores have no interval, and leaving them out made the others surer."""
    loss = dataclasses.replace(MEASURAND, binary=False)
    rng = np.random.default_rng(0)
    first = rng.normal(size=ROWS)
    pair = [dataclasses.replace(aligned(values, binary=False), measurand=loss) for values in (first, first - 0.16)]
    worse = pair[1], dataclasses.replace(pair[0], arms={"a": scores(first + 0.2 * rng.normal(size=ROWS), binary=False)})
    alone = change(*worse)
    shared = {f"same {number}": pair[0] for number in range(9)}
    beside, *same = changes({"qa": worse[0], **shared}, {"qa": worse[1], **shared})
    assert {cell.answer for cell in same} == {"go"}
    assert alone.answer == "no-go"
    assert beside.smallest_drop is not None
    assert alone.smallest_drop is not None
    assert beside.smallest_drop > alone.smallest_drop


def test_the_smallest_drop_is_beyond_what_missing_scores_leave_open() -> None:
    present = np.ones((1, ROWS), dtype=bool)
    present[0, 190:] = False
    whole, part = (change(aligned(right(100)), aligned(right(110), **more)) for more in ({}, {"present": present}))
    assert part.smallest_drop is not None
    assert part.smallest_drop == pytest.approx((whole.smallest_drop or 0.0) + 10 / ROWS, abs=0.01)


def test_the_order_of_the_examples_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    order = rng.permutation(ROWS)
    clusters, weights = np.arange(ROWS) // 4, rng.uniform(1, 5, ROWS)
    old = aligned(right(100), clusters=clusters, weights=weights)
    new = aligned(right(120), clusters=clusters, weights=weights)
    moved = Aligned(
        measurand=MEASURAND,
        examples=tuple(EXAMPLES[index] for index in order),
        arms={"a": scores(right(120)[order], clusters=clusters[order], weights=weights[order])},
    )
    assert change(moved, old).delta == change(new, old).delta
    assert change(moved, moved).answer == "go"


def test_an_improvement_that_may_be_luck_is_unresolved() -> None:
    """Three more of 200: p = 0.25."""
    assert change(aligned(right(103)), aligned(right(100))).answer == "inconclusive"


def test_a_few_missing_scores_leave_a_comparison_and_none_in_common_leaves_none() -> None:
    half = np.arange(ROWS)[None] < ROWS // 2
    most = np.arange(ROWS)[None] > 0
    assert change(aligned(right(120) * most[0], present=most), aligned(right(100))).answer == "go"
    apart = change(aligned(right(50), present=half), aligned(0 * ONES, present=~half))
    assert (apart.answer, apart.before, apart.after) == ("inconclusive", None, None)
    assert apart.why is not None


def test_labels_are_numbered_as_they_are_first_met() -> None:
    assert _renumbered(np.asarray([7, 3, 7, 9, 3])).tolist() == [0, 1, 0, 2, 1]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"arms": {"b": scores(right(100))}}, "no such arm"),
        ({"measurand": dataclasses.replace(MEASURAND, metrics={"qa": "acc_norm"})}, "metrics differ"),
        ({"examples": EXAMPLES[:150], "arms": {"a": scores(right(100)[:150])}}, "200 stored, 150 in this run, 150 in"),
        (
            {"examples": (*EXAMPLES, ("qa", "new")), "arms": {"a": scores(np.append(right(100), 1.0))}},
            "200 stored, 201 in this run, 200 in both",
        ),
        ({"arms": {"a": scores(right(100), weights=2 * ONES)}}, "in another way"),
        ({"arms": {"a": scores(right(100), binary=False)}}, "in another way"),
        ({"arms": {"a": scores(right(100), bounds=(0.0, 1.0))}}, "in another way"),
        ({"arms": {"a": scores(0 * ONES, present=np.zeros((1, ROWS), dtype=bool))}}, "this run has no score"),
    ],
)
def test_what_cannot_be_compared_says_why(other: dict[str, Any], why: str) -> None:
    found = change(dataclasses.replace(aligned(right(100)), **other), aligned(right(100)))
    assert (found.answer, found.delta, found.before, found.after) == ("inconclusive", None, None, None)
    assert found.why is not None
    assert why in found.why


def test_an_eval_that_is_gone_or_a_stored_run_without_scores_is_missing() -> None:
    old = aligned(right(100))
    assert _sides("a", None, old, same_seeds=True).why == "this run has no such eval"
    empty = aligned(0 * ONES, present=np.zeros((1, ROWS), dtype=bool))
    assert "the stored run has no score" in (change(old, empty).why or "")


def test_diagnostics_are_left_out() -> None:
    old = dataclasses.replace(aligned(right(100)), measurand=dataclasses.replace(MEASURAND, role="diagnostic"))
    assert changes({}, {"qa": old}) == ()
    (found,) = changes({}, {"qa": old, "next": aligned(right(100))})
    assert (found.eval, found.answer) == ("next", "inconclusive")


def corpus(rng: np.random.Generator, chance: float) -> Aligned:
    """IFEval's rate over instructions: three of each prompt, three trainings."""
    followed = rng.binomial(3, chance, (3, ROWS)).astype(float)
    counts = CorpusScores(
        metric=CORPUS_METRICS["inst_level_strict_acc"],
        values=np.stack([followed, np.full_like(followed, 3.0)], axis=-1),
        present=np.ones(followed.shape, dtype=bool),
    )
    measurand = dataclasses.replace(MEASURAND, binary=False, per_example=False)
    nothing = scores(np.zeros((3, ROWS)), present=np.zeros((3, ROWS), dtype=bool), trained=True)
    return Aligned(measurand=measurand, examples=EXAMPLES, arms={"a": nothing}, counts={"a": counts})


def test_a_corpus_metric_is_checked_as_every_other_and_without_statistics_it_is_incomplete() -> None:
    """Seen: an eval that BLEU leads was in no cell, and the gate was green without it."""
    rng = np.random.default_rng(0)
    good, worse = corpus(rng, 0.6), corpus(rng, 0.4)
    fell = change(worse, good)
    assert (fell.answer, fell.paired_seeds) == ("no-go", False)
    assert fell.before == pytest.approx(0.6, abs=0.05)
    assert fell.after == pytest.approx(0.4, abs=0.05)
    assert change(good, worse).answer == "go"
    assert change(good, good).answer == "go"
    order = np.random.default_rng(1).permutation(ROWS)
    counts = good.counts["a"]
    moved = dataclasses.replace(
        good,
        examples=tuple(EXAMPLES[index] for index in order),
        counts={"a": dataclasses.replace(counts, values=counts.values[:, order])},
    )
    assert change(moved, good).answer == "go"
    bare = dataclasses.replace(good, counts={})
    assert "keeps nothing" in (change(good, bare).why or "")


def test_a_scale_that_one_run_does_not_show_is_that_of_the_other() -> None:
    """All answers of one run without any word of the reference: a share or a percentage."""
    low, high = (
        aligned(values, binary=False, bounds=bounds)
        for values, bounds in ((0 * ONES, (0.0, 100.0)), (0.3 * right(100), (0.0, 1.0)))
    )
    assert change(low, high).why is None


@pytest.mark.parametrize(
    ("before", "after", "failed"),
    [
        ("supported", "refuted", True), ("inconclusive", "refuted", True), (None, "refuted", True),
        ("refuted", "refuted", False), ("supported", "inconclusive", False), ("supported", "supported", False),
    ],
)  # fmt: skip
def test_a_claim_fails_where_it_is_refuted_now_alone(before: str | None, after: str, failed: bool) -> None:
    claim = ClaimChange(says="a >= b", on="qa", before=before, after=after, waiver=None)
    assert claim.failed is failed
    assert gate(claims=(claim,)).exit_code == (ExitCode.GATE_FAILED if failed else ExitCode.OK)
    waiver = Waiver(claim="a >= b", until=date(2026, 1, 1), reason="known")
    assert not dataclasses.replace(claim, waiver=waiver).failed


def gate(**update: Any) -> QualityComparison:
    plain: dict[str, Any] = {"changes": (), "claims": (), "complete": True, "expired": (), "differences": ()}
    return QualityComparison(**{**plain, "fail_on": "no-go", **update})


@pytest.mark.parametrize(
    ("answers", "complete", "answer", "codes"),
    [
        (("go", "go"), True, "go", (0, 0)),
        (("go", "inconclusive"), True, "inconclusive", (0, 1)),
        (("go", "no-go"), True, "no-go", (1, 1)),
        (("inconclusive", "no-go"), False, "no-go", (1, 1)),
        (("go", "inconclusive"), False, "inconclusive", (3, 1)),
        (("go",), False, "inconclusive", (3, 1)),
    ],
)
def test_one_arm_that_got_worse_fails_whatever_the_others_did(
    answers: tuple[Any, ...], complete: bool, answer: str, codes: tuple[int, int]
) -> None:
    plain: dict[str, Any] = {
        "arm": "a", "eval": "qa", "tier": "required", "margin": 0.0, "before": None, "after": None, "delta": None,
        "paired_seeds": True, "smallest_drop": None, "room": None, "why": None, "waiver": None,
    }  # fmt: skip
    changes = tuple(ScoreChange(answer=cell, **plain) for cell in answers)
    found = gate(changes=changes, complete=complete)
    assert (found.answer, found.exit_code) == (answer, codes[0])
    assert dataclasses.replace(found, fail_on="unresolved").exit_code == codes[1]
    lenient = tuple(dataclasses.replace(cell, tier="advisory") for cell in changes)
    assert gate(changes=lenient).answer == "go"
