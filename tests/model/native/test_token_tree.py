"""Rows as one tree: a token must see the row before it, and nothing else."""

import torch

from bench.model.native.token_tree import TokenTree, common_length

LANES = 4


def seen_by(tree: TokenTree, token: int) -> list[int]:
    """Ids in the columns that a token sees, in the order of the row."""
    at = dict(zip(tree.columns, tree.ids, strict=True))
    seen: list[int] = []
    while token >= 0:
        seen = [at[column] for column in range(tree.begins[token], tree.columns[token] + 1)] + seen
        token = tree.parents[token]
    return seen


def test_every_token_sees_its_row() -> None:
    draw = torch.Generator().manual_seed(0)
    sizes = torch.randint(1, 14, (80,), generator=draw).tolist()
    rows = sorted(tuple(torch.randint(0, 2, (size,), generator=draw).tolist()) for size in sizes)
    tree = TokenTree(LANES)
    for row in rows:
        tokens = list(tree.add(row))
        assert [seen_by(tree, token) for token in tokens] == [list(row[: at + 1]) for at in range(len(row))]
        assert [tree.positions[token] for token in tokens] == list(range(len(row)))
    assert len(tree.ids) == len({row[: at + 1] for row in rows for at in range(len(row))}), "each beginning once"
    assert len(set(tree.columns)) == len(tree.columns), "a column of its own"
    assert all(begin % LANES == 0 for begin in tree.begins)


def test_a_row_that_goes_on_where_the_last_one_ended_stays_in_its_columns() -> None:
    tree = TokenTree(LANES)
    tree.add((1, 2, 3))
    assert list(tree.add((1, 2, 3, 4, 5))) == [0, 1, 2, 3, 4]
    assert (tree.columns, set(tree.begins), set(tree.parents)) == ([0, 1, 2, 3, 4], {0}, {-1})
    assert list(tree.add((1, 2, 6))) == [0, 1, 5]
    assert (tree.columns[5], tree.begins[5], tree.parents[5], tree.width) == (8, 8, 1, 9)
    assert (tree.lengths, tree.behind) == ([3, 2, 1], [0, 3, 2])


def test_the_length_of_what_two_rows_begin_with() -> None:
    assert common_length((), (1,)) == 0
    assert common_length((1, 2, 3), (1, 2)) == common_length((1, 2), (1, 2)) == 2
    assert common_length((1, 2, 3), (1, 4, 3)) == 1
