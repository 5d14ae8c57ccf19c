"""Arms behind a server, from `bench init` to the report, on a loopback server, as a user runs them."""

import json
from pathlib import Path

from bench.record.rundir import RunDirectory
from tests.fakes.endpoint_server import Body, EndpointServer
from tests.fakes.process import bench

KEY = "a-key-that-nobody-may-see"
BESIDE = """
name = "s"
question = "Is it better?"
model = { card = "micro" }
arms = { given = { good = { endpoint = { base_url = "URL", model = "good" } } } }

[[eval]]
name = "sums"
kind = "generation"
data = { source = "sums.jsonl" }
metrics = ["exact_match"]
decoding = { max_new_tokens = 4 }

[[eval]]
name = "loss"
kind = "loss"
data = { source = "sums.jsonl" }

[[claim]]
says = "given/good > base"
on = "sums"
"""


def answer(body: Body) -> str:
    """The sum; of the model called `poor` only every third."""
    number = int(body["messages"][-1]["content"].split()[2])
    return str(2 * number + (body["model"] == "poor" and number % 3 > 0))


def rows(folder: Path) -> None:
    sums = [{"instruction": f"What is {n} plus {n}?", "output": str(2 * n)} for n in range(60)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in sums))


def test_two_endpoints_and_nothing_else_become_a_decided_report(tmp_path: Path) -> None:
    rows(tmp_path)
    with EndpointServer(answer=answer, key=KEY) as server:
        named = [word for model in ("poor", "good") for word in ("--endpoint", f"{model}@{server.url}")]
        done = bench(tmp_path, "init", *named, "--key-env", "MY_KEY", "--data", "sums.jsonl", "--out", "two.toml")
        assert done.returncode == 0, done.stderr
        keyless = bench(tmp_path, "run", "two.toml", "--quiet")
        assert (keyless.returncode, "MY_KEY is not set" in keyless.stderr) == (2, True)
        assert server.requests == []
        done = bench(tmp_path, "run", "two.toml", "--quiet", MY_KEY=KEY)
        assert done.returncode == 0, done.stderr
    assert len(server.requests) == 120
    report = json.loads(bench(tmp_path, "report", "two", "--json").stdout)
    [claim] = report["claims"]
    assert (claim["claim"]["says"], claim["verdict"]["outcome"]) == ("given/good > base", "supported")
    assert [(served["arm"], served["model"], served["asked"]) for served in report["endpoints"]] == [
        ("base", "poor-2024", 60),
        ("given/good", "good-2024", 60),
    ]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_an_endpoint_beside_a_model_of_this_machine_has_a_reason_where_it_has_no_score(tmp_path: Path) -> None:
    rows(tmp_path)
    with EndpointServer(answer=answer) as server:
        (tmp_path / "s.toml").write_text(BESIDE.replace("URL", server.url))
        done = bench(tmp_path, "run", "s.toml", "--quiet")
    assert done.returncode == 0, done.stderr
    run = RunDirectory.find("s", tmp_path / "reports")
    assert sorted(job.id for job in run.load().jobs) == ["eval:loss:base", "eval:sums:base", "eval:sums:given/good#0"]
    assert "n/a: an endpoint gives text, no likelihoods" in (run.path / "report.md").read_text()
    [claim] = json.loads(bench(tmp_path, "report", "s", "--json").stdout)["claims"]
    assert claim["verdict"]["outcome"] == "supported"
