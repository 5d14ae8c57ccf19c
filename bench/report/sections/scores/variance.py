"""Where the noise of each difference comes from, and therefore what would make it smaller."""

from collections.abc import Sequence
from typing import TypeAlias

from bench.report.analysis.comparison import Comparison
from bench.report.analysis.scores.results import Contrast, Result
from bench.report.render import format as fmt
from bench.report.render.view import Block, Cell, Column, Paragraph, Section, Table, numbers, texts
from bench.stats.noise.moderation import SeedPrior
from bench.stats.noise.variance import Components

TEXT = (
    "Standard deviations in the eval's units. Examples: noise of this run's examples, falls with their number. Seeds: "
    "noise of repeating the training, of one seed of both sides together; falls with the number of seeds. Examples × "
    "seeds: the rest, falls with both. The standard error of a difference includes all three."
)
NO_SEED_NOISE = " Seeds at 0.000: they differ by no more than the rest explains, which few seeds do by chance."
ONE_SEED = "With one seed the noise of repeating the training is unknown: examples only."

WITH_DRAWS = (
    "Subsets that were drawn several times: the seeds column above includes the noise of the draws. Here are standard "
    "deviations of the score; the two sources are separable only where some draw has two seeds."
)

MODERATED = (
    "What the seeds of all arms say together: an arm's few seeds are weighted with it, by degrees of freedom "
    "(empirical Bayes, Smyth 2004). Where the p-value of equal noise is below 5%, or an arm has fewer than two of its "
    "seeds left, each arm has its own seeds alone. Noisiest: the deviation of that arm's seeds, as a multiple of what "
    "is expected of it."
)
UNNOTICED = (
    "This holds for arms of equal noise, and few seeds seldom show that one arm is noisier. In simulations the 95% "
    "interval of an arm with two or three times the noise of five others, three seeds each, covers 80 to 82%."
)
TWO_SEEDS = "With two seeds each, up to 7% of true differences of zero have a p-value of 5% or less."


def variance_section(comparison: Comparison) -> Section | None:
    """One row per arm and eval, against base and control; `None` where no difference has an interval."""
    parted = [
        (result, contrast, contrast.delta.components)
        for result in comparison.results.values()
        for contrast in (result.versus_base, result.versus_control)
        if contrast is not None and contrast.delta.components is not None
    ]
    if not parted:
        return None
    single = len(comparison.run.seeds) == 1
    noisy = [entry for entry in parted if any((entry[2].example, entry[2].seed, entry[2].rest))]
    covers = {contrast.delta.noise for _, contrast, _ in noisy}
    text = f"{ONE_SEED if single else TEXT}{_zero(noisy)}{_covered(covers)}{_without_noise(len(parted) - len(noisy))}"
    blocks: tuple[Block, ...] = (
        Paragraph(text=text, tone="muted"),
        *([_sources(noisy, covers=len(covers) > 1)] if noisy else []),
        *_priors(comparison),
        *_draws(comparison),
    )
    return Section(title="Where the noise comes from", blocks=blocks, only="document")


_Parted: TypeAlias = tuple[Result, Contrast, Components]


def _without_noise(differences: int) -> str:
    """How many differences have no row: every example scored alike, with every seed."""
    return f" {fmt.plural(differences, 'difference')} without any noise: no score differs." if differences else ""


def _zero(noisy: Sequence[_Parted]) -> str:
    """What an estimate of no seed noise is worth."""
    return NO_SEED_NOISE if any(_root(parts.seed) == fmt.number(0.0) for _, _, parts in noisy) else ""


def _covered(covers: set[str]) -> str:
    """What the standard errors cover, where it is alike for all differences."""
    return f" They cover {next(iter(covers))}." if len(covers) == 1 else ""


def _sources(noisy: Sequence[_Parted], *, covers: bool) -> Table:
    """A row for each difference. covers: with a column of what its standard error covers."""
    columns = (
        *texts("Eval", "Difference"),
        *numbers("Examples", "Seeds", "Examples × seeds", "Standard error"),
        *([Column(title="Covers")] if covers else []),
    )
    return Table(columns=columns, rows=tuple(_row(*entry, covers=covers) for entry in noisy))


def _priors(comparison: Comparison) -> tuple[Block, ...]:
    """What the arms' seeds have in common, one row per eval; nothing where they are too few."""
    priors = {
        result.measurand.name: (result, contrast.delta.seed_prior)
        for result in comparison.results.values()
        for contrast in (result.versus_base, result.versus_control)
        if contrast is not None and (prior := contrast.delta.seed_prior) is not None and prior.enough
    }
    if not priors:
        return ()
    columns = (
        Column(title="Eval"),
        *numbers("Arms", "One seed's deviation", "Prior's degrees of freedom", "Noisiest", "p of equal noise"),
        Column(title="Moderated"),
    )
    rows = tuple(_prior(result, prior) for result, prior in priors.values() if prior is not None)
    used = any(prior is not None and prior.usable for _, prior in priors.values())
    few = used and len(comparison.run.seeds) == 2
    text = " ".join([MODERATED, *([UNNOTICED] if used else []), *([TWO_SEEDS] if few else [])])
    return (Paragraph(text=text, tone="muted"), Table(columns=columns, rows=rows))


def _prior(result: Result, prior: SeedPrior) -> tuple[Cell, ...]:
    unit = " logits" if result.measurand.per_example and result.measurand.bounds is not None else ""
    return (
        Cell(text=result.measurand.name),
        Cell(text=str(prior.arms)),
        Cell(text=f"{fmt.number(prior.deviation)}{unit}"),
        Cell(text=fmt.number(prior.weight)),
        Cell(text=f"×{prior.noisiest:.1f}"),
        Cell(text=fmt.p_value(prior.homogeneity_p)),
        Cell(text=_moderated(prior)),
    )


def _moderated(prior: SeedPrior) -> str:
    if prior.lost:
        return f"no: {fmt.plural(prior.lost, 'arm')} with fewer than two seeds left"
    return "yes" if prior.alike else "no: the arms' noise differs"


def _draws(comparison: Comparison) -> tuple[Block, ...]:
    """What drawing the subset again adds to training again; nothing where every arm has one draw."""
    if not comparison.draws:
        return ()
    columns = (*texts("Eval", "Arm"), *numbers("Draws", "Between draws", "Between seeds of a draw"))
    rows = tuple(
        (
            Cell(text=noise.measurand),
            Cell(text=noise.arm, tone="strong"),
            Cell(text=str(noise.draws)),
            Cell(text=_root(noise.draw_variance)),
            Cell(text=_root(noise.seed_variance)),
        )
        for noise in comparison.draws
    )
    return (Paragraph(text=WITH_DRAWS, tone="muted"), Table(columns=columns, rows=rows))


def _row(result: Result, contrast: Contrast, parts: Components, *, covers: bool) -> tuple[Cell, ...]:
    return (
        Cell(text=result.measurand.name),
        Cell(text=f"{contrast.arm} − {contrast.reference}", tone="strong"),
        Cell(text=_root(parts.example)),
        Cell(text=_root(parts.seed)),
        Cell(text=_root(parts.rest)),
        Cell(text=fmt.number(contrast.delta.standard_error)),
        *([Cell(text=contrast.delta.noise)] if covers else []),
    )


def _root(variance: float | None) -> str:
    return fmt.NONE if variance is None else fmt.number(variance**0.5)
