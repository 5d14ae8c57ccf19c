"""Metrics against references: the published figures, without a network, and nothing made up where there is no pair."""

import shutil
from pathlib import Path
from typing import Any

import evaluate
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from bench.errors import InputError
from bench.evals.generated import reference_metrics
from bench.evals.generated.reference_metrics import Scored, score_hub, score_own
from bench.making.reward import reward
from bench.making.spec import SimilarityScorer, Verifier
from bench.suite.catalog.metrics import BY_PROGRAM, REFERENCE
from bench.suite.tables.evals.generation import HubMetric

MODULES = {name: scales for name, scales in REFERENCE.items() if name not in BY_PROGRAM}
SAID = [
    "The cat sat on the mat today.",
    "a dog barked at the small cat in the yard",
    "It costs $1,200.\n#### 1200",
    "seven",
    "",
]
WANTED = [
    "The cat sat on a mat today.",
    "the dog barked at a cat in the yard",
    "So it is #### 1200",
    "Seven.",
    "nothing at all",
]


def by_name(
    name: str, said: list[str | None] | None = None, wanted: list[str | None] | None = None
) -> dict[str, Scored]:
    return {one.scale.name: one for one in score_own(name, said or SAID, wanted or WANTED)}


def test_every_metric_gives_every_measure_of_the_table() -> None:
    for name, scales in MODULES.items():
        found = by_name(name)
        assert list(found) == [scale.name for scale in scales]
        for scale in scales:
            given = found[scale.name]
            assert len(given.scores) == len(SAID)
            assert (given.corpus is None) == scale.per_example
            if scale.binary:
                assert set(given.scores) <= {0.0, 1.0, None}


def test_bleu_and_chrf_are_sacrebleus() -> None:
    bleu, chrf = by_name("bleu"), by_name("chrf")
    assert bleu["bleu"].corpus == pytest.approx(BLEU().corpus_score(SAID, [WANTED]).score)
    assert chrf["chrf"].corpus == pytest.approx(CHRF().corpus_score(SAID, [WANTED]).score)
    for at, (said, wanted) in enumerate(zip(SAID, WANTED, strict=True)):
        sentence = BLEU(effective_order=True).sentence_score(said, [wanted]).score
        assert bleu["sentence_bleu"].scores[at] == pytest.approx(sentence)
        assert chrf["sentence_chrf"].scores[at] == pytest.approx(CHRF().sentence_score(said, [wanted]).score)


def test_rouge_is_rouge_scores_in_english_and_works_in_other_scripts() -> None:
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    found = by_name("rouge")
    for at, (said, wanted) in enumerate(zip(SAID, WANTED, strict=True)):
        scores = scorer.score(wanted, said)
        for name, key in (("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL")):
            assert found[name].scores[at] == pytest.approx(scores[key].fmeasure)
    assert by_name("rouge", ["привет мир"], ["Привет, мир!"])["rouge_l"].scores == (1.0,)


def test_matches_by_hand() -> None:
    assert by_name("exact_match", [" yes\n", "Yes"], ["yes", "yes"])["exact_match"].scores == (1.0, 0.0)
    squad = by_name("squad", ["The Town!", "a town hall"], ["town", "town"])
    assert squad["squad_em"].scores == (1.0, 0.0)
    assert squad["squad_f1"].scores == (1.0, pytest.approx(2 / 3))
    assert by_name("numeric")["numeric"].scores == (None, None, 1.0, None, None)
    assert by_name("token_f1", ["a b", "x"], ["b c", "?!"])["token_f1"].scores == (0.5, None)


@pytest.mark.parametrize("name", MODULES)
def test_without_a_pair_there_is_no_score(name: str) -> None:
    """A missing reference scored as 0 would drag every mean down."""
    said: list[str | None] = ["the cat sat 5", None, "the cat sat 5"]
    wanted: list[str | None] = ["the cat sat 5", "the cat", None]
    for one in score_own(name, said, wanted):
        if one.scale.per_example:
            assert one.scores[0] is not None
            assert one.scores[1:] == (None, None)
        else:
            assert one.statistics[0] is not None
            assert one.statistics[1:] == (None, None)
    for one in score_own(name, [None], ["x"]):
        assert (one.corpus, one.scores) == (None, (None,))


def test_the_modules_can_be_used_by_themselves(tmp_path: Path, root: Path) -> None:
    """They are ordinary modules of `evaluate`: a folder, loaded offline."""
    module = evaluate.load(str(root / "bench" / "evals" / "metrics" / "squad"), cache_dir=str(tmp_path))
    assert module.compute(predictions=["The town"], references=[["city", "town."]]) == {
        "squad_em": [1.0],
        "squad_f1": [1.0],
    }


HUB = HubMetric(name="bertscore", key="f1", options={"lang": "en"})


def problem(metric: HubMetric, *, trusted: bool) -> str:
    with pytest.raises(InputError) as caught:
        score_hub(metric, ["a"], ["b"], trusted=trusted)
    return f"{caught.value.problems[0].what}; {caught.value.problems[0].hint}"


def test_code_from_the_hub_runs_only_where_it_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite must not be able to run code."""
    monkeypatch.setattr(evaluate, "load", lambda *_, **__: pytest.fail("the code was loaded"))
    assert "not allowed to run; bench run SUITE --trust-task-code" in problem(HUB, trusted=False)


def test_without_a_hub_the_user_is_told_what_there_is() -> None:
    said = problem(HUB, trusted=True)
    assert "'bertscore' cannot be used" in said
    assert "without a hub there are exact_match, token_f1" in said


class _FromHub:
    def compute(self, *, predictions: list[str], references: list[str], lang: str) -> dict[str, Any]:
        assert lang == "en"
        return {"f1": [float(p == r) for p, r in zip(predictions, references, strict=True)], "overall": 0.5}


def test_a_hub_metric_is_read_by_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_metrics, "_load", lambda path: _FromHub())
    each = score_hub(HUB, ["a", None, "b"], ["a", "x", "c"], trusted=True)
    assert (each.scale.name, each.scores) == ("bertscore_f1", (1.0, None, 0.0))
    whole = score_hub(HUB.model_copy(update={"key": "overall"}), ["a", "b"], ["a", "c"], trusted=True)
    assert (whole.corpus, whole.scale.per_example) == (0.5, False)
    assert "gives no 'recall'; it gives f1, overall" in problem(HUB.model_copy(update={"key": "recall"}), trusted=True)


@pytest.mark.parametrize("key", ["length", "corpus"])
def test_a_metric_that_was_fetched_once_is_found_by_its_name(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the hub is away for a night, its metrics still work from the cache of `evaluate`."""
    monkeypatch.setattr(evaluate.config, "HF_EVALUATE_OFFLINE", True)
    folder = reference_metrics._cache() / "evaluate_modules" / "metrics" / "evaluate-metric--standin"
    code = folder / ("a" * 64) / "standin.py"
    code.parent.mkdir(parents=True, exist_ok=True)
    code.write_text(_STANDIN, encoding="utf-8")
    metric = HubMetric(name="standin", key=key, higher_is_better=False, options={"unit": 2})
    try:
        found = score_hub(metric, ["four", None, "sixsix"], ["a", "b", "c"], trusted=True)
    finally:
        shutil.rmtree(folder)
    assert (found.scale.name, found.scale.higher_is_better) == (f"standin_{key}", False)
    if key == "length":
        assert found.scores == (2.0, None, 3.0)
    else:
        assert found.corpus == 5.0


_STANDIN = """
import datasets
import evaluate


class Standin(evaluate.Metric):
    def _info(self):
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description="", citation="", features=datasets.Features({"predictions": text, "references": text})
        )

    def _compute(self, predictions, references, unit):
        lengths = [len(text) / unit for text in predictions]
        return {"length": lengths, "corpus": sum(lengths)}
"""


_MADE_UP = [
    ("First 3, then 4: 12", "12"),
    ("#### 1,200 dollars, not 7", "1200"),
    ("5 apples #### many", "5"),
    ("1,2", "12"),
    ("no number", "seven"),
    ("snake_case names", "snake case NAMES"),
    ("Straße", "STRASSE"),
    ("the cat sat", "on the mat the cat sat"),
    ("x", "?!"),
]


@pytest.mark.parametrize(
    ("metric", "measure", "scorer"),
    [
        ("exact_match", "exact_match", Verifier(kind="verifier", rule="exact")),
        ("numeric", "numeric", Verifier(kind="verifier", rule="numeric")),
        ("token_f1", "token_f1", SimilarityScorer(kind="metric", name="token_f1")),
        ("rouge", "rouge_l", SimilarityScorer(kind="metric", name="rouge_l")),
    ],
)
def test_best_of_k_picks_by_the_rule_that_the_eval_scores_by(
    metric: str, measure: str, scorer: Verifier | SimilarityScorer
) -> None:
    """Two rules would pick, and train on, answers that the eval counts as wrong."""
    answers, references = zip(*_MADE_UP, strict=True)
    scored = {one.scale.name: one.scores for one in score_own(metric, answers, references)}[measure]
    assert [reward(scorer, answer, wanted) for answer, wanted in _MADE_UP] == [
        None if score is None else pytest.approx(score) for score in scored
    ]
