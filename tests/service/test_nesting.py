"""Nesting is measured as a decoder would meet it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BadRequest
from service.nesting import check_nesting, is_deeper


def levels(value):
    """The slow and obvious way."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(levels, inner), default=0)


def found(body):
    return next(limit for limit in range(len(body) + 1) if not is_deeper(body, limit))


TEXTS = st.text(alphabet='[]{}"\\ \n\u00e9\u2028😀a1')
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=40,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_it_finds_the_depth_that_a_decoder_finds(value, ascii_only, indent):
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()

    assert found(body) == levels(value)


@given(VALUES, st.integers(250, 260))
def test_it_finds_the_depth_across_windows(value, repeats):
    assert found(json.dumps([value] * repeats).encode()) == levels([value])


@pytest.mark.parametrize("body", [b"[" * 200 + b"]" * 200, b'{"a":' * 200 + b"1" + b"}" * 200])
def test_two_hundred_levels_pass(body):
    check_nesting(body)


@pytest.mark.parametrize("body", [b"[" * 201 + b"]" * 201, b'{"a":' * 201 + b"1" + b"}" * 201, b"[" * 100_000])
def test_more_are_refused(body):
    with pytest.raises(BadRequest, match="200 levels"):
        check_nesting(body)


@pytest.mark.parametrize(
    "text", ['"}}}}"', r'"\\"', r'"\"}}"', r'"\\\"]]"', r'"\n"', '"]"', r'"\u005d]"', '"' + r"\\" * 30_000 + ']"']
)
def test_closing_brackets_in_a_string_hide_nothing(text):
    body = (f'{{"a":{text},"b":' * 201).encode() + b"1" + b"}" * 201

    assert is_deeper(body, 200)
    assert not is_deeper(body, 201)


@pytest.mark.parametrize("text", ['"[[[["', r'"\"[["', r'"\\\"[["', '"' + "[" * 300 + '"', '"' + r"\"[" * 30_000 + '"'])
def test_opening_brackets_in_a_string_count_for_nothing(text):
    assert not is_deeper(f"[{text},{text}]".encode(), 1)


@given(st.binary(max_size=300))
def test_nothing_is_deeper_than_it_is_long(body):
    assert not is_deeper(body, len(body))
