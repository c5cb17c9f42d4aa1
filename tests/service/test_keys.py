"""Which keys of a JWK Set may verify, and for which algorithms."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from service.keys import BadKeySet, read_key_set

EC_KEY = ec.generate_private_key(ec.SECP384R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC = ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True) | {"kid": "k"}
# A key of 1024 bits: its number is made shorter, not its strength tested.
SHORT_RSA = RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True) | {"kid": "k"}
SHORT_RSA["n"] = SHORT_RSA["n"][:171]
RSA = RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True) | {"kid": "k"}


def read(*keys):
    return read_key_set(json.dumps({"keys": keys}).encode())


def served(*keys):
    return {algorithm for _, algorithm in read(*keys).keys}


@pytest.mark.parametrize(
    ("curve", "algorithm"), [(ec.SECP256R1(), "ES256"), (ec.SECP384R1(), "ES384"), (ec.SECP521R1(), "ES512")]
)
def test_an_ec_key_serves_the_algorithm_of_its_curve(curve, algorithm):
    key = ECAlgorithm.to_jwk(ec.generate_private_key(curve).public_key(), as_dict=True) | {"kid": "k"}

    assert served(key) == {algorithm}


def test_an_rsa_key_serves_every_rsa_algorithm():
    assert served(RSA) == {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}


def test_a_key_that_states_its_algorithm_serves_no_other():
    assert served(RSA | {"alg": "RS384"}) == {"RS384"}


def test_two_keys_of_different_kinds_may_share_an_id():
    assert {"ES384", "RS384"} <= served(EC, RSA)


def test_members_that_are_not_known_are_ignored():
    assert served(EC | {"x5c": ["abc"], "nbf": 1}) == {"ES384"}


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (ECAlgorithm.to_jwk(EC_KEY, as_dict=True) | {"kid": "k"}, "private"),
        (RSAAlgorithm.to_jwk(RSA_KEY, as_dict=True) | {"kid": "k"}, "private"),
        ({"kty": "oct", "k": "c2VjcmV0", "kid": "k"}, "symmetric"),
        ({"kty": "oct", "kid": "k"}, "its type"),
        (EC | {"kid": None}, "no `kid`"),
        (EC | {"kid": ""}, "no `kid`"),
        (EC | {"kid": 7}, "no `kid`"),
        (EC | {"use": "enc"}, "not meant for signatures"),
        (EC | {"key_ops": ["encrypt"]}, "not meant for signatures"),
        (EC | {"key_ops": "verify"}, "not meant for signatures"),
        (EC | {"alg": "HS256"}, "`alg`"),
        (EC | {"alg": "none"}, "`alg`"),
        (EC | {"alg": "RS384"}, "`alg`"),
        (EC | {"crv": "P-256"}, "malformed"),
        (EC | {"crv": "secp256k1"}, "curve"),
        (EC | {"crv": ["P-384"]}, "curve"),
        (EC | {"x": "AA"}, "malformed"),
        (EC | {"x": EC["y"], "y": EC["x"]}, "malformed"),
        (EC | {"x": None}, "malformed"),
        (EC | {"x": 5}, "malformed"),
        (EC | {"x": "ä"}, "malformed"),
        (RSA | {"n": ""}, "malformed"),
        (RSA | {"n": {}}, "malformed"),
        (RSA | {"e": "AQ"}, "malformed"),
        (RSA | {"e": "AA"}, "malformed"),
        (SHORT_RSA, "bits"),
        (RSA | {"n": "_" * 20_000}, "bits"),
        (OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key(), as_dict=True) | {"kid": "k"}, "type"),
        ({}, "no `kid`"),
    ],
)
def test_an_unusable_key_is_left_out_and_the_others_serve(key, reason):
    found = read(key, EC)

    assert list(found.keys) == [("k", "ES384")]
    assert found.refused[0].startswith("key 1: ")
    assert reason in found.refused[0]


def test_a_well_formed_empty_set_is_a_set():
    assert read().keys == {}


def test_more_than_a_hundred_keys_are_refused():
    with pytest.raises(BadKeySet):
        read(*[{}] * 101)


def test_a_nested_document_is_refused():
    with pytest.raises(BadKeySet):
        read_key_set(b'{"keys":[' + b'{"x":' * 100_000)


MEMBERS = st.sampled_from(["kid", "kty", "crv", "alg", "use", "key_ops", "x", "y", "n", "e"])
VALUES = (
    st.sampled_from([*EC.values(), *RSA.values(), "RS384", "verify", ""])
    | st.none()
    | st.integers()
    | st.text(max_size=9)
)


@given(st.lists(st.dictionaries(MEMBERS, VALUES | st.lists(VALUES, max_size=2)), max_size=4))
def test_any_keys_are_prepared_or_left_out(keys):
    found = read(*keys)
    given_ids = {key["kid"] for key in keys if isinstance(key.get("kid"), str)}

    assert {kid for kid, _ in found.keys} <= given_ids


@given(st.binary(max_size=200))
def test_any_bytes_are_a_key_set_or_refused(document):
    with pytest.raises(BadKeySet):
        read_key_set(document)
