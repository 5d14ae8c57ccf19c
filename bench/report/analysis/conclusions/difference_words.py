"""A difference in the words of the tables: better or worse, maybe so, or a signed number whose side is unclear.

Contract: pure. Nothing is "better" or "worse" that is not resolved among all claims that are asked together.
"""

from bench.report.analysis.aligned.measurand import Measurand
from bench.report.render import format as fmt
from bench.stats.conclusions.claim_types import ALPHA
from bench.stats.estimates.costs.ratio import Ratio
from bench.stats.estimates.delta import Delta
from bench.suite.tables.conclusions.claim import Claim

_TWICE = 2.0
"""Ratio of costs from which a factor is given, no percentage."""
_ASKED = {
    (">=", False): "not worse by more than {}",
    (">", False): "better by more than {}",
    ("==", False): "equal within {}",
    (">=", True): "not worse",
    (">", True): "better",
    ("==", True): "equal",
}
_ASKED_OF_COSTS = {
    (">=", False): "at most {} dearer",
    (">", False): "cheaper by more than {}",
    ("==", False): "equal within {}",
    (">=", True): "not dearer",
    (">", True): "cheaper",
    ("==", True): "equal",
}


def asked_words(claim: Claim, measurand: Measurand | None) -> str:
    """`not worse by more than 2.0 points`: what the claim asks of its left side."""
    relation, exact = claim.parts()[1], claim.margin == 0
    if claim.cost is not None and claim.per is None:
        return _ASKED_OF_COSTS[relation, exact].format(ratio_margin(claim))
    if claim.cost is not None or measurand is None:
        return _ASKED[relation, exact].format(ratio_margin(claim))
    return _ASKED[relation, exact].format(amount(claim.margin, measurand))


def ratio_margin(claim: Claim) -> str:
    """What the left side may be dearer, or must be cheaper, by: a ratio's thresholds are 1 + margin and its inverse."""
    relation = claim.parts()[1]
    if relation == "==":
        return f"a factor of {fmt.number(1 + claim.margin, digits=2)}"
    inverse = (claim.per is not None) == (relation == ">=")
    return fmt.percent(claim.margin / (1 + claim.margin)) if inverse else fmt.percent(claim.margin, digits=0)


def difference_words(delta: Delta, measurand: Measurand, *, family: int, proven: bool = False) -> str | None:
    """`better by 46.5 points (41.4 to 51.3)`, or `+4.3 points (−14.5 to +19.8)` where it is unclear which side is
    better; `None` without an interval. The interval is the one that decides: it covers the difference whatever the
    missing scores are, and says so.

    family: differences that are asked together; `better` and `worse` hold after Bonferroni's correction for them.
    proven: a verdict on this difference shows its direction already.
    """
    if delta.estimate is None or delta.low is None or delta.high is None or delta.tested_interval is None:
        return None
    return _resolution(delta, measurand, family=family, proven=proven)


def _resolution(delta: Delta, measurand: Measurand, *, family: int, proven: bool) -> str:
    interval = delta.tested_interval
    assert delta.estimate is not None and interval is not None, "asked before"  # noqa: PT018  # one fact
    low, high = interval
    if low <= 0 <= high:
        shown = f"{_signed(low, measurand)} to {_signed(high, measurand)}{_counted(delta)}"
        return f"{_signed(delta.estimate, measurand, unit=True)} ({shown})"
    better = "better" if (low > 0) == measurand.higher_is_better else "worse"
    by = f"{better} by {size_words(delta, measurand)}"
    if not delta.repeated:
        return f"maybe {by}, by the noise of the examples alone"
    if not proven and (delta.tested_p is None or delta.tested_p * max(1, family) > ALPHA):
        return f"maybe {by}, only before the correction for {fmt.plural(family, 'claim')}"
    return by


def _counted(delta: Delta) -> str:
    """What an interval says where scores are missing."""
    return "" if delta.bounds is None else ", missing scores counted"


def size_words(delta: Delta, measurand: Measurand) -> str:
    """`46.5 points (41.4 to 51.3)`: sizes without a sign, of an interval on one side of zero."""
    interval = delta.tested_interval
    assert delta.estimate is not None and interval is not None, "asked before"  # noqa: PT018  # one fact
    ends = interval if delta.estimate > 0 else (-interval[1], -interval[0])
    low, high = (amount(end, measurand, unit=False) for end in ends)
    return f"{amount(abs(delta.estimate), measurand)} ({low} to {high}{_counted(delta)})"


def ratio_words(ratio: Ratio, claim: Claim, *, proven: bool = False) -> str | None:
    """`cheaper by 15.0% (9.0 to 20.0)` where a verdict (`proven`) or a count shows it, else `×0.950 of the cost (0.800
    to 1.120)`; `None` without a ratio."""
    if ratio.ratio is None:
        return None
    low, high = ratio.low, ratio.high
    share = f"×{fmt.number(ratio.ratio)} of the {'cost' if claim.per is None else 'quality per cost'}"
    if low is None or high is None:
        return share
    ends = "" if ratio.exact else f" ({fmt.number(low)} to {fmt.number(high)})"
    directed = claim.per is None and (proven or ratio.exact) and not low <= 1 <= high
    text = _price_words(ratio.ratio, low, high) if directed else f"{share}{ends}"
    return f"{text}, counted exactly" if ratio.exact else text


def _price_words(ratio: float, low: float, high: float) -> str:
    """`cheaper by 15.0% (9.0 to 20.0)`, or `dearer by a factor of 2.98 (2.50 to 3.40)`."""
    if ratio >= _TWICE:
        said, ends = f"dearer by a factor of {fmt.number(ratio, digits=2)}", (low, high)
        return said if low == high else f"{said} ({' to '.join(fmt.number(end, digits=2) for end in ends)})"
    sizes = sorted(100 * abs(end - 1) for end in (low, high))
    said = f"{'cheaper' if ratio < 1 else 'dearer'} by {100 * abs(ratio - 1):.1f}%"
    return said if low == high else f"{said} ({sizes[0]:.1f} to {sizes[1]:.1f})"


def amount(value: float, measurand: Measurand, *, unit: bool = True) -> str:
    """In points of a hundred where the scores are shares, else in the eval's units."""
    if not measurand.binary:
        return fmt.number(value)
    return f"{fmt.points(value)} points" if unit else fmt.points(value)


def _signed(value: float, measurand: Measurand, *, unit: bool = False) -> str:
    return ("+" if value > 0 else "") + amount(value, measurand, unit=unit)
