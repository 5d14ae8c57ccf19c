"""Content hashes: kept results are found by them, so their form must not drift."""

import hashlib
from pathlib import Path

import pytest

from bench.digest import digest_files, digest_json


def test_a_value_is_hashed_in_one_form_whatever_the_order_of_its_keys() -> None:
    expected = hashlib.sha256('{"a":["é",null],"b":1.5}'.encode()).hexdigest()
    assert digest_json({"b": 1.5, "a": ["é", None]}) == digest_json({"a": ["é", None], "b": 1.5}) == expected
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest_json(float("nan"))


def test_files_are_hashed_by_name_and_content_wherever_their_folder_is(tmp_path: Path) -> None:
    found = []
    for folder, text in (("x", "1"), ("y", "1"), ("z", "2")):
        files = [tmp_path / folder / name for name in ("b", "a")]
        (tmp_path / folder).mkdir()
        for file in files:
            file.write_text(text)
        found.append(digest_files(tmp_path / folder, files))
    assert found[0] == found[1] != found[2]
