"""Who uses a module that is imported later gets the module itself."""

import subprocess
import sys

import pytest

LATER = "import sys, bench.run.process.later_imports; from scipy.optimize import linear_sum_assignment as assign\n"
IS_LATER = "print('scipy.optimize._minimize' in sys.modules)\n"


def printed(code: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_a_function_that_is_taken_by_name_imports_the_module_when_it_is_called() -> None:
    called = "print(assign([[1, 0], [0, 1]])[1].tolist() == [1, 0])\n"
    assert printed(LATER + IS_LATER + called + IS_LATER) == ["False", "True", "True"]


@pytest.mark.parametrize(
    "use",
    [
        "from scipy.optimize import minimize",
        "import scipy.optimize; scipy.optimize.minimize",
        "import scipy.optimize._zeros_py",
        "from scipy import optimize; optimize.minimize",
    ],
)
def test_any_other_use_imports_it(use: str) -> None:
    again = "from scipy.optimize import minimize; print(minimize.__module__)\n"
    assert printed(f"{LATER}{use}\n{again}") == ["scipy.optimize._minimize"]


def test_transformers_is_imported_without_it() -> None:
    """A test of the library's own way: its losses take no other name."""
    code = "from transformers.loss import loss_utils\nprint(loss_utils.__name__)\n"
    assert printed(LATER + code + IS_LATER) == ["transformers.loss.loss_utils", "False"]
