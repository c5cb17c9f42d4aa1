"""An Authorization header is taken apart into a token whose claims nobody has verified yet."""

import re
from binascii import Error as NotBase64
from binascii import a2b_base64
from dataclasses import dataclass

import msgspec

from service.errors import NotTrusted

# Tokens of real EHRs have under 2 KiB.
MAX_TOKEN_CHARACTERS = 8192

_BEARER = re.compile(r"bearer +([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+) *", re.ASCII | re.IGNORECASE)
_TO_STANDARD_ALPHABET = bytes.maketrans(b"-_", b"+/")


class Header(msgspec.Struct, frozen=True):
    """The members of a JOSE header that decide; `crit` and `b64` only to be refused."""

    alg: str
    kid: str
    typ: str | None = None
    jku: str | None = None
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    b64: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Claims(msgspec.Struct, frozen=True):
    """The claims of a CDS client's token. Times in seconds since the epoch. Source: CDS Hooks 3.0.0, JWT-4."""

    iss: str
    aud: str | list[str]
    exp: float
    iat: float
    jti: str
    nbf: float | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A token in its parts. What it claims is hearsay until its signature was verified."""

    header: Header
    claims: Claims
    signed: bytes
    signature: bytes


_read_header = msgspec.json.Decoder(Header).decode
_read_claims = msgspec.json.Decoder(Claims).decode


def read_bearer(authorization: str | None) -> Token:
    """The token of an `Authorization: Bearer` header (compact JWS, RFC 7515). Raises `NotTrusted` with the reason."""
    if authorization is None:
        raise NotTrusted("no Authorization header")
    if len(authorization) > MAX_TOKEN_CHARACTERS:
        raise NotTrusted(f"the Authorization header has more than {MAX_TOKEN_CHARACTERS} characters")
    match = _BEARER.fullmatch(authorization)
    if match is None:
        raise NotTrusted("the Authorization header is not `Bearer` and a signed token of three parts")
    header, payload, signature = (part.encode() for part in match.groups())
    try:
        return Token(
            header=_accepted(_read_header(_decoded(header))),
            claims=_read_claims(_decoded(payload)),
            signed=header + b"." + payload,
            signature=_decoded(signature),
        )
    # From None: the cause would carry pieces of the token into a traceback.
    except (NotBase64, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise NotTrusted("the token is malformed, or a required member is missing or of a wrong type") from None


def _accepted(header: Header) -> Header:
    if header.typ is not None and header.typ.upper() != "JWT":
        raise NotTrusted("`typ` is not JWT")
    if header.crit is not msgspec.UNSET or header.b64 is not msgspec.UNSET:
        raise NotTrusted("the header asks for extensions (`crit`, `b64`) that are not understood here")
    return header


def _decoded(part: bytes) -> bytes:
    return a2b_base64(part.translate(_TO_STANDARD_ALPHABET) + b"=" * (-len(part) % 4), strict_mode=True)
