"""Which recipes are worth their price, as far as the run can tell."""

from bench.stats.conclusions.frontier import Amount, Point, frontier


def point(name: str, quality: float, cost: float, noise: float = 0.1) -> Point:
    return Point(
        name=name,
        quality=Amount(value=quality, low=quality - noise, high=quality + noise),
        cost=Amount(value=cost, low=cost - noise, high=cost + noise),
    )


def test_cheap_and_good_are_both_on_it() -> None:
    placed = frontier([point("cheap", 1, 1), point("good", 2, 2), point("bad", 0, 3)])
    assert [p.standing for p in placed] == ["frontier", "frontier", "dominated"]
    assert placed[2].by == ("cheap", "good")


def test_noise_leaves_it_open() -> None:
    placed = frontier([point("one", 1.0, 1.0), point("other", 0.95, 1.05)])
    assert [p.standing for p in placed] == ["unresolved", "unresolved"]
    assert [p.by for p in placed] == [(), ("one",)], "the estimates are named and decide nothing"


def test_cheapest_by_its_interval_is_on_it_whatever_its_quality() -> None:
    placed = frontier([point("cheap", 1.0, 1.0), point("dear", 1.05, 2.0), point("dearer", 1.1, 2.05)])
    assert [p.standing for p in placed] == ["frontier", "unresolved", "unresolved"]


def test_an_exact_equal_cost_lets_quality_decide() -> None:
    better = Point(name="better", quality=Amount(value=2, low=1.9, high=2.1), cost=Amount(value=5, low=5, high=5))
    worse = Point(name="worse", quality=Amount(value=1, low=0.9, high=1.1), cost=Amount(value=5, low=5, high=5))
    assert [p.standing for p in frontier([better, worse])] == ["frontier", "dominated"]


def test_what_costs_anything_costs_more_than_what_is_free() -> None:
    """A training that made the model worse is not worth its price, though its seconds were measured only once."""
    base = Point(name="base", quality=Amount(value=2, low=1.9, high=2.1), cost=Amount(value=0, low=0, high=0))
    worse = Point(name="worse", quality=Amount(value=1, low=0.9, high=1.1), cost=Amount(value=3))
    free = Point(name="free", quality=Amount(value=1, low=0.9, high=1.1), cost=Amount(value=0))
    assert [p.standing for p in frontier([base, worse, free])] == ["frontier", "dominated", "unresolved"]


def test_without_intervals_nothing_is_shown_and_the_unmeasured_stays_in_the_table() -> None:
    bare = [
        Point(name="a", quality=Amount(value=2), cost=Amount(value=1)),
        Point(name="b", quality=Amount(value=1), cost=Amount(value=2)),
    ]
    gone = Point(name="c", quality=None, cost=Amount(value=1))
    assert [p.standing for p in frontier([*bare, gone])] == ["unresolved", "unresolved", "unknown"]


def exact(name: str, quality: float, cost: float) -> Point:
    return Point(
        name=name,
        quality=Amount(value=quality, low=quality, high=quality),
        cost=Amount(value=cost, low=cost, high=cost),
    )


def test_an_exact_equal_quality_lets_the_cost_decide() -> None:
    placed = frontier([exact("cheap", 1, 1), exact("dear", 1, 2)])
    assert [(p.standing, p.by) for p in placed] == [("frontier", ()), ("dominated", ("cheap",))]


def test_equals_do_not_dominate_each_other() -> None:
    assert [(p.standing, p.by) for p in frontier([exact("a", 1, 1), exact("b", 1, 1)])] == [("frontier", ())] * 2


def test_an_equal_quality_that_is_no_exact_one_decides_nothing() -> None:
    noisy = point("noisy", 1.0, 1.0)
    placed = frontier([noisy, exact("sure", 1.0, 2.0)])
    assert [p.standing for p in placed] == ["frontier", "unresolved"]
    assert placed[1].by == ("noisy",)


def test_intervals_that_touch_are_not_apart() -> None:
    """Better by the estimates, not shown to be."""
    placed = frontier([point("a", 1.25, 1.0, noise=0.125), point("b", 1.0, 2.0, noise=0.125)])
    assert [(p.standing, p.by) for p in placed] == [("frontier", ()), ("unresolved", ("a",))]


def test_a_cost_within_a_hundredth_is_neither_the_dearer_nor_the_cheaper() -> None:
    """Seen: three seeds whose peaks of memory agreed made an arm with one MiB more the dearer one."""

    def resolved(name: str, quality: float, memory: float) -> Point:
        cost = Amount(value=memory, low=memory - 0.1, high=memory + 0.1)
        return Point(name=name, quality=Amount(value=quality, low=quality - 0.1, high=quality + 0.1), cost=cost)

    placed = frontier([resolved("good", 2, 301), resolved("bad", 1, 300), resolved("large", 1, 310)])
    assert [(p.standing, p.by) for p in placed] == [("frontier", ()), ("unresolved", ()), ("dominated", ("good",))]
    counted = frontier([exact("good", 2, 4_010), exact("bad", 1, 4_000)])
    assert [p.standing for p in counted] == ["frontier", "dominated"], "budgets in tokens end within a batch"


def test_of_two_that_are_free_neither_is_the_cheaper() -> None:
    placed = frontier([exact("a", 1, 0), exact("b", 1, 0)])
    assert [p.standing for p in placed] == ["frontier", "frontier"]


def test_by_the_estimates_one_of_the_two_must_be_better() -> None:
    """Equal quality at less cost, and more quality at equal cost, are named; the same point is not."""

    def bare(name: str, quality: float, cost: float) -> Point:
        return Point(name=name, quality=Amount(value=quality), cost=Amount(value=cost))

    placed = frontier([bare("a", 1, 1), bare("same", 1, 1), bare("dearer", 1, 1.5), bare("worse", 0.5, 1)])
    assert [p.by for p in placed] == [(), (), ("a", "same"), ("a", "same")]


def test_a_point_without_a_figure_stands_beside_the_others() -> None:
    """Whichever figure is missing, of whichever point."""
    whole, amount = exact("whole", 1, 1), Amount(value=1)
    for quality, cost in ((None, amount), (amount, None), (None, None)):
        gone = Point(name="gone", quality=quality, cost=cost)
        for points in ([whole, gone], [gone, whole]):
            assert {p.name: (p.standing, p.by) for p in frontier(points)} == {
                "whole": ("frontier", ()),
                "gone": ("unknown", ()),
            }


def test_little_is_more_than_nothing() -> None:
    half = Point(name="half", quality=Amount(value=1, low=0.9, high=1.1), cost=Amount(value=0.5))
    assert [p.standing for p in frontier([exact("free", 2, 0), half])] == ["frontier", "dominated"]
