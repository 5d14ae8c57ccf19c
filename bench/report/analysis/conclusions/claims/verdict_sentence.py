"""The sentence that gives a verdict's reason: what the interval shows, what is missing, or what would decide it."""

from bench.report.analysis.conclusions.claims.ways_to_decide import WayToDecide, ways_text
from bench.report.analysis.conclusions.difference_words import ratio_margin
from bench.report.render import format as fmt
from bench.stats.conclusions.claim_types import ALPHA, DECIDED, ClaimVerdict
from bench.stats.estimates.costs.ratio import Ratio
from bench.stats.estimates.delta import Delta
from bench.suite.tables.conclusions.claim import Claim

SHOWN: dict[tuple[str, str, bool], str] = {
    ("supported", ">=", False): "not worse by more than {margin}",
    ("supported", ">", False): "better by more than {margin}",
    ("supported", "==", False): "equal within {margin}",
    ("supported", ">=", True): "not worse",
    ("supported", ">", True): "better",
    ("refuted", ">=", False): "worse by more than {margin}",
    ("refuted", ">", False): "not better by {margin}",
    ("refuted", "==", False): "different by more than {margin}",
    ("refuted", ">=", True): "worse",
    ("refuted", ">", True): "not better",
}
"""What a decided claim shows, by outcome, relation, and whether its margin is zero."""
SHOWN_OF_COSTS: dict[tuple[str, str, bool], str] = {
    ("supported", ">=", False): "costs at most {margin} more",
    ("supported", ">", False): "costs less, by more than {margin}",
    ("supported", "==", False): "costs the same within {margin}",
    ("supported", ">=", True): "does not cost more",
    ("supported", ">", True): "costs less",
    ("refuted", ">=", False): "costs more, by over {margin}",
    ("refuted", ">", False): "does not cost less by {margin}",
    ("refuted", "==", False): "costs differ by more than {margin}",
    ("refuted", ">=", True): "costs more",
    ("refuted", ">", True): "does not cost less",
}
"""Words of a verdict on a cost, by outcome, relation and whether the margin is zero."""


def margin_text(claim: Claim) -> str:
    """In the eval's units, or as per cent of a cost."""
    return fmt.number(claim.margin) if claim.cost is None else fmt.percent(claim.margin, digits=0)


def verdict_sentence(
    claim: Claim,
    verdict: ClaimVerdict,
    compared: Delta | Ratio | None,
    ways: tuple[WayToDecide, ...],
    *,
    family: int,
    single_seed: bool,
) -> str:
    """ways: to decide it where it is open. family: claims that are adjusted together. single_seed: training was not
    repeated."""
    if verdict.reason is not None:
        return verdict.reason
    assert compared is not None, "decided from a comparison"
    if verdict.outcome in DECIDED:
        return _decided(claim, verdict, compared, single_seed=single_seed)
    needed = _to_decide(verdict, ways)
    if verdict.p_value is not None and verdict.sequential_p is not None and verdict.p_value <= ALPHA:
        if verdict.sequential_p > ALPHA:
            return f"significant at this look alone, not over {_looks(verdict)}; {needed}"
        return f"significant alone, not among {family} claims after Holm; {needed}"
    return f"the interval includes {_threshold(claim, compared)}; {needed}"


def _looks(verdict: ClaimVerdict) -> str:
    return "the looks that are planned" if verdict.looks == 1 else f"its {verdict.looks} looks"


def _decided(claim: Claim, verdict: ClaimVerdict, compared: Delta | Ratio, *, single_seed: bool) -> str:
    shown = SHOWN_OF_COSTS if claim.eval is None else SHOWN
    margin = margin_text(claim) if claim.cost is None else ratio_margin(claim)
    words = shown[verdict.outcome, claim.parts()[1], claim.margin == 0].format(margin=margin)
    if isinstance(compared, Ratio) and compared.exact:
        return f"{words}; counted exactly"
    return f"{words}; example noise only" if single_seed else words


def _threshold(claim: Claim, compared: Delta | Ratio) -> str:
    """Where the verdict changes, on the scale of the difference as it is shown."""
    if claim.margin == 0:
        return "a ratio of one" if isinstance(compared, Ratio) else "zero"
    return f"±{margin_text(claim)}" if claim.parts()[1] == "==" else "the margin"


def _to_decide(verdict: ClaimVerdict, ways: tuple[WayToDecide, ...]) -> str:
    """Where it leans, and how many examples, or seeds, would decide it at 80% power, if the estimate is the truth."""
    leaning, truth = f"leans to {verdict.leaning}", "if the estimate is true"
    level = "" if verdict.needed_level is None else f" at {fmt.percent(verdict.needed_level)} (Holm)"
    said = ways_text(ways, spread=True)
    if said is None:
        return f"{leaning}; no number of examples or seeds within reach would decide it {truth}"
    return f"{leaning}; to decide it{level} {truth}: {said}"
