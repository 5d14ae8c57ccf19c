"""Mistakes that users make in a suite, its data, its model or on the command line: one row each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Spoil = Callable[[Path], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A valid suite is written, `replace` and `spoil` break it, `command` is called in its folder."""

    id: str
    reference: str
    """What `error[…]` begins with."""
    says: str
    """Stands in what is told."""
    command: tuple[str, ...] = ("validate", "suite.toml")
    replace: dict[str, str] = field(default_factory=dict)
    spoil: Spoil = lambda folder: None


def bad(
    id: str,  # noqa: A002  # the name that pytest shows
    reference: str,
    says: str,
    *,
    command: tuple[str, ...] = ("validate", "suite.toml"),
    replace: dict[str, str] | None = None,
    spoil: Spoil = lambda folder: None,
) -> Case:
    """One row of the table."""
    return Case(id=id, reference=reference, says=says, command=command, replace=replace or {}, spoil=spoil)


def write(name: str, content: str | bytes) -> Spoil:
    raw = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / name).write_bytes(raw)


def line(number: int, text: str) -> Spoil:
    """Replaces one line (from 1) of the rows."""

    def spoil(folder: Path) -> None:
        lines = (folder / "rows.jsonl").read_text().splitlines()
        lines[number - 1] = text
        (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")

    return spoil


def remove(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


def validate(*arguments: str) -> tuple[str, ...]:
    return ("validate", "suite.toml", *arguments)


PLAN = ("plan", "suite.toml")
RUN = ("run", "suite.toml", "--quiet")
EMPTY_ANSWERS = '{"instruction": "a", "output": ""}\n{"instruction": "b", "output": "  "}\n'

CASES = [
    # The file.
    bad("missing suite", "suite.missing", "none.toml", command=("run", "none.toml")),
    bad(
        "misspelt shipped suite", "suite.missing", "did you mean 'lima_vs_alpaca'", command=("plan", "lima_vs_alpacca")
    ),
    bad("syntax error", "suite.syntax", "suite.toml:", replace={"seeds = [0]": "seeds = [0"}),
    # Keys and types.
    bad(
        "unknown key",
        "suite.unknown-key",
        "did you mean 'learning_rate'",
        replace={"learning_rate = 1e-3": "learningrate = 1e-3"},
    ),
    bad("missing key", "suite.missing-key", "question is missing", replace={'question = "Does it work?"': ""}),
    bad(
        "budget of zero",
        "suite.value",
        "budget.amount must be greater than 0",
        replace={"amount = 2\n": "amount = 0\n"},
    ),
    bad("seed twice", "suite.repeated", "given 2 times", replace={"seeds = [0]": "seeds = [3, 3]"}),
    # Names.
    bad(
        "unknown control",
        "suite.unknown-name",
        "did you mean 'other'",
        replace={'control = "other"': 'control = "others"'},
    ),
    bad("claim that is no claim", "suite.value", "arm >= other", replace={">= other/full": "beats other/full"}),
    bad("training on held-out rows", "suite.holdout", "no arm can train on it", replace={'"random"': '"holdout"'}),
    # The command line.
    bad("unknown profile", "suite.unknown-profile", "did you mean 'long'", command=validate("--profile", "lng")),
    bad("set without a value", "suite.set", "key.path=value", command=validate("--set", "seeds")),
    bad(
        "set of an unknown key",
        "suite.unknown-key",
        "by --set recipe.full.lr=1",
        command=validate("--set", "recipe.full.lr=1"),
    ),
    bad("set to a wrong type", "suite.type", "must be a list", command=validate("--set", "seeds=three")),
    bad("only an unknown arm", "", "rows/full", command=(*PLAN, "--only", "rows/ful")),
    bad("run only an unknown arm", "", "rows/full", command=(*RUN, "--only", "rows/ful")),
    bad("unknown option", "usage", "--profile", command=validate("--profil", "x")),
    bad("unknown list", "usage", "'kind': 'model' is not one of 'suites', 'models'", command=("list", "model")),
    bad("nothing to list", "usage", "Choose from: suites, models, evals", command=("list",)),
    bad("a folder that is no run", "run.not-found", "the folder '.' holds no record.json", command=("report", ".")),
    bad("report of no run", "run.not-found", "bench run", command=("report", "latest")),
    # The model.
    bad(
        "unknown card",
        "model.unknown-card",
        "did you mean 'smollm2-135m'",
        replace={'path = "model"': 'card = "smollm2-135"'},
    ),
    bad("model without weights", "model.weights", "no weights", spoil=remove("model/model.safetensors")),
    bad(
        "model with pickled weights",
        "model.pickled",
        "a pickle",
        spoil=lambda folder: (folder / "model/model.safetensors").rename(folder / "model/pytorch_model.bin"),
    ),
    bad("unknown template", "template", "chatml", replace={'path = "model"': 'path = "model"\ntemplate = "chatmal"'}),
    bad(
        "broken template",
        "template",
        "t.jinja",
        replace={'path = "model"': 'path = "model"\ntemplate = "t.jinja"'},
        spoil=write("t.jinja", "{% for"),
    ),
    bad("no hub for the model", "", "hub", command=PLAN, replace={'path = "model"': 'repo = "nobody/nothing-here"'}),
    # Tasks.
    bad(
        "unknown lm-eval task",
        "eval.unknown-task",
        "hellaswag",
        replace={'["toy"]\ninclude = "tasks"': '["hellaswagg"]'},
    ),
    # The data.
    bad("no data file", "data.missing-file", "did you mean 'rows.jsonl'", replace={'"rows.jsonl"': '"row.jsonl"'}),
    bad("empty data file", "data.empty", "rows.jsonl holds no rows", spoil=write("rows.jsonl", "")),
    bad("data file of blank lines", "data.empty", "rows.jsonl holds no rows", spoil=write("rows.jsonl", "\n\n")),
    bad("blank data file", "data", "rows.jsonl", command=PLAN, spoil=write("rows.jsonl", "\n\n")),
    bad("not JSON at row 17", "data.not-json", "rows.jsonl:17", command=RUN, spoil=line(17, '{"instruction": ')),
    bad("row 3 is a number", "data", "rows.jsonl:3", command=PLAN, spoil=line(3, "3")),
    bad("row 5 without an answer", "data", "rows.jsonl:5", command=PLAN, spoil=line(5, '{"instruction": "a"}')),
    bad("unknown fields", "data", "a, b", command=PLAN, spoil=write("rows.jsonl", '{"a": "x", "b": "y"}\n' * 9)),
    bad("only empty answers", "data", "empty", command=PLAN, spoil=write("rows.jsonl", EMPTY_ANSWERS * 9)),
    bad("fewer rows than selected", "data", "400", command=PLAN, replace={"size = 4": "size = 400"}),
    bad("nothing left to train on", "data", "held out", command=PLAN, replace={"size = 2 }": "size = 20 }"}),
    bad(
        "data is not UTF-8",
        "data.encoding",
        "UTF-8",
        command=PLAN,
        spoil=write("rows.jsonl", b'{"instruction": "\xff", "output": "a"}\n'),
    ),
    bad(
        "columns that are not there",
        "data",
        "rows.jsonl has no column 'q'",
        command=PLAN,
        replace={'"rows.jsonl"': '"rows.jsonl"\ncolumns = { prompt = "q", completion = "a" }'},
    ),
    # The machine.
    bad("home is a file", "", "home", command=RUN, spoil=write("home", "in the way")),
]
