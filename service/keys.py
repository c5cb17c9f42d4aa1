"""A JWK Set document becomes public keys that are ready to verify, each bound to the algorithms it may serve."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from jwt.algorithms import Algorithm, get_default_algorithms
from jwt.exceptions import PyJWTError

from service.errors import ServiceError

RECOMMENDED = ("ES384", "RS384")
ON_REQUEST = ("ES256", "ES512", "RS256", "RS512", "PS256", "PS384", "PS512")
ALGORITHMS = RECOMMENDED + ON_REQUEST

_CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
_RSA = tuple(name for name in ALGORITHMS if name[0] in "RP")
_RSA_BITS = range(2048, 8193)
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MAX_KEYS = 100
# Asked once: PyJWT builds all its algorithm objects anew at each call.
_IMPLEMENTATIONS = {name: get_default_algorithms()[name] for name in ALGORITHMS}


class BadKeySet(ServiceError):
    """The document is no JWK Set."""


class _Unusable(ServiceError):
    """One key of a set cannot serve; the others still can."""


class _Document(msgspec.Struct):
    keys: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key prepared for one algorithm, so that a token's `alg` can never choose how its key is used."""

    _algorithm: Algorithm
    _key: Any

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether `signature` (raw, as in a JWS) is this key's signature of `message`."""
        return self._algorithm.verify(message, self._key, signature)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys by (`kid`, algorithm), and in words why the others are not."""

    keys: Mapping[tuple[str, str], VerifyingKey] = field(default_factory=dict)
    refused: tuple[str, ...] = ()

    def get(self, kid: str, algorithm: str) -> VerifyingKey | None:
        """The key with this `kid` that may be used with this algorithm."""
        return self.keys.get((kid, algorithm))


def read_key_set(document: bytes) -> KeySet:
    """The keys of a JWK Set (RFC 7517). A well-formed empty set is one: its owner withdrew every key.

    Raises `BadKeySet` when the document is malformed or names more than 100 keys.
    """
    try:
        entries = msgspec.json.decode(document, type=_Document).keys
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as fault:
        raise BadKeySet("the document is no JWK Set: an object with a list `keys` of objects") from fault
    if len(entries) > _MAX_KEYS:
        raise BadKeySet(f"the JWK Set names more than {_MAX_KEYS} keys")
    keys: dict[tuple[str, str], VerifyingKey] = {}
    refused = []
    for position, entry in enumerate(entries, start=1):
        try:
            for name, key in _prepared(entry):
                keys.setdefault(name, key)
        except _Unusable as fault:
            refused.append(f"key {position}: {fault}")
    return KeySet(keys, tuple(refused))


def _prepared(entry: dict[str, Any]) -> Iterator[tuple[tuple[str, str], VerifyingKey]]:
    kid = entry.get("kid")
    if not isinstance(kid, str) or not kid:
        raise _Unusable("it has no `kid`")
    # Whoever can read a published private key can sign with it.
    if _PRIVATE & entry.keys():
        raise _Unusable("it holds private or symmetric material; withdraw it and make a new one")
    if entry.get("use", "sig") != "sig" or "verify" not in _operations(entry):
        raise _Unusable("it is not meant for signatures")
    algorithms = _algorithms(entry)
    key = _public_key(entry, algorithms[0])
    for algorithm in algorithms:
        yield (kid, algorithm), VerifyingKey(_IMPLEMENTATIONS[algorithm], key)


def _operations(entry: dict[str, Any]) -> list[Any]:
    operations = entry.get("key_ops", ["verify"])
    return operations if isinstance(operations, list) else []


def _algorithms(entry: dict[str, Any]) -> tuple[str, ...]:
    """The algorithms that a key's type, curve and own `alg` leave open."""
    possible: tuple[str, ...] = ()
    if entry.get("kty") == "RSA":
        possible = _RSA
    elif entry.get("kty") == "EC" and isinstance(entry.get("crv"), str) and entry["crv"] in _CURVES:
        possible = (_CURVES[entry["crv"]],)
    stated = entry.get("alg")
    possible = tuple(name for name in possible if stated in (None, name))
    if not possible:
        raise _Unusable(f"its type, curve or `alg` is none of {', '.join(ALGORITHMS)}")
    return possible


def _public_key(entry: dict[str, Any], algorithm: str) -> Any:  # noqa: ANN401 - RSA and EC keys share no base class
    try:
        key = _IMPLEMENTATIONS[algorithm].from_jwk(entry)
    except (PyJWTError, ValueError, TypeError, OverflowError, UnsupportedAlgorithm) as fault:
        raise _Unusable("its numbers are malformed") from fault
    if algorithm in _RSA and key.key_size not in _RSA_BITS:
        raise _Unusable(f"an RSA key has {_RSA_BITS[0]} to {_RSA_BITS[-1]} bits")
    return key
