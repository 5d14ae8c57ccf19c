"""Judge evals from a suite file to the report, on the embedded base and a loopback server, as a user runs them."""

import json
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.record.record import EvaluationRecord, Record
from bench.record.rundir import RunDirectory
from bench.report.compare import compare
from tests.fakes.endpoint_server import Body, EndpointServer, Raw, ServerError, Step, TooMany
from tests.fakes.process import bench

KEY = "a-key-that-nobody-may-see"
SUITE = """
name = "judged"
question = "Which answers does a judge prefer?"
model = { card = "micro" }
control = "random"
budget = { unit = "steps", amount = 4 }
arms = { data = ["few", "random"], recipe = ["full"] }

[data]
few = { source = "micro:curated", select = { by = "first", size = 64 } }
random = { source = "micro:curated", select = { by = "random", size = 64 } }

[recipe.full]
method = "full"
learning_rate = 1e-3

[run]
workers = 2
probe_steps = 0

[[eval]]
name = "by_place"
kind = "judge"
data = { source = "prompts.jsonl" }
decoding = { max_new_tokens = 12 }
[eval.judge.endpoint]
base_url = "URL"
model = "first"
key_env = "JUDGE_KEY"
price = { prompt = 2.0, completion = 4.0 }
retries = 4
wait_seconds = 0.01

[[eval]]
name = "by_length"
kind = "judge"
against = "reference"
reference = { source = "outputs.json" }
prompt = "letter"
data = { source = "prompts.jsonl" }
decoding = { max_new_tokens = 12 }
judge = { endpoint = { base_url = "URL", model = "longer", key_env = "JUDGE_KEY", wait_seconds = 0.01 } }

[[eval]]
name = "honest"
kind = "judge"
against = "control"
prompt = "mine.jinja"
data = { source = "prompts.jsonl" }
decoding = { max_new_tokens = 12 }
judge = { endpoint = { base_url = "URL", model = "honest", key_env = "JUDGE_KEY", wait_seconds = 0.01 } }

[[eval]]
name = "down"
kind = "judge"
data = { source = "prompts.jsonl" }
decoding = { max_new_tokens = 12 }
judge = { endpoint = { base_url = "DYING", model = "first", retries = 1, wait_seconds = 0.01, concurrency = 1 } }

[[eval]]
name = "local"
kind = "judge"
prompt = "mine.jinja"
data = { source = "prompts.jsonl", select = { by = "first", size = 3 } }
decoding = { max_new_tokens = 4 }
sampling = { max_tokens = 4 }
judge = { local = { card = "micro" } }

[[claim]]
says = "few/full > base"
on = "by_place"

[[claim]]
says = "few/full > random/full"
on = "honest"

[[claim]]
says = "few/full > base"
on = "down"
"""
MINE = "Q: {{ question }}\n<answer_of_A>\n{{ first }}\n</answer_of_A>\n<answer_of_B>\n{{ second }}\n</answer_of_B>\n"
PROMPTS = 60
LABELLED = 30
LABELLED_PAIRS = ("by_length", "few/full#0")
JUDGED = ("by_place", "by_length", "honest", "down", "local")


def judge(body: Body) -> str:
    """By the model's name: the first; the longer; the one with more different letters, in JSON."""
    text = body["messages"][-1]["content"]
    first, second = (re.search(rf"<answer_of_{side}>\n(.*?)\n?</answer_of_{side}>", text, re.DOTALL) for side in "AB")
    assert first is not None
    assert second is not None
    if body["model"] == "first":
        return "The one at the top is nice.\n[[A]]"
    by_length = body["model"] == "longer"
    sizes = [len(answer[1]) if by_length else len(set(answer[1])) for answer in (first, second)]
    letter = "C" if sizes[0] == sizes[1] else "A" if sizes[0] > sizes[1] else "B"
    return f"[[{letter}]]" if by_length else json.dumps({"verdict": letter})


@dataclass(kw_only=True)
class Mortal:
    """A judge that dies after some answers, and is back when told."""

    answers: int = 30
    back: bool = False

    def __call__(self, body: Body) -> str | Step:
        self.answers -= 1
        return judge(body) if self.back or self.answers >= 0 else ServerError(503)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A folder with the suite, the servers, and how the first run ended."""

    folder: Path
    server: EndpointServer
    dying: EndpointServer
    mortal: Mortal
    code: int
    run: RunDirectory
    text: str

    def again(self) -> tuple[int, int]:
        """Run it once more: exit code, and requests that came to the server."""
        before = len(self.server.requests)
        return run_suite(self.folder).returncode, len(self.server.requests) - before


def run_suite(folder: Path) -> subprocess.CompletedProcess[str]:
    return bench(folder, "run", "suite.toml", "--reports", "reports", JUDGE_KEY=KEY)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("judged")
    draw = random.Random(0)  # lengths of texts
    names = ["Koso", "Gotis", "Brutis", "Listin", "Letan", "Siro"]
    asked = [f"What is thing {at} of {names[at % 6]}?" for at in range(PROMPTS)]
    outputs = [{"instruction": text, "output": ("xy " * 40)[: draw.randint(2, 48)]} for text in asked]
    (folder / "prompts.jsonl").write_text("".join(json.dumps({"instruction": text}) + "\n" for text in asked))
    (folder / "outputs.json").write_text(json.dumps(outputs))
    (folder / "mine.jinja").write_text(MINE)
    trouble: list[Step] = [TooMany(retry_after="0"), ServerError(), Raw(body=b"<html>")]
    mortal = Mortal()
    with EndpointServer(answer=judge, script=trouble, key=KEY) as server, EndpointServer(answer=mortal) as dying:
        (folder / "suite.toml").write_text(SUITE.replace("URL", server.url).replace("DYING", dying.url))
        done = run_suite(folder)
        text = done.stdout + done.stderr
        assert done.returncode in (0, 3), text
        run = RunDirectory.find("judged", folder / "reports")
        yield Ran(folder=folder, server=server, dying=dying, mortal=mortal, code=done.returncode, run=run, text=text)


def found(record: Record, name: str, subject: str) -> EvaluationRecord:
    return next(one for one in record.evaluations if (one.eval, one.subject) == (name, subject))


def report(ran: Ran) -> str:
    return (ran.run.path / "report.md").read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What is below a heading, folded or not."""
    folded = f"<summary><b>{title}</b></summary>"
    if folded in text:
        return text.split(folded)[1].split("</details>")[0]
    return re.split(r"\n## |\n<details>", text.split(f"\n## {title}\n")[1])[0]


def sanity(text: str) -> list[str]:
    """Rows of all sanity verdicts, whatever they change."""
    others = "Sanity verdicts that change no conclusion"
    return [*section(text, "Sanity").splitlines(), *(section(text, others).splitlines() if others in text else [])]


def test_the_report_says_that_a_judge_by_place_is_inconsistent(ran: Ran) -> None:
    result = found(ran.run.load(), "by_place", "few/full#0").result
    assert result is not None, ran.text
    assert result.judged.flips > 0
    assert result.measures[0].value == 0.5
    lines = sanity(report(ran))
    line = next(line for line in lines if "judge inconsistent" in line and "few/full on by" in line)
    assert "100.0% of its preferences are for the answer shown first" in line
    rows = [line for line in lines if line.startswith("| **judge inconsistent")]
    assert not any("honest" in row or "length" in row for row in rows)


def test_a_judge_by_length_is_found_out_by_the_rate_at_equal_length(ran: Ran) -> None:
    lines = section(report(ran), "Judges").splitlines()
    line = next(line for line in lines if line.startswith("| by") and "length" in line and "few/full" in line)
    cells = [cell.strip(" *") for cell in line.strip("|").split("|")]
    raw, controlled = float(cells[3]), [float(number) for number in re.findall(r"\d\.\d+", cells[4])]
    assert raw > 0.6
    assert abs(controlled[0] - 0.5) < 0.15
    assert controlled[1] < 0.5 < controlled[2]
    line = next(line for line in sanity(report(ran)) if "length decides" in line and "few/full on by" in line)
    assert "the longer answer won 100% of the preferences" in line


def test_the_base_is_a_tie_with_itself_and_no_subject_against_controls(ran: Ran) -> None:
    record = ran.run.load()
    base = found(record, "by_place", "base").result
    assert base.judged.by_definition
    assert base.judged.asked == 0
    control = found(record, "honest", "random/full#0").result
    assert control.judged.by_definition
    assert not any(one.eval == "honest" and one.subject == "base" for one in record.evaluations)
    assert "a base has none and is not judged" in report(ran)


def test_claims_rest_on_it_and_one_without_its_judge_is_incomplete(ran: Ran) -> None:
    verdicts = section(report(ran), "Claims").splitlines()
    honest = next(line for line in verdicts if "on honest" in line)
    assert any(word in honest for word in ("supported", "refuted", "inconclusive"))
    assert "incomplete" in next(line for line in verdicts if "on down" in line)


def test_an_endpoint_that_dies_half_way_fails_its_jobs_alone_with_the_reason(ran: Ran) -> None:
    assert ran.code == 3, ran.text
    record = ran.run.load()
    for subject in ("few/full#0", "random/full#0"):
        failure = found(record, "down", subject).job.failure
        assert failure.kind == "unavailable"
        assert "503" in failure.message
    missing = section(report(ran), "What is missing").replace("\\", "")
    assert "503" in missing
    assert "eval-down-few__full--0.txt" in missing
    others = [one for one in record.evaluations if one.eval != "down"]
    assert all(one.result is not None for one in others)
    assert all(one.result is not None for one in record.answers)


def test_a_model_on_this_machine_can_judge(ran: Ran) -> None:
    result = found(ran.run.load(), "local", "few/full#0").result
    assert result.judged.host is None
    assert result.judged.asked == 2 * (3 - result.judged.identical)


def test_cost_and_tokens_are_shown_and_the_key_is_nowhere(ran: Ran) -> None:
    judged = section(report(ran), "Judges")
    assert re.search(r"first-2024 at 127\.0\.0\.1.* cost 0\.\d{4} USD", judged)
    assert "cost unknown" in judged
    files = [path for path in ran.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in ran.text


def test_before_a_run_a_judge_says_how_often_it_prefers_the_bases_second_answers_to_its_first(ran: Ran) -> None:
    """The base's answers are not sampled: both are the same, and no judge is asked about them."""
    asked = len(ran.server.requests)
    found_ = bench(ran.folder, "plan", "suite.toml", "--resolve", "--quick", "--json", JUDGE_KEY=KEY)
    assert found_.returncode == 0, found_.stderr
    checks = {check["name"]: check for check in json.loads(found_.stdout)["evals"]}
    assert (checks["by_place"]["noise_floor"], checks["by_place"]["changed"]) == (0.0, 0.0)
    assert checks["by_length"]["noise_floor"] == 0.0, "stored answers: what was said of the same pairs is kept"
    assert len(ran.server.requests) == asked


def test_the_next_run_does_what_failed_and_never_pays_again_for_what_was_answered(ran: Ran) -> None:
    """The judge is back, and the jobs of the others are gone: those are made again from the replies on disk."""
    ran.mortal.back = True
    asked_before = ran.dying.prompts
    done_before = {job.id for job in ran.run.load().jobs if job.status == "done"}
    for job in list((ran.folder / "home" / "jobs").iterdir()):
        if json.loads((job / "job.json").read_text()).get("judging"):
            shutil.rmtree(job)
    label_some(ran)
    code, requests = ran.again()
    assert requests == 0, "replies on disk are not paid for again, and nothing trains, so nothing is rehearsed"
    assert code == 3, "the local judge gives no readable verdict, so its eval has no score"
    record = RunDirectory.find("judged", ran.folder / "reports").load()
    assert record.all_done
    again = {job.id for job in record.jobs if not job.reused}
    assert {job.id for job in record.jobs} - done_before <= again
    assert all(any(f":{name}:" in job for name in JUDGED) for job in again), "trainings and answers are kept"
    answered = set(asked_before[1:30])  # the first is the rehearsal's, which keeps no reply
    assert not answered & set(ran.dying.prompts[len(asked_before) :]), "nothing is asked twice"
    latest = RunDirectory.find("judged", ran.folder / "reports")
    result = found(latest.load(), "by_place", "few/full#0").result
    assert result.judged.reused == result.judged.asked > 0
    people_correct_the_judge(latest)


def label_some(ran: Ran) -> None:
    """People prefer half of the first answers, whatever their length; one label has an id of no pair."""
    (evaluation,) = (one for one in ran.run.load().evaluations if (one.eval, one.subject) == LABELLED_PAIRS)
    ids = [row.id for row in ran.run.scores(evaluation)][:LABELLED]
    people = [{"id": id_, "subject": "few/full#0", "score": at % 2} for at, id_ in enumerate([*ids, "of no pair"])]
    (ran.folder / "labels.jsonl").write_text("".join(json.dumps(label) + "\n" for label in people))
    suite = ran.folder / "suite.toml"
    suite.write_text(suite.read_text().replace('prompt = "letter"', 'prompt = "letter"\nlabels = "labels.jsonl"'))


def people_correct_the_judge(latest: RunDirectory) -> None:
    """The judge goes by length, people do not: no judge is asked again, and the rate is that of people."""
    (arm,) = (entry for entry in compare(latest).judged if (entry.eval, f"{entry.arm}#0") == LABELLED_PAIRS)
    assert (arm.corrected.labelled, arm.corrected.judged, arm.unmatched_labels) == (LABELLED, PROMPTS, 1)
    assert arm.corrected.low is not None
    assert arm.corrected.high is not None
    assert arm.corrected.low < 0.5 < arm.corrected.high < 0.75
    text = section((latest.path / "report.md").read_text(encoding="utf-8"), "Judges").replace("\\", "")
    line = next(line for line in text.splitlines() if f"{LABELLED} of {PROMPTS}" in line)
    assert f"{arm.corrected.rate:.3f}" in line
    assert "1 label of few/full on by_length is of no judged pair" in text
