"""The schedule: arms that were promised equal budgets must get them, from the same rows in the same order."""

from dataclasses import replace

import pytest

from bench.data.render.row import Row, Turn
from bench.errors import InputError
from bench.suite.tables.training.budget import Budget
from bench.train.batches.encoded_row import Batch, slots
from bench.train.batches.schedule import Schedule, plan_schedule
from tests.fakes.checkpoints import tiny_tokenizer
from tests.fakes.training import PlainRendered, PlainRenderer, make_recipe, make_rows

ROWS = make_rows(50)
TOKENIZER = tiny_tokenizer()


class CountingRenderer:
    """The plain renderer; counts what it rendered."""

    def __init__(self, max_length: int = 128) -> None:
        self._inner = PlainRenderer(TOKENIZER, max_length)
        self.rendered = 0

    def row(self, row: Row) -> PlainRendered:
        self.rendered += 1
        return self._inner.row(row)


def plan(unit: str, amount: float, *, rows: list[Row] = ROWS, seed: int = 0, **recipe: object) -> Schedule:
    """A schedule of the fake rows."""
    return plan_schedule(
        rows, CountingRenderer(), make_recipe(**recipe), Budget(unit=unit, amount=amount), max_length=128, seed=seed
    )


@pytest.mark.parametrize("unit", ["tokens", "supervised_tokens"])
def test_a_token_budget_is_met_within_half_a_row(unit: str) -> None:
    """Whatever the amount: a last row that would overshoot by more is left out."""
    for amount in range(300, 1_500, 17):
        schedule = plan(unit, amount)
        used = schedule.tokens if unit == "tokens" else schedule.supervised_tokens
        longest = max(getattr(example, unit) for example in schedule.examples())
        assert abs(used - amount) <= longest / 2


def test_a_last_row_that_brings_the_budget_no_nearer_is_left_out() -> None:
    """One row and a half: one row is as near as two."""
    rows = next([row] * 4 for row in ROWS if plan("epochs", 1, rows=[row]).tokens % 2 == 0)
    tokens = plan("epochs", 0.25, rows=rows).tokens
    amounts = (tokens, 3 * tokens // 2, 3 * tokens // 2 + 1, 2 * tokens)
    assert [plan("tokens", amount, rows=rows).rows for amount in amounts] == [1, 1, 2, 2]


def test_two_arms_of_different_data_get_token_budgets_within_one_per_cent() -> None:
    short, long = plan("tokens", 6_000, rows=make_rows(40, words=(2, 4))), plan("tokens", 6_000, seed=3)
    assert abs(short.tokens - long.tokens) / 6_000 < 0.01


def test_a_budget_below_one_row_still_trains_one_row() -> None:
    assert plan("tokens", 1).rows == 1
    assert plan("epochs", 0.001).rows == 1


def test_steps_are_optimiser_steps_of_full_batches() -> None:
    schedule = plan("steps", 7, batch_rows=4, accumulation=3)
    assert (schedule.steps, schedule.rows) == (7, 7 * 4 * 3)


def test_an_epoch_meets_every_row_once_and_the_next_in_another_order() -> None:
    schedule = plan("epochs", 2)
    first = [example.rows[0] for example in list(schedule.examples())[:50]]
    second = [example.rows[0] for example in list(schedule.examples())[50:]]
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second
    assert (schedule.epochs, schedule.distinct_rows) == (2.0, 50)


def test_a_row_is_rendered_once_however_often_it_is_met() -> None:
    renderer = CountingRenderer()
    plan_schedule(ROWS, renderer, make_recipe(), Budget(unit="epochs", amount=3), max_length=128, seed=0)
    assert renderer.rendered == len(ROWS)


def test_the_last_step_may_have_fewer_forward_passes() -> None:
    schedule = plan("epochs", 1, batch_rows=4, accumulation=2)
    assert len(schedule.batches) == 13
    assert schedule.steps == 7
    parts = list(schedule.each_step())
    assert [len(part.batches) for part in parts] == [2] * 6 + [1]
    assert [_ids(batch) for part in parts for batch in part.batches] == [_ids(batch) for batch in schedule.batches]
    assert sum(part.tokens for part in parts) == schedule.tokens


def test_half_an_epoch_is_half_of_the_rows() -> None:
    assert plan("epochs", 0.5).rows == 25


def test_the_seed_is_the_order() -> None:
    def order(seed: int) -> list[int]:
        return [example.rows[0] for example in plan("epochs", 1, seed=seed).examples()]

    assert order(1) == order(1) != order(2)
    assert order(-1) != order(1)


def test_only_the_rows_that_a_budget_needs_are_rendered() -> None:
    """52,000 rows must not all be tokenised for a small budget."""
    renderer = CountingRenderer()
    rows = make_rows(20) * 500
    plan_schedule(rows, renderer, make_recipe(), Budget(unit="tokens", amount=1_000), max_length=128, seed=0)
    assert renderer.rendered < 100


@pytest.mark.parametrize("packing", ["none", "bfd"])
@pytest.mark.parametrize("grouped", [False, True])
def test_packing_and_grouping_change_neither_the_rows_nor_the_tokens(packing: str, grouped: bool) -> None:
    plain, arranged = plan("epochs", 1), plan("epochs", 1, packing=packing, group_by_length=grouped)
    assert sorted(e.rows[0] for e in plain.examples()) == sorted(e.rows[0] for e in arranged.examples())
    assert plain.tokens == arranged.tokens


@pytest.mark.parametrize("change", [{"packing": "bfd"}, {"group_by_length": True}])
def test_packing_and_grouping_save_padding(change: dict[str, object]) -> None:
    plain, arranged = plan("epochs", 4), plan("epochs", 4, **change)
    assert arranged.slots < plain.slots
    assert arranged.tokens / arranged.slots > 0.85


def test_a_step_budget_with_packing_counts_packed_sequences() -> None:
    schedule = plan("steps", 2, packing="bfd", batch_rows=3)
    assert sum(len(batch) for batch in schedule.batches) == 6
    assert schedule.rows > 6
    assert all(sum(e.tokens for e in sequence) <= 128 for batch in schedule.batches for sequence in batch)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("change", [{"packing": "bfd", "batch_rows": 1}, {"packing": "bfd_split", "batch_rows": 2}])
def test_a_step_budget_below_an_epoch_sees_each_row_at_most_once(change: dict[str, object], seed: int) -> None:
    """An epoch of a step budget was 137 rows with 94 distinct ones."""
    whole = plan("epochs", 1, seed=seed, **change)
    for steps in range(1, whole.steps + 1):
        schedule = plan("steps", steps, seed=seed, **change)
        assert schedule.rows == schedule.distinct_rows <= 50
    assert plan("steps", whole.steps, seed=seed, **change).distinct_rows == 50


def test_rows_with_nothing_to_supervise_are_dropped_and_counted() -> None:
    renderer = CountingRenderer(max_length=18)  # long prompts fill it
    schedule = plan_schedule(ROWS, renderer, make_recipe(), Budget(unit="epochs", amount=1), max_length=18, seed=0)
    assert schedule.dropped_rows > 0
    assert schedule.rows + schedule.dropped_rows == len(ROWS)
    assert schedule.truncated_rows > 0
    assert all(example.supervised_tokens > 0 for example in schedule.examples())


def test_rows_that_the_suite_keeps_have_their_place_with_nothing_to_supervise() -> None:
    kept = [
        row.model_copy(update={"turns": (*row.prompt, row.turns[-1].model_copy(update={"kept": True}))}) for row in ROWS
    ]
    renderer = CountingRenderer(max_length=18)
    schedule = plan_schedule(kept, renderer, make_recipe(), Budget(unit="epochs", amount=1), max_length=18, seed=0)
    assert (schedule.dropped_rows, schedule.rows) == (0, len(ROWS))
    assert any(example.supervised_tokens == 0 for example in schedule.examples())


@pytest.mark.parametrize("unit", ["epochs", "steps", "tokens", "supervised_tokens"])
def test_data_with_nothing_to_learn_is_an_error_and_not_an_endless_loop(unit: str) -> None:
    with pytest.raises(InputError, match="anything to supervise"):
        plan_schedule(
            ROWS, CountingRenderer(max_length=2), make_recipe(), Budget(unit=unit, amount=3), max_length=2, seed=0
        )


def test_one_row_to_learn_from_is_enough() -> None:
    """Whichever place the seed gives it in the epoch."""
    good, _ = ROWS[:2]
    masked = Turn(role="assistant", content="masked")
    empty = [Row(turns=(ROWS[0].turns[0], masked), origin=f"fake:{i}") for i in range(3)]

    class Strict(CountingRenderer):
        def row(self, row: Row) -> PlainRendered:
            rendered = super().row(row)
            if row.answer != masked.content:
                return rendered
            return replace(rendered, labels_mask=[False] * len(rendered.labels_mask))

    short = Budget(unit="epochs", amount=0.25)
    for seed in range(8):
        assert plan_schedule([good, *empty], Strict(), make_recipe(), short, max_length=128, seed=seed).rows == 1
        recipe, budget = make_recipe(), Budget(unit="steps", amount=1)
        schedule = plan_schedule([good, *empty], Strict(), recipe, budget, max_length=128, seed=seed)
        assert schedule.rows == recipe.batch_rows
        assert schedule.dropped_rows == 3


def _ids(batch: Batch) -> list[list[int]]:
    return [example.ids.tolist() for sequence in batch for example in sequence]


def test_the_first_steps_of_a_schedule_are_the_same_batches() -> None:
    whole = plan("steps", 5, accumulation=2)
    start = whole.first(2)
    assert start.steps == 2
    assert [_ids(batch) for batch in start.batches] == [_ids(batch) for batch in whole.batches][:4]


@pytest.mark.parametrize("seed", range(6))
def test_the_largest_passes_are_those_of_the_first_step_and_of_all_behind_it(seed: int) -> None:
    """The optimiser's states are there from the second step on: memory peaks in one of the two."""
    whole = plan("steps", 3, accumulation=2, batch_rows=3, seed=seed)
    sizes = [slots(batch) for batch in whole.batches]
    supervised = [sum(example.supervised_tokens for (example,) in batch) for batch in whole.batches]
    first, later = whole.largest_passes
    assert later is not None
    assert (first.slots, later.slots) == (max(sizes[:2]), max(sizes[2:]))
    assert (first.supervised_tokens, later.supervised_tokens) == (max(supervised[:2]), max(supervised[2:]))
    both = first.with_other(later)
    assert (both.slots, both.supervised_tokens) == (max(sizes), max(supervised))
    assert whole.first(1).largest_passes == (first, None)
    probe = whole.with_largest_pass(3)
    assert probe.steps == 3
    assert [slots(batch) for batch in probe.batches] == [*sizes[:2], later.slots, *sizes[2:5]]
