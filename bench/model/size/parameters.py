"""How many parameters a model has."""

from torch import nn


def count_parameters(model: nn.Module) -> tuple[int, int]:
    """All parameters and the trainable ones; tied weights count once, packed 4-bit weights one by one."""
    sizes = [(_elements(parameter), parameter.requires_grad) for parameter in model.parameters()]
    return sum(size for size, _ in sizes), sum(size for size, trainable in sizes if trainable)


def _elements(parameter: nn.Parameter) -> int:
    if type(parameter).__name__ == "Params4bit":
        return 2 * parameter.numel() * parameter.element_size()
    return parameter.numel()
