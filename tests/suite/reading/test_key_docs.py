"""Docstrings of keys: what hints and editors show of a table's keys."""

from pydantic import BaseModel, Field

from bench.spec import Spec
from bench.suite.reading.key_docs import key_docs
from bench.suite.tables.suite import Suite


class Wide(Spec):
    """A table."""

    width: int
    """Columns of
    the table."""
    height: int
    """Rows."""
    depth: int
    from_: str = Field(alias="from")
    """Where it begins."""


class Narrow(Wide):
    """A table whose height means another thing, and says nothing."""

    height: int = 1
    colour: str = "red"
    """What it looks like."""


def test_a_key_has_the_docstring_of_its_field_as_it_is_written_in_a_file() -> None:
    assert key_docs(Wide) == {"width": "Columns of\nthe table.", "height": "Rows.", "from": "Where it begins."}


def test_docstrings_are_inherited_unless_the_field_is_declared_again() -> None:
    assert key_docs(Narrow) == {
        "width": "Columns of\nthe table.",
        "from": "Where it begins.",
        "colour": "What it looks like.",
    }


def test_a_type_without_source_has_none() -> None:
    assert key_docs(type("Made", (BaseModel,), {"__annotations__": {"a": int}})) == {}


def test_no_table_reads_docstrings_as_it_is_made() -> None:
    """It took a quarter of the time in which a command starts."""
    assert not Suite.model_config.get("use_attribute_docstrings")
