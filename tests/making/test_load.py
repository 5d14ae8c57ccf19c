"""Make files that are wrong: everything is said at once, before anything is sent."""

import json
from pathlib import Path

import pytest

from bench.errors import InputError
from bench.making.load import load_make
from bench.making.spec import SPECS, TaskSource, identity
from bench.making.tasks import Task, read_tasks
from bench.run.commands.make import make_data
from bench.suite.tables.data import PromptColumns
from tests.fakes.endpoint_server import EndpointServer
from tests.making.conftest import Make, write_lines

WRITER = '[writer.endpoint]\nbase_url = "http://localhost:1/v1"\nmodel = "m"\n'


def problems(tmp_path: Path, text: str, *overrides: str) -> dict[str | None, str]:
    (tmp_path / "make.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_make(tmp_path / "make.toml", overrides)
    assert all(problem.hint and problem.where for problem in caught.value.problems)
    assert "bench schema" not in str([problem.hint for problem in caught.value.problems])
    return {problem.where: f"{problem.what} | {problem.hint}" for problem in caught.value.problems}


def str_of(told: dict[str | None, str]) -> str:
    return "\n".join(told.values())


def test_all_problems_come_at_once_with_what_was_meant(tmp_path: Path) -> None:
    text = 'kind = "distil"\nsampels = 2\nsampling = { temperature = 9 }\ntasks = { sorce = "x" }\n' + WRITER
    told = problems(tmp_path, text)
    assert "did you mean 'samples'?" in told["sampels"]
    assert "did you mean 'source'?" in told["tasks.sorce"]
    assert "at most 5" in told["sampling.temperature"]
    assert "tasks.source" in told


def test_a_kind_that_is_not_there(tmp_path: Path) -> None:
    assert "did you mean 'distil'?" in problems(tmp_path, 'kind = "distill"\n' + WRITER)["kind"]
    assert "instructions" in problems(tmp_path, WRITER)["kind"]


def test_no_model_or_two(tmp_path: Path) -> None:
    text = 'kind = "distil"\ntasks = { source = "x.jsonl" }\n'
    assert "writer" in problems(tmp_path, text)
    both = 'writer = { endpoint = { base_url = "http://localhost/v1", model = "m" }, local = { card = "micro" } }\n'
    assert "exactly one" in problems(tmp_path, text + both)["writer"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('kind = "distil"\nsamples = 2\n', "temperature above 0"),
        ('kind = "best_of"\nscorer = { kind = "metric", name = "rouge_l" }\n', "temperature above 0"),
        ('kind = "augment"\nways = ["deepen"]\n', "only a paraphrase"),
        ('kind = "score"\nlow = 3\nhigh = 3\n', "low must be less"),
    ],
)
def test_settings_that_contradict_each_other(tmp_path: Path, text: str, says: str) -> None:
    assert says in str_of(problems(tmp_path, text + 'tasks = { source = "x.jsonl" }\n' + WRITER))


def test_a_local_model_that_is_not_there_is_named_with_the_prompts(tmp_path: Path) -> None:
    """It came alone, after the prompts, at its folder in place of its key."""
    text = (
        'kind = "distil"\nprompt = "own.jinja"\ntasks = { source = "x" }\nwriter = { local = { path = "nowhere" } }\n'
    )
    assert set(problems(tmp_path, text)) == {"prompt", "writer.local.path"}


def test_a_bad_pattern_or_scorer(tmp_path: Path) -> None:
    text = 'kind = "best_of"\ntasks = { source = "x" }\nsampling = { temperature = 1.0 }\nscorer = %s\n' + WRITER
    assert "regular expression" in str_of(
        problems(tmp_path, text % '{ kind = "verifier", rule = "regex", pattern = "(" }')
    )
    assert "did you mean 'verifier'?" in str_of(problems(tmp_path, text % '{ kind = "verifyer" }'))


def test_a_prompt_file_that_cannot_be_rendered(tmp_path: Path) -> None:
    text = 'kind = "distil"\nprompt = "own.jinja"\ntasks = { source = "x.jsonl" }\n' + WRITER
    assert "No such file" in str_of(problems(tmp_path, text))
    (tmp_path / "own.jinja").write_text("{{ instructoin }}")
    assert "'instructoin' is undefined" in str_of(problems(tmp_path, text))
    (tmp_path / "own.jinja").write_text("{% for %}")
    assert "cannot be rendered" in str_of(problems(tmp_path, text))


def test_a_key_in_place_of_its_name_is_not_repeated(tmp_path: Path) -> None:
    text = 'kind = "distil"\ntasks = { source = "x.jsonl" }\n' + WRITER + 'key_env = "sk-secret-0123"\n'
    told = problems(tmp_path, text)
    assert "OPENAI_API_KEY" in told["writer.endpoint.key_env"]
    assert "secret" not in str(told)


def test_rows_that_do_not_fit_are_told_before_anything_is_sent(make: Make, tmp_path: Path) -> None:
    talk = {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}
    best = (
        'kind = "best_of"\nscorer = { kind = "verifier", rule = "numeric" }\nsampling = { temperature = 1.0 }\n'
        'tasks = { source = "tasks.jsonl" }'
    )
    instructions = 'kind = "instructions"\nsize = 3\ntasks = { source = "tasks.jsonl" }'
    distil = 'kind = "distil"\ntasks = { source = "tasks.jsonl" }'
    with EndpointServer() as server:
        for text, rows, reference in (
            (distil, [talk], "make.shape"),
            (best, [{"prompt": "no answer"}], "make.no-reference"),
            (instructions, [{"prompt": "only one"}], "make.too-few-tasks"),
            (distil, [{"colour": "red"}], "data.unknown-shape"),
            (distil, [{"prompt": "ok"}, {"prompt": ["a"]}], "data.not-text"),
            (distil, [{"prompt": " "}], "data.empty"),
            (distil, [], "data.empty"),
        ):
            with pytest.raises(InputError) as caught:
                make(text, server.url, rows)
            assert [problem.reference for problem in caught.value.problems] == [reference], rows
            assert not (tmp_path / "made.jsonl").exists()
        assert server.requests == []


def test_a_missing_key_and_missing_rows_are_told_together(
    tmp_path: Path, bench_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer's and a judge's missing key were both at `key_env`, with no table."""
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    judge = (
        'kind = "judge", model = { endpoint = { base_url = "http://localhost:2/v1", model = "j", key_env = "NONE" } }'
    )
    text = (
        f'kind = "best_of"\ntasks = {{ source = "none.jsonl" }}\nsampling.temperature = 1.0\nscorer = {{ {judge} }}\n'
    )
    text += WRITER + 'key_env = "NO_SUCH_KEY"\n'
    (tmp_path / "make.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        make_data(str(tmp_path / "make.toml"), out=tmp_path / "made.jsonl")
    assert [(problem.reference, problem.where) for problem in caught.value.problems] == [
        ("data.missing-file", "tasks.source"),
        ("endpoint.no-key", "writer.endpoint.key_env"),
        ("endpoint.no-key", "scorer.model.endpoint.key_env"),
    ]
    assert not (tmp_path / "made.jsonl").exists()


def test_an_output_that_is_no_jsonl_is_refused(make: Make) -> None:
    text = 'kind = "distil"\ntasks = { source = "tasks.jsonl" }'
    with EndpointServer() as server, pytest.raises(InputError, match="no name for a JSON Lines file"):
        make(text, server.url, [{"prompt": "x"}], out="made.json")


def test_paths_on_the_command_line_mean_the_current_folder(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    write_lines(tmp_path / "here" / "mine.jsonl", [{"prompt": "from here"}])
    monkeypatch.chdir(tmp_path / "here")
    with EndpointServer() as server:
        make('kind = "distil"\ntasks = { source = "tasks.jsonl" }', server.url, [], "tasks.source=mine.jsonl")
        assert server.prompts == ["from here"]


def test_columns_of_any_name_can_be_prompts(make: Make) -> None:
    text = 'kind = "distil"\ntasks = { source = "tasks.jsonl", columns = { prompt = "frage" } }'
    with EndpointServer() as server:
        make(text, server.url, [{"frage": "Warum?"}])
        assert server.prompts == ["Warum?"]


def test_a_random_draw_is_that_of_the_seed(make: Make) -> None:
    text = 'kind = "distil"\ntasks = { source = "tasks.jsonl", by = "random", size = 3 }\n'
    rows = [{"prompt": str(n)} for n in range(40)]
    drawn = []
    with EndpointServer() as server:
        for number, seed in enumerate((0, 0, 1)):
            _, made = make(f"{text}seed = {seed}", server.url, rows, out=f"{number}.jsonl")
            drawn.append([row["instruction"] for row in made])
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("kind", SPECS)
def test_what_an_existing_file_is_compared_by_is_plain_json_without_patience(kind: str, tmp_path: Path) -> None:
    more = {"instructions": "size = 3\n", "best_of": 'scorer = { kind = "judge" }\nsampling = { temperature = 1.0 }\n'}
    text = f'kind = "{kind}"\ntasks = {{ source = "x.jsonl" }}\n{more.get(kind, "")}{WRITER}'
    (tmp_path / "make.toml").write_text(text)
    one = identity(load_make(tmp_path / "make.toml").spec)
    (tmp_path / "make.toml").write_text(text + "concurrency = 3\nretries = 1\nprice = { prompt = 1, completion = 2 }\n")
    assert identity(load_make(tmp_path / "make.toml").spec) == one
    json.dumps(one)


def test_self_instructs_own_seed_tasks_are_shown_with_their_answers(make: Make) -> None:
    seed = {"id": "seed_0", "instruction": "Add them.", "instances": [{"input": "1, 2", "output": "3"}]}
    text = 'kind = "instructions"\nsize = 1\nmax_requests = 1\ndemonstrations = 1\ntasks = { source = "tasks.jsonl" }'
    with EndpointServer() as server:
        make(text, server.url, [seed])
    assert '{"instruction": "Add them.", "input": "1, 2", "output": "3"}' in server.prompts[0]


def test_real_rows_are_read_as_tasks(shared_dir: Path) -> None:
    def tasks(name: str, **more: int) -> tuple[Task, ...]:
        return read_tasks(TaskSource(source=name, **more), base=shared_dir / "data", seed=0)

    assert len(tasks("alpaca/alpaca_data.json")) == 52_002
    assert [task.answer is None for task in tasks("alpaca/seed_tasks.jsonl")] == [False] * 175
    assert [task.answer for task in tasks("lima/lima_test.jsonl", size=3)] == [None] * 3
    assert "####" in str(tasks("gsm8k/train.jsonl", size=1)[0].answer)


def test_faults_of_one_kind_are_one_problem_with_the_number_of_rows(tmp_path: Path) -> None:
    rows: list[object] = [{"prompt": "Which?"}, *({"prompt": ["Which?"]} for _ in range(9)), {"prompt": "\ud800"}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    source = TaskSource(source="rows.jsonl", columns=PromptColumns(prompt="prompt"))
    with pytest.raises(InputError) as caught:
        read_tasks(source, base=tmp_path, seed=0)
    wrong_type, encoding = caught.value.problems
    assert (wrong_type.where, encoding.where) == ("rows.jsonl:2", "rows.jsonl:11")
    assert wrong_type.what.endswith("(so in 9 rows; this is the first)")
    assert (encoding.reference, encoding.hint) == ("data.encoding", "fix the row or remove it")
