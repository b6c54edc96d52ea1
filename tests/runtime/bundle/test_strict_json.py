"""JSON of strangers: what every reader reads alike, and no deeper than anything of ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attngan_runtime.bundle.strict_json import read_json

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
def test_what_is_written_is_read(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("NaN", "NaN is no JSON number"),
        ("[-Infinity]", "-Infinity is no JSON number"),
        ("[1e999]", "not JSON compliant"),
        ('{"a": 1, "a": 1}', 'key "a" stands there twice'),
        ('[{"b": {"a\\n": 1, "c": 2, "a\\n": 3}}]', r'key "a\\n" stands there twice'),
        ('["\\ud800"]', "surrogates not allowed"),
        ('{"\\udfff": 1}', "surrogates not allowed"),
        ("[" * 17 + "]" * 17, "nested more than 16 deep"),
        ('{"a":' * 17 + "1" + "}" * 17, "nested more than 16 deep"),
        ("[[" + "[" * 900 + "]" * 900 + "], 1]", "nested more than 16 deep"),
        ("[" * 100_000, "recursion"),
        ("9" * 5000, "4300"),
        ("", "Expecting value"),
        ("\ufeff1", "BOM"),
    ],
)
def test_the_rest_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as raised:
        read_json(text.encode())
    assert "\n" not in str(raised.value)


def test_what_is_as_deep_as_may_be_is_read() -> None:
    for text in ("[" * 16 + "]" * 16, '"[[[[[[[[[[[[[[[[[[["', '{"😀": ["\\ud83d\\ude00"]}'):
        assert read_json(text.encode()) == json.loads(text)
