"""Before and during a run that goes on until its claims are decided, as a user types it: `bench plan --resolve`, then
`bench run --until-decided`, on the embedded base."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from bench.record.look import LOOK
from bench.record.rundir import RunDirectory
from tests.fakes.process import bench

SUITE = """
name = "looks"
question = "Are few steps on the first rows better than on others?"
model = { card = "micro" }
control = "others"
seeds = [0, 1]
budget = { unit = "steps", amount = 2 }
arms = { data = ["few", "others"], recipe = ["full"] }

[data]
few = { source = "micro:curated", select = { by = "first", size = 16 } }
others = { source = "micro:curated", select = { by = "first", offset = 100, size = 16 } }

[recipe.full]
method = "full"
learning_rate = 1e-5

[run]
probe_steps = 0

[sequential]
max_seeds = 3
futility = 0.0

[[eval]]
name = "heldout"
kind = "loss"
role = "target"
data = { source = "micro:heldout", select = { by = "first", size = 24 } }

[[claim]]
says = "few/full == others/full"
on = "heldout"
margin = 1e-6
"""


def test_an_open_claim_buys_seeds_to_the_last_planned_look_and_what_was_asked_before_is_not_done_again(
    tmp_path: Path,
) -> None:
    """A margin that no three seeds resolve: the run stops at the plan's end with every round a run and a look."""
    (tmp_path / "suite.toml").write_text(SUITE)
    asked = bench(tmp_path, "plan", "suite.toml", "--resolve", "--quick", "--json")
    assert asked.returncode == 0, asked.stderr
    instrument = json.loads(asked.stdout)
    (heldout,) = instrument["evals"]
    assert (instrument["pilot"], heldout["examples"], heldout["noise_floor"]) == ("few/full", 24, 0.0)
    assert "bench report" not in asked.stderr, "its run directory is gone"
    assert not (tmp_path / "reports").exists()

    done = bench(tmp_path, "run", "suite.toml", "--reports", "reports", "--until-decided")
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout + done.stderr
    folders = sorted(
        path.parent for path in (tmp_path / "reports/looks").glob(f"*/{LOOK}") if not path.parent.is_symlink()
    )
    runs = sorted((RunDirectory.find(str(folder), tmp_path).load() for folder in folders), key=lambda run: run.created)
    trained = [{(training.arm, training.seed) for training in run.trainings} for run in runs]
    assert [len(subjects) for subjects in trained] == [4, 5, 6]
    assert all(before < after for before, after in pairwise(trained)), "a seed is added, and none is left out"
    assert [len(run.looks) for run in runs] == [0, 1, 2], "each round records the looks before it"
    new = [{job.id for job in run.jobs if not job.reused and job.id.startswith("train")} for run in runs]
    assert [len(jobs) for jobs in new] == [3, 1, 1], "the pilot was trained before, and nothing is trained twice"
    assert "look at 4 of 6 planned trainings: 1 claim open" in text
    assert "nothing more is bought" in text
    report = (tmp_path / "reports/looks/latest/report.md").read_text(encoding="utf-8")
    assert "looked before" in report
    assert "6 of 6 planned trainings, look 3" in report


def runs_in(folder: Path) -> list[RunDirectory]:
    """The rounds, oldest first."""
    found = [RunDirectory(look.parent) for look in folder.glob(f"*/{LOOK}") if not look.parent.is_symlink()]
    return sorted(found, key=lambda run: run.load().created)


@pytest.mark.parametrize(
    ("rate", "size", "most", "first"),
    [("1e-5", 16, 32, "16 examples of heldout"), ("5e-2", 32, 33, "a seed of (few|others)/full")],
)
def test_the_better_buy_is_bought_and_only_what_is_new_is_computed(
    tmp_path: Path, rate: str, size: int, most: int, first: str
) -> None:
    """Trainings that hardly differ by seed need examples; ones that do, with hardly an example left to buy, seeds: of
    the arm whose trainings take less time, which both arms may be."""
    rows = 16 if rate == "1e-5" else 32  # a batch of 16 holds them all, whatever the seed
    suite = SUITE.replace("1e-5", rate).replace("size = 16", f"size = {rows}")
    suite = suite.replace('by = "first", size = 24', f'by = "random", size = {size}')
    suite = suite.replace("max_seeds = 3", f"max_seeds = 3\nmax_examples = {{ heldout = {most} }}")
    (tmp_path / "suite.toml").write_text(suite)
    done = bench(tmp_path, "run", "suite.toml", "--reports", "reports", "--until-decided")
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout + done.stderr
    assert f"look at 4 of 6 planned trainings and {size} of {most} examples of heldout: 1 claim open" in text
    before, after = runs_in(tmp_path / "reports/looks")[:2]
    record, looks = after.load(), after.load().looks
    bought = looks[0].offers[0].what
    assert re.fullmatch(first, bought), "the record says what was bought, and of what"
    assert f"next: {bought} for few/full == others/full on heldout takes" in text
    assert {offer.eval for offer in looks[0].offers} == {None, "heldout"}
    assert [offer.worth for offer in looks[0].offers] == sorted(
        (offer.worth for offer in looks[0].offers), reverse=True
    )
    report = (after.path / "report.md").read_text(encoding="utf-8")
    assert f"| 1 | **{bought}** | few/full == others/full on heldout |" in report
    for evaluation in before.load().evaluations:
        (again,) = (other for other in record.evaluations if other.subject == evaluation.subject)
        old, new = ({row.id: row.metrics for row in run.scores(evaluation)} for run in (before, after))
        assert {id_: new[id_] for id_ in old} == old
        assert again.result is not None
        if "examples" in first:
            assert (len(old), len(new), again.result.recalled_share) == (size, 2 * size, 0.5)
