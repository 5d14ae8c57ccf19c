"""A model card says what the report says, and its claims follow from the scores beside it, or are refused."""

import json
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
from typer.testing import CliRunner

from bench.cli.main import app
from bench.errors import InputError
from bench.report.export.model_card import CARD, hub_base
from bench.report.export.verify import verify
from tests.fakes.records import make_run

ARM = "lima_1k/full"


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a card, as the command writes it: one eval is of a Hub dataset, all others are of local examples."""
    folder = tmp_path_factory.mktemp("card")
    run = make_run(folder / "run", examples=40, hostile=True).write()
    record = json.loads((run / "record.json").read_text(encoding="utf-8"))
    for evaluation in record["evaluations"]:
        if evaluation["eval"] == "choice":
            evaluation["result"]["datasets"] = {"micro_choice": "OWNER/choice"}
    (run / "record.json").write_text(json.dumps(record), encoding="utf-8")
    arguments = ["export", str(run), "--to", "model-index", "--arm", ARM, "--out", str(folder / "card")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return folder / "card"


def test_the_hubs_own_reader_finds_the_arms_scores(card: Path) -> None:
    loaded = ModelCard.load(card / CARD)
    results = loaded.data.eval_results
    assert results is not None
    assert {result.dataset_name for result in results} == {"qa", "choice", "instructions", "cloze", "heldout"}
    text = (card / ".eval_results" / "lima_vs_alpaca.yaml").read_text(encoding="utf-8")
    [entry] = parse_eval_result_entries(yaml.safe_load(text))
    assert (entry.dataset_id, entry.task_id) == ("OWNER/choice", "micro_choice")
    assert entry.value == next(r.metric_value for r in results if r.dataset_name == "choice")
    assert entry.notes is not None
    assert "95% interval [" in entry.notes


@pytest.mark.parametrize(
    ("source", "base"),
    [
        ("repo:OWNER/NAME", "OWNER/NAME"),
        ("card:smollm2-135m", "HuggingFaceTB/SmolLM2-135M"),
        ("card:micro", None),
        ("card:of another version", None),
        ("path:/home/me/base", None),
    ],
)
def test_the_base_is_named_where_the_hub_has_it(source: str, base: str | None) -> None:
    """The Hub lists a model below its base by this key; a folder of this machine is nobody else's."""
    assert hub_base(source) == base


def test_the_published_claims_follow_from_the_published_scores(card: Path) -> None:
    claims = verify(card)
    assert len(claims) == 3
    assert all(claim.holds for claim in claims)
    assert (card / "claim-1.svg").read_text().startswith("<svg ")


def test_the_evidence_has_no_text_of_an_example_and_no_folder_of_this_machine(card: Path) -> None:
    lines = [line for path in (card / "evidence" / "scores").rglob("*.jsonl") for line in path.read_text().splitlines()]
    rows = [json.loads(line) for line in lines]
    assert all(row["prompt"].startswith("sha256:") for row in rows)
    assert not any(word in line for line in lines for word in ("Town", "Person")), "of questions, answers and options"
    assert '"/' not in (card / "evidence" / "record.json").read_text()


@pytest.mark.parametrize("changed", ["score", "verdict"])
def test_a_changed_score_or_verdict_is_found_out(card: Path, tmp_path: Path, changed: str) -> None:
    """A badge that nobody can check is worth nothing."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in card.rglob("*"):
        if path.is_file():
            (copy / path.relative_to(card)).parent.mkdir(parents=True, exist_ok=True)
            (copy / path.relative_to(card)).write_bytes(path.read_bytes())
    if changed == "verdict":
        text = (copy / CARD).read_text()
        (copy / CARD).write_text(text.replace("verdict: inconclusive", "verdict: supported", 1))
    else:
        scores = copy / "evidence" / "scores" / "qa" / "lima_1k__full--0.jsonl"
        scores.write_text(scores.read_text().replace('"exact_match":0.0', '"exact_match":1.0', 1))
    done = CliRunner().invoke(app, ["verify", str(copy)])
    assert done.exit_code == 1, done.output
    assert "NOT as published" in done.stdout


def test_what_is_no_card_is_refused(card: Path, tmp_path: Path) -> None:
    (tmp_path / CARD).write_text("# a model\n")
    with pytest.raises(InputError, match="not a card of a benchmark"):
        verify(tmp_path)
    (tmp_path / CARD).write_text((card / CARD).read_text().replace("evidence: evidence", "evidence: ../.."))
    with pytest.raises(InputError, match="outside the card's folder"):
        verify(tmp_path)
