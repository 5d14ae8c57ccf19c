"""The undocumented call of TRL that this project takes hold of, behind a documented one.

Contract: no other file names it. `tests/train/loop/test_trl_private.py` holds its name and result.
"""

from __future__ import annotations

from typing import Any

import torch


def fused_log_probabilities(model: Any, labels: torch.Tensor, **inputs: Any) -> torch.Tensor:
    """Log-probability of each label given what comes before it, `(sequences, length - 1)`, zero where ignored.

    `SFTTrainer` gives `model` a head that computes logits in tiles, at supervised positions alone on CUDA.
    """
    outputs = model(**inputs, labels=labels, fused_lm_head=True)
    log_probabilities: torch.Tensor = outputs.log_probs
    return log_probabilities
