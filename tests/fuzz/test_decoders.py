"""Every decoder of foreign bytes alone: a value, or the one error that it may raise."""

import json
import random
from collections.abc import Callable

import pytest

from cards import Hook
from service.bearer import read_bearer
from service.bundles import decode_fhir
from service.errors import BadRequest, NotTrusted
from service.feedback import parse_feedback
from service.keys import BadKeySet, read_key_set
from service.prefetch import answer_of, next_page
from service.wire import decode_request
from tests.fuzz.scramble import scrambled
from tests.fuzz.shapes import real
from tests.fuzz.target import Target
from tests.service.registered import CALL, JWKS, bearer

REAL = real()
FHIR = [json.dumps(value).encode() for body in REAL for value in body.get("prefetch", {}).values() if value]
FEEDBACK = [
    json.dumps({"feedback": [{"card": "a", "outcome": "accepted", "outcomeTimestamp": "2026-11-20T12:00:00Z",
                              "acceptedSuggestions": [{"id": "b"}], "overrideReason": {"reason": {"code": "c"}}}]}).encode()
]  # fmt: skip
TOKENS = [bearer(CALL, alg)["Authorization"].encode() for alg in ("ES384", "RS384")]


def of_fhir(body: bytes) -> None:
    resource, _ = decode_fhir(body)
    answer_of(resource, "p1")
    next_page(resource)


DECODERS: dict[str, tuple[list[bytes], Callable[[bytes], object], type[Exception]]] = {
    "request": (
        [json.dumps(body).encode() for body in REAL],
        lambda body: decode_request(body, Hook.ORDER_SIGN),
        BadRequest,
    ),
    "fhir": (FHIR, of_fhir, BadRequest),
    "feedback": (FEEDBACK, parse_feedback, BadRequest),
    "keys": ([json.dumps(JWKS).encode()], read_key_set, BadKeySet),
    "token": (TOKENS, lambda body: read_bearer(body.decode("latin-1")), NotTrusted),
}


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_gives_a_value_or_its_own_error(target: Target, cases: int, chance_seed: int, name: str) -> None:
    bodies, decode, refusal = DECODERS[name]
    chance = random.Random(f"{chance_seed} {name}")  # noqa: S311 - repeatable on purpose
    for _ in range(cases * 5 // 100):
        body = scrambled(chance.choice(bodies), chance.choice(bodies), chance)
        try:
            decode(body)
        except refusal:
            target.seen["refused by a decoder"] += 1
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}; the bytes: {body!r}") from error
        else:
            target.seen["read by a decoder"] += 1
