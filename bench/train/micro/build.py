"""Build the embedded base of the micro world: corpus → tokenizer → weights → model card, by seed."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import torch
from transformers import GenerationConfig

from bench.data.micro.corpus import documents
from bench.data.micro.world import WORLD_SEED
from bench.model.loading.micro import BOS_ID, CONTEXT, EOS_ID, PAD_ID, encode_corpus, train_tokenizer
from bench.suite.tables.models.model import ModelCard
from bench.train.micro.pretrain import Pretrained, Pretraining, PretrainingProgress, pretrain

CORPUS_ROUNDS = 24
TOKENIZER_DOCUMENTS = 8_000
"""Documents that the tokenizer is trained on, about two rounds."""
THREADS = 2

SIMULATION = "This is a simulation in an invented world; it is no evidence about large models."
NOTE = (
    "Pretrained by this project on prose about the micro world: no instruction, no question with its answer. "
    "It knows the world and does not follow instructions."
)


def build_micro(
    out_dir: Path,
    *,
    seed: int = 0,
    progress: Callable[[PretrainingProgress], None] = lambda _: None,
    spec: Pretraining | None = None,
    rounds: int = CORPUS_ROUNDS,
) -> ModelCard:
    """Build the base into `out_dir` and its card into `out_dir` + ".toml"; files appear only when all is done.

    `spec` and `rounds` are for tests and experiments: the shipped base is the defaults' product with seed 0.
    """
    texts = list(documents(seed, rounds))
    tokenizer = train_tokenizer(islice(texts, TOKENIZER_DOCUMENTS))
    ids = encode_corpus(tokenizer, texts)
    with _threads(THREADS):
        trained = pretrain(ids, spec or Pretraining(), seed=seed, progress=progress)
    out_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".micro-", dir=out_dir.parent) as scratch:
        built = Path(scratch)
        _save(trained, tokenizer, built)
        card = _card(out_dir, built, trained, seed=seed, corpus=(len(texts), len(ids)))
        (built / "card").write_text(_toml(card), encoding="utf-8")
        for name in sorted(path.name for path in built.iterdir() if path.name != "card"):
            (built / name).replace(out_dir / name)
        (built / "card").replace(out_dir.with_name(f"{out_dir.name}.toml"))
    return card


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Torch on `count` threads, as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _save(trained: Pretrained, tokenizer: object, folder: Path) -> None:
    trained.model.generation_config = GenerationConfig(
        bos_token_id=BOS_ID, eos_token_id=EOS_ID, pad_token_id=PAD_ID, do_sample=False
    )
    trained.model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)  # type: ignore[attr-defined]  # transformers ships no types
    (folder / "model.safetensors").chmod(0o644)  # safetensors writes for its owner only


def _card(out_dir: Path, built: Path, trained: Pretrained, *, seed: int, corpus: tuple[int, int]) -> ModelCard:
    weights = built / "model.safetensors"
    return ModelCard(
        name=out_dir.name,
        path=f"models/{out_dir.name}",
        licence="Apache-2.0",
        parameters=sum(p.numel() for p in trained.model.parameters()),
        context_length=CONTEXT,
        template="dialogue",
        lora_target_modules="all-linear",
        note=NOTE,
        simulation=SIMULATION,
        provenance={
            "corpus": "bench.data.micro.corpus, generated",
            "corpus_documents": corpus[0],
            "corpus_tokens": corpus[1],
            "world_seed": WORLD_SEED,
            "seed": seed,
            "training_tokens": trained.tokens,
            "final_loss_nats_per_token": round(trained.final_loss, 4),
            "seconds": round(trained.seconds),
            "threads": THREADS,
            "torch": version("torch"),
            "transformers": version("transformers"),
            "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
            "bytes": weights.stat().st_size,
            "rebuild": "bench models build micro",
        },
    )


def _toml(card: ModelCard) -> str:
    """The card as TOML; JSON's strings and numbers are TOML's."""
    fields = card.model_dump(exclude_none=True, exclude_defaults=True)
    provenance = fields.pop("provenance")
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    lines += ["", "[provenance]", *(f"{key} = {json.dumps(value)}" for key, value in provenance.items())]
    return "\n".join(lines) + "\n"
