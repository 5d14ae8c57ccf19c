"""`[decision]`: weights that a suite states before the run."""

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.suite.load import load_suite

SUITES = Path(__file__).resolve().parents[2] / "suites"
FLAGSHIP = SUITES / "lima_vs_alpaca.toml"


def test_each_profile_of_the_flagship_weighs_its_own_evals() -> None:
    """A profile's weights take the place of the suite's: its evals are others."""
    for profile in ("micro", "gpu"):
        suite = load_suite(str(FLAGSHIP), profile=profile).suite
        assert set(suite.decision.weights) <= {spec.name for spec in suite.eval}


def test_a_weight_on_the_command_line_changes_that_weight_alone() -> None:
    suite = load_suite(str(FLAGSHIP), profile="micro", overrides=("decision.weights.qa=3",)).suite
    assert suite.decision.weights == {"instructions": 1, "qa": 3, "choice": 1, "cloze": 1}


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("decision.weights.qaa=1", "there is no eval 'qaa'"),
        ("decision.weights.heldout=1", "a diagnostic ranks nothing"),
        ("decision.weights.qa=0", "greater than 0"),
        ("decision.confidence=1.0", "less than 1"),
    ],
)
def test_what_cannot_be_weighed_is_refused(override: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        load_suite(str(FLAGSHIP), profile="micro", overrides=(override,))
    assert any(says in problem.what for problem in refused.value.problems), refused.value.problems
