"""Batches on disk: a token that came back changed would be trained on as if it had been written."""

import os
from pathlib import Path

import numpy as np
import psutil
import pytest

from bench.train.batches.disk_batches import SpooledBatches
from bench.train.batches.encoded_row import IGNORED, Batch, EncodedRow


def _example(number: int, *, rows: tuple[int, ...]) -> EncodedRow:
    ids = np.arange(number, 2 * number + 1, dtype=np.int32)
    labels = np.where(ids % 3 == 0, IGNORED, ids).astype(np.int32)
    return EncodedRow(rows=rows, ids=ids, labels=labels, supervised_tokens=number // 2, truncated=number % 2 == 0)


def _plain(batch: Batch) -> list[list[tuple[object, ...]]]:
    return [
        [(e.rows, e.ids.tolist(), e.labels.tolist(), e.supervised_tokens, e.truncated) for e in sequence]
        for sequence in batch
    ]


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    """One row, packed rows, a row's continuation (no row begins in it), and rows of one stream."""
    batches: list[Batch] = [
        ((_example(5, rows=(0,)),),),
        ((_example(3, rows=(520_000,)), _example(4, rows=())), (_example(1, rows=(7, 8, 9)),)),
        ((_example(300, rows=(2,)),),),
    ]
    spooled = SpooledBatches(tmp_path)
    for batch in batches:
        spooled.append(batch)
    assert [_plain(batch) for batch in spooled] == [_plain(batch) for batch in batches]
    assert _plain(spooled[-1]) == _plain(batches[-1])
    tail = spooled[1:]
    del spooled
    assert [_plain(batch) for batch in tail] == [_plain(batch) for batch in batches[1:]]
    assert list(tmp_path.iterdir()) == []


def test_files_are_closed_with_their_last_reader(tmp_path: Path) -> None:
    """Else many schedules in one process end at the limit of open files."""
    before = psutil.Process().num_fds()
    for _ in range(20):
        SpooledBatches(tmp_path).append(((_example(5, rows=(0,)),),))
    assert psutil.Process().num_fds() < before + 20


def test_what_the_system_writes_in_pieces_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: write(file, data[:16], at))
    spooled = SpooledBatches(tmp_path)
    batches: list[Batch] = [((_example(5, rows=(0,)),),), ((_example(30, rows=(1,)),),)]
    for batch in batches:
        spooled.append(batch)
    assert [_plain(batch) for batch in spooled] == [_plain(batch) for batch in batches]
