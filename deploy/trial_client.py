"""Speaks to a service as a trusted EHR does, to try an installation: makes keys, and signs a token for one call.

python deploy/trial_client.py keys FOLDER       a private key, and the JWK Set that the registry names
python deploy/trial_client.py token FOLDER URL  a JWT for a call of URL, good once and for five minutes
"""

import json
import os
import sys
import time
from pathlib import Path
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm

ISSUER = "https://trial-ehr.example.org"
KID = "trial"


def keys(folder: Path) -> None:
    """Write `trial.key.pem`, which only its owner can read, and `trial.jwks.json`."""
    key = ec.generate_private_key(ec.SECP384R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with os.fdopen(os.open(folder / "trial.key.pem", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
        file.write(private)
    public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": KID, "alg": "ES384", "use": "sig"}
    (folder / "trial.jwks.json").write_text(json.dumps({"keys": [public]}, indent=1) + "\n", encoding="utf-8")


def token(folder: Path, url: str) -> str:
    """A token as CDS Hooks asks for it: `aud` is the address of the endpoint, `jti` new each time."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": url, "iat": now, "exp": now + 300, "jti": str(uuid4())}
    return jwt.encode(claims, (folder / "trial.key.pem").read_bytes(), "ES384", headers={"kid": KID})


def main(words: list[str]) -> int:
    """0, or 2 where the words are none of the two commands."""
    match words:
        case ["keys", folder]:
            keys(Path(folder))
        case ["token", folder, url]:
            sys.stdout.write(token(Path(folder), url) + "\n")
        case _:
            sys.stderr.write(__doc__ or "")
            return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
