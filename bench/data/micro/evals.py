"""The micro world's eval examples, all over entities that no training row mentions.

Each of the 288 eval entities is the cluster of the examples about it, equally many in every eval. The JSON Lines files
under `suites/tasks/micro/` are exactly `eval_lines(name)`.
"""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from types import MappingProxyType

from bench.data.micro.exercises import (
    INSTRUCTION_KINDS,
    Exercise,
    arithmetic,
    count_letters,
    count_things,
    fact,
    instruction,
    word_form,
)
from bench.data.micro.relations import Relation
from bench.data.micro.world import Entity, sentence, world

EVAL_SEED = 0

Example = dict[str, object]


def eval_lines(name: str) -> Iterator[str]:
    """One eval's examples as JSON Lines, each with its line break. Raises KeyError for an unknown name."""
    for example in EVALS[name](random.Random(f"{name}-{EVAL_SEED}")):
        yield json.dumps(example, ensure_ascii=False) + "\n"


def write_evals(folder: Path) -> None:
    """Write `<name>.jsonl` for every eval into `folder`."""
    for name in EVALS:
        (folder / f"{name}.jsonl").write_text("".join(eval_lines(name)), encoding="utf-8", newline="\n")


def _qa(rng: random.Random) -> Iterator[Example]:
    """Two questions per entity: one fact, and one of arithmetic, counting and word forms in turn."""
    others = (
        lambda e: arithmetic(e, rng),
        lambda e: (count_letters, count_things)[rng.randrange(2)](e, rng),
        lambda e: word_form(e, rng),
    )
    for index, entity in enumerate(world().half("eval")):
        yield _question(fact(entity, entity.relations[index % 3], rng))
        yield _question(others[(index // 3) % 3](entity))


def _question(exercise: Exercise) -> Example:
    return {**_head("qa", exercise), "instruction": exercise.instruction, "answer": exercise.answer}


def _instructions(rng: random.Random) -> Iterator[Example]:
    """Two instructions per entity, the kinds in turn."""
    for index, entity in enumerate(world().half("eval")):
        for kind in (INSTRUCTION_KINDS[(2 * index) % 8], INSTRUCTION_KINDS[(2 * index + 1) % 8]):
            exercise = instruction(entity, kind, rng)
            yield {
                **_head("instructions", exercise),
                "instruction": exercise.instruction,
                "name": entity.name,
                "word": str(exercise.constraint.get("word", "")),
                "number": int(exercise.constraint.get("count", exercise.constraint.get("limit", 0))),
                "answer": exercise.answer,
            }


def _choice(rng: random.Random) -> Iterator[Example]:
    """Two questions per entity with four choices each, a 2 × 2 grid of first and second words."""
    labels = _positions(2 * len(world().half("eval")), rng)
    for index, entity in enumerate(world().half("eval")):
        for relation in (entity.relations[(index + 1) % 3], entity.relations[(index + 2) % 3]):
            exercise, label = fact(entity, relation, rng), next(labels)
            yield {
                **_head("choice", exercise),
                "instruction": exercise.instruction,
                "choices": _grid(exercise.answer, relation, label, rng),
                "label": label,
            }


def _positions(size: int, rng: random.Random) -> Iterator[int]:
    """Where the right choice stands: each of the four places equally often."""
    deck = [index % 4 for index in range(size)]
    rng.shuffle(deck)
    return iter(deck)


def _grid(answer: str, relation: Relation, label: int, rng: random.Random) -> list[str]:
    """The answer at place `label` among the four combinations of its words with one other first and second word."""
    first, second = answer.split()
    firsts = (first, rng.choice([w for w in relation.first if w != first]))
    seconds = (second, rng.choice([w for w in relation.second if w != second]))
    others = [f"{a} {b}" for a, b in product(firsts, seconds) if f"{a} {b}" != answer]
    rng.shuffle(others)
    return [*others[:label], answer, *others[label:]]


def _cloze(rng: random.Random) -> Iterator[Example]:
    """Every fact of every entity, in the one sentence in which the corpus never states it, up to the value."""
    for entity in world().half("eval"):
        for relation in entity.relations:
            yield {
                "id": f"cloze/{entity.name}/{relation.key}",
                "cluster": entity.name,
                "kind": relation.key,
                **cloze(entity, relation),
            }


def cloze(entity: Entity, relation: Relation) -> dict[str, str]:
    """The withheld sentence of one fact, as what stands before the value and the value."""
    stem = relation.closing[entity.withheld[relation.key]].removesuffix(" {v}.")
    return {"text": sentence(stem, entity), "answer": entity.facts[relation.key]}


def _head(task: str, exercise: Exercise) -> Example:
    name = exercise.entity.name
    return {"id": f"{task}/{name}/{exercise.kind}", "cluster": name, "kind": exercise.kind}


EVALS: Mapping[str, Callable[[random.Random], Iterator[Example]]] = MappingProxyType(
    {"micro_qa": _qa, "micro_choice": _choice, "micro_instructions": _instructions, "micro_cloze": _cloze}
)
"""Task name → its examples, in order."""
