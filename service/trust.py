"""An Authorization header and the endpoint it was sent to become a trusted client, or a refusal."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from service.bearer import Claims, Header, Token, read_bearer
from service.errors import NotEntitled, NotTrusted
from service.jwks import JwkSets
from service.keys import VerifyingKey
from service.registry import Registration, RegistryHolder, TrustedClient
from service.replay import ReplayMemory

_SERVICE = re.compile(r"/cds-services/([^/]+)(?:/feedback)?/?$")
# What an issuer must look like to be repeated in the log: a stranger wrote it.
_LOGGABLE = re.compile(r"[\w.:/~-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenLimits:
    """Seconds. Source: our choice; CDS Hooks best practices expect tokens of at most one hour."""

    leeway_s: float = 60.0
    max_lifetime_s: float = 3600.0


class Gate:
    """Lets a caller in, or not. Source of checks and order: CDS Hooks best practices, as JWT-11."""

    def __init__(
        self,
        registry: RegistryHolder,
        jwk_sets: JwkSets,
        replay: ReplayMemory,
        *,
        clock: Callable[[], float] = time.time,
        limits: TokenLimits | None = None,
    ) -> None:
        self._registry = registry
        self._jwk_sets = jwk_sets
        self._replay = replay
        self._clock = clock
        self._limits = limits or TokenLimits()

    async def admit(self, authorization: str | None, endpoint: str) -> TrustedClient:
        """The client that signed the token for `endpoint`: its public URL, from the settings and never from `Host`.

        Raises `NotTrusted` (401; the reason is for the log), `NotEntitled` (403, only after the signature was
        verified), and `Overloaded` (503) when the token's id cannot be remembered.
        """
        registry = self._registry.current
        if registry.anyone is not None:
            return registry.anyone
        token = read_bearer(authorization)
        registration = registry.by_issuer.get(token.claims.iss)
        if registration is None:
            raise NotTrusted(f"issuer {_shown(token.claims.iss)} is not in the registry")
        now = self._clock()
        try:
            _check_audience(token.claims, registration, endpoint)
            self._check_times(token.claims, now)
            await self._check_signature(token, registration)
        except NotTrusted as refusal:
            raise NotTrusted(f"client {registration.client.name}: {refusal}") from None
        client = _entitled(token.claims, registration, endpoint)
        await self._check_first_use(token.claims, client, now)
        return client

    def _check_times(self, claims: Claims, now: float) -> None:
        leeway = self._limits.leeway_s
        if claims.exp <= now - leeway:
            raise NotTrusted("`exp` has passed")
        if claims.nbf is not None and claims.nbf > now + leeway:
            raise NotTrusted("`nbf` is still to come")
        if claims.iat > now + leeway:
            raise NotTrusted("`iat` lies in the future")
        if claims.exp - claims.iat > self._limits.max_lifetime_s:
            raise NotTrusted(f"it lives longer than {self._limits.max_lifetime_s:g} s from `iat` to `exp`")

    async def _check_signature(self, token: Token, registration: Registration) -> None:
        if token.header.alg not in registration.algorithms:
            raise NotTrusted("`alg` is not one of the registered algorithms")
        if token.header.jku is not None and token.header.jku != registration.jku:
            raise NotTrusted("`jku` is not the registered one")
        key = await self._key(token.header, registration)
        if key is None:
            raise NotTrusted("no known public key has this `kid` for this `alg`")
        if not key.verifies(token.signed, token.signature):
            raise NotTrusted("the signature is wrong")

    async def _key(self, header: Header, registration: Registration) -> VerifyingKey | None:
        if registration.keys is not None:
            return registration.keys.get(header.kid, header.alg)
        return None if registration.jku is None else await self._jwk_sets.key(registration.jku, header.kid, header.alg)

    async def _check_first_use(self, claims: Claims, client: TrustedClient, now: float) -> None:
        until = claims.exp + self._limits.leeway_s
        if not claims.jti or not await self._replay.first_use(claims.iss, claims.jti, until=until, now=now):
            raise NotTrusted(f"client {client.name}: `jti` is empty or was used before")


def _check_audience(claims: Claims, registration: Registration, endpoint: str) -> None:
    named = {claims.aud} if isinstance(claims.aud, str) else set(claims.aud)
    if endpoint not in named and not named & registration.audiences:
        raise NotTrusted(f"`aud` names neither {endpoint} nor a registered audience")


def _entitled(claims: Claims, registration: Registration, endpoint: str) -> TrustedClient:
    # After the signature, although JWT-11 lists it before: else a stranger could learn tenants from 403 against 401.
    client = registration.client
    service = _SERVICE.search(endpoint)
    if registration.services and service and service[1] not in registration.services:
        raise NotEntitled(f"client {client.name} is not registered for this service")
    if not registration.by_tenant:
        return client
    tenant = registration.by_tenant.get(claims.tenant or "")
    if tenant is None:
        raise NotEntitled(f"client {client.name}: the token names no registered tenant")
    return tenant


def _shown(issuer: str) -> str:
    return issuer if _LOGGABLE.fullmatch(issuer) else "(not repeated here)"
