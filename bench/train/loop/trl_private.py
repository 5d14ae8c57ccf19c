"""The undocumented call of TRL that this project takes hold of, behind a documented one.

Contract: no other file names it. `tests/train/loop/test_trl_private.py` holds its name and result.
"""

from typing import Any

import torch


def fused_log_probabilities(model: Any, labels: torch.Tensor, **inputs: Any) -> tuple[torch.Tensor, Any]:
    """Log-probability of each label given what comes before it, `(sequences, length - 1)`, zero where ignored, and the
    outputs of the forward pass.

    `SFTTrainer` gives `model` a head that computes logits in tiles, at supervised positions alone on CUDA.
    """
    outputs = model(**inputs, labels=labels, fused_lm_head=True)
    return outputs.log_probs, outputs
