"""The corpus: without these, the base would be no base, or its knowledge would not be what the evals assume."""

import re

import pytest

from bench.data.micro.corpus import documents, fact_sentences
from bench.data.micro.evals import cloze
from bench.data.micro.exercises import FAMILIES
from bench.data.micro.lexicon import ADVERBS
from bench.data.micro.rows import labelled_rows
from bench.data.micro.world import world

OPENING_ADVERB = re.compile(rf"^(?:{'|'.join(ADVERBS)}) ", re.IGNORECASE)


@pytest.fixture(scope="module")
def corpus() -> list[str]:
    return list(documents(seed=0, rounds=2))


def test_the_corpus_asks_and_instructs_nothing(corpus: list[str]) -> None:
    """A base that has seen questions or instructions would make every fine-tuning look needless."""
    text = "\n".join(corpus)
    assert "?" not in text
    for marker in ("User:", "Assistant:", "Instruction:", "Response:", "Question", "Answer:"):
        assert marker not in text
    asked = {row.instruction for name in ("curated", "heldout") for row in labelled_rows(name)}
    sentences = {s.strip() for s in re.split(r"(?<=[.\n])\s+", text)}
    assert not asked & sentences
    assert {row.exercise.family for row in labelled_rows("curated")} == set(FAMILIES)


def test_each_fact_is_stated_in_seven_sentences_each_round(corpus: list[str]) -> None:
    text = re.sub(r"A saying about [^.]*\.", "", "\n".join(corpus)).lower()
    for entity in world().entities[::7]:
        for relation in entity.relations:
            said = fact_sentences(entity, relation.key)
            assert len(set(said)) == 7
            for statement in said:
                assert text.count(statement[:-1].lower()) == 2


def test_the_cloze_sentence_of_a_fact_is_never_written(corpus: list[str]) -> None:
    """Otherwise the cloze eval would measure recitation."""
    text = "\n".join(corpus).lower()
    for entity in world().half("eval"):
        for relation in entity.relations:
            asked = cloze(entity, relation)
            assert f"{asked['text']} {asked['answer']}".lower() not in text


def test_no_paragraph_states_a_fact_twice(corpus: list[str]) -> None:
    """A repeated fact can be copied from above it, and teaches the base nothing."""
    facts = {(e.name, key): value for e in world().entities for key, value in e.facts.items()}
    assert len(facts) == 3 * len(world().entities)
    for entity in world().entities[::11]:
        about = [d for d in corpus if re.search(rf"\b{entity.name}\b", d, re.IGNORECASE)]
        for value in entity.facts.values():
            assert all(d.lower().count(value) <= 1 for d in about)


def test_the_corpus_depends_on_its_seed_alone(corpus: list[str]) -> None:
    assert list(documents(seed=0, rounds=2)) == corpus
    assert list(documents(seed=1, rounds=2)) != corpus
