"""Who may see what is meant for the operator: pages, metrics, the description of the interface."""

import re
import time
from binascii import Error as NotBase64
from binascii import a2b_base64
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address
from logging import getLogger
from typing import Self
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from service import problems
from service.addresses import is_loopback
from service.errors import ServiceError
from service.posture import Posture
from service.settings import Settings

USER = "operator"
SHORTEST_PASSWORD = 12

logger = getLogger("rls_cds")
_BASIC = re.compile(r"basic +([A-Za-z0-9+/=]{1,2048}) *", re.ASCII | re.IGNORECASE)
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+))(?::\d{1,5})?", re.ASCII | re.IGNORECASE)
# What proxies add. A caller behind a proxy on this machine is nobody that sits at it.
_FORWARDING = frozenset({b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"true-client-ip", b"cf-connecting-ip"})
_CHALLENGE = {"WWW-Authenticate": 'Basic realm="rls-cds operator", charset="UTF-8"', "Cache-Control": "no-store"}


class BadOperatorPassword(ServiceError):
    """The configured password cannot be used; the text says which setting to change."""


class Guesses:
    """Wrong passwords: `burst` at once from one address, then one in `seconds`. Memory is bounded.

    Our choice: with a password of twelve characters ten guesses a minute lead nowhere, and an operator who mistypes is
    not locked out for long. An address that used up its guesses is refused without looking at what it sent, or the
    limit would not hinder a guesser; others are not, so nobody can lock the operator out.
    """

    def __init__(
        self, burst: int = 10, seconds: float = 6.0, most: int = 1000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._seconds = seconds
        self._most = most
        self._clock = clock
        # The moment from which an address has all its guesses again.
        self._whole_at: dict[str, float] = {}

    def wait(self, address: str) -> float:
        """Seconds until this address may guess again; 0 when it may now."""
        now = self._clock()
        debt = self._whole_at.get(self._known_as(address, now), 0.0) - now
        return max(0.0, debt - (self._burst - 1) * self._seconds)

    def wrong(self, address: str) -> None:
        """Count one wrong guess."""
        now = self._clock()
        key = self._known_as(address, now)
        self._whole_at[key] = max(self._whole_at.get(key, 0.0), now) + self._seconds

    def _known_as(self, address: str, now: float) -> str:
        """The network of an IPv6 address, which one guesser owns whole; one name for all who find no room."""
        try:
            parsed = ip_address(address)
        except ValueError:
            key = "no address"
        else:
            key = parsed.exploded[:19] if isinstance(parsed, IPv6Address) else str(parsed)
        if key not in self._whole_at and len(self._whole_at) >= self._most:
            self._whole_at = {kept: at for kept, at in self._whole_at.items() if at > now}
        return key if key in self._whole_at or len(self._whole_at) < self._most else "the rest"


class Operators:
    """Decides on requests for pages, metrics and the interface's description.

    With a password configured: HTTP Basic, user `operator`. Without one: in development only, and only for who sits at
    this machine: a loopback peer that asks for a loopback host (another name can be a web page that let its own name
    point here) and came through no proxy. Nobody else is told that there is anything (404).
    """

    def __init__(self, *, password: str | None, local: bool, own_origin: str, guesses: Guesses | None = None) -> None:
        """`local`: who sits at this machine needs no login. `own_origin`: scheme and host under which pages are read.

        `refused` counts wrong logins.
        """
        self._login = None if password is None else _digests(USER, password)
        self._local = local
        self._own_origin = own_origin
        self._guesses = guesses or Guesses()
        self.refused = 0

    @classmethod
    def of(cls, settings: Settings, posture: Posture) -> Self:
        """As the settings say. Raises `BadOperatorPassword`."""
        own = urlsplit(settings.base_url)
        # A public name says that a proxy stands in front, whether it says so in each request or not.
        here = posture is Posture.DEVELOPMENT and is_loopback(own.hostname or "")
        return cls(password=_password(settings), local=here, own_origin=f"{own.scheme}://{own.netloc}".lower())

    def refusal(self, request: Request) -> Response | None:
        """None where the caller may see it, else the answer: 401, 403, 404 or 429."""
        if self._login is None:
            if not self._local or not _sits_here(request):
                return problems.not_found()
            return self._foreign_page(request)
        return self._not_logged_in(request, self._login) or self._foreign_page(request)

    def _not_logged_in(self, request: Request, login: tuple[bytes, bytes]) -> Response | None:
        sent = request.headers.get("authorization")
        if sent is None:
            return _challenge()
        address = request.client.host if request.client else ""
        if wait := self._guesses.wait(address):
            return problems.outcome(
                429, "throttled", "too many wrong passwords", headers={"Retry-After": str(int(wait) + 1)}
            )
        user, password = _digests(*_read_basic(sent))
        # Both, whatever the first says; digests, so that not even a length can be timed.
        if compare_digest(user, login[0]) & compare_digest(password, login[1]):
            return None
        self._guesses.wrong(address)
        self.refused += 1
        logger.warning("a wrong operator's login was refused")
        return _challenge()

    def _foreign_page(self, request: Request) -> Response | None:
        """A browser sends the login along, or sits at this machine, whichever page makes it ask: only ours may.

        A link from another page may be followed: that shows a page and changes nothing.
        """
        headers = request.headers
        follows_link = request.method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        own_site = follows_link or headers.get("sec-fetch-site", "none") in ("none", "same-origin")
        sent = headers.get("origin")
        own_origin = sent is None or sent == self._own_origin or sent.partition("://")[2] == headers.get("host")
        if own_site and own_origin:
            return None
        return problems.outcome(403, "forbidden", "pages of other sites may not ask for this")


def _sits_here(request: Request) -> bool:
    hosts = [value for name, value in request.scope["headers"] if name == b"host"]
    named = _HOST.fullmatch(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
    return (
        request.client is not None
        and is_loopback(request.client.host)
        and named is not None
        and is_loopback(named[1] or named[2])
        and not any(name in _FORWARDING or name.startswith(b"x-forwarded") for name, _ in request.scope["headers"])
    )


def _challenge() -> Response:
    return problems.outcome(401, "login", "the operator's login is needed", headers=_CHALLENGE)


def _read_basic(sent: str) -> tuple[str, str]:
    """User and password of an `Authorization: Basic` header (RFC 7617), empty where it is none."""
    match = _BASIC.fullmatch(sent)
    try:
        text = a2b_base64(match[1], strict_mode=True).decode("utf-8") if match else ""
    except (NotBase64, UnicodeDecodeError):
        text = ""
    user, _, password = text.partition(":")
    return user, password


def _digests(user: str, password: str) -> tuple[bytes, bytes]:
    return sha256(user.encode()).digest(), sha256(password.encode()).digest()


def _password(settings: Settings) -> str | None:
    if settings.operator_password is None:
        return None
    given = settings.operator_password.get_secret_value()
    if len(given) < SHORTEST_PASSWORD:
        raise BadOperatorPassword(
            f"RLS_CDS_OPERATOR_PASSWORD has under {SHORTEST_PASSWORD} characters; make one with: openssl rand -base64 24"
        )
    return given
