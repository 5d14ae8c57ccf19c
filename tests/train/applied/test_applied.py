"""What a training changes of its base is measured on the subject that evals load."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from bench.errors import InputError
from bench.model.drift import drift
from bench.model.loading.load import load_base, load_subject
from bench.record.results.training.applied import QUESTION_ROWS
from bench.record.results.training.result import TrainResult
from bench.suite.resolved import WarmStart
from bench.train.applied.questions import QUESTIONS
from bench.train.applied.update import layer_groups, matrix_changes
from bench.train.job import run_training
from bench.train.saved.export import export_subject
from tests.fakes.checkpoints import tiny_checkpoint
from tests.fakes.training import make_job, make_recipe, make_rows, resolved_model, stored_data

pytestmark = pytest.mark.usefixtures("uncounted")

CPU = torch.device("cpu")


@pytest.mark.parametrize("method", ["full", "lora", "ia3"])
def test_every_training_has_its_update_measured(tmp_path: Path, method: str) -> None:
    base = tiny_checkpoint(tmp_path / "base")
    data, recipe = stored_data(tmp_path, make_rows(12)), make_recipe(method=method, learning_rate=0.05)
    job = make_job(resolved_model(base), data, recipe=recipe, budget={"unit": "steps", "amount": 3})
    result: TrainResult = run_training(job, tmp_path, lambda event: None)
    tuned = dict(load_subject(job.model, tmp_path, precision="fp32", device=CPU).named_parameters())
    before = load_base(job.model, precision="fp32", device=CPU)
    squares = [(tuned[n] - w).square().sum() for n, w in before.named_parameters() if w.ndim > 1]
    assert result.applied.norm == pytest.approx(math.sqrt(sum(map(float, squares))), rel=1e-4)
    assert result.applied.expected >= result.applied.expected - result.applied.without_effect > 0
    assert result.applied.kl > 0
    assert len(set(QUESTIONS)) == result.applied.rows == QUESTION_ROWS
    assert result.weights_check.base is not None
    assert result.weights_check.base > result.weights_check.as_evaluated, "it learned its own rows"


def test_a_training_whose_weights_are_not_kept_is_not_checked(tmp_path: Path) -> None:
    """A sweep's trainings: the check would cost a second evaluation of each setting."""
    model, data = resolved_model(tiny_checkpoint(tmp_path / "base")), stored_data(tmp_path, make_rows(4))
    job = make_job(model, data, recipe=make_recipe(method="lora"), budget={"unit": "steps", "amount": 1})
    result = run_training(job, tmp_path, lambda event: None, checked=False)
    assert (result.applied, result.weights_check) == (None, None)


@pytest.mark.parametrize(
    "rows",
    [[[5, 6, 7, 8], [9, 10, 11, 12]], [[*range(3, 43), 7], [*range(3, 43), 9, 11], [*range(3, 43), 9]]],
    ids=["apart", "with one beginning"],
)
def test_drift_is_the_mean_divergence_over_all_positions(rows: list[list[int]], tmp_path: Path) -> None:
    model = resolved_model(tiny_checkpoint(tmp_path / "base"))
    base, other = (load_base(model, precision="fp32", device=CPU) for _ in range(2))
    assert (drift(other, base, rows).kl, drift(other, base, rows).changed_top) == (0.0, 0.0)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.3)
        p, q = (
            torch.cat([m(input_ids=torch.tensor([row])).logits[0].double().softmax(-1) for row in rows])
            for m in (other, base)
        )
    seen = drift(other, base, rows)
    assert seen.kl == pytest.approx(float((p * (p / q).log()).sum(-1).mean()), rel=1e-3)
    assert seen.changed_top == pytest.approx(float((p.argmax(-1) != q.argmax(-1)).double().mean()))
    assert seen.positions == sum(map(len, rows))


def test_an_update_is_measured_over_all_numbers_of_a_matrix() -> None:
    """A real matrix is summed in parts; a part left out would make its update smaller."""
    base, other = torch.nn.Linear(300, 700, bias=False), torch.nn.Linear(300, 700, bias=False)
    same = torch.nn.Linear(300, 700, bias=False)
    same.load_state_dict(base.state_dict())
    before, after = (model.weight.detach().double().numpy() for model in (base, other))
    (moved,), (unmoved,) = matrix_changes(other, base), matrix_changes(same, base)
    values = np.linalg.svd(after - before, compute_uv=False)
    assert moved.square == pytest.approx(np.square(after - before).sum(), rel=1e-5)
    assert moved.effective_rank == pytest.approx(np.square(values).sum() ** 2 / (values**4).sum(), rel=1e-4)
    assert moved.base_square == unmoved.base_square == pytest.approx(np.square(before).sum(), rel=1e-5)
    assert (unmoved.square, unmoved.effective_rank) == (0.0, None)


def test_a_few_matrices_stand_for_the_ranks_of_a_large_group() -> None:
    """Evenly spread over those that changed; all that changed are counted."""
    base, other = (torch.nn.ModuleList(torch.nn.Linear(4, 4, bias=False) for _ in range(60)) for _ in range(2))
    for number in range(0, 60, 2):
        other[number].weight.data.copy_(base[number].weight)
    changes = matrix_changes(other, base)
    ranked = [number for number, change in enumerate(changes) if change.effective_rank is not None]
    assert ranked == [1, 5, 11, 15, 21, 25, 31, 35, 41, 45, 51, 55]
    (group,) = layer_groups(changes)
    assert (group.matrices, group.changed) == (60, 30)
    assert group.effective_rank == pytest.approx(sum(changes[number].effective_rank or 0 for number in ranked) / 12)


def test_the_rank_of_a_large_matrix_is_estimated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = resolved_model(tiny_checkpoint(tmp_path / "base"))
    base, other = (load_base(model, precision="fp32", device=CPU) for _ in range(2))
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(torch.randn_like(parameter))
    exact = [change.effective_rank for change in matrix_changes(other, base)]
    monkeypatch.setattr("bench.train.applied.update._EXACT_SIDE", 1)
    monkeypatch.setattr("bench.train.applied.update._VECTORS", 2000)
    estimated = [change.effective_rank for change in matrix_changes(other, base)]
    assert estimated == pytest.approx(exact, rel=0.1)


def test_the_update_of_what_diverged_has_a_norm_and_a_rank(tmp_path: Path) -> None:
    """Squares of 1e30 have no room in fp32."""
    tiny_checkpoint(tmp_path)
    other, base = (AutoModelForCausalLM.from_pretrained(tmp_path) for _ in range(2))
    for parameter in other.parameters():
        parameter.data += 1e30 * torch.eye(*parameter.shape) if parameter.dim() == 2 else 0
    for change in matrix_changes(other, base):
        assert change.effective_rank == pytest.approx(change.square / 1e60, rel=1e-3)


@pytest.mark.parametrize(("first", "second"), [("lora", "full"), ("full", "lora"), ("lora", "lora")])
def test_a_training_begins_from_the_merged_weights_of_another(tmp_path: Path, first: str, second: str) -> None:
    model, data = resolved_model(tiny_checkpoint(tmp_path / "base")), stored_data(tmp_path, make_rows(12))
    job = make_job(
        model, data, recipe=make_recipe(method=first, learning_rate=0.05), budget={"unit": "steps", "amount": 3}
    )
    run_training(job, tmp_path / "first", lambda event: None)
    began = load_subject(model, tmp_path / "first", precision="fp32", device=CPU)
    start = WarmStart(arm="fake/first", digest="d", path=str(tmp_path / "first" / "weights"))
    warm = model.model_copy(update={"starts": (start,)})
    recipe = make_recipe(method=second, learning_rate=1e-9, schedule="constant")
    again = make_job(warm, data, recipe=recipe, budget={"unit": "steps", "amount": 1})
    result = run_training(again, tmp_path / "second", lambda event: None)
    ended = load_subject(warm, tmp_path / "second", precision="fp32", device=CPU)
    with torch.no_grad():
        ids = torch.arange(2, 40)[None]
        assert torch.allclose(ended(input_ids=ids).logits, began(input_ids=ids).logits, atol=1e-4)
    assert result.applied.kl < 1e-6, "the change is that of the second training alone"
    out = tmp_path / "out"
    out.mkdir()
    if second == "lora":
        with pytest.raises(InputError, match="belongs on fake/first"):
            export_subject(warm, tmp_path / "second", out, merge=False, precision="fp32")
    export_subject(warm, tmp_path / "second", out, merge=True, precision="fp32")
    plain = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    with torch.no_grad():
        assert torch.allclose(plain(input_ids=ids).logits, began(input_ids=ids).logits, atol=1e-3)


def test_nothing_begins_from_a_learned_prompt(tmp_path: Path) -> None:
    model, data = resolved_model(tiny_checkpoint(tmp_path / "base")), stored_data(tmp_path, make_rows(12))
    recipe = make_recipe(method="prompt", learning_rate=0.05)
    run_training(
        make_job(model, data, recipe=recipe, budget={"unit": "steps", "amount": 1}), tmp_path, lambda event: None
    )
    start = WarmStart(arm="fake/prompt", digest="d", path=str(tmp_path / "weights"))
    with pytest.raises(InputError, match="nothing can begin from it"):
        load_base(model.model_copy(update={"starts": (start,)}), precision="fp32", device=CPU)
