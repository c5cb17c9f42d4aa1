"""Whatever stands in an Authorization header, it is a token or it is refused."""

import base64
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.bearer import Token, read_bearer
from service.errors import NotTrusted

HEADER = {"alg": "ES384", "kid": "k", "typ": "JWT"}
CLAIMS = {"iss": "i", "aud": "a", "exp": 2, "iat": 1, "jti": "j", "nbf": 1, "tenant": "t"}


def compact(*parts):
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def read(header, claims, signature=b"signature"):
    return read_bearer("Bearer " + compact(json.dumps(header).encode(), json.dumps(claims).encode(), signature))


def outcome(authorization):
    try:
        return read_bearer(authorization)
    except NotTrusted as refusal:
        return refusal


def test_a_token_is_taken_apart():
    token = read(HEADER, CLAIMS)

    assert token.header.kid == "k"
    assert msgspec.to_builtins(token.claims) == CLAIMS
    assert token.signature == b"signature"


def test_what_was_signed_is_the_text_as_it_came():
    header, payload = json.dumps(HEADER, indent=1).encode(), json.dumps(CLAIMS).encode()

    assert read_bearer("Bearer " + compact(header, payload, b"s")).signed == compact(header, payload).encode()


def test_claims_that_are_not_known_are_ignored():
    assert read(HEADER, CLAIMS | {"sub": "x", "fhirContext": [1]}).claims.iss == "i"


def test_absent_and_null_optional_claims_are_the_same():
    assert read(HEADER, CLAIMS | {"nbf": None, "tenant": None}).claims.tenant is None


@pytest.mark.parametrize("ending", ["=", "==", "\n", " x", "%3d", "+", "/", ".x"])
def test_what_is_no_base64url_is_refused(ending):
    authorization = "Bearer " + compact(json.dumps(HEADER).encode(), json.dumps(CLAIMS).encode(), b"abc") + ending

    assert isinstance(outcome(authorization), NotTrusted)


@given(st.text(max_size=80) | st.text(alphabet="bBearer .eyJ-_=", max_size=80).map(lambda text: "Bearer " + text))
def test_any_text_is_refused(text):
    assert isinstance(outcome(text), NotTrusted)


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_in_three_parts_are_refused(header, payload, signature):
    assert isinstance(outcome("Bearer " + compact(header, payload, signature)), NotTrusted)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from([*HEADER, "jku", "crit", "b64"]), JSON),
    st.dictionaries(st.sampled_from(list(CLAIMS)), JSON),
)
def test_any_members_are_read_or_refused(header, claims):
    text = compact(json.dumps(HEADER | header).encode(), json.dumps(CLAIMS | claims).encode(), b"s")

    assert isinstance(outcome("Bearer " + text), Token | NotTrusted)
