"""What probes, balancers and operators ask: is the process alive, should it be sent calls, with what does it answer."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from cards import Knowledge
from service import __version__
from service.drain import Drain
from service.jwks import JwkSets
from service.posture import Posture
from service.registry import RegistryHolder
from service.settings import Settings
from service.store_check import Kept, StoreCheck

# After its start a process waits this long for what it has never reached, so that a rolling upgrade waits with it.
SETTLING_S = 30.0
_HEADERS = {"Cache-Control": "no-store"}


class InForce(Protocol):
    """The controls, as far as health shows them."""

    @property
    def known(self) -> bool:
        """False while nobody could say which controls are in force."""

    def summary(self) -> Mapping[str, Any]:
        """What is switched off or in shadow; no persons and no reasons, for anybody may read it."""


class Health:
    """`/health`, `/health/live` and `/health/ready`; without a login, so without the names of clients.

    What makes a process not ready is what another one may do better: it is shutting down, it holds the keys of no
    client at all, or it does not know which cards are switched off. A lost store is shown, no more (decision 53).
    """

    def __init__(
        self,
        *,
        settings: Settings,
        knowledge: Knowledge,
        posture: Posture,
        registry: RegistryHolder,
        jwk_sets: JwkSets,
        kept: Kept,
        drain: Drain,
        controls: InForce | None = None,
        now: Callable[[], datetime],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._knowledge = knowledge
        self._posture = posture
        self._registry = registry
        self._jwk_sets = jwk_sets
        self.store = StoreCheck(kept)
        self._drain = drain
        self._controls = controls
        self._now = now
        self._clock = clock
        self._settled_at = clock() + SETTLING_S
        self._settled: set[str] = set()

    async def live(self, _request: Request) -> Response:
        """GET /health/live: the process answers; nothing else is asked, for a restart mends nothing else."""
        return _answer(200, {"status": "alive"})

    async def ready(self, _request: Request) -> Response:
        """GET /health/ready: 200, or 503 with the names of what is not ready; `degraded` costs no card."""
        store = await self.store.state()
        held, needed = self._keys()
        faults = {"store": store == "unavailable", "keys": held < needed, "controls": not self._controls_known()}
        self._settled |= {name for name, fault in faults.items() if not fault}
        not_ready = [name for name, fault in faults.items() if fault and self._costs_calls(name, held, needed)]
        if self._drain.under_way:
            not_ready.append("draining")
        body = {
            "status": "not ready" if not_ready else "ready",
            "notReady": not_ready,
            "degraded": [name for name, fault in faults.items() if fault and name not in not_ready],
            "checks": {"knowledge": "ok", "store": store, "keys": f"{held} of {needed}"},
        }
        return _answer(503 if not_ready else 200, body)

    async def health(self, _request: Request) -> Response:
        """GET /health: with which knowledge and in which state it answers."""
        knowledge = self._knowledge
        overdue = knowledge.is_past_review(self._now().date())
        store = await self.store.state()
        held, needed = self._keys()
        controls = dict(self._controls.summary()) if self._controls else {}
        body = {
            "status": "draining" if self._drain.under_way else "ok",
            "version": __version__,
            "posture": self._posture.value,
            "knowledgeVersion": knowledge.full_version,
            "knowledgeStatus": knowledge.status,
            "terminology": knowledge.terminology.release_version or "built-in",
            "market": self._settings.market,
            "store": store,
            "keys": f"{held} of {needed}",
            "controls": controls,
            "warnings": self._warnings(overdue, store, held, needed, controls),
        }
        return _answer(200, body | ({"pastReview": overdue} if overdue else {}))

    def _keys(self) -> tuple[int, int]:
        """How many of the JWK Sets that must be fetched are held; those that are not are asked for again."""
        urls = self._registry.current.jwk_set_urls
        missing = [url for url in urls if not self._jwk_sets.has(url)]
        self._jwk_sets.remind(missing)
        return len(urls) - len(missing), len(urls)

    def _costs_calls(self, name: str, held: int, needed: int) -> bool:
        if name == "keys" and not held and needed == len(self._registry.current.clients):
            return True
        if name == "controls" and self._settings.controls_unknown == "no-cards":
            return True
        return name not in self._settled and self._clock() < self._settled_at

    def _controls_known(self) -> bool:
        return self._controls is None or self._controls.known

    def _warnings(
        self, overdue: tuple[str, ...], store: str, held: int, needed: int, controls: Mapping[str, Any]
    ) -> list[str]:
        said = {
            "the clinical content is a draft that no clinician has signed": self._knowledge.status == "draft",
            f"{len(overdue)} files of the clinical content are past their review date": bool(overdue),
            "anybody may call": self._posture is Posture.OPEN,
            "the store cannot be used: feedback is refused, cards are not": store == "unavailable",
            f"the public keys of {needed - held} clients could not be had: their calls are refused": held < needed,
            "it is not known which cards are switched off": not self._controls_known(),
        }
        return [text for text, true in said.items() if true] + list(_switched_off(controls))


def _switched_off(controls: Mapping[str, Any]) -> Iterator[str]:
    """Said where everybody looks first: no card is the rarest of states that a service should be in unnoticed."""
    switch = controls.get("killSwitch", {})
    if switch.get("all") or switch.get("file"):
        yield "all cards are switched off"
    elif clients := switch.get("clients"):
        yield f"all cards are switched off for {clients} clients"


def _answer(status: int, body: Mapping[str, Any]) -> Response:
    return Response(msgspec.json.encode(body), status, _HEADERS, "application/json")
