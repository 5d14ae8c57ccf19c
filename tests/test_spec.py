"""The base of persisted types: validators that are built when they are needed."""

from bench.spec import Spec, build_specs


def test_a_validator_is_built_at_its_first_use_and_all_are_where_forks_would_each_do_it() -> None:
    class Inner(Spec):
        count: int

    class Outer(Spec):
        inner: Inner

    class Unused(Outer):
        pass

    assert not Outer.__pydantic_complete__
    assert Outer.model_validate({"inner": {"count": 1}}).inner == Inner(count=1)
    assert Outer.__pydantic_complete__
    assert not Unused.__pydantic_complete__
    build_specs()
    assert Unused.__pydantic_complete__
