"""Looks at growing data: they are counted from the record, not from memory."""

from pathlib import Path

from bench.record.look import LOOK, ClaimLook, Look, looks_beside, question_of
from bench.suite.tables.data import DataSpec
from tests.fakes.flagship import make_suite

SEEN = ClaimLook(claim="a > b on qa, margin 0", trainings=6, leaning="supported", p_value=0.03)


def write(folder: Path, question: str, created: str) -> None:
    folder.mkdir(parents=True)
    look = Look(question=question, run=folder.name, created=created, claims=(SEEN,))
    (folder / LOOK).write_text(look.model_dump_json())


def test_more_seeds_are_the_same_question_and_another_margin_is_not() -> None:
    few, many = (question_of(make_suite(seeds=seeds), models=("a",)) for seeds in ((0, 1), (0, 1, 2, 3)))
    other = question_of(make_suite(seeds=(0, 1), claims=({"says": "lima_1k/full > base", "on": "qa"},)), models=("a",))
    assert few == many != other
    assert question_of(make_suite(seeds=(0, 1)), models=("b",)) != few


def test_more_examples_are_the_same_question() -> None:
    """Else whoever raises a limit until a claim holds would look at it once."""

    def asked(limit: int | None, rows: dict[str, object], **changes: object) -> str:
        plain = make_suite()
        evals = tuple(
            spec.model_copy(update={"limit": limit})
            if spec.name == "qa"
            else spec.model_copy(update={"data": DataSpec.model_validate({"source": "micro:heldout", **rows})})
            if spec.name == "heldout"
            else spec
            for spec in plain.eval
        )
        return question_of(plain.model_copy(update={"eval": evals, **changes}), models=("a",))

    few = asked(50, {"select": {"by": "random", "size": 20}})
    assert few == asked(None, {}) == asked(90, {"select": {"by": "first", "size": 30}}, more_examples={"qa": 10})
    assert few != asked(50, {"source": "rows.jsonl", "select": {"by": "random", "size": 20}})


def test_looks_of_the_same_question_are_found_beside_a_run_in_their_order(tmp_path: Path) -> None:
    write(tmp_path / "micro-2", "q", "2026-01-02T00:00:00Z")
    write(tmp_path / "micro-1", "q", "2026-01-01T00:00:00Z")
    write(tmp_path / "micro-3", "other", "2026-01-03T00:00:00Z")
    (tmp_path / "micro-4").mkdir()
    (tmp_path / "micro-4" / LOOK).write_text("{torn")
    (tmp_path / "latest").symlink_to("micro-2")
    assert [look.run for look in looks_beside(tmp_path / "micro-5", "q")] == ["micro-1", "micro-2"]
    assert [look.run for look in looks_beside(tmp_path / "micro-1", "q")] == ["micro-2"]
