"""report.md as a whole: golden files (rewritten only by `--update-golden`), and what must hold in any of them."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.report.analysis.comparison import Comparison
from bench.report.compare import compare
from bench.report.compose import compose
from bench.report.render.markdown import render
from tests.fakes.known_estimates import known_estimates
from tests.fakes.records import BANNER, make_run

__all__ = ["known_estimates"]
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
    assert float(cells[2].split()[0]) == pytest.approx(arm - mean("base"), abs=0.00051)


def test_a_run_that_trained_nothing_has_no_columns_of_costs_beside_its_scores(complete: Comparison) -> None:
    """Of two adapters from elsewhere, three columns of dashes were what a reader saw first."""
    costs = ["Tokens/s", "Seconds in all", "Memory"]
    given = replace(complete, costs=tuple(replace(cost, trains=False) for cost in complete.costs))
    for comparison, wanted in ((complete, costs), (given, [])):
        blocks = render(compose(comparison)).split("\n\n")
        head, _, *rows = next(block for block in blocks if block.startswith("| Arm | qa")).splitlines()
        assert [title for title in costs if title in head] == wanted
        assert {row.count("|") for row in rows} == {head.count("|")}


def test_failed_cells_stand_in_the_tables_with_their_reasons(broken: Comparison) -> None:
    text = render(compose(broken))
    assert (
        "| **incomplete** | lima_1k/full &gt; random_1k/full on qa | – | better | lima_1k/full#0 has no score" in text
    )
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
    complete_words = {"better", "worse", "higher", "lower"}
    broken_words = {"better", "lower"}  # the worse arm lost a seed, and with it the filled mark
    for comparison, words in ((complete, complete_words), (broken, broken_words)):
        cells = re.findall(
            r"\[(\S+), (\S+)\](?:; missing: [^|]*)? (better|worse|higher|lower)", render(compose(comparison))
        )
        assert {word for _, _, word in cells} == words
        for low, high, word in cells:
            ends = [float(end.replace("−", "-")) for end in (low, high)]
            assert ends[0] >= 0 or ends[1] <= 0, (word, low, high)


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
        "unclear",
        "maybe better, maybe worse",
        "best, maybe best",
        "seconds",
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


def _words(comparison: Comparison) -> dict[tuple[str, str], str]:
    """What the arms' table says behind each score, by arm and eval."""
    lines = render(compose(comparison)).partition("## Arms")[2].partition("## Claims")[0].splitlines()
    titles, *_ = rows = [
        [cell.strip(" *") for cell in line.strip("| ").split("|")] for line in lines if line[:1] == "|"
    ]
    return {(row[0], title): row[at].partition(" ")[2] for row in rows[2:] for at, title in enumerate(titles) if at}


def test_the_best_of_a_column_is_said_only_where_it_is_shown(complete: Comparison) -> None:
    """`best` beside an arm that another may equal would be a rank that the run does not show."""
    words = _words(complete)
    for name, ranks in complete.ranks.items():
        contrasts = {arm: contrast for arm in complete.arms if (contrast := complete.results[arm, name].versus_base)}
        readings = {arm: contrast.reading for arm, contrast in contrasts.items()}
        first = {rank.name for rank in ranks if rank.best == 1 and readings[rank.name] != "worse"}
        first |= {"base"} if ranks and "better" not in readings.values() else set()
        said = {arm: words[arm, name].rpartition(", ")[2] for arm in complete.arms}
        assert {arm for arm, word in said.items() if word.endswith("best")} == (
            set() if {rank.name for rank in ranks} <= first else first
        )
        for arm in (arm for arm, word in said.items() if word == "best"):
            assert {rank.name for rank in ranks if rank.worst == 1} == {arm}
            assert readings[arm] == "better"


def test_the_base_is_the_best_of_what_every_arm_forgot() -> None:
    """An arm that is worse than the base was shown as one of the best of its column."""
    arms = ("lima_1k/full", "lima_1k/lora", "random_1k/full", "random_1k/lora", "alpaca_52k/full", "alpaca_52k/lora")
    rates = {
        "cloze": {"base": 0.95, **dict.fromkeys(arms, 0.4)},
        "qa": {"base": 0.1, **dict.fromkeys(arms, 0.1), arms[0]: 0.8},
    }
    words = _words(compare(make_run(examples=120, rates=rates).only("qa", "cloze"), replicates=100))
    assert [words[arm, "cloze"] for arm in ("base", *arms)] == ["best", *["worse"] * 6]
    assert words[arms[0], "qa"] == "better, best"
    assert not any("best" in words[arm, "qa"] for arm in ("base", *arms[1:]))


def test_a_base_without_a_right_answer_is_not_maybe_the_best_of_lone_trainings() -> None:
    """It was, beside 0.8 of an arm: an arm that is trained once is `maybe better` than the base at most, while arms are
    ranked by the noise of the examples."""
    rates = {
        "qa": {"base": 0.0, "lima_1k/full": 0.8, "random_1k/full": 0.3},
        "cloze": {"base": 0.95, "lima_1k/lora": 0.2},
    }
    words = _words(compare(make_run(examples=120, seeds=(0,), rates=rates).only("qa", "cloze"), replicates=100))
    assert words["lima_1k/full", "qa"] == "maybe better, maybe best"
    assert not any("best" in words[subject, "qa"] for subject in ("base", "random_1k/full"))
    assert "best" in words["base", "cloze"]
    assert words["lima_1k/lora", "cloze"] == "maybe worse"


def test_arms_whose_printed_scores_are_equal_are_marked_as_equals() -> None:
    """Two losses that differ in the sixth digit on every example alike: one of two equal numbers was the best."""
    comparison = compare(
        make_run(examples=120, rates={"qa": {"base": 0.1, "lima_1k/full": 0.8}}).only("qa"), replicates=100
    )
    first, other = ((arm, "qa") for arm in ("lima_1k/full", "lima_1k/lora"))
    assert (_words(comparison)[first], "best" in _words(comparison)[other]) == ("better, best", False)
    near = replace(comparison.results[other].value, mean=comparison.results[first].value.mean + 1e-7)
    results = {**comparison.results, other: replace(comparison.results[other], value=near)}
    words = _words(replace(comparison, results=results))
    assert [words[key].rpartition(", ")[2] for key in (first, other)] == ["maybe best", "maybe best"]
    worse = replace(results[other].versus_base, reading="worse")
    results[other] = replace(results[other], versus_base=worse)
    words = _words(replace(comparison, results=results))
    assert [words[key] for key in (first, other)] == ["better, best", "worse"], "than the base, so not the best"
