"""How a test orders what the instant worker does: by a learning rate, or by an eval's name."""

ORDERS = {
    "raise": 0.5,
    "kill": 0.25,
    "segfault": 0.125,
    "memory": 0.0625,
    "refuse": 0.03125,
    "hang": 0.015625,
    "diverge": 0.0078125,
    "vanish": 0.00390625,
    "eat": 0.001953125,
    "teach nothing": 0.0009765625,
    "break the count": 0.00048828125,
    "pack in vain": 0.000244140625,
    "check in vain": 0.0001220703125,
    "be followed": 0.00006103515625,
    "be followed and fail": 0.000030517578125,
    "need numbers": 0.0000152587890625,
}
"""Learning rates that make a training end badly, or its count, or its check."""

UNSCORED = "unscored"
"""The name of an eval that can score nothing, as ROUGE without references."""

AWAY = "away"
"""The name of an eval whose rows the hub does not give, and whose jobs have no score."""

CRASHES = "crashes"
"""The name of an eval that kills its process."""

REFUSED = "refused"
"""The name of an eval that fails in rehearsal."""

COUNTED = "counted.txt"
"""The file under the home that lists the arms whose trainings were counted."""

CHECKED = "checked.txt"
"""The file under the home that lists the arms whose trainings were checked."""

BEST_RATE = 1e-3
"""The rate that a sweep finds best."""
