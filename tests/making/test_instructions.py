"""New tasks from seeds or from a prompt of one's own: none twice, none lost, each answered."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.run.commands.make import describe_summary, make_data
from tests.fakes.endpoint_server import Body, EndpointServer, Fenced, Step
from tests.making.conftest import SEEDS, Make, question, read_lines, trained_on, write_lines

INSTRUCTIONS = 'kind = "instructions"\ntasks = { source = "tasks.jsonl" }\nper_request = 3\ndemonstrations = 2\n'
VERBS = ["Describe", "Compare", "Summarise", "Invent", "Explain", "Criticise", "Count", "Draw up", "Rank", "Defend"]
TOPICS = ["volcanoes", "chess openings", "bread dough", "lighthouses", "trade winds", "old maps", "beehives"]


class Writer:
    """Gives three new tasks per request, among them one that is much like a seed."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, body: Body) -> str | Step:
        if "Write 3 new tasks" not in question(body):
            return f"Answer to {question(body)}"
        tasks = [self._task(), self._task(), {"instruction": "Name three nice colours of the rainbow.", "output": "x"}]
        return Fenced(tasks)

    def _task(self) -> dict[str, str]:
        self.count += 1
        verb, topic = VERBS[self.count % len(VERBS)], TOPICS[self.count % len(TOPICS)]
        return {"instruction": f"{verb} {topic} for child number {self.count}.", "input": "None", "output": "Done."}


def test_new_tasks_grow_from_seeds_without_near_duplicates(make: Make, tmp_path: Path) -> None:
    with EndpointServer(Writer()) as server:
        text = INSTRUCTIONS + "size = 7"
        summary, rows = make(text, server.url, SEEDS, "writer.endpoint.concurrency=1")
    assert len(rows) == summary.rows == 7
    assert summary.complete
    assert summary.left_out["duplicate"] >= 4
    assert not any("rainbow" in row["instruction"] for row in rows)
    assert {row["input"] for row in rows} == {""}
    assert len(rows[0]["provenance"]["tasks"]) == 2
    assert sum(seed["instruction"] in server.prompts[0] for seed in SEEDS) == 2
    assert len(trained_on(tmp_path / "made.jsonl", tmp_path)) == 7


def test_going_on_with_more_tasks_pays_only_for_the_new_ones(make: Make) -> None:
    with EndpointServer(Writer()) as server:
        make(INSTRUCTIONS + "size = 4", server.url, SEEDS, "writer.endpoint.concurrency=1")
        before = len(server.requests)
        summary, rows = make(INSTRUCTIONS + "size = 8", server.url, SEEDS, "writer.endpoint.concurrency=1")
        assert summary.reused == before
        assert len({row["provenance"]["id"] for row in rows}) == len(rows) == 8
        again, same = make(INSTRUCTIONS + "size = 8", server.url, SEEDS)
        assert (again.asked, same) == (0, rows)


def test_too_few_unlike_tasks_end_with_the_reason_and_more_requests_go_on(make: Make) -> None:
    """The same command would ask nothing new: it must not be what is advised."""
    few = iter(range(3))

    def answer(body: Body) -> str:
        topic = TOPICS[next(few, 0)]
        return json.dumps([{"instruction": f"Describe {topic} to me.", "output": "Done."}])

    with EndpointServer(answer) as server:
        text = INSTRUCTIONS + "size = 5\nmax_requests = "
        summary, rows = make(text + "4", server.url, SEEDS, "writer.endpoint.concurrency=1")
        assert (len(rows), summary.asked, summary.complete) == (3, 4, False)
        assert "max_requests is used up" in describe_summary(summary)[-1]
        more, _ = make(text + "9", server.url, SEEDS, "writer.endpoint.concurrency=1")
    assert (more.asked, more.reused, more.rows) == (9, 4, 3)


def lines_in(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_a_killed_making_of_tasks_goes_on_with_nothing_twice_and_nothing_lost(tmp_path: Path, bench_home: Path) -> None:
    """The server never says the same again: whatever is asked twice would show as another task."""
    writer, killed = Writer(), threading.Event()

    def answer(body: Body) -> str | Step:
        if lines_in(made) >= 10:
            killed.wait()
        return writer(body)

    write_lines(tmp_path / "tasks.jsonl", SEEDS)
    made = tmp_path / "made.jsonl"
    with EndpointServer(answer) as server:
        endpoint = f'writer.endpoint = {{ base_url = "{server.url}", model = "m", concurrency = 2 }}\n'
        (tmp_path / "make.toml").write_text(endpoint + INSTRUCTIONS + "size = 60\nnear_duplicate = 1.0")
        code = "import sys; from pathlib import Path; from bench.run.commands.make import make_data as make; "
        code += "make(sys.argv[1], out=Path(sys.argv[2]))"
        command = [sys.executable, "-c", code, str(tmp_path / "make.toml"), str(made)]
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        while lines_in(made) < 10 and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.wait()
        killed.set()
        before = [json.loads(line) for line in made.read_text().splitlines(keepends=True) if line.endswith("\n")]
        sent = len(server.requests)
        summary = make_data(str(tmp_path / "make.toml"), out=made)
    rows = read_lines(made)
    assert 10 <= len(before) < 60
    assert rows[: len(before)] == before
    assert len(rows) == summary.rows == 60
    assert len({row["instruction"] for row in rows}) == len({row["provenance"]["id"] for row in rows}) == 60
    assert sent - summary.reused <= 2, "only those under way are asked again"


def test_tasks_without_an_answer_are_answered_one_by_one(make: Make) -> None:
    def answer(body: Body) -> str:
        if "Write 3 new tasks" in question(body):
            assert '"output"' not in question(body)
            return "1. Describe a lighthouse at night.\n2. Hi\n3. List what bees do in winter.\n"
        return f"Answer to: {question(body)}"

    with EndpointServer(answer) as server:
        text = INSTRUCTIONS + 'size = 9\nmax_requests = 1\nanswers = "separate"'
        summary, rows = make(text, server.url, SEEDS)
    assert [row["output"] for row in rows] == [
        "Answer to: Describe a lighthouse at night.",
        "Answer to: List what bees do in winter.",
    ]
    assert (summary.left_out, summary.complete) == ({"too short or long": 1}, False)


def test_a_reply_that_was_cut_off_still_gives_its_whole_tasks(make: Make) -> None:
    text = json.dumps([{"instruction": "Describe a lighthouse at night.", "output": "A beam."}] * 2)[:-20]
    with EndpointServer(lambda body: Step(text=text, finish_reason="length")) as server:
        summary, rows = make(INSTRUCTIONS + "size = 9\nmax_requests = 2", server.url, SEEDS)
    assert [row["output"] for row in rows] == ["A beam."]
    assert summary.left_out["duplicate"] == 1


FREE = (
    'kind = "instructions"\nprompt = "free.jinja"\nsize = 4\nper_request = 2\nnear_duplicate = 0.9\n'
    "sampling = { temperature = 0.7, max_tokens = 800 }\n"
)
PAIRS = (
    '[{"question": "What is a %s?", "answer": "A kind of %s."}, {"question": "Who uses a %s?", "answer": "Anyone."}]'
)


@pytest.mark.parametrize("form", ['{"examples": %s}', "```json\n%s\n```", "%s"])
def test_a_prompt_of_ones_own_needs_no_seed_tasks(make: Make, tmp_path: Path, form: str) -> None:
    """A dict with one list, a fenced reply and a bare list: the three forms that models answer with."""
    (tmp_path / "free.jinja").write_text("Write {{ count }} question and answer pairs as JSON.")
    words = iter(["compiler", "debugger", "linter", "profiler"])
    asked: list[str] = []

    def reply(body: Body) -> str:
        asked.append(question(body))
        word = next(words)
        return form % (PAIRS % (word, word, word))

    with EndpointServer(reply) as server:
        summary, rows = make(FREE, server.url, [])
    assert (summary.rows, summary.complete) == (4, True)
    assert set(asked) == {"Write 2 question and answer pairs as JSON."}
    assert rows[0]["instruction"].startswith("What is a ")
    assert rows[1]["output"] == "Anyone."
    assert rows[0]["provenance"]["tasks"] == []


def test_without_a_prompt_of_ones_own_seed_tasks_are_needed(make: Make) -> None:
    with pytest.raises(InputError) as caught:
        make('kind = "instructions"\nsize = 4\n', "http://127.0.0.1:9", [])
    assert "give tasks" in caught.value.problems[0].what
