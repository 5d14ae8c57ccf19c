"""Every text of a suite may be a name that means nothing: the answer is an error with all problems, never a crash."""

import re
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.suite.load import load_suite
from tests.fakes.suite_files import SUITE, write_suite

_ROWS = 'data = { source = "data:rows", select = { by = "holdout", size = 2 } }'
EVERY_KIND = SUITE.replace("[profile.long]\nbudget.amount = 20\n", "") + "\n".join(
    (
        f'[[eval]]\nname = "words"\nkind = "generation"\nmetrics = ["rouge"]\n{_ROWS}',
        f'[[eval]]\nname = "led"\nkind = "generation"\nmetrics = ["squad"]\nmetric = "squad_f1"\n{_ROWS}',
        f'[[eval]]\nname = "shown"\nkind = "questions"\n{_ROWS}',
        f'[[eval]]\nname = "judged"\nkind = "judge"\nagainst = "control"\njudge.local.path = "model"\n{_ROWS}',
        *(
            f'[[claim]]\nsays = "rows/lora >= other/lora"\non = "{name}"\nmargin = 0.02'
            for name in ("words", "led", "judged")
        ),
        '[[claim]]\nsays = "rows/lora > base"\non = "heldout"',
        '[[claim]]\nsays = "rows/full > rows/lora"\non = "cost:seconds"',
    )
)
"""The small suite with evals and claims of more kinds."""
UNKNOWN = "nothing_so_called"


def _problems(path: Path) -> list[tuple[str, str | None]]:
    try:
        load_suite(path)
    except InputError as error:
        return [(problem.what, problem.hint) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    "at", [pytest.param(m.span(1), id=f"{m.start()} {m[1]}") for m in re.finditer('"([^"]+)"', EVERY_KIND)]
)
@pytest.mark.parametrize("name", [UNKNOWN, "data:nothing"])
def test_no_unknown_name_crashes_the_checks(at: tuple[int, int], name: str, tmp_path: Path) -> None:
    before, after = EVERY_KIND[: at[0]], EVERY_KIND[at[1] :]
    _problems(write_suite(tmp_path, before + name + after))  # anything but `InputError` fails


def test_the_suite_of_every_kind_is_right(tmp_path: Path) -> None:
    """Else each test above would look no further than its problems."""
    assert _problems(write_suite(tmp_path, EVERY_KIND)) == []


def test_an_unknown_metric_under_a_claim_is_named_beside_the_other_problems(tmp_path: Path) -> None:
    text = EVERY_KIND.replace('metrics = ["rouge"]', 'metrics = ["rogue"]').replace('data = ["rows",', 'data = ["row",')
    found = _problems(write_suite(tmp_path, text))
    assert ("eval \"words\": there is no metric 'rogue'", "did you mean 'rouge'?") in found
    assert "there is no data 'row' in this suite" in [what for what, _ in found]


@pytest.mark.parametrize("broken", ["eval=0", "data.rows=0", "recipe.full=0", "eval.0=0"])
def test_what_stood_in_a_broken_table_is_not_called_unknown(broken: str, tmp_path: Path) -> None:
    """Two broken tables: of `eval = 0` alone the claim's eval was no problem, beside another it was."""
    with pytest.raises(InputError) as refused:
        load_suite(write_suite(tmp_path), overrides=["data.other.select=0", broken])
    key = "eval[0]" if broken == "eval.0=0" else broken.removesuffix("=0")
    places = ("data.other.select, by --set data.other.select=0", f"{key}, by --set {broken}")
    assert {problem.where: problem.reference for problem in refused.value.problems} == dict.fromkeys(
        places, "suite.type"
    )
