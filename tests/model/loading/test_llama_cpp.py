"""llama.cpp's logits, however they are asked for, are those of the model that was converted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, Qwen3Config

from bench.errors import InputError
from bench.evals.inference.generation.generator import generate
from bench.evals.inference.generation.request import GenerationRequest
from bench.evals.inference.pass_counts import count_from_here
from bench.evals.inference.scoring.scorer import Scorer
from bench.model.forward import logits_at, narrows_head
from bench.model.loading.gguf_tokens import refuse_other_tokens
from bench.model.loading.llama_cpp import ROWS, LlamaCppModel, _passes, _tree
from tests.fakes.checkpoints import tiny_checkpoint, tiny_tokenizer
from tests.fakes.fake_llama_cpp import VOCABULARY, FakeLlamaCpp, install, next_logits


def test_what_rows_begin_with_is_one_branch() -> None:
    nodes, paths = _tree([[1, 2, 3], [1, 2, 4], [2, 2]])
    assert [(node.token, node.position, node.rows) for node in nodes] == [
        (1, 0, [0, 1]), (2, 1, [0, 1]), (3, 2, [0]), (4, 2, [1]), (2, 0, [2]), (2, 1, [2]),
    ]  # fmt: skip
    assert paths == [[0, 1, 2], [0, 1, 3], [4, 5]]


def test_a_pass_has_at_most_so_many_rows_and_tokens_those_that_begin_alike_together() -> None:
    assert list(_passes({0: [5] * 300, 1: [4] * 300, 2: [5, 6]})) == [[1], [0, 2]]
    assert list(_passes({0: [5] * 9000, 1: [6]})) == [[0], [1]]
    assert [len(rows) for rows in _passes({row: [row] for row in range(ROWS + 3)})] == [ROWS, 3]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[LlamaCppModel, FakeLlamaCpp]:
    """A model whose logits are known, and the module that computes them."""
    module = install(monkeypatch, lambda text: [ord(letter) for letter in text])
    (tmp_path / "model.gguf").write_bytes(bytes(1000))
    return LlamaCppModel(tmp_path / "model.gguf", Qwen3Config(vocab_size=VOCABULARY)), module


def test_logits_are_read_where_they_are_asked_and_equal_beginnings_computed_once(
    fake: tuple[LlamaCppModel, FakeLlamaCpp],
) -> None:
    model, module = fake
    ids = torch.tensor([[5, 6, 7, 8], [5, 6, 9, 0], [1, 2, 3, 4]])
    found = model(input_ids=ids, attention_mask=torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0], [1, 1, 1, 1]])).logits
    expected = [[next_logits(row[: at + 1]) for at in range(4)] for row in ids.tolist()]
    expected[1][3] = expected[1][3] * 0
    assert torch.equal(found, torch.tensor(np.array(expected)))
    assert module.passes == [9], "4 + 3 + 4 tokens, two of which are shared"
    rows, columns = torch.tensor([2, 0]), torch.tensor([1, 2])
    assert torch.equal(logits_at(model, rows, columns, input_ids=ids), found[rows, columns])
    assert module.passes[-1] == 5, "no token behind the last that is read"
    assert model.weight_bytes == 1000
    with pytest.raises(ValueError, match="padded on the right"):
        model(input_ids=ids, attention_mask=torch.zeros_like(ids))


def test_answers_are_each_rows_own_however_many_are_in_work(fake: tuple[LlamaCppModel, FakeLlamaCpp]) -> None:
    model, _ = fake
    requests = [
        GenerationRequest(prompt=(3, start), stop_ids=frozenset(range(40)), until=(), max_new_tokens=2 + start % 7)
        for start in range(2 * ROWS + 5)
    ]
    answers = generate(model, tiny_tokenizer(), requests)
    for request, answer in zip(requests, answers, strict=True):
        ids = list[int]()
        while len(ids) < request.max_new_tokens and not (ids and ids[-1] in request.stop_ids):
            ids.append(int(next_logits([*request.prompt, *ids]).argmax()))
        assert answer is not None
        assert (list(answer.ids), answer.ended) == (ids, ids[-1] in request.stop_ids)


def test_a_context_without_room_is_an_error(fake: tuple[LlamaCppModel, FakeLlamaCpp]) -> None:
    model, _ = fake
    model.decode([(0, 0, [5] * 4000)], cells=4000)
    with pytest.raises(RuntimeError, match="no pass of 100 tokens"):
        model.decode([(1, 0, [5] * 100)], cells=4000)


def test_a_text_that_the_file_reads_otherwise_is_refused(fake: tuple[LlamaCppModel, FakeLlamaCpp]) -> None:
    with pytest.raises(InputError, match="reads 1 texts as other tokens, such as 'The baker'"):
        refuse_other_tokens(fake[0], tiny_tokenizer(), ["The baker", ""])


Loaded = tuple[PreTrainedModel, LlamaCppModel, Any]


@pytest.fixture(scope="module", params=["llama", "qwen3"])
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """A tiny model by transformers and by llama.cpp, and its tokenizer."""
    pytest.importorskip("llama_cpp")
    pytest.importorskip("gguf")
    from bench.deploy.convert_gguf import convert_to_gguf

    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "llama":
        tiny_checkpoint(folder, "llama")
    else:  # heads that are wider than their share of the model
        config = Qwen3Config(
            vocab_size=384, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, head_dim=16, max_position_embeddings=256,
        )  # fmt: skip
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        tiny_tokenizer().save_pretrained(folder)
    convert_to_gguf(folder, folder / "model.gguf")
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    return plain, LlamaCppModel(folder / "model.gguf", plain.config), AutoTokenizer.from_pretrained(folder)


@torch.no_grad()
def test_logits_of_padded_rows_are_the_models_own(loaded: Loaded) -> None:
    plain, ours, _ = loaded
    ids = torch.randint(2, 380, (40, 30), generator=torch.Generator().manual_seed(0))
    ids[1] = ids[0]  # rows that begin alike
    mask = torch.ones_like(ids)
    mask[3, 11:] = 0
    expected, found = plain(input_ids=ids, attention_mask=mask).logits, ours(input_ids=ids, attention_mask=mask).logits
    real = mask.bool()
    assert torch.allclose(found[real], expected[real], atol=1e-2)
    assert not found[~real].any()
    with pytest.raises(ValueError, match="padded on the right"):
        ours(input_ids=ids, attention_mask=mask.flip(1))


def test_scores_and_answers_are_the_models_own(loaded: Loaded) -> None:
    plain, ours, tokenizer = loaded
    contexts = [tuple(range(2 + start, 30 + start)) for start in range(12)]
    pairs = [(context, branch) for context in contexts for branch in ((40, 41), (50,))]
    expected, found = Scorer(plain).score(pairs), Scorer(ours).score(pairs)
    assert [score.logprob for score in found] == pytest.approx([score.logprob for score in expected], abs=0.02)
    assert narrows_head(ours)
    requests = [
        GenerationRequest(prompt=prompt, stop_ids=frozenset({1}), until=(), max_new_tokens=8 + at % 3)
        for at, prompt in enumerate(contexts * 4)  # more than there are places
    ]
    counts = count_from_here(ours)
    answers, again = generate(ours, tokenizer, requests), generate(plain, tokenizer, requests)
    lengths = [len(answer.ids) for answer in answers if answer is not None]
    assert counts.tokens == sum(len(request.prompt) for request in requests) + sum(lengths) - len(lengths)
    same = [answer == other for answer, other in zip(answers, again, strict=True)]
    assert sum(same) > 0.8 * len(same), "but for a tie of two tokens"


def test_tokens_are_compared_text_by_text(loaded: Loaded) -> None:
    _, ours, tokenizer = loaded
    refuse_other_tokens(ours, tokenizer, ["The baker has 3 cows.", "<s>x</s>", "", "  two\n\n lines\t", "größer 東京"])
    other = tiny_tokenizer(vocabulary=300)
    with pytest.raises(InputError, match="reads 1 texts as other tokens, such as 'Write a short answer"):
        refuse_other_tokens(ours, other, ["Write a short answer to the question"])


def test_a_file_that_is_none_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, list)
    (tmp_path / "model.gguf").write_bytes(b"GGUF and no more")
    with pytest.raises(RuntimeError, match="cannot load"):
        LlamaCppModel(tmp_path / "model.gguf", Qwen3Config())
