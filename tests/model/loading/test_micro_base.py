"""The shipped base is a good instrument: it knows the world, and it does not follow instructions."""

import hashlib
import importlib.util
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from bench.data.micro import rows
from bench.data.micro.corpus import documents
from bench.data.micro.evals import eval_lines
from bench.data.micro.world import world
from bench.model.loading.micro import train_tokenizer
from bench.suite.catalog.card import load_card
from bench.suite.tables.models.model import ModelCard
from bench.train.micro.build import TOKENIZER_DOCUMENTS

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "models" / "micro"
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return load_card("micro")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)


@pytest.fixture(scope="module")
def model() -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32, local_files_only=True).eval()


def examples(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in eval_lines(name)]


def prompt(instruction: str) -> str:
    return f"User: {instruction}\nAssistant:"


def batches(texts: list[str], size: int = 96) -> Iterator[list[int]]:
    """Indices in batches of similar length."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    yield from (order[start : start + size] for start in range(0, len(order), size))


@torch.inference_mode()
def answers(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, instructions: list[str], new_tokens: int
) -> list[str]:
    """Greedy answers, up to the first line break."""
    prompts = [prompt(instruction) for instruction in instructions]
    found = [""] * len(prompts)
    for batch in batches(prompts):
        encoded = tokenizer([prompts[i] for i in batch], return_tensors="pt", padding=True, padding_side="left")
        made = model.generate(
            input_ids=encoded["input_ids"],
            attention_mask=encoded["attention_mask"],
            max_new_tokens=new_tokens,
            do_sample=False,
        )
        texts = tokenizer.batch_decode(made[:, encoded["input_ids"].shape[1] :], skip_special_tokens=True)
        for index, text in zip(batch, texts, strict=True):
            found[index] = text.strip().partition("\n")[0]
    return found


def test_the_card_describes_the_committed_files(card: ModelCard, model: PreTrainedModel) -> None:
    weights = FOLDER / "model.safetensors"
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == card.provenance["sha256"]
    assert card.parameters == sum(p.numel() for p in model.parameters()) <= 2_000_000
    assert card.context_length == model.config.max_position_embeddings
    assert model.config.model_type == "llama"
    assert weights.stat().st_size <= 8 * MEBIBYTE
    assert card.simulation


def test_its_tokenizer_is_that_of_the_committed_corpus(tokenizer: PreTrainedTokenizerFast, card: ModelCard) -> None:
    """A corpus that was changed without a rebuild would make the card untrue."""
    seed, rounds = int(card.provenance["seed"]), 3
    again = train_tokenizer(islice(documents(seed, rounds), TOKENIZER_DOCUMENTS))
    assert again.get_vocab() == tokenizer.get_vocab()


def test_it_knows_the_world(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    """Cloze of at least 90%: each fact's two words as the greedy continuation of a sentence it has not read."""
    cloze = examples("micro_cloze")
    right = 0
    with torch.inference_mode():
        for batch in batches([example["text"] for example in cloze]):
            pairs = [
                (tokenizer(cloze[i]["text"])["input_ids"], tokenizer(" " + cloze[i]["answer"])["input_ids"])
                for i in batch
            ]
            longest = max(len(stem) + len(value) for stem, value in pairs)
            ids = torch.full((len(pairs), longest), tokenizer.pad_token_id)
            for row, (stem, value) in zip(ids, pairs, strict=True):
                row[: len(stem) + len(value)] = torch.tensor(stem + value)
            guesses = model(input_ids=ids).logits.argmax(-1)
            for guess, (stem, value) in zip(guesses, pairs, strict=True):
                right += guess[len(stem) - 1 : len(stem) + len(value) - 1].tolist() == value
    assert right / len(cloze) >= 0.90


def test_it_does_not_answer_questions(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    asked = examples("micro_qa")
    given = answers(model, tokenizer, [example["instruction"] for example in asked], new_tokens=16)
    right = [
        answer.lower().rstrip(".") == example["answer"].lower() for answer, example in zip(given, asked, strict=True)
    ]
    assert sum(right) / len(right) <= 0.10


def test_it_does_not_follow_instructions(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    spec = importlib.util.spec_from_file_location("micro_verify", ROOT / "suites/tasks/micro/verify.py")
    verify = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(verify)
    asked = examples("micro_instructions")
    given = answers(model, tokenizer, [example["instruction"] for example in asked], new_tokens=32)
    passed = [
        verify.process_results(example, [answer])["prompt_level_strict_acc"]
        for example, answer in zip(asked, given, strict=True)
    ]
    assert sum(passed) / len(passed) <= 0.10


def test_rows_round_trip_and_a_prompt_ends_where_its_answer_begins(tokenizer: PreTrainedTokenizerFast) -> None:
    """Otherwise evaluation would meet other ids than training did."""
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    for row in rows("mixed")[:2000]:
        asked = prompt(f"{row['instruction']}\n{row['input']}" if row["input"] else row["instruction"])
        whole = f"{asked} {row['output']}{tokenizer.eos_token}"
        ids = tokenizer(whole)["input_ids"]
        assert tokenizer.decode(ids) == whole
        assert tokenizer(asked)["input_ids"] + tokenizer(f" {row['output']}")["input_ids"] == ids[:-1]
        assert tokenizer(row["output"])["input_ids"] == tokenizer(f" {row['output']}")["input_ids"]


def test_prompts_and_names_are_short(tokenizer: PreTrainedTokenizerFast) -> None:
    """What the flagship costs depends on it."""
    assert len(tokenizer(prompt(""))["input_ids"]) <= 6
    lengths = [len(tokenizer(f" {entity.name}")["input_ids"]) for entity in world().entities]
    assert max(lengths) <= 4
    assert sum(length <= 3 for length in lengths) / len(lengths) >= 0.98
