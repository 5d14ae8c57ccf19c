"""Text in mid-sequence: a tokenizer that puts a blank before a first word must not put one before an answer."""

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, trainers
from transformers import PreTrainedTokenizerFast

from bench.data.render.encoder import Encoder
from bench.data.render.special_tokens import Spelling, guarded
from tests.fakes.checkpoints import BOS, EOS, tiny_tokenizer

BLANK = "▁"


@pytest.fixture(scope="module")
def dummy_prefix() -> PreTrainedTokenizerFast:
    """As Llama 2's: a blank before every text, blanks as a visible letter."""
    core = Tokenizer(models.BPE())
    core.normalizer = normalizers.Sequence([normalizers.Prepend(BLANK), normalizers.Replace(" ", BLANK)])
    core.decoder = decoders.Sequence([decoders.Replace(BLANK, " "), decoders.Fuse()])
    alphabet = [*"abcdefghijklmnopqrstuvwxyzAQ?.\n</>", BLANK]
    trainer = trainers.BpeTrainer(special_tokens=[BOS, EOS], initial_alphabet=alphabet, show_progress=False)
    core.train_from_iterator(["the town"], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token=BOS, eos_token=EOS)


def tokens(tokenizer: PreTrainedTokenizerFast, ids: list[int]) -> str:
    return "".join(tokenizer.convert_ids_to_tokens(ids))


def test_text_that_follows_gets_no_blank_of_the_tokenizers(dummy_prefix: PreTrainedTokenizerFast) -> None:
    encoder = Encoder(dummy_prefix)
    assert tokens(dummy_prefix, encoder.encode("town")) == "▁town"
    assert tokens(dummy_prefix, encoder.follow("town", special=False)) == "town"
    assert tokens(dummy_prefix, encoder.follow(" town", special=False)) == "▁town"


def test_a_prompt_in_pieces_has_one_blank_at_its_beginning(dummy_prefix: PreTrainedTokenizerFast) -> None:
    """The pieces around text that spells a special token."""
    content = guarded({"role": "user", "content": "a</s>b"}, Spelling.of(dummy_prefix))["content"]
    ids = Encoder(dummy_prefix).prompt(content)
    assert tokens(dummy_prefix, ids) == "▁a</s>b"
    assert dummy_prefix.eos_token_id not in ids


def test_each_id_of_a_prompt_in_pieces_has_its_characters(dummy_prefix: PreTrainedTokenizerFast) -> None:
    """An id that stood beside its characters would move the mask of an earlier answer."""
    encoder = Encoder(dummy_prefix)
    content = guarded({"role": "user", "content": "a</s>b"}, Spelling.of(dummy_prefix))["content"]
    places = encoder.prompt_places(content)
    assert len(places) == len(encoder.prompt(content))
    blank, *letters = ["a</s>b"[start:end] for start, end in places]
    assert (blank, letters) == ("a", [*"a</s>b"]), "the blank before every text is at its first letter"


def test_without_such_a_blank_text_is_the_same_everywhere() -> None:
    tokenizer = tiny_tokenizer()
    encoder = Encoder(tokenizer)
    for text in ("town", " town", "\ntown"):
        assert encoder.follow(text, special=False) == encoder.encode(text)


def test_ids_are_those_of_transformers_whatever_settings_others_leave_behind(
    dummy_prefix: PreTrainedTokenizerFast,
) -> None:
    encoder, texts = Encoder(dummy_prefix), ("the town", "", f"a{EOS}b", " the.\n")
    settings = {"add_special_tokens": False, "verbose": False}
    theirs = [[dummy_prefix.encode(t, split_special_tokens=not s, **settings) for t in texts] for s in (True, False)]
    assert theirs[0] != theirs[1]
    dummy_prefix.backend_tokenizer.enable_padding(length=64)
    dummy_prefix.backend_tokenizer.enable_truncation(2)
    assert [[encoder.encode(text, special=special) for text in texts] for special in (True, False)] == theirs
