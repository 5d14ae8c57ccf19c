"""Labels, flags, judgements and weights of rows, in columns beside the conversation."""

from typing import Any

import pytest

from bench.data.formats.chat.turns import Settled
from bench.data.formats.columns import COLUMNS, ColumnMeaning
from bench.data.formats.conversation import Rules
from bench.data.formats.fields import RowError
from bench.data.formats.shapes import recognise
from bench.data.formats.unused import unused_names
from tests.data.formats.read_record import MESSAGES, Q_AND_A, read, roles_and_texts


def unused(record: dict[str, Any]) -> list[str]:
    """What nothing reads of a record."""
    shape = recognise([record])
    return list(unused_names(record, shape))


@pytest.mark.parametrize("name", [name for name, meaning in COLUMNS.items() if meaning is ColumnMeaning.LABEL])
def test_a_row_labelled_false_is_left_out_and_counted(name: str) -> None:
    for record in ({"messages": MESSAGES}, {"prompt": "Q", "completion": "A"}):
        assert read({**record, name: False}).dropped == f"{name} is false"
        assert read({**record, name: "false"}).dropped == f"{name} is false"
        assert read({**record, name: True}) == Settled(turns=Q_AND_A)
        for number in (0, 1, "0", "1.0"):
            with pytest.raises(RowError, match=f"`{name}` is {number}"):
                read({**record, name: number})
    for number in (0, "0", 3):
        assert read({"text": "A review.", name: number}).dropped is None, "the class of a text is no judgement of it"


@pytest.mark.parametrize("name", [name for name, meaning in COLUMNS.items() if meaning is ColumnMeaning.FLAG])
def test_a_flag_of_a_row_is_honoured_and_a_measure_of_that_name_is_none(name: str) -> None:
    record = {"messages": MESSAGES}
    for off in (False, 0, "0", "false"):
        assert read({**record, name: off}).dropped == f"{name} is 0"
    for on in (True, 1, 2.31, None):
        assert read({**record, name: on}) == Settled(turns=Q_AND_A)


@pytest.mark.parametrize(
    ("meaning", "out", "stays"),
    [(ColumnMeaning.LEFT_OUT, (True, 1, "yes"), (False, 0, "no")), (ColumnMeaning.KEPT, (False, "0"), (True, "1"))],
)
def test_a_row_that_says_it_is_out_is_left_out_and_counted(
    meaning: ColumnMeaning, out: tuple[Any, ...], stays: tuple[Any, ...]
) -> None:
    """A row with `skip: true` was learned with a note, as if the column were of no effect."""
    for name in (name for name, its in COLUMNS.items() if its is meaning):
        for record in ({"messages": MESSAGES}, {"text": "Once."}):
            for value in out:
                assert read({**record, name: value}).dropped == f"{name} is {str(value in (True, 1, 'yes')).lower()}"
            for value in (*stays, None):
                assert read({**record, name: value}).dropped is None
                assert unused({**record, name: value}) == []
            assert unused({**record, name: "the third"}) == [f"column `{name}` not used"]
        assert read({"messages": MESSAGES, name: out[0]}, ignore=[name]) == Settled(turns=Q_AND_A)


@pytest.mark.parametrize(
    ("meaning", "out", "stays"),
    [(ColumnMeaning.ACCEPTED, (False, 0, "false"), (True, 1)), (ColumnMeaning.REJECTED, (True, 1, "True"), (False, 0))],
)
def test_a_judgement_of_the_rows_answer_is_no_answer(
    meaning: ColumnMeaning, out: tuple[Any, ...], stays: tuple[Any, ...]
) -> None:
    """`{prompt, completion, accepted: false}` taught the answer `false`."""
    for name in (name for name, its in COLUMNS.items() if its is meaning):
        for record in ({"messages": MESSAGES}, {"prompt": "Q", "completion": "A"}, {"instruction": "Q", "output": "A"}):
            for value in out:
                is_true = meaning is ColumnMeaning.REJECTED
                assert read({**record, name: value}).dropped == f"{name} is {str(is_true).lower()}"
            for value in (*stays, None):
                assert read({**record, name: value}) == Settled(turns=Q_AND_A)
        assert read({"prompt": "Q", "completion": "A", name: out[0]}, ignore=[name]) == Settled(turns=Q_AND_A)


def test_a_truth_value_is_no_preferred_answer_and_a_text_that_reads_like_one_is() -> None:
    assert recognise([{"prompt": "Q", "chosen": True}]) is None
    shape = recognise([{"prompt": "Q", "chosen": "A"}])
    with pytest.raises(RowError, match="`chosen` is false: whether an answer is preferred"):
        Rules().read({"prompt": "Q", "chosen": False}, shape)
    for judged in (1, 0, "0"):
        with pytest.raises(RowError, match=r"`chosen` is .: whether an answer is preferred"):
            read({"prompt": "Q", "chosen": judged})
    assert roles_and_texts({"prompt": "2 - 1 =", "chosen": 1, "rejected": 0})[-1] == ("assistant", "1")
    for pair in ({"chosen": "1", "rejected": "0"}, {"chosen": "no", "rejected": "yes"}):
        assert roles_and_texts({"prompt": "Q", "response": "R", **pair}) == [
            ("user", "Q"),
            ("assistant", pair["chosen"]),
        ]
    for answer, other in (("No", "yes"), ("0", "1"), ("false", "True")):
        with pytest.raises(RowError, match="another answer, or a judgement of that"):
            read({"prompt": "Q", "completion": answer, "rejected": other})
        assert read({"prompt": "Q", "completion": answer, "rejected": True}).dropped == "rejected is true"
    asked = [{"role": "user", "content": "Q"}]
    assert roles_and_texts({"messages": asked, "response": "A", "accepted": True})[-1] == ("assistant", "A")


def test_an_answer_that_its_row_calls_wrong_or_unsafe_is_not_learned() -> None:
    for name in ("is_correct", "is_safe"):
        record = {"prompt": "Q", "completion": "A", name: False}
        assert read(record).dropped == f"{name} is false"
        assert read(record, ignore=[name]).dropped is None
        assert read({**record, name: True}).dropped is None


@pytest.mark.parametrize("name", [name for name, meaning in COLUMNS.items() if meaning is ColumnMeaning.WEIGHT])
def test_a_weight_of_a_row_is_honoured_or_refused(name: str) -> None:
    record = {"prompt": "Q", "completion": "A"}
    assert read({**record, name: 0}).dropped == f"{name} is 0"
    assert read({**record, name: 1.0}).dropped is None
    with pytest.raises(RowError, match="a weighted loss is not available"):
        read({**record, name: 0.3})
    assert read({**record, name: 0.3}, ignore=[name]).dropped is None
    assert read({**record, name: 0.3}, score=name).dropped is None, "the suite says what the column is for"


@pytest.mark.parametrize("word", ["undesirable", "Rejected", "bad"])
def test_a_row_labelled_as_a_bad_example_is_left_out_and_counted(word: str) -> None:
    assert read({"prompt": "Q", "completion": "A", "label": word}).dropped == f"label is {word.lower()}"
    assert read({"prompt": "Q", "completion": "A", "label": "greeting"}).dropped is None, "a class"


def test_a_list_of_labels_by_token_is_refused_and_one_of_classes_is_none() -> None:
    """`labels: [-100, 3]` was named as unused, and the row learned as if no token were masked."""
    for name in ("labels", "label"):
        for value in ([-100, -100, 3], "[-100, 3]"):
            with pytest.raises(RowError, match=f"column `{name}` cannot be honoured"):
                read({"prompt": "Q", "completion": "A", name: value})
        assert read({"prompt": "Q", "completion": "A", name: ["history", "art"]}).dropped is None


@pytest.mark.parametrize("word", [False, "false", "bad", "Rejected"])
def test_a_label_of_plain_text_that_may_be_its_class_or_a_judgement_is_refused(word: Any) -> None:
    """Every negative review was left out."""
    for name in ("label", "labels"):
        with pytest.raises(RowError, match="the class of a text, or whether"):
            read({"text": "A film.", name: word})
        assert read({"text": "A film.", name: word}, ignore=[name]).dropped is None
        assert read({"text": "A film.", name: "good"}).dropped is None
    assert read({"text": "A film.", "kto_tag": word}).dropped is not None


def test_a_split_in_train_is_no_weight() -> None:
    """The hint was to select by the score, of which there is none."""
    with pytest.raises(RowError, match=r"`train` is 'test': neither learned") as caught:
        read({"prompt": "q", "completion": "a", "train": "test"})
    assert "a file of their own" in (caught.value.hint or "")
