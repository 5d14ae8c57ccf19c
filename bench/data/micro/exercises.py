"""Exercises: an instruction with its right answer, the same in a full sentence, and plausible wrong answers.

Rows and evals are both made of them, so that an eval asks in the words in which rows ask, about other entities. Five
families: facts, arithmetic, counting, word forms, and verifiable instructions (what the answer must look like, rather
than what it must say, as in IFEval, Zhou et al. 2023).
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType

from bench.data.micro.corpus import begin, end, listing, sums
from bench.data.micro.lexicon import ADVERBS, NUMBERS, THINGS, VERBS
from bench.data.micro.relations import Relation
from bench.data.micro.world import Entity, sentence

FAMILIES: tuple[str, ...] = ("fact", "arithmetic", "counting", "word_form", "instruction")
INSTRUCTION_KINDS: tuple[str, ...] = (
    "capital_letters",
    "small_letters",
    "quotation_marks",
    "repeat",
    "begin_with",
    "end_with",
    "include",
    "at_most",
)
TIMES: Mapping[int, str] = MappingProxyType({2: "two", 3: "three", 4: "four"})

Constraint = Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """One instruction over one entity."""

    family: str
    kind: str
    """Relation key, operation, or kind of instruction."""
    entity: Entity
    instruction: str
    apart: tuple[str, str]
    """The same instruction as Alpaca splits it: what to do, and what to do it to."""
    answer: str
    full: str
    """The answer as a sentence; the answer itself where the instruction fixes its form."""
    wrong: tuple[str, ...]
    """Answers of the right kind that are not right."""
    constraint: Constraint = field(default_factory=dict)
    """For verifiable instructions: the arguments that the check needs."""


def fact(entity: Entity, relation: Relation, rng: random.Random) -> Exercise:
    """Asks for one value; a wrong answer is another value of the same relation."""
    value = entity.facts[relation.key]
    return Exercise(
        family="fact",
        kind=relation.key,
        entity=entity,
        instruction=sentence(rng.choice(relation.questions), entity),
        apart=(f"Name the {relation.topic}.", entity.reference),
        answer=value,
        full=sentence(relation.statement, entity, value),
        wrong=_without(relation.values, value),
    )


def arithmetic(entity: Entity, rng: random.Random) -> Exercise:
    """A sum or difference of two numbers, as a story about the entity; a wrong answer is one or two off."""
    (a, b), (_, things) = rng.choice(sums()), rng.choice(THINGS)
    add = rng.random() < 0.5
    start, change, result = (a, b, a + b) if add else (a + b, b, a)
    story = f"{{n}} has {NUMBERS[start]} {things} and {'finds' if add else 'loses'} {NUMBERS[change]}"
    return Exercise(
        family="arithmetic",
        kind="add" if add else "subtract",
        entity=entity,
        instruction=sentence(f"{story} more. How many {things}?" if add else f"{story}. How many {things}?", entity),
        apart=(f"How many {things}?", sentence(f"{story}.", entity)),
        answer=NUMBERS[result],
        full=sentence(f"{{n}} has {NUMBERS[result]} {things}.", entity),
        wrong=_near(result),
    )


def counting(entity: Entity, rng: random.Random) -> Exercise:
    """The letters of a name, or the things in a list."""
    if rng.random() < 0.5:
        return count_letters(entity, rng)
    return count_things(entity, rng)


def count_letters(entity: Entity, rng: random.Random) -> Exercise:
    """How many letters the entity's name has."""
    name, count = entity.name, len(entity.name)
    asked = rng.choice((f"How many letters has the name {name}?", f"Count the letters in the name {name}."))
    return Exercise(
        family="counting",
        kind="letters",
        entity=entity,
        instruction=asked,
        apart=("Count the letters in the name.", name),
        answer=NUMBERS[count],
        full=f"The name {name} has {NUMBERS[count]} letters.",
        wrong=_near(count),
    )


def count_things(entity: Entity, rng: random.Random) -> Exercise:
    """How many things the entity has, given as a list."""
    count = rng.randint(2, 6)
    listed = listing([rng.choice(THINGS)[0] for _ in range(count)])
    return Exercise(
        family="counting",
        kind="things",
        entity=entity,
        instruction=sentence(f"{{n}} has {listed}. How many things?", entity),
        apart=("How many things?", sentence(f"{{n}} has {listed}.", entity)),
        answer=NUMBERS[count],
        full=sentence(f"{{n}} has {NUMBERS[count]} things.", entity),
        wrong=_near(count),
    )


def word_form(entity: Entity, rng: random.Random) -> Exercise:
    """A form of the entity's name; in rows now and then the past of a verb instead (`past_tense`)."""
    return plural(entity) if entity.kind in ("animal", "trade") else first_letter(entity, rng)


def plural(entity: Entity) -> Exercise:
    """The plural of an animal's or a trade's name."""
    name, right = entity.name, entity.plural
    wrong = tuple(w for w in (f"{name}s", f"{name}es", f"{name}en", name) if w != right)
    return Exercise(
        family="word_form",
        kind="plural",
        entity=entity,
        instruction=f"What is the plural of {name}?",
        apart=("Give the plural.", name),
        answer=right,
        full=f"The plural of {name} is {right}.",
        wrong=wrong,
    )


def first_letter(entity: Entity, rng: random.Random) -> Exercise:
    """The letter with which a name begins."""
    name = entity.name
    right = name[0].upper()
    asked = rng.choice((f"Which letter begins the name {name}?", f"What is the first letter of the name {name}?"))
    return Exercise(
        family="word_form",
        kind="first_letter",
        entity=entity,
        instruction=asked,
        apart=("Give the first letter of the name.", name),
        answer=right,
        full=f"The first letter of the name {name} is {right}.",
        wrong=tuple(letter for letter in "BDFGHKLMNPRSTV" if letter != right),
    )


def past_tense(entity: Entity, rng: random.Random) -> Exercise:
    """The past of a verb that the entity uses."""
    present, past = rng.choice(VERBS)
    others = tuple(other for _, other in VERBS if other != past)
    return Exercise(
        family="word_form",
        kind="past",
        entity=entity,
        instruction=f"What is the past of {present}?",
        apart=("Give the past.", present),
        answer=past,
        full=f"The past of {present} is {past}.",
        wrong=(present, *others),
    )


def instruction(entity: Entity, kind: str, rng: random.Random) -> Exercise:
    """A verifiable instruction of one of `INSTRUCTION_KINDS`."""
    asked, thing, right, wrong, constraint = _INSTRUCTIONS[kind](entity, rng)
    return Exercise(
        family="instruction",
        kind=kind,
        entity=entity,
        instruction=asked.format(x=thing),
        apart=(_without_thing(asked), thing),
        answer=right,
        full=right,
        wrong=wrong,
        constraint=constraint,
    )


_Made = tuple[str, str, str, tuple[str, ...], Constraint]


@cache
def _without(values: tuple[str, ...], value: str) -> tuple[str, ...]:
    return tuple(other for other in values if other != value)


@cache
def _near(number: int) -> tuple[str, ...]:
    return tuple(NUMBERS[n] for n in (number - 2, number - 1, number + 1, number + 2) if 0 <= n < len(NUMBERS))


def _without_thing(asked: str) -> str:
    """The instruction for where its thing is given apart from it."""
    return asked.replace("about {x}", "about it").replace("Describe {x}", "Describe it").replace(" {x}", "")


def _remark(entity: Entity, rng: random.Random) -> str:
    """One true statement about the entity."""
    relation = rng.choice(entity.relations)
    return sentence(relation.statement, entity, entity.facts[relation.key])


def _capital_letters(entity: Entity, rng: random.Random) -> _Made:
    name = entity.name
    return "Write the name {x} in capital letters.", name, name.upper(), (name, name.lower()), {}


def _small_letters(entity: Entity, rng: random.Random) -> _Made:
    upper = entity.name.upper()
    wrong = (upper, entity.name.capitalize())
    return "Write the name {x} in small letters.", upper, upper.lower(), wrong, {}


def _quotation_marks(entity: Entity, rng: random.Random) -> _Made:
    name = entity.name
    return "Put the name {x} in double quotation marks.", name, f'"{name}"', (name, f'"{name}'), {}


def _repeat(entity: Entity, rng: random.Random) -> _Made:
    name, count = entity.name, rng.choice(tuple(TIMES))
    wrong = tuple(" ".join([name] * n) for n in (count - 1, count + 1))
    return f"Repeat the name {{x}} {TIMES[count]} times.", name, " ".join([name] * count), wrong, {"count": count}


def _begin_with(entity: Entity, rng: random.Random) -> _Made:
    word, remark = rng.choice(ADVERBS), _remark(entity, rng)
    asked = f"Write about {{x}} and begin with the word {word}."
    return asked, entity.reference, begin(remark, word, entity), (remark, end(remark, word)), {"word": word}


def _end_with(entity: Entity, rng: random.Random) -> _Made:
    word, remark = rng.choice(ADVERBS), _remark(entity, rng)
    asked = f"Write about {{x}} and end with the word {word}."
    return asked, entity.reference, end(remark, word), (remark, begin(remark, word, entity)), {"word": word}


def _include(entity: Entity, rng: random.Random) -> _Made:
    word, remark = rng.choice(ADVERBS), _remark(entity, rng)
    other = rng.choice([w for w in ADVERBS if w != word])
    asked = f"Write about {{x}} and use the word {word}."
    return asked, entity.reference, end(remark, word), (remark, end(remark, other)), {"word": word}


def _at_most(entity: Entity, rng: random.Random) -> _Made:
    remark = _remark(entity, rng)
    limit = len(remark.split()) + rng.randint(0, 1)
    longer = end(remark, " ".join((*ADVERBS[:2], "and", *ADVERBS[2:4])))
    asked = f"Describe {{x}} in at most {NUMBERS[limit]} words."
    return asked, entity.reference, remark, (longer,), {"limit": limit}


_INSTRUCTIONS: Mapping[str, Callable[[Entity, random.Random], _Made]] = MappingProxyType(
    {
        "capital_letters": _capital_letters,
        "small_letters": _small_letters,
        "quotation_marks": _quotation_marks,
        "repeat": _repeat,
        "begin_with": _begin_with,
        "end_with": _end_with,
        "include": _include,
        "at_most": _at_most,
    }
)
