"""A registered EHR with keys of its own, made here, and the service that trusts it."""

import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from cards import Knowledge
from service.app import Parts, create_app
from service.settings import Settings
from tests.conftest import NOW

PUBLIC = "https://cds.example.org"
ISSUER = "https://ehr.example.org"
JKU = "https://ehr.example.org/jwks.json"
# Epic's are base64 with these characters.
EPIC_KID = "ab+/c=="
DISCOVERY = "/cds-services"
CALL = "/cds-services/rls-patient-view"
FEEDBACK = f"{CALL}/feedback"

EC_KEY = ec.generate_private_key(ec.SECP384R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)
STRANGERS_KEY = ec.generate_private_key(ec.SECP384R1())
_SIGNERS = {"ES384": ("ec", EC_KEY), "RS384": ("rsa", RSA_KEY)}

JWKS = {
    "keys": [
        ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True) | {"kid": "ec"},
        RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True) | {"kid": "rsa"},
        RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True) | {"kid": EPIC_KID},
    ]
}


def registry_file(folder: Path, *lines: str, keys: str = 'jwks_file = "ehr.jwks.json"') -> Path:
    """A registry with one client `ehr`, whose keys lie beside it unless `keys` says otherwise."""
    (folder / "ehr.jwks.json").write_text(json.dumps(JWKS))
    path = folder / "clients.toml"
    path.write_text("\n".join(["[[client]]", 'name = "ehr"', f'issuer = "{ISSUER}"', keys, *lines]) + "\n")
    return path


def registered_parts(folder: Path, knowledge: Knowledge, *lines: str, keys: str = "", **settings: Any) -> Parts:
    """The service in production with that registry."""
    path = registry_file(folder, *lines, **({"keys": keys} if keys else {}))
    given: dict[str, Any] = {"store_url": "off", "public_url": PUBLIC, "allow_draft_knowledge": True} | settings
    return Parts(Settings(client_registry=path, **given), now=lambda: NOW, knowledge=knowledge)


def client_of(parts: Parts) -> httpx.AsyncClient:
    """A client of the whole application, without a socket."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(parts=parts)), base_url="http://inside.test")


def claims_for(path: str, **changes: Any) -> dict[str, Any]:
    """The claims of a good token for an endpoint; None takes one away."""
    now = int(time.time())
    good = {"iss": ISSUER, "aud": PUBLIC + path, "exp": now + 300, "iat": now, "jti": str(uuid4())}
    return {name: value for name, value in (good | changes).items() if value is not None}


def token(
    path: str, alg: str = "ES384", *, key: Any = None, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    """A signed token for an endpoint of the service."""
    kid, own = _SIGNERS.get(alg, ("ec", EC_KEY))
    return jwt.encode(claims_for(path, **claims), key or own, alg, headers={"kid": kid} | (header or {}))


def bearer(path: str, alg: str = "ES384", **more: Any) -> dict[str, str]:
    """The header with that token."""
    return {"Authorization": f"Bearer {token(path, alg, **more)}"}
