"""report.md as a whole: golden files (rewritten only by `--update-golden`), and what must hold in any of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.markdown import render
from tests.fakes.records import BANNER, make_run

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = 240


@pytest.fixture(scope="module")
def complete() -> Comparison:
    return compare(make_run(examples=EXAMPLES), replicates=1000)


@pytest.fixture(scope="module")
def broken() -> Comparison:
    run = make_run(
        examples=60,
        missing=0.05,
        failed_training="alpaca_52k/lora#1",
        failed_eval="qa:lima_1k/full#0",
        hostile=True,
        shared_speed=True,
        budget_used={"lima_1k/full": 1.1},
    )
    return compare(run, replicates=1000)


@pytest.fixture(params=["complete", "broken"])
def named(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Name and text of a report."""
    return request.param, render(compose(request.getfixturevalue(request.param)))


def test_the_report_is_the_golden_one(named: tuple[str, str], update_golden: bool) -> None:
    """Any change of a word or a figure is seen and meant."""
    name, text = named
    file = GOLDEN / f"{name}.md"
    if update_golden:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def test_every_table_row_has_as_many_cells_as_its_head(named: tuple[str, str]) -> None:
    for block in named[1].split("\n\n"):
        if block.startswith("| "):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_figures_in_the_document_are_the_hand_computed_ones(complete: Comparison) -> None:
    """The reader sees the text, not the objects behind it."""
    run = make_run(examples=EXAMPLES)

    def mean(subject: str) -> float:
        scores = [row.metrics["acc"] for row in run.rows["choice", subject]]
        return sum(score for score in scores if score is not None) / len(scores)

    arm = sum(mean(f"lima_1k/full#{seed}") for seed in (0, 1, 2)) / 3
    row = next(line for line in _section(render(compose(complete)), "choice") if line.startswith("| **lima_1k/full**"))
    cells = [cell.strip(" *") for cell in row.strip("|").split("|")]
    assert float(cells[1].split(" [")[0]) == pytest.approx(arm, abs=0.00051)
    assert float(cells[2].split()[1]) == pytest.approx(arm - mean("base"), abs=0.00051)


def test_failed_cells_stand_in_the_tables_with_their_reasons(broken: Comparison) -> None:
    text = render(compose(broken))
    assert "| **incomplete** | lima_1k/full &gt; random_1k/full on qa | lima_1k/full#0 has no score" in text
    assert "alpaca_52k/lora has 2 of 3 (1 of 3 trainings ran out of memory), worst" in text
    assert "out of memory: 3.1 GiB asked, 2.0 GiB free" in text
    upper = text.partition("<b>Quality against cost</b>")[0]
    assert upper.count("**alpaca_52k/lora**") == 1 + 1 + 5 + 1, "in the doses, the overview, each eval and the costs"


def test_an_arm_that_failed_altogether_keeps_its_row() -> None:
    """Arms that ran out of memory vanish from other tools' tables."""
    run = make_run(examples=20, seeds=(0,), failed_training="alpaca_52k/lora#0")
    text = render(compose(compare(run, replicates=100)))
    assert "| **alpaca_52k/lora** | **failed: training failed** | **failed: training failed** |" in text


def test_better_is_said_only_of_resolved_differences(complete: Comparison, broken: Comparison) -> None:
    """A mark of resolution beside an interval that includes zero would be a lie."""
    for comparison in (complete, broken):
        for sign, low, high in re.findall(r"([▲▼△▽↑↓]) \S+ \[(\S+), (\S+)\]", render(compose(comparison))):
            ends = [float(end.replace("−", "-")) for end in (low, high)]
            assert ends[0] >= 0 or ends[1] <= 0, (sign, low, high)


def test_the_simulation_banner_stands_first(complete: Comparison) -> None:
    text = render(compose(complete))
    assert text.index(BANNER) < text.index("Question")
    embedded = render(compose(compare(make_run(examples=20, simulation=None), replicates=100)))
    assert "data lima_1k" in embedded[embedded.index("WARNING") : embedded.index("Question")]


def test_loss_is_marked_as_a_diagnostic(complete: Comparison) -> None:
    assert any("anti-correlated" in line for line in _section(render(compose(complete)), "heldout"))


def test_every_word_of_the_tables_is_defined(complete: Comparison) -> None:
    """A reader who was sent the file has nobody to ask."""
    text = render(compose(complete)).lower()
    meanings = text[text.index("<b>what each number means</b>") :]
    for word in (
        "seed spread",
        "gained / lost",
        "detectable",
        "p (holm)",
        "rank",
        "control",
        "≈ not resolved",
        "△ ▽",
        "tokens",
        "supervised",
        "slots",
        "epochs",
        "margin",
        "incomplete",
        "process",
    ):
        assert word in meanings


def _section(text: str, title: str) -> list[str]:
    after = text.split(f"### {title}\n", 1)[1]
    return re.split(r"^##", after, maxsplit=1, flags=re.MULTILINE)[0].splitlines()


def test_the_evidence_behind_the_first_screen_is_folded(named: tuple[str, str]) -> None:
    """The page is read from the top: what decides comes first, and the rest is closed until it is asked for."""
    first, _, rest = named[1].partition("<details>")
    titles = re.findall(r"^## (.*)$", first, flags=re.MULTILINE)
    missing = ["What is missing"] if named[0] == "broken" else []
    assert titles == ["Answer", "Arms", "Claims", *missing, "Sanity"]
    assert not re.findall(r"^## ", rest, flags=re.MULTILINE)
    assert named[1].count("<details>") == named[1].count("</details>")


def test_the_best_of_a_column_is_marked_only_where_it_is_shown(complete: Comparison) -> None:
    """A star beside an arm that another may equal would be a rank that the run does not show."""
    lines = render(compose(complete)).partition("## Arms")[2].partition("## Claims")[0].splitlines()
    titles, rows = lines[2].split(" | "), [line.split(" | ") for line in lines[4:] if line.startswith("|")]
    for index, measurand in enumerate(complete.measurands, start=1):
        ranks = complete.ranks[measurand.name]
        stars = {row[0].strip("|* ") for row in rows if "★" in row[index]}
        shared = {row[0].strip("|* ") for row in rows if "=" in row[index]}
        assert titles[index] == measurand.name
        assert stars == {rank.name for rank in ranks if rank.best == rank.worst == 1}
        first = {rank.name for rank in ranks if rank.best == 1}
        assert shared == (set() if len(first) == len(ranks) else first - stars)
