"""`bench init` as a process: the suite that it writes validates, and says what it saw."""

import json
import tomllib
from pathlib import Path

import pytest

from bench.suite.schema import suite_schema
from tests.fakes.process import bench


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sums = [{"instruction": f"What is {n} plus {n}?", "input": "", "output": str(2 * n)} for n in range(120)]
    texts = [{"text": f"The baker of town {n} lives near the river and has {n} cows."} for n in range(60)]
    for name, rows in (("My sums", sums), ("texts", texts)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    quiz = "".join(f"Is {n} even?,yes,no,{'AB'[n % 2]}\n" for n in range(20))
    (tmp_path / "quiz.csv").write_text(f"Question,A,B,Answer\n{quiz}", encoding="utf-8")
    return tmp_path


def test_a_first_suite_validates_and_is_never_replaced(folder: Path) -> None:
    """A file of multiple-choice questions is asked, and nothing trains on it."""
    data = ("--data", "My sums.jsonl", "--data", "quiz.csv")
    done = bench(folder, "init", "--model", "micro", *data, "--goal", "method", "--out", "first.toml")
    assert done.returncode == 0, done.stderr
    text = (folder / "first.toml").read_text(encoding="utf-8")
    suite = tomllib.loads(text)
    assert suite["data"]["my_sums"]["source"] == "My sums.jsonl"
    assert [*suite["data"]] == ["my_sums", "my_sums_half"]
    assert suite["claim"] == [
        {"says": "my_sums/lora >= my_sums/full", "on": name, "margin": 0.0} for name in ("answers", "quiz")
    ]
    assert suite["eval"][-1] == {
        "name": "quiz", "kind": "choice", "source": "quiz.csv", "question": "Question", "choices": ["A", "B"],
        "answer": "Answer",
    }  # fmt: skip
    assert "FILL IN" in text
    schema = json.loads((folder / text.partition("\n")[0].removeprefix("#:schema ")).read_text(encoding="utf-8"))
    assert schema == suite_schema()
    checked = bench(folder, "validate", "first.toml")
    assert checked.returncode == 0, checked.stderr
    assert "4 arms × 3 seeds" in checked.stdout
    again = bench(folder, "init", "--model", "micro", "--data", "texts.jsonl", "--goal", "tune", "--out", "first.toml")
    assert (again.returncode, "error[init.exists]" in again.stderr) == (2, True)
    assert (folder / "first.toml").read_text(encoding="utf-8") == text


def test_plain_text_is_evaluated_by_its_loss(folder: Path) -> None:
    done = bench(folder, "init", "--model", "micro", "--data", "texts.jsonl", "--goal", "tune", "--out", "text.toml")
    assert done.returncode == 0, done.stderr
    suite = tomllib.loads((folder / "text.toml").read_text(encoding="utf-8"))
    assert [(spec["name"], spec["role"]) for spec in suite["eval"]] == [("heldout", "target")]
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_columns_of_no_known_shape_are_named_by_a_flag(folder: Path) -> None:
    """The hint must be something that can be typed here; and a control of the file has the same columns."""
    rows = [{"query_text": f"What is {n}?", "gold": f"It is {n}."} for n in range(40)]
    (folder / "odd.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    asked = ("init", "--model", "micro", "--data", "odd.jsonl", "--goal", "tune", "--out", "odd.toml")
    refused = bench(folder, *asked)
    assert refused.returncode == 2
    assert "hint: name the columns: --columns prompt=…,completion=…" in refused.stderr
    done = bench(folder, *asked, "--columns", "prompt=query_text,completion=gold")
    assert done.returncode == 0, done.stderr
    suite = tomllib.loads((folder / "odd.toml").read_text(encoding="utf-8"))
    assert suite["data"]["odd"]["columns"] == {"prompt": "query_text", "completion": "gold"}
    assert "40 rows" in (folder / "odd.toml").read_text(encoding="utf-8")


def test_without_a_terminal_a_missing_flag_is_named(folder: Path) -> None:
    done = bench(folder, "init", "--model", "micro")
    assert done.returncode == 2
    assert "--data is missing" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "/nowhere"), "error[init.model]: there is no folder /nowhere"),
        (("--model", "./nowhere"), "error[init.model]: there is no folder ./nowhere"),
        (("mine.toml",), "hint: bench init --out mine.toml"),
    ],
)
def test_a_wrong_model_or_a_missing_flag_is_told_before_more_is_asked_for(
    folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = bench(folder, "init", *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_two_adapters_and_nothing_else_become_a_decided_report(folder: Path) -> None:
    """The same weights score the same, whether the run trained them or was given them."""
    (folder / "trained.toml").write_text(
        'name = "trained"\nquestion = "Which rate?"\nseeds = [0]\nrun.probe_steps = 0\n[model]\ncard = "micro"\n'
        '[data.sums]\nsource = "My sums.jsonl"\n'
        '[recipe.fast]\nmethod = "lora"\nlearning_rate = 5e-3\n[recipe.slow]\nmethod = "lora"\nlearning_rate = 1e-6\n'
        '[budget]\nunit = "steps"\namount = 8\n[arms]\ndata = ["sums"]\nrecipe = ["fast", "slow"]\n'
        '[[eval]]\nname = "texts"\nkind = "loss"\nrole = "target"\ndata = { source = "texts.jsonl" }\n',
        encoding="utf-8",
    )
    trained = bench(folder, "run", "trained.toml", "--quiet")
    assert trained.returncode == 0, trained.stderr
    for name in ("fast", "slow"):
        done = bench(folder, "weights", "trained", f"sums/{name}", "--out", f"mine/{name}")
        assert done.returncode == 0, done.stderr
    adapters = [word for name in ("fast", "slow") for word in ("--adapter", f"mine/{name}")]
    done = bench(folder, "init", *adapters, "--model", "micro", "--data", "texts.jsonl", "--out", "two.toml")
    assert done.returncode == 0, done.stderr
    assert bench(folder, "run", "two.toml", "--quiet").returncode == 0
    values = {name: scores(folder / "reports" / name / "latest") for name in ("trained", "two")}
    for name in ("fast", "slow"):
        assert values["two"][f"given/{name}"] == values["trained"][f"sums/{name}"]
    report = json.loads(bench(folder, "report", "two", "--json").stdout)
    assert [claim["claim"]["says"] for claim in report["claims"]] == ["given/fast > given/slow"]
    assert [weights["arm"] for weights in report["given"]] == ["given/fast", "given/slow"]


def scores(run: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Scores of each arm's one seed on the one eval, by example."""
    files = [*run.glob("scores/*/*.jsonl"), *run.glob("scores/*/*/*.jsonl")]
    rows = {file: [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] for file in files}
    record = json.loads((run / "record.json").read_text(encoding="utf-8"))
    by_arm = {entry["arm"]: rows[run / entry["scores"]] for entry in record["evaluations"] if entry["arm"]}
    return {arm: {row["id"]: row["metrics"] for row in scored} for arm, scored in by_arm.items()}
