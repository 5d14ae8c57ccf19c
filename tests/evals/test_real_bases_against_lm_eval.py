"""Real bases and the embedded one on real tasks: scores to the last digit of those of lm-eval."""

import json
from pathlib import Path
from typing import Any

import langdetect
import lm_eval
import nltk
import pytest
import yaml
from nltk.tokenize.punkt import PunktTrainer, save_punkt_params

from tests.evals.jobs import evaluate, lm_eval_job, metric, resolved_model
from tests.evals.lm_eval_scores import assert_equal, from_sums, reference

LOCAL: dict[str, tuple[str, dict[str, Any]]] = {
    "hellaswag": ("hellaswag/hellaswag_val.jsonl", {
        "dataset_path": "json", "output_type": "multiple_choice", "doc_to_text": "{{ctx}}", "doc_to_choice": "endings",
        "doc_to_target": "label", "metric_list": [metric("acc"), metric("acc_norm")],
    }),
    "arc_easy": ("arc/arc_easy_test.json", {
        "dataset_path": "json", "output_type": "multiple_choice", "doc_to_text": "{{instruction}}\n",
        "doc_to_choice": ["answer1", "answer2", "answer3", "answer4"], "doc_to_target": "{{answer}}",
        "metric_list": [metric("acc")],
    }),
    "truthfulqa": ("truthfulqa/TruthfulQA.csv", {
        "dataset_path": "csv", "output_type": "generate_until",
        "doc_to_text": "Question", "doc_to_target": "Best Answer",
        "generation_kwargs": {"until": [".", "\n"], "max_gen_toks": 24}, "metric_list": [metric("bleu", "bleu")],
    }),
    "gsm8k": ("gsm8k/test.jsonl", {
        "include": str(Path(lm_eval.__file__).parent / "tasks" / "gsm8k" / "gsm8k.yaml"), "dataset_path": "json",
        "dataset_name": None, "num_fewshot": 2, "fewshot_split": "test",
    }),
}  # fmt: skip
"""Real data as local task files: two with choices, two with free answers."""
LIMITS = {"truthfulqa": 30, "gsm8k": 3}
"""Examples where lm-eval generates, one token of one answer at a time."""


@pytest.mark.parametrize("name", LOCAL)
def test_real_base_on_real_tasks(shared_dir: Path, tmp_path: Path, name: str) -> None:
    """On a real tokenizer with its own beginning token and real text: lm-eval's figures, to the last example."""
    source, config = LOCAL[name]
    files = {"test": str(shared_dir / "data" / source)}
    fields = {"task": f"local_{name}", "dataset_kwargs": {"data_files": files}, "test_split": "test", **config}
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    model = resolved_model(shared_dir / "models" / "stories260k", context_length=512)
    job = lm_eval_job(model, tmp_path, [f"local_{name}"], template="none", limit=LIMITS.get(name, 60))
    result, scores = evaluate(job, tmp_path / "out")
    expected = reference(job)
    if name == "gsm8k":  # two filters
        figures = expected["results"]["local_gsm8k"]
        assert {m.metric: m.value for m in result.measures} == {
            f"exact_match:{f}": figures[f"exact_match,{f}"] for f in ("strict-match", "flexible-extract")
        }
        assert [row.output for row in scores] == [
            sample["resps"][0][0] for sample in expected["samples"]["local_gsm8k"] if sample["filter"] == "strict-match"
        ]
    elif name == "truthfulqa":
        assert result.measures[0].value == expected["results"]["local_truthfulqa"]["bleu,none"]
        outputs = [sample["resps"][0][0] for sample in expected["samples"]["local_truthfulqa"]]
        assert [row.output for row in scores] == outputs
    else:
        assert_equal(result, scores, expected)
        assert result.measures[0].chance == 0.25


@pytest.mark.parametrize(
    ("task", "metric_name"),
    [
        ("micro_qa", "exact_match"),
        ("micro_choice", "acc"),
        ("micro_cloze", "acc"),
        ("micro_instructions", "prompt_level_strict_acc"),
    ],
)
def test_embedded_base_on_its_own_tasks(root: Path, tmp_path: Path, task: str, metric_name: str) -> None:
    """The figures of the suite that everybody runs first."""
    model = resolved_model(root / "models" / "micro", context_length=256)
    job = lm_eval_job(model, root / "suites" / "tasks" / "micro", [task], template="none", limit=40)
    result, scores = evaluate(job, tmp_path / "out")
    assert_equal(result, scores, reference(job))
    assert [measure.metric for measure in result.measures if measure.headline] == [metric_name]


@pytest.fixture
def sentence_splitter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """IFEval counts sentences with a model that nltk downloads; one that is trained on the spot stands in for it, and
    its language detector, which draws at random, gets a seed. Both sides of the comparison have the same."""
    folder = tmp_path / "nltk" / "tokenizers" / "punkt_tab" / "english"
    folder.mkdir(parents=True)
    trainer = PunktTrainer("Dr. Smith went home. He slept. Mr. Jones did not. It rained, e.g. in spring. The end came.")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path / "nltk")])  # first: nltk writes only where it reads
    save_punkt_params(trainer.get_params(), dir=str(folder))
    monkeypatch.setattr(langdetect.DetectorFactory, "seed", 0)


_SENTENCES = {"length_constraints:number_sentences", "change_case:capital_word_frequency"}
"""Instructions that are checked by splitting text into sentences."""


@pytest.mark.usefixtures("sentence_splitter")
def test_real_base_on_ifeval(shared_dir: Path, tmp_path: Path) -> None:
    """Followed instructions as lm-eval counts them: every prompt, and the two corpus figures."""
    lines = (shared_dir / "data" / "ifeval" / "input_data.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    easy = [
        row for row in rows if row["instruction_id_list"] in (["punctuation:no_comma"], ["keywords:forbidden_words"])
    ]
    chosen = [row for row in rows if _SENTENCES & set(row["instruction_id_list"])][:4] + easy[:6] + rows[::60]
    (tmp_path / "rows.json").write_text(json.dumps(chosen), encoding="utf-8")
    fields = {
        "task": "local_ifeval",
        "include": str(Path(lm_eval.__file__).parent / "tasks" / "ifeval" / "ifeval.yaml"),
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"train": str(tmp_path / "rows.json")}},
        "generation_kwargs": {"until": [], "do_sample": False, "temperature": 0.0, "max_gen_toks": 48},
    }
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    model = resolved_model(shared_dir / "models" / "stories260k", context_length=512)
    job = lm_eval_job(model, tmp_path, ["local_ifeval"], template="none")
    result, scores = evaluate(job, tmp_path / "out")
    expected = reference(job)
    figures, samples = expected["results"]["local_ifeval"], expected["samples"]["local_ifeval"]
    assert {m.metric: m.value for m in result.measures} == {
        name: figures[f"{name},none"] for name in ("prompt_level_strict_acc", "inst_level_strict_acc",
                                                   "prompt_level_loose_acc", "inst_level_loose_acc")
    }  # fmt: skip
    assert [row.output for row in scores] == [sample["resps"][0][0] for sample in samples]
    for name in ("prompt_level_strict_acc", "prompt_level_loose_acc"):
        assert [row.metrics[name] for row in scores] == [float(sample[name]) for sample in samples]
    for name in ("inst_level_strict_acc", "inst_level_loose_acc"):
        assert from_sums(scores, name) == pytest.approx(figures[f"{name},none"])
        assert sum(row.statistics[name][1] for row in scores) > len(scores), "prompts with several instructions"
    assert 0 < sum(row.metrics["prompt_level_loose_acc"] or 0 for row in scores) < len(scores), "both come up"
