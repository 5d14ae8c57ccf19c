"""A speed as a cell."""

from bench.report.analysis.answers.generation import GenerationCost
from bench.report.analysis.training.costs.cost import Cost
from bench.report.analysis.training.deployed import DeploymentCost
from bench.report.render import format as fmt
from bench.report.render.view import Cell


def speed_cell(cost: Cost | GenerationCost | DeploymentCost) -> Cell:
    """Tokens per second alone on the machine; `9,000 shared` beside other work, `9,000 on MACHINE` where speeds are
    compared on another kind of machine."""
    if cost.tokens_per_second is not None:
        return Cell(text=fmt.count(cost.tokens_per_second))
    if cost.shared_tokens_per_second is None:
        return Cell(text=fmt.NONE, tone="muted")
    why = "shared" if cost.unlike_machine is None else f"on {cost.unlike_machine}"
    return Cell(text=fmt.count(cost.shared_tokens_per_second), note=why, tone="unsure")
