"""Every kind of making, from file to rows: what is made, what is left out and counted, what training reads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.data.resolve import resolve_data
from bench.data.store import load_rows
from bench.errors import IncompleteError, InputError
from bench.run.make import describe_summary, make_data
from bench.suite.tables.data import DataSpec, Select
from tests.fakes.endpoint_server import (
    BadJson,
    Body,
    Cut,
    EndpointServer,
    Fenced,
    ServerError,
    Slow,
    Status,
    Step,
    TooMany,
)
from tests.making.conftest import Make, read_lines, write_lines

DISTIL = 'kind = "distil"\ntasks = { source = "tasks.jsonl" }\n'
PROMPTS = [{"instruction": f"Say the number {n}."} for n in range(6)]
QUESTIONS = [{"question": f"What is {n} + {n}?", "answer": f"Twice {n}. #### {2 * n}"} for n in range(1, 5)]
SEEDS = [
    {"instruction": "Name three colours of the rainbow.", "input": "", "output": "Red, green and blue."},
    {"instruction": "Translate this into French.", "input": "Good morning.", "output": "Bonjour."},
    {"instruction": "Why is the sky blue?", "input": "", "output": "Air scatters blue light most."},
]


def question(body: Body) -> str:
    return str(body["messages"][-1]["content"])


def number(body: Body) -> int:
    return int(re.findall(r"\d+", question(body))[0])


def trained_on(path: Path, tmp_path: Path, **select: Any) -> list[Any]:
    """The rows as a suite reads them."""
    spec = DataSpec(source=str(path), select=Select(**select))
    return list(load_rows(resolve_data({"made": spec}, base=tmp_path, home=tmp_path / "h")["made"].path))


def test_a_teachers_answers_become_rows_that_training_reads(make: Make, tmp_path: Path) -> None:
    with EndpointServer(lambda body: f"It is {number(body)}.") as server:
        summary, rows = make(DISTIL + "sampling = { temperature = 0.0, max_tokens = 20 }", server.url, PROMPTS)
    assert (summary.rows, summary.added, summary.asked, summary.failed) == (6, 6, 6, 0)
    assert summary.complete
    read = trained_on(tmp_path / "made.jsonl", tmp_path)
    assert [(row.prompt[0].content, row.answer) for row in read] == [
        (f"Say the number {n}.", f"It is {n}.") for n in range(6)
    ]
    provenance = rows[2]["provenance"]
    assert provenance["tasks"] == ["tasks.jsonl:3"]
    assert provenance["model"] == "teacher-2024"
    assert provenance["host"] == server.url.split("/")[2]
    assert len(provenance["request"]) == len(provenance["prompt_sha256"]) == 64
    assert provenance["at"].startswith("20")


def test_conversations_and_system_prompts_are_answered_in_the_shape_of_messages(make: Make, tmp_path: Path) -> None:
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "And 7?"},
    ]
    with EndpointServer(lambda body: "Seven.") as server:
        _, rows = make(DISTIL + 'shape = "messages"\nsystem = "Speak English."', server.url, [{"messages": talk}] * 2)
    system = {"role": "system", "content": "Speak English.\n\nBe brief."}
    assert server.requests[0]["messages"] == [system, *talk[1:]]
    assert [row["messages"] for row in rows] == [[*talk, {"role": "assistant", "content": "Seven."}]]
    assert [row.answer for row in trained_on(tmp_path / "made.jsonl", tmp_path)] == ["Seven."]


def test_what_misbehaves_costs_retries_and_no_rows(make: Make) -> None:
    script = [TooMany(), Cut(), BadJson, ServerError(503), TooMany(retry_after="0")]
    with EndpointServer(lambda body: f"It is {number(body)}.", script=script) as server:
        summary, rows = make(DISTIL, server.url, PROMPTS, "writer.endpoint.retries=6")
    assert (len(rows), summary.failed, len(server.requests)) == (6, 0, 11)


def test_a_prompt_that_fails_is_counted_and_made_up_for_by_the_next_run(make: Make) -> None:
    broken = True

    def answer(body: Body) -> str | Step:
        return ServerError(500) if broken and number(body) == 3 else f"It is {number(body)}."

    with EndpointServer(answer) as server:
        summary, rows = make(DISTIL, server.url, PROMPTS)
        assert (summary.rows, summary.failed, summary.complete) == (5, 1, False)
        assert summary.failures == {"HTTP 500 (it went wrong)": 1}
        broken, before = False, len(server.requests)
        summary, again = make(DISTIL, server.url, PROMPTS)
        assert len(server.requests) == before + 1
    assert (summary.rows, summary.added, summary.reused, summary.complete) == (6, 1, 5, True)
    assert again[:5] == rows


def test_cut_empty_and_equal_answers_make_no_rows(make: Make) -> None:
    def answer(body: Body) -> Step:
        n = number(body)
        return Step(text="" if n == 0 else "<think>hm</think>" if n == 1 else "It is", finish_reason="length" if n == 2 else "stop")  # fmt: skip  # noqa: E501

    with EndpointServer(answer) as server:
        text = DISTIL + "samples = 2\nsampling = { temperature = 1.0 }"
        summary, rows = make(text, server.url, PROMPTS)
    assert summary.left_out == {"empty": 4, "cut off": 2, "duplicate": 3}
    assert [row["output"] for row in rows] == ["It is"] * 3


def test_a_killed_run_goes_on_without_paying_twice(make: Make, tmp_path: Path) -> None:
    down = False

    def answer(body: Body) -> str | Step:
        return Status(status=402) if down and number(body) >= 4 else f"It is {number(body)}."

    with EndpointServer(answer) as server:
        down = True
        with pytest.raises(InputError, match="credit"):
            make(DISTIL, server.url, PROMPTS, "writer.endpoint.concurrency=1")
        kept = read_lines(tmp_path / "made.jsonl")
        assert len(kept) == 4
        torn = (tmp_path / "made.jsonl").read_bytes()[:-9]
        (tmp_path / "made.jsonl").write_bytes(torn)
        down, before = False, len(server.requests)
        summary, rows = make(DISTIL, server.url, PROMPTS)
        assert len(server.requests) == before + 2
    assert (summary.rows, summary.added, summary.reused) == (6, 3, 4)
    assert rows[:4] == kept


def test_more_rows_of_the_same_kind_are_added_to_the_file(make: Make) -> None:
    with EndpointServer(lambda body: f"It is {number(body)}.") as server:
        make(DISTIL, server.url, PROMPTS, "tasks.size=2")
        summary, rows = make(DISTIL, server.url, PROMPTS, "tasks.size=4", "writer.endpoint.concurrency=3")
        assert len(server.requests) == 4
    assert (summary.rows, summary.added, len(rows)) == (4, 2, 4)


def test_a_file_of_other_rows_is_left_alone(make: Make, tmp_path: Path) -> None:
    with EndpointServer() as server:
        make(DISTIL, server.url, PROMPTS)
        before = (tmp_path / "made.jsonl").read_bytes()
        with pytest.raises(InputError, match=r"differs in: sampling.temperature, system") as caught:
            make(DISTIL + 'system = "x"', server.url, PROMPTS, "sampling.temperature=0.5")
        assert caught.value.problems[0].reference == "make.out-taken"
        write_lines(tmp_path / "mine.jsonl", PROMPTS)
        with pytest.raises(InputError, match="was not made by this command"):
            make(DISTIL, server.url, PROMPTS, out="mine.jsonl")
    assert (tmp_path / "made.jsonl").read_bytes() == before


BEST = 'kind = "best_of"\ntasks = { source = "tasks.jsonl" }\nsamples = 3\nsampling = { temperature = 1.0, seed = 0 }\n'


def sampled(texts: list[str]) -> Callable[[Body], str]:
    """The text of each sample, told apart by the seed that is sent."""
    return lambda body: texts[body["seed"]].replace("N", str(2 * number(body)))


@pytest.mark.parametrize(
    ("scorer", "texts", "best", "scores"),
    [
        ('{ kind = "verifier", rule = "numeric" }', ["It is 99.", "So, it is N.", "N"], 1, [0, 1, 1]),
        ('{ kind = "verifier", rule = "regex", pattern = "^so" }', ["a", "b", "so"], 2, [0, 0, 1]),
        ('{ kind = "verifier", rule = "json" }', ["a", '{"a": N}', "b"], 1, [0, 1, 0]),
        ('{ kind = "metric", name = "rouge_l" }', ["no", "Twice", "twice as much"], 1, [0, 0.5, 1 / 3]),
    ],
)
def test_the_best_of_k_is_kept_with_all_scores(
    make: Make, scorer: str, texts: list[str], best: int, scores: list[float]
) -> None:
    with EndpointServer(sampled(texts)) as server:
        _, rows = make(f"{BEST}scorer = {scorer}", server.url, QUESTIONS[:1])
    [row] = rows
    assert row["output"] == texts[best].replace("N", "2")
    assert row["provenance"]["sample"] == best
    assert row["provenance"]["scores"] == pytest.approx(scores)


def test_a_prompt_without_a_right_answer_makes_no_row(make: Make) -> None:
    text = BEST + 'minimum = 1.0\nscorer = { kind = "verifier", rule = "numeric" }'
    with EndpointServer(sampled(["4", "5", "6"])) as server:
        summary, rows = make(text, server.url, QUESTIONS)
    assert [row["instruction"] for row in rows] == ["What is 2 + 2?", "What is 3 + 3?"]
    assert summary.left_out == {"below minimum": 2}


def test_a_judges_marks_choose_and_those_that_cannot_be_read_are_counted(make: Make) -> None:
    marks = {"good": "```json\n{'score'}\n```", "fine": '{"reason": "x", "score": 6,}', "best": "Score: 9/10"}

    def answer(body: Body) -> str:
        text = question(body)
        return next((marks[word] for word in marks if f"<answer>\n{word}" in text), None) or sampled(list(marks))(body)

    with EndpointServer(answer) as server:
        summary, rows = make(BEST + 'scorer = { kind = "judge" }', server.url, QUESTIONS[:2])
    assert [row["output"] for row in rows] == ["best", "best"]
    assert rows[0]["provenance"]["scores"] == [None, 6, 9]
    assert rows[0]["provenance"]["scorer"]["model"] == "teacher"
    assert summary.left_out == {"unparsable mark": 2}
    assert summary.asked == 12


def test_no_scored_answer_is_no_row(make: Make) -> None:
    with EndpointServer(lambda body: "I would rather not.") as server:
        summary, rows = make(BEST + 'scorer = { kind = "judge" }', server.url, QUESTIONS[:1])
    assert rows == []
    assert summary.left_out == {"unparsable mark": 3, "unscored": 1}


def test_rows_with_scores_can_be_selected_by_them(make: Make, tmp_path: Path) -> None:
    def answer(body: Body) -> str:
        return "no idea" if "French" in question(body) else f'{{"score": {4 if "rainbow" in question(body) else 9}}}'

    with EndpointServer(answer) as server:
        text = 'kind = "score"\ntasks = { source = "tasks.jsonl" }'
        summary, rows = make(text, server.url, [*SEEDS, {"instruction": "Unanswered.", "output": ""}])
    assert [row["score"] for row in rows] == [4, 9]
    assert {name: rows[0][name] for name in SEEDS[0]} == SEEDS[0]
    assert summary.left_out == {"no answer to mark": 1, "unparsable": 1}
    best = trained_on(tmp_path / "made.jsonl", tmp_path, by="score", column="score", size=1)
    assert [row.answer for row in best] == ["Air scatters blue light most."]


def test_a_paraphrase_keeps_the_answer_and_the_input(make: Make) -> None:
    def answer(body: Body) -> str | Step:
        if "rainbow" in question(body):
            return '{"instruction": "name THREE  colours of the rainbow."}'
        return Fenced({"instruction": "Put it into French."}) if "French" in question(body) else "no"

    with EndpointServer(answer) as server:
        text = 'kind = "augment"\ntasks = { source = "tasks.jsonl" }'
        summary, rows = make(text, server.url, SEEDS)
    [row] = rows
    assert (row["instruction"], row["input"], row["output"]) == ("Put it into French.", "Good morning.", "Bonjour.")
    assert summary.left_out == {"duplicate": 1, "unparsable": 1}


def test_rows_that_a_users_prompt_does_not_tell_apart_are_all_kept(make: Make, tmp_path: Path) -> None:
    """Both are asked the same, and get the same mark."""
    (tmp_path / "short.jinja").write_text("Mark: {{ output }}")
    rows = [{"instruction": "Say yes.", "output": "Yes."}, {"instruction": "Say it.", "output": "Yes."}]
    text = 'kind = "score"\ntasks = { source = "tasks.jsonl" }\nprompt = "short.jinja"'
    with EndpointServer(lambda body: '{"score": 7}') as server:
        summary, made = make(text, server.url, [*rows, rows[0]])
    assert [row["instruction"] for row in made] == ["Say yes.", "Say it."]
    assert summary.left_out == {"duplicate": 1}


def test_a_harder_instruction_gets_a_new_answer(make: Make) -> None:
    def answer(body: Body) -> str:
        if "Rewrite the instruction" not in question(body):
            return f"An answer to: {question(body)}"
        return '{"instruction": "Explain it in five words."}' if "constraint" in question(body) else '{"instruction": "Go on."}'  # fmt: skip  # noqa: E501

    with EndpointServer(answer) as server:
        text = 'kind = "augment"\ntasks = { source = "tasks.jsonl" }\nways = ["constrain", "deepen"]\nanswers = "new"'
        _, rows = make(text, server.url, SEEDS[2:])
    assert [row["output"] for row in rows] == ["An answer to: Explain it in five words.", "An answer to: Go on."]
    assert [row["provenance"]["way"] for row in rows] == ["constrain", "deepen"]


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


def test_a_killed_making_of_tasks_goes_on_with_nothing_twice_and_nothing_lost(tmp_path: Path, bench_home: Path) -> None:
    """The server never says the same again: whatever is asked twice would show as another task."""
    writer = Writer()

    def answer(body: Body) -> Step:
        step = writer(body)
        return Slow(text=step.text, seconds=0.05, pieces=2) if isinstance(step, Step) else Slow(text=step, seconds=0.05)

    write_lines(tmp_path / "tasks.jsonl", SEEDS)
    made = tmp_path / "made.jsonl"
    with EndpointServer(answer) as server:
        endpoint = f'writer.endpoint = {{ base_url = "{server.url}", model = "m", concurrency = 2 }}\n'
        (tmp_path / "make.toml").write_text(endpoint + INSTRUCTIONS + "size = 60\nnear_duplicate = 1.0")
        code = "import sys; from pathlib import Path; from bench.run.make import make_data as make; "
        code += "make(sys.argv[1], out=Path(sys.argv[2]))"
        command = [sys.executable, "-c", code, str(tmp_path / "make.toml"), str(made)]
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        while not (made.exists() and made.read_bytes().count(b"\n") >= 10) and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.wait()
        time.sleep(0.1)
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


def test_a_custom_prompt_is_used_and_recorded(make: Make, tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text("In one word: {{ instruction }}")
    with EndpointServer() as server:
        _, plain = make(DISTIL, server.url, PROMPTS[:1])
        _, own = make(DISTIL + 'prompt = "own.jinja"', server.url, PROMPTS[:1], out="own.jsonl")
        assert server.prompts[1] == "In one word: Say the number 0."
    assert plain[0]["provenance"]["prompt_sha256"] != own[0]["provenance"]["prompt_sha256"]


def test_a_server_that_gives_out_leaves_what_was_made_and_a_note(make: Make, tmp_path: Path) -> None:
    def answer(body: Body) -> str | Step:
        return "It is so." if number(body) < 2 else ServerError()

    with EndpointServer(answer) as server, pytest.raises(IncompleteError):
        make(DISTIL, server.url, PROMPTS, "writer.endpoint.give_up_after=3", "writer.endpoint.concurrency=1")
    assert len(read_lines(tmp_path / "made.jsonl")) == 2
    note = json.loads((tmp_path / "made.make.json").read_text())
    assert note["summary"]["rows"] == 2


def test_a_process_that_is_killed_has_kept_every_reply(tmp_path: Path, bench_home: Path) -> None:
    write_lines(tmp_path / "tasks.jsonl", [{"prompt": f"Say the number {n}."} for n in range(40)])
    with EndpointServer(lambda body: Slow(text=f"It is {number(body)}.", seconds=0.05, pieces=2)) as server:
        writer = f'writer.endpoint = {{ base_url = "{server.url}", model = "m", concurrency = 2 }}\n'
        (tmp_path / "make.toml").write_text(writer + DISTIL)
        code = "import sys; from pathlib import Path; from bench.run.make import make_data as make; "
        code += "make(sys.argv[1], out=Path(sys.argv[2]))"
        command = [sys.executable, "-c", code, str(tmp_path / "make.toml"), str(tmp_path / "made.jsonl")]
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        while len(server.requests) < 10 and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.wait()
        time.sleep(0.1)
        sent = len(server.requests)
        kept = len(list((bench_home / "replies").rglob("*.json")))
        assert 10 <= sent < 40
        assert sent - kept <= 2, "only those under way are lost"
        summary = make_data(str(tmp_path / "make.toml"), out=tmp_path / "made.jsonl")
        assert len(server.requests) == sent + 40 - kept
    assert (summary.rows, summary.reused) == (40, kept)
    assert [row["output"] for row in read_lines(tmp_path / "made.jsonl")] == [f"It is {n}." for n in range(40)]


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
