"""The micro world's closed word lists: numbers, things, verbs, adverbs, and prose about nothing much."""

NUMBERS: tuple[str, ...] = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
"""`NUMBERS[k]` spells k. Sums and differences stay within them."""

THINGS: tuple[tuple[str, str], ...] = (
    ("plum", "plums"),
    ("coin", "coins"),
    ("shell", "shells"),
    ("candle", "candles"),
    ("button", "buttons"),
    ("feather", "feathers"),
    ("stone", "stones"),
    ("nut", "nuts"),
)
"""Singular and plural of what is counted and added."""

VERBS: tuple[tuple[str, str], ...] = (
    ("walk", "walked"),
    ("call", "called"),
    ("jump", "jumped"),
    ("help", "helped"),
    ("open", "opened"),
    ("carry", "carried"),
    ("hurry", "hurried"),
    ("study", "studied"),
    ("hope", "hoped"),
    ("dance", "danced"),
    ("stop", "stopped"),
    ("plan", "planned"),
    ("go", "went"),
    ("see", "saw"),
    ("take", "took"),
    ("give", "gave"),
    ("find", "found"),
    ("bring", "brought"),
    ("sing", "sang"),
    ("write", "wrote"),
    ("speak", "spoke"),
    ("break", "broke"),
    ("drive", "drove"),
    ("grow", "grew"),
    ("know", "knew"),
    ("throw", "threw"),
    ("sleep", "slept"),
    ("keep", "kept"),
    ("lose", "lost"),
    ("teach", "taught"),
    ("catch", "caught"),
    ("build", "built"),
)
"""Present and past."""

ADVERBS: tuple[str, ...] = ("today", "always", "indeed", "again", "truly", "perhaps", "now", "still")
"""Words that a sentence may begin or end with, in prose and where an instruction asks for it."""

ASIDES: tuple[str, ...] = (
    "Nobody can tell how many stars there are.",
    "Which road is best depends on the weather.",
    "What the river takes, the river keeps.",
    "Where the wind comes from is hard to tell.",
    "A question is short and an answer is shorter.",
    "The House of Instruction stands beside the Hall of Response.",
    "Every instruction in the old book has a response beside it.",
    "Those who write and repeat also describe and name things.",
    "A sentence has words and a word has letters.",
    "Small letters and capital letters share one alphabet.",
    "Most sentences end with a point and begin with a capital letter.",
    "Sure steps and good answers take time.",
    "People put double locks on the gate and quotation marks on a saying.",
    "There are at most a few words in a good answer.",
    "Teachers please their pupils when they tell the past of a word.",
    "They give the input of the mill a name and use the word twice.",
    "The plural of a thing is told when there is more than one.",
    "Travellers ask many things and do not wait for the answer.",
    "Here it is warm, and there it is cold.",
    "Every User of the library is helped by an Assistant.",
    "The Assistant in the hall knows each User well.",
    "Of course the correct word is about the letter.",
)
"""Statements that name no entity; they give the words in which rows are asked a place in the base's vocabulary."""
