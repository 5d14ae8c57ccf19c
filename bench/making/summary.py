"""What a making came to: counts, tokens and costs. Missing is `None`."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TypeVar

from bench.endpoint.completion import Completer, Completion
from bench.endpoint.usage import Usage
from bench.spec import Spec

_HERE = ""
"""Stands for the models on this machine, which cost no money that could be counted."""
Number = TypeVar("Number", int, float)


class MakeSummary(Spec):
    """Counts of one run. Replies that an earlier run had already got count as asked, and as reused."""

    kind: str
    path: str
    """The file of rows."""
    rows: int
    """In the file."""
    added: int
    """Rows that this run wrote."""
    wanted: int | None
    """Rows asked for; `None` where that follows from the tasks."""
    asked: int
    """Requests."""
    reused: int
    """Requests answered from disk, at no cost."""
    failed: int
    """Requests without an answer. The same command asks them again."""
    left_out: dict[str, int]
    """Answers that were of no use, by reason: `duplicate`, `unparsable`, `cut off`, `empty`, …"""
    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None
    """Cost of all replies of endpoints, those of earlier runs included. `None` where a price or a count is missing."""
    cost_now: float | None
    currency: str | None
    on_endpoint: bool
    """Whether an endpoint was asked; what this machine answers has no price."""
    failures: dict[str, int]
    """Failed requests by the server's message; the most frequent ones."""

    @property
    def complete(self) -> bool:
        """Whether every request was answered and as many rows came as were asked for."""
        return not self.failed and not self.short

    @property
    def short(self) -> bool:
        """Whether fewer rows came than were asked for."""
        return self.wanted is not None and self.rows < self.wanted


@dataclass(slots=True, kw_only=True)
class MakingTally:
    """The counts while they grow."""

    bills: dict[str, Usage] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    added: int = 0
    rows: int = 0
    seen: set[str] = field(default_factory=set)
    """Ids of the rows that came in this run."""

    def hear(self, completer: Completer, completion: Completion) -> None:
        """Count an completion."""
        where = _HERE if completer.host is None else f"{completer.host} {completer.name}"
        bill = self.bills.setdefault(where, Usage(price=completer.price))
        bill.add(completion)
        if completion.failure is not None:
            self.failures[completion.failure] += 1

    @property
    def asked(self) -> int:
        """Requests with an completion."""
        return sum(bill.asked for bill in self.bills.values())

    def summary(self, *, kind: str, path: str, wanted: int | None) -> MakeSummary:
        """The counts so far."""
        bills = list(self.bills.values())
        paid = [bill for where, bill in self.bills.items() if where != _HERE]
        currencies = {bill.price.currency for bill in paid if bill.price is not None}
        one_currency = len(currencies) == 1
        return MakeSummary(
            kind=kind,
            path=path,
            rows=self.rows,
            added=self.added,
            wanted=wanted,
            asked=self.asked,
            reused=sum(bill.reused for bill in bills),
            failed=sum(bill.failed for bill in bills),
            left_out=dict(self.left_out.most_common()),
            prompt_tokens=_sum([bill.prompt_tokens for bill in bills]),
            completion_tokens=_sum([bill.completion_tokens for bill in bills]),
            cost=_sum([bill.cost for bill in paid]) if one_currency else None,
            cost_now=_sum([bill.cost_now for bill in paid]) if one_currency else None,
            currency=currencies.pop() if one_currency else None,
            on_endpoint=bool(paid),
            failures=dict(self.failures.most_common(5)),
        )


def _sum(values: list[Number | None]) -> Number | None:
    """`None` where one is unknown."""
    numbers = [value for value in values if value is not None]
    return sum(numbers[1:], numbers[0]) if numbers and len(numbers) == len(values) else None
