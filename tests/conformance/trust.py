"""Sections 2.11 and 2.12: security, tokens, browsers, extensions. Each attack by itself: tests/service/test_trust.py."""

import base64
import json
import logging
import stat
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
import respx

from service.registry import Registry
from service.registry_file import RegistryError
from tests.conformance.bench import Bench, treated
from tests.conformance.walk import cannot_apply, row
from tests.service.registered import (
    CALL,
    DISCOVERY,
    EC_KEY,
    EPIC_KID,
    FEEDBACK,
    ISSUER,
    JKU,
    JWKS,
    PUBLIC,
    STRANGERS_KEY,
    bearer,
    claims_for,
    client_of,
    registered_parts,
    registry_file,
    token,
)

SANDBOX = "https://sandbox.example.org"


async def status(bench: Bench, headers: dict[str, str], path: str = CALL) -> int:
    """The status of a call that asks for nothing: what the door says."""
    body = {"hook": "order-sign", "context": {"patientId": "p1"}}
    sign = path.replace("patient-view", "order-sign")
    return (await bench.registered.post(sign, json=body, headers=headers)).status_code


SIGN = CALL.replace("patient-view", "order-sign")


async def admitted(bench: Bench, alg: str = "ES384", **more: Any) -> bool:
    """Whether a token with these changes is let in at order-sign."""
    found = await status(bench, bearer(SIGN, alg, **more))
    assert found in (200, 401)
    return found == 200


def handmade(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"x") -> dict[str, str]:
    """A token that no library would make."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    encoded = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    return {"Authorization": f"Bearer {encoded}"}


@row("SEC-1", "the registry takes https addresses only; TLS towards callers ends at the proxy (docs/security.md)")
async def https(bench: Bench) -> None:
    with TemporaryDirectory() as folder:
        for line in ('fhir_servers = ["http://ehr.example.org/r4"]', 'origins = ["http://ehr.example.org"]'):
            with pytest.raises(RegistryError):
                Registry.load(registry_file(Path(folder), line))


@row("SEC-2", "reviewed in docs/security.md: assets, boundaries, each threat with its test")
async def reviewed(bench: Bench) -> None:
    text = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")

    assert "## Threats and their tests" in text


@row("SEC-3", "audiences of tokens are https URLs of discovery and services alike (TLS: SEC-1)")
async def secured(bench: Bench) -> None:
    plain = PUBLIC.replace("https:", "http:")

    assert not await admitted(bench, aud=plain + SIGN)


@row("SEC-4", "with a registry: 401 on discovery, call and feedback without a token")
async def required(bench: Bench) -> None:
    answers = [
        await bench.registered.get(DISCOVERY),
        await bench.registered.post(CALL, json=treated()),
        await bench.registered.post(FEEDBACK, json={"feedback": []}),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401]


@row("SEC-5", "the store is the operator's alone; what reaches log, errors and files: tests/service/test_privacy.py")
async def protected(bench: Bench) -> None:
    assert stat.S_IMODE(bench.store.stat().st_mode) == 0o600


cannot_apply("SEC-6", "optional; where it is wanted, the proxy does it, beside the tokens")


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(record.getMessage()))


@row("SEC-7", "one audit line a call, with client and outcome; 403 for what a client may not do")
async def audited(bench: Bench) -> None:
    kept = _Kept()
    audit = logging.getLogger("rls_cds.audit")
    audit.addHandler(kept)
    found = await status(bench, bearer(SIGN))
    audit.removeHandler(kept)

    assert found == 200
    assert [(line["client"], line["outcome"]) for line in kept.lines] == [("ehr", "no guidance")]


@row("SEC-8", "links are the sources of the knowledge and nothing else, so a list can be kept")
async def known_links(bench: Bench) -> None:
    known = {source.url for source in bench.knowledge.sources.values()}

    assert {link["url"] for link in await bench.all_links()} <= known


@row("JWT-1", "no header, another scheme, no token: 401; a token: let in")
async def bearer_token(bench: Bench) -> None:
    headers = [{}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}, bearer(SIGN)]

    assert [await status(bench, one) for one in headers] == [401, 401, 401, 200]


@row("JWT-2", "another key, a changed claim, a made-up signature: 401")
async def signed(bench: Bench) -> None:
    head, _, signature = token(SIGN).split(".")
    other = token(SIGN).split(".")[1]

    assert not await admitted(bench, key=STRANGERS_KEY)
    assert await status(bench, {"Authorization": f"Bearer {head}.{other}.{signature}"}) == 401
    assert await status(bench, {"Authorization": f"Bearer {head}.{other}.{'A' * 128}"}) == 401


@row("JWT-3", "unknown kid, no kid, another typ: 401; jku only if it is the registered one")
async def header(bench: Bench) -> None:
    changes = [{"kid": "other"}, {"typ": "JOSE"}, {"jku": "https://elsewhere.example/jwks.json"}]

    assert [await admitted(bench, header=change) for change in changes] == [False] * 3
    assert await status(bench, handmade({"alg": "ES384", "typ": "JWT"}, claims_for(SIGN))) == 401


@row("JWT-4", "without iss, aud, exp, iat or jti: 401; aud as one or as several: let in")
async def claims(bench: Bench) -> None:
    for name in ("iss", "aud", "exp", "iat", "jti"):
        assert not await admitted(bench, **{name: None})
    assert await admitted(bench, aud=["https://else.example", PUBLIC + SIGN])


@row("JWT-5", "another service's URL, another host, the base alone: 401")
async def audience(bench: Bench) -> None:
    for aud in (PUBLIC + CALL, PUBLIC + DISCOVERY, PUBLIC, "https://else.example" + SIGN, SIGN):
        assert not await admitted(bench, aud=aud)


@row("JWT-6", "another issuer, another jku: 401, and nobody is asked")
async def allow_lists(bench: Bench) -> None:
    with respx.mock(assert_all_called=False) as world:
        assert not await admitted(bench, iss="https://else.example")
        assert not await admitted(bench, header={"jku": "https://else.example/jwks.json"})
        assert world.calls.call_count == 0


async def by_jku(bench: Bench, published: dict[str, Any], *asked: dict[str, Any]) -> tuple[list[int], int]:
    """Status of each call, and how often the keys were fetched, by a client that publishes its keys."""
    with TemporaryDirectory() as folder, respx.mock(assert_all_called=False) as world:
        keys = world.get(JKU).respond(json=published)
        parts = registered_parts(Path(folder), bench.knowledge, keys=f'jku = "{JKU}"')
        async with client_of(parts) as client:
            found = [(await client.get(DISCOVERY, headers=bearer(DISCOVERY, **one))).status_code for one in asked]
        await parts.close()
        return found, keys.call_count


@row("JWT-7", "keys of a file (all other rows) and keys published at jku: let in")
async def published_keys(bench: Bench) -> None:
    assert (await by_jku(bench, JWKS, {}))[0] == [200]


@row("JWT-8", "none in any spelling: 401")
async def unsigned(bench: Bench) -> None:
    for alg in ("none", "None", "NONE", ""):
        assert await status(bench, handmade({"alg": alg, "kid": "ec", "typ": "JWT"}, claims_for(SIGN), b"")) == 401


@row("JWT-9", "HS256, HS384 and HS512 with the public key as secret: 401")
async def symmetric(bench: Bench) -> None:
    import hmac

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    secret = EC_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for size in ("256", "384", "512"):
        parts = [json.dumps(part).encode() for part in ({"alg": f"HS{size}", "kid": "ec"}, claims_for(SIGN))]
        signing = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
        made = base64.urlsafe_b64encode(hmac.digest(secret, signing, f"sha{size}")).rstrip(b"=")
        assert await status(bench, {"Authorization": f"Bearer {(signing + b'.' + made).decode()}"}) == 401


@row("JWT-10", "ES384 and RS384 are let in, RS256 only when registered")
async def algorithms(bench: Bench) -> None:
    from tests.service.registered import RSA_KEY

    assert await admitted(bench)
    assert await admitted(bench, "RS384")
    assert not await admitted(bench, "RS256", key=RSA_KEY, header={"kid": "rsa"})


@row("JWT-11", "each of the six checks alone refuses, and a good token passes all")
async def six_checks(bench: Bench) -> None:
    now = int(time.time())
    jti = f"once-{now}"

    assert await admitted(bench, jti=jti)
    spoilt: list[dict[str, Any]] = [
        {"iss": "https://else.example"},
        {"aud": "https://else.example"},
        {"exp": now - 120, "iat": now - 400},
        {"key": STRANGERS_KEY},
        {"jti": jti},
    ]
    assert [await admitted(bench, **one) for one in spoilt] == [False] * 5
    assert await of_tenant(bench, "south") == 403


async def of_tenant(bench: Bench, name: str) -> int:
    """The status for a tenant, by a client of which only `north` is registered."""
    with TemporaryDirectory() as folder:
        parts = registered_parts(Path(folder), bench.knowledge, 'tenants = ["north"]')
        async with client_of(parts) as client:
            found = (await client.get(DISCOVERY, headers=bearer(DISCOVERY, tenant=name))).status_code
        await parts.close()
        return found


@row("JWT-12", "used again within its life: 401; a token that lives longer than an hour: 401")
async def replay(bench: Bench) -> None:
    headers, now = bearer(SIGN), int(time.time())

    assert [await status(bench, headers) for _ in range(2)] == [200, 401]
    assert not await admitted(bench, iat=now, exp=now + 3700)


@row("JWT-13", "ten calls fetch the keys once; an unknown kid asks again, once in the pause")
async def cached_keys(bench: Bench) -> None:
    found, fetched = await by_jku(bench, JWKS, *[{}] * 10, *[{"header": {"kid": "new"}}] * 5)

    assert found == [200] * 10 + [401] * 5
    assert fetched == 1


@row("JWT-14", "it is in no answer (log and store: tests/service/test_privacy.py)")
async def told_to_nobody(bench: Bench) -> None:
    headers = bearer(SIGN)
    answers = [await bench.registered.post(SIGN, json={}, headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [400, 401]
    assert not any(headers["Authorization"][20:] in answer.text for answer in answers)


@row("JWT-15", "401, WWW-Authenticate: Bearer, and not a byte more")
async def bare(bench: Bench) -> None:
    answer = await bench.registered.get(DISCOVERY, headers=bearer(DISCOVERY, aud="x"))

    assert (answer.status_code, answer.headers["www-authenticate"], answer.content) == (401, "Bearer", b"")


@row("JWT-16", "nbf to come: 401; Epic's sub and nbf before iat: let in")
async def not_before(bench: Bench) -> None:
    now = int(time.time())

    assert not await admitted(bench, nbf=now + 300)
    assert await admitted(bench, "RS384", header={"kid": EPIC_KID}, sub="client", nbf=now - 300, exp=now + 900)


@row("CORS-1", "a page of a registered origin reads answers and refusals; another origin is not granted")
async def browsers(bench: Bench) -> None:
    asked = [{"Origin": SANDBOX}, {"Origin": "https://evil.example"}]
    granted = [
        (await bench.registered.get(DISCOVERY, headers=one)).headers.get("access-control-allow-origin") for one in asked
    ]

    assert granted == [SANDBOX, None]


@row("CORS-2", "OPTIONS on discovery, call and feedback, without a token")
async def preflights(bench: Bench) -> None:
    asked = [(DISCOVERY, "GET", "authorization")]
    asked += [(path, "POST", "authorization,content-type") for path in (CALL, FEEDBACK)]
    for path, method, names in asked:
        answer = await _preflight(bench.registered, path, method, names)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, SANDBOX)
        assert set(names.split(",")) <= set(answer.headers["access-control-allow-headers"].split(", "))


async def _preflight(client: httpx.AsyncClient, path: str, method: str, names: str) -> httpx.Response:
    headers = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": names}
    return await client.options(path, headers={"Origin": SANDBOX, **headers})


@row("EXT-1", "extensions of any shape are taken (REQ-8), also the wrong one of FHIR")
async def extension_is_taken(bench: Bench) -> None:
    for extension in ({"com.example": 1}, [{"url": "http://x", "valueString": "y"}], None, "x"):
        assert (await bench.post(treated() | {"extension": extension})).status_code == 200


@row("EXT-2", "an object on every card")
async def extension_is_an_object(bench: Bench) -> None:
    assert all(isinstance(card["extension"]["org.rls-cds.card"], dict) for card in await bench.all_cards())


@row("EXT-3", "its one name is of a reverse domain")
async def extension_names(bench: Bench) -> None:
    assert all(name.count(".") >= 2 for card in await bench.all_cards() for name in card["extension"])


cannot_apply("TRANS-1", "binds the client; nothing of a call is used in a later one")
cannot_apply("TRANS-2", "no id serves several hooks, so no card claims to replace another (DISC-13)")


@row("TRANS-3", "the registry names the hooks that were agreed on for each client")
async def required_hooks(bench: Bench) -> None:
    with TemporaryDirectory() as folder:
        registry = Registry.load(registry_file(Path(folder), 'required_hooks = ["order-sign"]'))

    assert registry.by_issuer[ISSUER].client.required_hooks == frozenset({"order-sign"})


cannot_apply("HOOK-1", "no hook of our own")
cannot_apply("HOOK-2", "binds whoever defines hooks; a hook that is not ours to answer is 400 (DISC-13)")
