"""Rows of token ids as one tree, which has what they begin with once.

Contract: rows come in the order of their ids, so what a row has in common with the one before it is the most that it
has in common with any before. The rest of the row has columns of its own, behind those of the tokens before.
"""

from dataclasses import dataclass, field


@dataclass(slots=True)
class TokenTree:
    """Tokens of all rows; those that rows begin with alike are the same tokens."""

    lanes: int
    """Columns of a panel, at whose first one a run of tokens begins."""
    ids: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    """Number of each token in its row."""
    columns: list[int] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)
    """First column of each token's run."""
    parents: list[int] = field(default_factory=list)
    """Number of the token before each token's run; -1 for none."""
    lengths: list[int] = field(default_factory=list)
    """Tokens that each row added."""
    behind: list[int] = field(default_factory=list)
    """Tokens that each row shares."""
    path: list[int] = field(default_factory=list)
    """Numbers of the last row's tokens."""
    row: tuple[int, ...] = ()
    """The last row."""

    @property
    def width(self) -> int:
        """Columns so far."""
        return self.columns[-1] + 1 if self.columns else 0

    def add(self, row: tuple[int, ...]) -> list[int]:
        """Adds a row; the numbers of its tokens."""
        shared = common_length(self.row, row)
        first, new = len(self.ids), row[shared:]
        goes_on = 0 < shared == len(self.row) and self.path[-1] == first - 1
        parent = self.path[shared - 1] if shared else -1
        start = self.width if goes_on else -(-self.width // self.lanes) * self.lanes
        self.ids += new
        self.positions += range(shared, len(row))
        self.columns += range(start, start + len(new))
        self.begins += [self.begins[parent] if goes_on else start] * len(new)
        self.parents += [self.parents[parent] if goes_on else parent] * len(new)
        self.lengths.append(len(new))
        self.behind.append(shared)
        self.path[shared:] = range(first, first + len(new))
        self.row = row
        return self.path


def common_length(first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """How many tokens both rows begin with."""
    most = min(len(first), len(second))
    if first[:most] == second[:most]:
        return most
    return next(at for at in range(most) if first[at] != second[at])
