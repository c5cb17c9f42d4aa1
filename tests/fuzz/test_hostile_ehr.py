"""A FHIR server that answers with anything at all costs needs, never the call."""

import json
import random
from collections.abc import Iterator

import aiohttp
import httpx
import pytest

from cards import Knowledge
from tests.fuzz.scramble import scrambled
from tests.fuzz.shapes import HOSTILE, real
from tests.fuzz.target import Target
from tests.service.fhir.good_ehr import resources_of

BODIES = [body for body in real() if body.get("prefetch")]
FHIR = [json.dumps(value).encode() for body in BODIES for value in body["prefetch"].values() if value]
BASE = "http://127.0.0.1:9/fhir"


class AnyEhr:
    """Answers each request from chance: mostly what was asked for, scrambled."""

    def __init__(self) -> None:
        self.chance = random.Random(0)  # noqa: S311 - repeatable on purpose
        self.held: list[dict[str, object]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        chance = self.chance
        if chance.random() < 0.05:
            raise chance.choice(
                [aiohttp.ServerTimeoutError("x"), aiohttp.ServerDisconnectedError("x"), ConnectionError("x")]
            )
        body = self._body(request.url.path.split("/")[2])
        if chance.random() < 0.5:
            body = scrambled(body, chance.choice(FHIR), chance)
        # Statuses that are tried again would only make each case slow.
        status = chance.choice([200] * 12 + [204, 400, 401, 403, 404, 410, 500])
        kind = chance.choice(["application/fhir+json"] * 6 + ["application/json", "text/html", "", HOSTILE[4][:50]])
        return httpx.Response(status, content=body, headers={"Content-Type": kind})

    def _body(self, kind: str) -> bytes:
        found = [one for one in self.held if one["resourceType"] == kind]
        link = [{"relation": "next", "url": self.chance.choice([f"{BASE}/{kind}?page=2", *HOSTILE])}]
        bundle = {"resourceType": "Bundle", "entry": [{"resource": one} for one in found]}
        if kind in ("Patient", "Encounter") and found:
            return json.dumps(found[0]).encode()
        return json.dumps(bundle | ({"link": link} if self.chance.random() < 0.3 else {})).encode()


@pytest.fixture(scope="module")
def ehr() -> AnyEhr:
    return AnyEhr()


@pytest.fixture(scope="module")
def asking(knowledge: Knowledge, ehr: AnyEhr) -> Iterator[Target]:
    made = Target(knowledge, ehr, deadline_seconds=2.0)
    yield made
    made.close()


def test_any_answer_of_a_fhir_server_is_survived(
    target: Target, asking: Target, ehr: AnyEhr, cases: int, chance_seed: int
) -> None:
    ehr.chance.seed(chance_seed)
    for _ in range(cases * 3 // 100):
        body = ehr.chance.choice(BODIES)
        ehr.held = resources_of({"prefetch": {key: value for key, value in body["prefetch"].items() if value}})
        # With the Conditions at hand the call goes on to ask for the rest.
        sent = (
            {"conditions": body["prefetch"]["conditions"]}
            if "conditions" in body["prefetch"] and ehr.chance.random() < 0.8
            else {}
        )
        request = body | {"fhirServer": BASE, "fhirAuthorization": {"access_token": "t"}, "prefetch": sent}
        asking.survives(json.dumps(request).encode(), f"/cds-services/rls-{body['hook']}")
    target.seen.update({f"{what}, by FHIR": count for what, count in asking.seen.items()})
