"""A making from file to rows: what is made, what is left out and counted, what a killed or failing run keeps."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bench.errors import IncompleteError, InputError
from bench.run.commands.make import make_data
from tests.fakes.endpoint_server import BadJson, Body, Cut, EndpointServer, ServerError, Status, Step, TooMany
from tests.making.conftest import DISTIL, PROMPTS, Make, number, read_lines, trained_on, write_lines


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
        with pytest.raises(InputError, match="was not written by this command"):
            make(DISTIL, server.url, PROMPTS, out="mine.jsonl")
    assert (tmp_path / "made.jsonl").read_bytes() == before


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
    killed = threading.Event()

    def answer(body: Body) -> str:
        if len(server.requests) > 12:
            killed.wait()
        return f"It is {number(body)}."

    with EndpointServer(answer) as server:
        writer = f'writer.endpoint = {{ base_url = "{server.url}", model = "m", concurrency = 2 }}\n'
        (tmp_path / "make.toml").write_text(writer + DISTIL)
        code = "import sys; from pathlib import Path; from bench.run.commands.make import make_data as make; "
        code += "make(sys.argv[1], out=Path(sys.argv[2]))"
        command = [sys.executable, "-c", code, str(tmp_path / "make.toml"), str(tmp_path / "made.jsonl")]
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        while len(server.requests) < 14 and process.poll() is None:
            time.sleep(0.01)
        process.kill()
        process.wait()
        killed.set()
        sent = len(server.requests)
        kept = len(list((bench_home / "replies").rglob("*.json")))
        assert sent == 14
        assert sent - kept <= 2, "only those under way are lost"
        summary = make_data(str(tmp_path / "make.toml"), out=tmp_path / "made.jsonl")
        assert len(server.requests) == sent + 40 - kept
    assert (summary.rows, summary.reused) == (40, kept)
    assert [row["output"] for row in read_lines(tmp_path / "made.jsonl")] == [f"It is {n}." for n in range(40)]
