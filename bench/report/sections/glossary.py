"""What each word and figure of the report means, so that a reader who was sent it needs nothing else."""

from collections.abc import Iterable

from bench.report.analysis.comparison import Comparison
from bench.report.render import format as fmt
from bench.report.render.view import Cell, Section, Table, texts
from bench.stats.estimates.delta import LEVEL
from bench.stats.estimates.paired import REPLICATES

_LEVEL = fmt.percent(LEVEL, digits=0)
MEANINGS: tuple[tuple[str, str], ...] = (
    (
        "arm",
        "One cell of the experiment: data / recipe. Each is trained once per seed; base is the model before training.",
    ),
    ("control", "The arm that others are compared with beside the base, such as a random draw of the same size."),
    ("score", "Mean over the examples (weighted where the eval weights them), over tasks equally, and over seeds."),
    (
        f"[{_LEVEL}]",
        f"Confidence interval at {_LEVEL}: noise of the examples and, from two seeds on, of training again with "
        "seeds like those seen.",
    ),
    (
        "− base, − control",
        "Paired difference: the same examples scored by both sides, arm minus the other. Examples that no seed of one "
        "side scored are left out and counted.",
    ),
    (
        "missing: … to …",
        "The score or difference if every missing score is as bad, or as good, as it can be (a difference: one side's "
        "the worst, the other's the best), with an interval that covers it whatever is missing. Readings, p-values "
        "and ranks go by it.",
    ),
    (
        "better, worse",
        "Than the base, the control, or a claim's other side. Only where the interval excludes zero, the p-value is at "
        "most 5% when corrected for all that is asked together (an eval's contrasts, by Holm; the suite's claims), and "
        "two seeds at least show the noise of training; in the eval's own direction.",
    ),
    (
        "maybe better, maybe worse",
        "The interval excludes zero, but that happens by chance among so much that is asked (not after the "
        "correction), or the noise of training is unknown (one seed).",
    ),
    ("(2/3 seeds)", "The arm lost seeds: two of three have a score. With one left, no mark says better or worse."),
    (
        "best, maybe best",
        "best: better than every other arm (rank 1 alone) and than the base. maybe best: nothing is better, but "
        "neither is it better than all others.",
    ),
    (
        "unclear",
        "This run cannot tell which of the two is better: the interval includes zero. It does not say that they are "
        "equal. A claim may be supported all the same, where it asks for less than better.",
    ),
    (
        "p (Holm)",
        "Two-sided p-value of no difference, adjusted for all contrasts of that eval with base and control: 5% is the "
        "chance of a false better or worse in one eval, not in all of them together. Of a claim: of its threshold, "
        "adjusted for all claims of the suite; none where something else than the test leaves it open.",
    ),
    (
        "detectable",
        "The smallest true difference that a run like this one finds with 80% power, at the level that Holm "
        "asks of an eval's smallest p-value (5% divided by its contrasts); of one seed, by the noise of its examples "
        "alone. none: the scale ends before it.",
    ),
    (
        "rank",
        "Places among the arms, without the base, that their resolved pairs leave possible (Holm over an eval's "
        "pairs): 1–3 is first to third.",
    ),
    ("seed spread", "Standard deviation of the score between seeds of the same arm."),
    (
        "gained / lost",
        "Examples on which the arm, averaged over seeds, did better / worse than the base: of right-or-wrong scores, "
        "with one seed at least.",
    ),
    (
        "verdict",
        "supported or refuted: the interval is wholly on one side of the threshold, also after Holm over all claims. "
        "inconclusive: it does not; the sample that would decide is named. incomplete: a needed subject has no score, "
        "or missing scores decide.",
    ),
    (
        "margin",
        "By how much the left side may be worse (>=), must be better (>), or may differ (==), in the eval's units.",
    ),
    (
        "target, retention, diagnostic",
        "What training is for; what it may forget; what is shown but ranks nothing: higher or lower by the interval "
        "alone, uncorrected for the number of contrasts.",
    ),
    (
        "tokens",
        "Tokens that are not padding. Supervised: those whose labels enter the loss. Slots: batch × padded length.",
    ),
    (
        "tokens/s",
        "Non-padding tokens per second of data, forward, backward and optimiser; nothing else of the run beside it.",
    ),
    ("seconds in all", "Wall time of one training, start-up and saving included; beside other work where that ran."),
    ("seconds of steps", "Data, forward, backward and optimiser of one training: what a claim on seconds is about."),
    ("trained / all", "Parameters that training changes, and all of them."),
    ("epochs", "Rows seen, divided by rows available."),
    ("process", "Starting the worker process and handing results over."),
)


_BY_TITLE = {
    word.strip().lower(): meaning for words, meaning in MEANINGS for word in words.replace("/", ",").split(",")
}


def with_meanings(sections: Iterable[Section]) -> tuple[Section, ...]:
    """Sections whose tables' columns have their definition beside them."""
    return tuple(
        section.model_copy(
            update={"blocks": tuple(_defined(block) if isinstance(block, Table) else block for block in section.blocks)}
        )
        for section in sections
    )


def _defined(table: Table) -> Table:
    columns = tuple(column.model_copy(update={"meaning": _meaning(column.title)}) for column in table.columns)
    return table.model_copy(update={"columns": columns})


def _meaning(title: str) -> str | None:
    """The definition of a column, by its title without the part in brackets."""
    plain = title.lower().partition(" [")[0].replace("/ ", "/")
    names = (plain, *(plain.partition(sign)[0].strip() for sign in (",", "/")))
    return next((_BY_TITLE[name] for name in names if name in _BY_TITLE), None)


def meaning_section(comparison: Comparison) -> Section:
    """The definitions, and the methods that this run used."""
    methods = {
        contrast.delta.method
        for result in comparison.results.values()
        for contrast in (result.versus_base, result.versus_control)
        if contrast is not None and contrast.delta.low is not None
    }
    methods |= {claim.ratio.method for claim in comparison.claims if claim.ratio is not None}
    bootstraps = f" Bootstraps use {REPLICATES:,} replicates, seeded." if comparison.measurands else ""
    entries = [*MEANINGS, *([("methods", f"{'; '.join(sorted(methods))}.{bootstraps}")] if methods else [])]
    rows = tuple((Cell(text=word, tone="strong"), Cell(text=meaning)) for word, meaning in entries)
    columns = texts("Word", "Meaning")
    return Section(title="What each number means", blocks=(Table(columns=columns, rows=rows),), only="document")
