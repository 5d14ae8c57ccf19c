"""The committed eval files: without these, a score could mean something else than what the report says."""

import importlib.util
import json
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench.data.micro.evals import EVALS, write_evals
from bench.data.micro.rows import labelled_rows
from bench.data.micro.world import world

FOLDER = Path(__file__).parents[3] / "suites" / "tasks" / "micro"


def examples(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def verify() -> ModuleType:
    spec = importlib.util.spec_from_file_location("micro_verify", FOLDER / "verify.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_regeneration_gives_the_committed_bytes(tmp_path: Path) -> None:
    write_evals(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in FOLDER.glob("*.jsonl"))
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FOLDER / path.name).read_bytes()


@pytest.mark.parametrize("name", list(EVALS))
def test_examples_are_many_distinct_and_about_eval_entities(name: str) -> None:
    found = examples(name)
    assert len(found) >= 500
    assert len({example["id"] for example in found}) == len(found)
    per_entity = Counter(example["cluster"] for example in found)
    assert set(per_entity) == {entity.name for entity in world().half("eval")}
    assert len(set(per_entity.values())) == 1
    trained = {entity.name for entity in world().half("train")}
    for example in found:
        text = example.get("instruction", example.get("text"))
        assert not trained & set(text.replace("'s", " ").replace("?", " ").replace(".", " ").split())


def test_no_choice_stands_out() -> None:
    """Four choices are two first words times two second words, and each place is right equally often."""
    found = examples("micro_choice")
    assert set(Counter(example["label"] for example in found).values()) == {len(found) // 4}
    for example in found:
        first, second = ({choice.split()[i] for choice in example["choices"]} for i in (0, 1))
        assert len(set(example["choices"])) == 4
        assert len(first) == len(second) == 2


def test_fact_answers_cannot_be_guessed() -> None:
    """Guessing each relation's most frequent answer gains at most a tenth."""
    for name in ("micro_qa", "micro_choice", "micro_cloze"):
        answers: dict[str, Counter[str]] = {}
        for example in examples(name):
            entity = next(e for e in world().half("eval") if e.name == example["cluster"])
            if example["kind"] in entity.facts:
                answers.setdefault(example["kind"], Counter())[entity.facts[example["kind"]]] += 1
        best = sum(max(counts.values()) for counts in answers.values())
        assert best / sum(sum(counts.values()) for counts in answers.values()) < 0.2
        if name == "micro_cloze":
            assert all(set(counts.values()) <= {4, 6} for counts in answers.values())


def test_right_answers_pass_their_checks(verify: ModuleType) -> None:
    for example in examples("micro_instructions"):
        verdict = verify.process_results(example, [f" {example['answer']}\n"])
        assert verdict == {"prompt_level_strict_acc": True, "prompt_level_loose_acc": True}, example


@pytest.mark.parametrize("kind", ["curated", "mixed"])
def test_checks_agree_with_what_training_rows_call_right_and_wrong(verify: ModuleType, kind: str) -> None:
    """A row that teaches following an instruction must count as following it, and a wrong one must not."""
    checked = 0
    for row in labelled_rows(kind):
        exercise = row.exercise
        if exercise.family != "instruction" or row.style == "chatty" or row.cut_off:
            continue
        number = exercise.constraint.get("count", exercise.constraint.get("limit", 0))
        example = {
            "kind": exercise.kind,
            "name": exercise.entity.name,
            "word": exercise.constraint.get("word", ""),
            "number": number,
        }
        passed = verify.process_results(example, [row.output])["prompt_level_strict_acc"]
        assert passed == row.correct, (row.alpaca(), exercise.kind)
        checked += 1
    assert checked >= 200


@pytest.mark.parametrize("answer", ["", "I do not know.", "User", "The", "today"])
def test_empty_and_idle_answers_fail_every_check(verify: ModuleType, answer: str) -> None:
    for example in examples("micro_instructions")[:64]:
        assert not any(verify.process_results(example, [answer]).values())


def test_loose_accepts_an_opening_that_strict_refuses(verify: ModuleType) -> None:
    example = next(e for e in examples("micro_instructions") if e["kind"] == "capital_letters")
    verdict = verify.process_results(example, [f"Here it is: {example['answer']}"])
    assert verdict == {"prompt_level_strict_acc": False, "prompt_level_loose_acc": True}
