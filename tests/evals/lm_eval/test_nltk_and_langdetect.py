"""What lm-eval's tasks need beside lm-eval: data of nltk that may be missing, a language detector that draws."""

import functools
import os
from pathlib import Path

import langdetect
import lm_eval
import nltk
import pytest
import yaml
from lm_eval.tasks.ifeval import instructions_util
from nltk import tokenize

from bench.evals.lm_eval.nltk_and_langdetect import house_nltk_data, reason_of
from tests.evals.jobs import evaluate, lm_eval_job, resolved_model, write_task
from tests.evals.loud import loud
from tests.fakes.checkpoints import tiny_tokenizer

ROWS = [
    {"prompt": "Say it loud.", "instruction_id_list": ["change_case:capital_word_frequency"],
     "kwargs": [{"capital_frequency": 1, "capital_relation": "at least"}]},
    {"prompt": "Say it without commas.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]},
    {"prompt": "Say it in English.", "instruction_id_list": ["language:response_language"],
     "kwargs": [{"language": "en"}]},
]  # fmt: skip


@pytest.fixture
def no_splitter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without nltk's data, whatever an earlier test has loaded."""
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nothing")])
    for place in (instructions_util, tokenize):
        for kept in vars(place).values():
            if isinstance(kept, functools._lru_cache_wrapper):
                kept.cache_clear()


@pytest.mark.usefixtures("no_splitter")
def test_an_answer_whose_sentences_cannot_be_split_is_missing_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without nltk's data a tenth of IFEval would be scored wrong, or the whole eval lost."""
    monkeypatch.setattr(langdetect.DetectorFactory, "seed", None)
    model = tmp_path / "model"
    loud("llama").save_pretrained(model)
    tiny_tokenizer().save_pretrained(model)
    path = write_task(tmp_path / "tasks", "follow", [{"key": n, **row} for n, row in enumerate(ROWS)])
    fields = {
        **yaml.safe_load(path.read_text()),
        "include": str(Path(lm_eval.__file__).parent / "tasks" / "ifeval" / "ifeval.yaml"),
        "generation_kwargs": {"until": [], "do_sample": False, "max_gen_toks": 8},
    }
    path.write_text(yaml.safe_dump(fields))
    result, scores = evaluate(lm_eval_job(resolved_model(model), tmp_path / "tasks", ["follow"]), tmp_path / "out")
    reason = "nltk's punkt_tab is not on this machine (python -m nltk.downloader punkt_tab)"
    assert [row.unscored for row in scores] == [reason, None, None]
    assert [row.metrics["prompt_level_strict_acc"] is None for row in scores] == [True, False, False]
    assert scores[0].output, "the answer itself is there to be read"
    assert result.unscored == {reason: 1}
    assert {measure.n for measure in result.measures if measure.per_example} == {2}
    assert langdetect.DetectorFactory.seed is not None, "or the third example would be scored by chance"


def test_nltk_downloads_into_this_programs_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job writes only under its own directories; what the user has already is still found."""
    monkeypatch.setenv("BENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NLTK_DATA", "theirs")
    for _ in range(2):
        house_nltk_data()
    assert os.environ["NLTK_DATA"].split(os.pathsep) == [str(tmp_path / "home" / "nltk_data"), "theirs"]
    assert (tmp_path / "home" / "nltk_data").is_dir()


def test_a_reason_is_one_line() -> None:
    assert reason_of(ZeroDivisionError("division by zero\nmore")) == "ZeroDivisionError: division by zero"
    assert reason_of(KeyError()) == "KeyError"
