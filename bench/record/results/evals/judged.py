"""How a judge compared one subject's answers with others: verdicts in both orders, and what they took."""

from bench.spec import Spec


class Judged(Spec):
    """How a judge compared one subject's answers with others, and what that took."""

    judge: str
    """Name that the judge gives itself, else the name that was asked for."""
    host: str | None
    """`None`: a model on this machine."""
    prompt: str
    """Name or file of what it was asked."""
    prompt_sha256: str
    against: str
    """Whose answers they were compared with."""
    by_definition: bool = False
    """Both sides are the same answers: a tie each, and no judge was asked."""
    wins: int
    """Preferred in both orders."""
    losses: int
    ties: int
    """No preference in both orders."""
    flips: int
    """The two orders disagree; a tie in the score."""
    half: int
    """Only one order has a verdict that can be read; a tie in the score."""
    unjudged: int
    """Neither order has one; no score."""
    unanswered: int
    """One side has no answer; no score."""
    identical: int
    """One text on both sides; a tie without asking."""
    verdicts: int
    """Read, over both orders."""
    first_preferred: int
    """Verdicts for the answer that was shown first, among these."""
    second_preferred: int
    unread: int
    """Replies without a verdict that can be read."""
    rejected: int
    """Requests that were refused, whatever is tried."""
    asked: int
    reused: int
    """Replies from disk, among those asked."""
    prompt_tokens: int | None
    """Tokens of all replies; `None` where the server did not count."""
    completion_tokens: int | None
    cost: float | None
    """Cost of all replies, whenever paid for; `None` without a price."""
    cost_now: float | None
    """Cost of the replies that were not on disk when the job ran."""
    currency: str | None

    @property
    def consistency(self) -> float | None:
        """Share of the pairs with two verdicts in which both prefer the same; `None` without such a pair."""
        same = self.wins + self.losses + self.ties
        return same / (same + self.flips) if same + self.flips else None
