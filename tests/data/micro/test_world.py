"""The world: without these, an eval could be passed by guessing or by having seen its entity in training."""

from collections import Counter
from itertools import pairwise, permutations

import pytest

from bench.data.micro.lexicon import ADVERBS, NUMBERS, THINGS, VERBS
from bench.data.micro.relations import BY_KIND, RELATIONS
from bench.data.micro.world import ENTITIES_PER_HALF, sentence, world


@pytest.mark.parametrize("split", ["train", "eval"])
@pytest.mark.parametrize("kind", list(ENTITIES_PER_HALF))
def test_every_value_is_equally_frequent_in_each_half(kind: str, split: str) -> None:
    """Otherwise the most frequent value would be worth guessing."""
    half = world().half(split, kind)
    assert len(half) == ENTITIES_PER_HALF[kind]
    for relation in BY_KIND[kind]:
        counts = Counter(entity.facts[relation.key] for entity in half)
        assert counts == dict.fromkeys(relation.values, len(half) // 16)


def test_names_are_distinct_and_none_begins_another() -> None:
    """Otherwise a row about one entity would mention another."""
    names = sorted(entity.name.lower() for entity in world().entities)
    assert all(not later.startswith(name) for name, later in pairwise(names))
    ordinary = {*ADVERBS, *NUMBERS, *(w for pair in (*THINGS, *VERBS) for w in pair)}
    assert not ordinary & set(names)


def test_each_relation_has_sentences_and_values_enough() -> None:
    """Knowledge stated in too few ways cannot be asked for by fine-tuning."""
    for relation in RELATIONS:
        assert len({*relation.closing, *relation.opening}) == 8
        assert all(template.endswith("{v}.") for template in relation.closing)
        assert len(set(relation.values)) == 16
        assert all(len(value.split()) == 2 for value in relation.values)
        said = [template.removesuffix(".") for template in (*relation.closing, *relation.opening)]
        assert not any(shorter in longer for shorter, longer in permutations(said, 2))


def test_relations_share_no_word() -> None:
    """Otherwise a value would not tell which relation it answers."""
    words = [word for relation in RELATIONS for word in (*relation.first, *relation.second)]
    assert len(words) == len(set(words))


def test_a_sentence_names_animals_with_their_article() -> None:
    animal = world().half("eval", "animal")[0]
    assert sentence("{n} fears {v}.", animal, "loud bells") == f"The {animal.name} fears loud bells."
