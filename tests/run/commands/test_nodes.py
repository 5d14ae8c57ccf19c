"""What a node but the head's does: it joins what the head asks for, and ends with it."""

import threading
from pathlib import Path

import pytest

from bench.run.commands import nodes
from bench.run.commands.nodes import take_part
from bench.run.process.allocation import Allocation
from bench.run.process.invitations import Invitation, folder_of, hosting, invitations, invited
from bench.run.process.server import ChildServer

PLACE = Allocation(id="7-0", node=1, nodes=2)


def test_a_node_joins_each_attempt_once_and_ends_with_the_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.fakes.checkpoints import tiny_checkpoint  # imports torch
    from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data

    base = resolved_model(tiny_checkpoint(tmp_path / "base"))
    job = make_job(
        base, stored_data(tmp_path, make_rows(2)), recipe=make_recipe(), budget={"unit": "steps", "amount": 1}
    )
    joined: list[str] = []
    monkeypatch.setattr(nodes, "_join", lambda invitation, *args, **kwargs: joined.append(invitation.run_id))
    monkeypatch.setattr(nodes, "_POLL_SECONDS", 0.02)
    folder = folder_of(tmp_path, PLACE)
    noted: list[str] = []
    took: list[int] = []
    with hosting(folder):
        node = threading.Thread(
            target=lambda: took.append(take_part(PLACE, home=tmp_path, server=ChildServer(), note=noted.append))
        )
        node.start()
        for run_id, size in (("a", 2), ("b", 1), ("c", 2)):
            wanted = Invitation(job=job, folder="f", run_id=run_id, nodes=size, address="127.0.0.1", port=1)
            with invited(folder, wanted):
                assert list(invitations(folder)) == [wanted]
                while size == 2 and run_id not in joined:
                    node.join(0.02)
            assert not list(invitations(folder))
    node.join(10)
    assert (joined, took) == (["a", "c"], [2])
    assert not folder.exists()


def test_a_silent_head_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "_SECONDS_FOR_HEAD", 0.05)
    monkeypatch.setattr(nodes, "_SILENCE_SECONDS", 0.05)
    monkeypatch.setattr(nodes, "_POLL_SECONDS", 0.02)
    assert take_part(PLACE, home=tmp_path, server=ChildServer(), note=lambda line: None) == 0
    folder = folder_of(tmp_path, PLACE)
    folder.mkdir(parents=True)
    (folder / "head").write_text("1")
    assert take_part(PLACE, home=tmp_path, server=ChildServer(), note=lambda line: None) == 0
