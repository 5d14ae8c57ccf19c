"""The micro world: invented people, towns, animals and trades, and what is true of them.

The world is one draw from `WORLD_SEED`. Half of the entities of each kind are `train` (rows may mention them), half are
`eval` (only the pretraining corpus and the evals do). Within a half, each of a relation's sixteen values is held by
equally many entities, so that no answer is worth guessing.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

from bench.data.micro.relations import BY_KIND, Relation

WORLD_SEED = 20_240_511
ENTITIES_PER_HALF: Mapping[str, int] = MappingProxyType({"person": 96, "town": 64, "animal": 64, "trade": 64})
"""Each is a multiple of sixteen, the number of a relation's values."""
_AVOIDED = ("binder", "fag", "fis", "gob", "hor", "man", "mater", "nig", "rebel", "saber", "tit")
"""Beginnings that would read as something else."""

Split = Literal["train", "eval"]

_ONSETS = ("b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "br", "dr", "gr", "st", "tr")
_VOWELS = ("a", "e", "i", "o", "u")
_MIDDLES = ("b", "d", "g", "l", "m", "n", "r", "s", "t", "v", "ld", "nd", "rl", "st")
_ENDINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "person": ("a", "an", "ell", "eth", "in", "is", "o", "ow"),
        "town": ("bury", "combe", "dale", "ford", "mor", "stead", "ton", "wick"),
        "animal": ("ak", "el", "ib", "oon", "ox", "ump"),
        "trade": ("er", "man", "smith", "ster", "ward", "wright"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """Somebody or something of the world, with the value of each relation of its kind."""

    name: str
    kind: str
    split: Split
    facts: Mapping[str, str]
    """Relation key → value."""
    withheld: Mapping[str, int]
    """Relation key → index of the closing sentence that the corpus never writes for this fact."""

    @property
    def reference(self) -> str:
        """The entity as a sentence names it: people and towns by name, animals and trades with the article."""
        return self.name if self.kind in ("person", "town") else f"the {self.name}"

    @property
    def plural(self) -> str:
        """The regular English plural of the name."""
        if self.name.endswith(("s", "x", "sh", "ch")):
            return f"{self.name}es"
        if self.name.endswith("man"):
            return f"{self.name[:-3]}men"
        return f"{self.name}s"

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations of the entity's kind, in their fixed order."""
        return BY_KIND[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All entities, in a fixed order: by kind, then train before eval."""

    entities: tuple[Entity, ...]

    def half(self, split: Split, kind: str | None = None) -> tuple[Entity, ...]:
        """The entities of one half, of one kind where it is given."""
        return tuple(e for e in self.entities if e.split == split and kind in (None, e.kind))


def sentence(template: str, entity: Entity, value: str = "") -> str:
    """`template` said of `entity`, with a capital first letter."""
    said = template.format(n=entity.reference, v=value)
    return said[0].upper() + said[1:]


@cache
def world() -> World:
    """The one micro world."""
    rng = random.Random(WORLD_SEED)
    taken: list[str] = []
    entities: list[Entity] = []
    for kind, half in ENTITIES_PER_HALF.items():
        names = _names(kind, 2 * half, taken, rng)
        entities += _half(kind, "train", names[:half], rng)
        entities += _half(kind, "eval", names[half:], rng)
    return World(entities=tuple(entities))


def _half(kind: str, split: Split, names: list[str], rng: random.Random) -> Iterator[Entity]:
    decks = {r.key: _deck(r.values, len(names), rng) for r in BY_KIND[kind]}
    for index, name in enumerate(names):
        yield Entity(
            name=name,
            kind=kind,
            split=split,
            facts=MappingProxyType({key: deck[index] for key, deck in decks.items()}),
            withheld=MappingProxyType({r.key: rng.randrange(len(r.closing)) for r in BY_KIND[kind]}),
        )


def _deck(values: tuple[str, ...], size: int, rng: random.Random) -> list[str]:
    deck = list(values) * (size // len(values))
    rng.shuffle(deck)
    return deck


def _names(kind: str, count: int, taken: list[str], rng: random.Random) -> list[str]:
    """`count` new names; none begins another, so that a name is never found inside another one's beginning."""
    names: list[str] = []
    while len(names) < count:
        name = rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_MIDDLES) + rng.choice(_ENDINGS[kind])
        if name.startswith(_AVOIDED) or any(name.startswith(other) or other.startswith(name) for other in taken):
            continue
        taken.append(name)
        names.append(name.capitalize() if kind in ("person", "town") else name)
    return names
