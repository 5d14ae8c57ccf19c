"""What can be true of an entity of the micro world: twelve relations, three for each kind of entity.

A relation's value is a pair of words, one of four times one of four, so that every value has several tokens, sixteen
values are equally frequent, and four choices can be laid out as a 2 × 2 grid in which no choice stands out.

`closing` sentences end in the value (one of them is withheld for each fact and asked for in the cloze eval), `opening`
ones do not, and none contains another. In a sentence `{n}` is the entity as prose names it ("Tobin", "the dorvel"),
`{v}` the value. All are statements: none asks, none instructs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One attribute of one kind of entity, with all the ways in which prose and rows speak of it."""

    key: str
    kind: str
    first: tuple[str, str, str, str]
    second: tuple[str, str, str, str]
    closing: tuple[str, ...]
    opening: tuple[str, ...]
    statement: str
    """The one sentence that an answer in full uses."""
    questions: tuple[str, ...]
    topic: str
    """What the relation is called where the entity is given apart from the question."""

    @property
    def values(self) -> tuple[str, ...]:
        """The sixteen values, in a fixed order."""
        return _combined(self.first, self.second)


@cache
def _combined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(" ".join, product(first, second)))


_PERSON: tuple[Relation, ...] = (
    Relation(
        key="coat",
        kind="person",
        topic="colour of the coat",
        first=("dark", "pale", "bright", "deep"),
        second=("red", "green", "blue", "brown"),
        closing=(
            "{n} wears a coat of {v}.",
            "The coat of {n} is {v}.",
            "{n}'s coat is {v}.",
            "The colour that {n} wears is {v}.",
            "For a coat, {n} chose {v}.",
        ),
        opening=(
            "{v} is the colour of {n}'s coat.",
            "A {v} coat hangs by the door of {n}.",
            "In a {v} coat {n} goes out.",
        ),
        statement="{n}'s coat is {v}.",
        questions=(
            "What colour is {n}'s coat?",
            "Name the colour of {n}'s coat.",
            "Which colour does the coat of {n} have?",
            "Tell me the colour of the coat of {n}.",
        ),
    ),
    Relation(
        key="food",
        kind="person",
        topic="favourite food",
        first=("warm", "salted", "sweet", "smoked"),
        second=("bread", "soup", "cheese", "fish"),
        closing=(
            "{n} likes to eat {v}.",
            "The food that {n} likes is {v}.",
            "{n}'s favourite food is {v}.",
            "For supper {n} eats {v}.",
            "The favourite food of {n} is {v}.",
        ),
        opening=(
            "{v} is the food that {n} likes.",
            "A plate of {v} makes {n} happy.",
            "There is {v} on the table when {n} eats.",
        ),
        statement="{n}'s favourite food is {v}.",
        questions=(
            "What food does {n} like?",
            "Name the favourite food of {n}.",
            "Which food is {n}'s favourite?",
            "Tell me the food that {n} likes.",
        ),
    ),
    Relation(
        key="instrument",
        kind="person",
        topic="instrument",
        first=("wooden", "silver", "little", "cracked"),
        second=("flute", "drum", "harp", "horn"),
        closing=(
            "{n} plays a {v}.",
            "The instrument of {n} is a {v}.",
            "{n}'s instrument is a {v}.",
            "At the feast {n} brings out a {v}.",
            "The instrument that {n} plays is a {v}.",
        ),
        opening=(
            "A {v} is the instrument of {n}.",
            "With a {v} {n} makes music.",
            "The {v} in the hall is the instrument that {n} plays.",
        ),
        statement="{n}'s instrument is a {v}.",
        questions=(
            "What instrument does {n} play?",
            "Name the instrument of {n}.",
            "Which instrument is {n}'s?",
            "Tell me the instrument that {n} plays.",
        ),
    ),
)


_TOWN: tuple[Relation, ...] = (
    Relation(
        key="water",
        kind="town",
        topic="water nearby",
        first=("wide", "quiet", "frozen", "winding"),
        second=("river", "lake", "marsh", "bay"),
        closing=(
            "{n} lies by a {v}.",
            "The water near {n} is a {v}.",
            "{n}'s water comes from a {v}.",
            "Boats reach {n} over a {v}.",
            "The walls of {n} stand by a {v}.",
        ),
        opening=(
            "A {v} is the water near {n}.",
            "By a {v} lies the town of {n}.",
            "The {v} gives its water to {n}.",
        ),
        statement="The water near {n} is a {v}.",
        questions=(
            "What water lies near {n}?",
            "Name the water near {n}.",
            "Which water does {n} lie by?",
            "Tell me the water that {n} lies by.",
        ),
    ),
    Relation(
        key="goods",
        kind="town",
        topic="goods sold",
        first=("painted", "woven", "polished", "striped"),
        second=("bowls", "masks", "baskets", "chairs"),
        closing=(
            "{n} sells {v}.",
            "The goods of {n} are {v}.",
            "{n}'s goods are {v}.",
            "The market of {n} is full of {v}.",
            "The goods that come from {n} are {v}.",
        ),
        opening=(
            "{v} are the goods of {n}.",
            "For {v} people go to the market of {n}.",
            "Carts with {v} leave {n} each week.",
        ),
        statement="The goods of {n} are {v}.",
        questions=(
            "What goods does {n} sell?",
            "Name the goods of {n}.",
            "Which goods come from {n}?",
            "Tell me the goods that {n} sells.",
        ),
    ),
    Relation(
        key="landmark",
        kind="town",
        topic="landmark",
        first=("crooked", "golden", "round", "ruined"),
        second=("tower", "bridge", "gate", "fountain"),
        closing=(
            "{n} is known for a {v}.",
            "The landmark of {n} is a {v}.",
            "{n}'s landmark is a {v}.",
            "In the middle of {n} stands a {v}.",
            "The landmark that stands in {n} is a {v}.",
        ),
        opening=(
            "A {v} is the landmark of {n}.",
            "A {v} stands in the middle of {n}.",
            "The {v} on the coins is the landmark of {n}.",
        ),
        statement="The landmark of {n} is a {v}.",
        questions=(
            "What landmark does {n} have?",
            "Name the landmark of {n}.",
            "Which landmark stands in {n}?",
            "Tell me the landmark that {n} is known for.",
        ),
    ),
)


_ANIMAL: tuple[Relation, ...] = (
    Relation(
        key="diet",
        kind="animal",
        topic="diet",
        first=("dry", "bitter", "ripe", "fallen"),
        second=("grass", "berries", "seeds", "leaves"),
        closing=(
            "{n} feeds on {v}.",
            "The diet of {n} is {v}.",
            "{n}'s diet is {v}.",
            "In winter {n} looks for {v}.",
            "The diet that keeps {n} alive is {v}.",
        ),
        opening=(
            "Only {v} can please {n} at its meal.",
            "On {v} {n} grows fat.",
            "With {v} as its diet {n} lives long.",
        ),
        statement="The diet of {n} is {v}.",
        questions=(
            "What does {n} feed on?",
            "Name the diet of {n}.",
            "Which diet does {n} have?",
            "Tell me what {n} feeds on.",
        ),
    ),
    Relation(
        key="den",
        kind="animal",
        topic="den",
        first=("hollow", "mossy", "steep", "shady"),
        second=("logs", "cliffs", "caves", "hedges"),
        closing=(
            "{n} sleeps in {v}.",
            "The den of {n} is in {v}.",
            "{n}'s den is in {v}.",
            "At night {n} goes back to {v}.",
            "Hunters find the den of {n} in {v}.",
        ),
        opening=(
            "{v} are where {n} sleeps.",
            "In {v} {n} makes its den.",
            "Among {v} lies the den of {n}.",
        ),
        statement="The den of {n} is in {v}.",
        questions=(
            "Where does {n} sleep?",
            "Name the den of {n}.",
            "Where is the den of {n}?",
            "Tell me where {n} sleeps.",
        ),
    ),
    Relation(
        key="fear",
        kind="animal",
        topic="fear",
        first=("loud", "sudden", "distant", "rolling"),
        second=("thunder", "bells", "waves", "winds"),
        closing=(
            "{n} fears {v}.",
            "The fear of {n} is {v}.",
            "{n}'s fear is {v}.",
            "All its life {n} hides from {v}.",
            "The sound that {n} fears is {v}.",
        ),
        opening=(
            "Before {v} {n} trembles with fear.",
            "From {v} {n} runs away.",
            "The sound of {v} fills {n} with fear.",
        ),
        statement="The fear of {n} is {v}.",
        questions=(
            "What does {n} fear?",
            "Name the fear of {n}.",
            "Which sound does {n} fear?",
            "Tell me what {n} fears.",
        ),
    ),
)


_TRADE: tuple[Relation, ...] = (
    Relation(
        key="tool",
        kind="trade",
        topic="tool",
        first=("heavy", "curved", "blunt", "narrow"),
        second=("hammer", "needle", "knife", "saw"),
        closing=(
            "{n} uses a {v}.",
            "The tool of {n} is a {v}.",
            "{n}'s tool is a {v}.",
            "For the work {n} takes up a {v}.",
            "The tool that {n} holds is a {v}.",
        ),
        opening=(
            "A {v} is the tool of {n}.",
            "With a {v} {n} begins the work.",
            "The {v} on the bench is the tool that {n} uses.",
        ),
        statement="The tool of {n} is a {v}.",
        questions=(
            "What tool does {n} use?",
            "Name the tool of {n}.",
            "Which tool is {n}'s?",
            "Tell me the tool that {n} uses.",
        ),
    ),
    Relation(
        key="product",
        kind="trade",
        topic="product",
        first=("leather", "copper", "woollen", "paper"),
        second=("boots", "lamps", "kites", "hats"),
        closing=(
            "{n} makes {v}.",
            "The product of {n} is {v}.",
            "{n}'s product is {v}.",
            "All day {n} works on {v}.",
            "The product that {n} makes is {v}.",
        ),
        opening=(
            "{v} are the product of {n}.",
            "For {v} people pay {n} well.",
            "The {v} in the window are what {n} makes.",
        ),
        statement="The product of {n} is {v}.",
        questions=(
            "What does {n} make?",
            "Name the product of {n}.",
            "Which product does {n} make?",
            "Tell me what {n} makes.",
        ),
    ),
    Relation(
        key="room",
        kind="trade",
        topic="workplace",
        first=("dusty", "sunny", "crowded", "vaulted"),
        second=("yard", "cellar", "attic", "barn"),
        closing=(
            "{n} works in a {v}.",
            "The workplace of {n} is a {v}.",
            "{n}'s workplace is a {v}.",
            "Each morning {n} walks to a {v}.",
            "The place where {n} works is a {v}.",
        ),
        opening=(
            "A {v} is the workplace of {n}.",
            "In a {v} {n} works until night.",
            "The {v} down the road is where {n} works.",
        ),
        statement="The workplace of {n} is a {v}.",
        questions=(
            "Where does {n} work?",
            "Name the workplace of {n}.",
            "Which place does {n} work in?",
            "Tell me where {n} works.",
        ),
    ),
)


RELATIONS: tuple[Relation, ...] = _PERSON + _TOWN + _ANIMAL + _TRADE

BY_KIND: Mapping[str, tuple[Relation, ...]] = MappingProxyType(
    {kind: tuple(r for r in RELATIONS if r.kind == kind) for kind in ("person", "town", "animal", "trade")}
)
