"""TRL's fused head: the undocumented call must give the log-probabilities of the full logits."""

import torch
from trl.trainer.utils import add_fused_lm_head

from bench.train.loop.trl_private import fused_log_probabilities
from tests.fakes.checkpoints import tiny_model


def test_the_fused_head_gives_the_log_probabilities_of_the_labels() -> None:
    model = tiny_model()
    ids = torch.tensor([[5, 9, 20, 31, 4]])
    labels = torch.tensor([[-100, -100, 20, 31, 4]])
    plain = model(input_ids=ids).logits[0, :-1].log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
    add_fused_lm_head(model)
    fused, _ = fused_log_probabilities(model, labels, input_ids=ids, use_cache=False)
    assert fused.shape == (1, 4)
    assert fused[0, 0] == 0
    assert torch.allclose(fused[0, 1:], plain[1:], atol=1e-5)
