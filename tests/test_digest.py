"""Content hashes: kept results are found by them, so their form must not drift."""

import hashlib
from pathlib import Path

import pytest

from bench.digest import SharedTexts, digest_files, digest_json, digest_with


def test_a_value_is_hashed_in_one_form_whatever_the_order_of_its_keys() -> None:
    expected = hashlib.sha256('{"a":["é",null],"b":1.5}'.encode()).hexdigest()
    assert digest_json({"b": 1.5, "a": ["é", None]}) == digest_json({"a": ["é", None], "b": 1.5}) == expected
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest_json(float("nan"))


def test_what_digests_share_is_put_into_its_form_once_and_changes_none() -> None:
    asked: list[object] = []

    def part(value: list[int]) -> dict[str, list[int]]:
        asked.append(value)
        return {"é": value}

    texts, one, equal = SharedTexts(), [1], [1]
    own = {"b": None, "z": "ü", "n": 3}
    whole = {**own, "a": {"é": [1]}, "k": {"t": 2}}
    found = {
        digest_with({"a": texts.of(value, part), "k": texts.of(2, lambda count: {"t": count})}, own)
        for value in (one, one, equal)
    }
    assert found == {digest_json(whole)}
    assert [id(value) for value in asked] == [id(one), id(equal)]
    assert texts.of(2, str) == '"2"' != texts.of(3, str), "another part, another number"


def test_files_are_hashed_by_name_and_content_wherever_their_folder_is(tmp_path: Path) -> None:
    found = []
    for folder, text in (("x", "1"), ("y", "1"), ("z", "2")):
        files = [tmp_path / folder / name for name in ("b", "a")]
        (tmp_path / folder).mkdir()
        for file in files:
            file.write_text(text)
        found.append(digest_files(tmp_path / folder, files))
    assert found[0] == found[1] != found[2]
