"""Properties: any text, row, suite line or record byte ends in a result or in a refusal, whatever it is."""

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.data.formats.fields import RowError
from bench.data.formats.shapes import recognise
from bench.errors import BenchError, InputError
from bench.record.results.evals.evaluation import ScoreRow
from bench.record.rundir import RECORD, RunDirectory
from bench.suite.catalog.template import load_template
from bench.suite.load import load_suite
from tests.fakes.records import make_run
from tests.fakes.suite_files import SUITE, write_suite

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["instruction", "input", "output", "messages", "conversations", "prompt", "completion", "chosen", "question",
     "answer", "role", "content", "from", "value", "replies", "text"]
)  # fmt: skip


@given(st.dictionaries(FIELDS, JSON, max_size=4))
def test_no_row_breaks_the_shapes(record: dict[str, Any]) -> None:
    try:
        shape = recognise([record])
        if shape is not None and shape.assemble is None:
            shape.convert(record)
    except (RowError, BenchError):
        pass


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_breaks_a_template(question: str, answer: str) -> None:
    for name in ("alpaca", "chatml", "dialogue", "plain", "colon"):
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        text = load_template(name, None).text
        assert render(text, messages).count(answer.strip()) >= 1


def render(text: str, messages: list[dict[str, str]]) -> str:
    from transformers.utils.chat_template_utils import render_jinja_template

    rendered, _ = render_jinja_template([messages], chat_template=text, eos_token="</s>", bos_token="<s>")  # noqa: S106  # no passwords
    return str(rendered[0])


@given(
    st.builds(
        ScoreRow,
        task=st.text(max_size=9),
        id=st.text(max_size=9),
        metrics=st.dictionaries(
            st.text(max_size=9), st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=3
        ),
        prompt=st.text(),
        output=st.none() | st.text(),
    )
)
def test_a_score_survives_being_written_and_read(row: ScoreRow) -> None:
    assert ScoreRow.model_validate_json(row.model_dump_json()) == row
    assert "\n" not in row.model_dump_json()


@settings(max_examples=50)
@given(place=st.integers(0, 10**6), junk=st.binary(min_size=1, max_size=8))
def test_a_record_with_any_bytes_changed_is_read_or_refused(tmp_path: Path, place: int, junk: bytes) -> None:
    whole = _RECORD
    at = place % len(whole)
    (tmp_path / RECORD).write_bytes(whole[:at] + junk + whole[at + len(junk) :])
    try:
        RunDirectory(tmp_path).load()
    except InputError:
        return


_RECORD = make_run(seeds=(0,), examples=5).record.model_dump_json().encode()


@settings(max_examples=60)
@given(line=st.integers(0, SUITE.count("\n")), text=st.text(max_size=60))
def test_a_suite_with_any_line_changed_is_read_or_refused(tmp_path: Path, line: int, text: str) -> None:
    lines = SUITE.split("\n")
    lines[line] = text
    path = write_suite(tmp_path)
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    try:
        load_suite(path)
    except BenchError:
        return
