"""What was bought between the looks at a growing run, and what each purchase was worth by the look before it.

Contract: pure functions of the looks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.record.look import Look, Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBought:
    """Another offer. share: of the variance of the claim's comparison that it would have taken."""

    what: str
    share: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What came to a run after a look. look: its number. claim, share, seconds: of the offer that was taken; `None`
    where there was none, such as for seeds that were added by hand. beside: what else was on offer for that claim."""

    look: int
    what: str
    claim: str | None
    share: float | None
    seconds: float | None
    beside: tuple[NotBought, ...]


def purchases(looks: Sequence[Look], this: Look | None) -> tuple[Purchase, ...]:
    """In the order of the looks; none for what was only taken away."""
    every = [*looks, *([this] if this is not None else [])]
    return tuple(
        bought
        for number, (before, after) in enumerate(pairwise(every), start=1)
        for bought in _between(before, after, number)
    )


def _between(before: Look, after: Look, number: int) -> Iterator[Purchase]:
    for arm, count in after.seeds.items():
        more = count - before.seeds.get(arm, count)
        if more > 0:
            what = f"a seed of {arm}" if more == 1 else f"{more} seeds of {arm}"
            yield _purchase(before, what, number, next((o for o in before.offers if o.arm == arm), None))
    for name, count in after.examples.items():
        more = count - before.examples.get(name, count)
        if more > 0:
            offer = next((o for o in before.offers if o.eval == name), None)
            yield _purchase(before, f"{more:,} examples of {name}", number, offer)


def _purchase(before: Look, what: str, number: int, offer: Offer | None) -> Purchase:
    if offer is None:
        return Purchase(look=number, what=what, claim=None, share=None, seconds=None, beside=())
    beside = tuple(
        NotBought(what=other.what, share=other.share, seconds=other.seconds)
        for other in before.offers
        if other.claim == offer.claim and other != offer
    )
    return Purchase(look=number, what=what, claim=offer.claim, share=offer.share, seconds=offer.seconds, beside=beside)
