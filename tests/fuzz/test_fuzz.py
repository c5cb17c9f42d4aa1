"""No request gets anything but its right answer, a 4xx or a 503: FHIR-shaped, edited, scrambled, and strange feedback."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.scramble import scrambled
from tests.fuzz.shapes import anything, moment, mutated, real, requests, text
from tests.fuzz.target import Target

REAL = real()
# Several parts, so that several processes share the work; each part begins elsewhere.
PARTS = range(4)


def tried(strategy: st.SearchStrategy[Any], check: Callable[[Any], object], cases: int, start: int) -> None:
    """The check of so many examples."""

    @seed(start)
    @settings(max_examples=cases, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def run(example: Any) -> None:
        check(example)

    run()


def path_of(body: dict[str, Any]) -> str:
    """The service that the hook asks for; where it asks for none, the first."""
    hook = body.get("hook")
    return f"/cds-services/rls-{hook if hook in ('order-select', 'order-sign') else 'patient-view'}"


def bytes_of(value: Any) -> bytes:
    """As a sloppy client would write it: lone surrogates as escapes, NaN and Infinity as they are."""
    return json.dumps(value).encode()


@pytest.mark.parametrize("part", PARTS)
def test_fhir_shaped_requests(target: Target, cases: int, chance_seed: int, part: int) -> None:
    tried(
        requests(),
        lambda body: target.survives(bytes_of(body), path_of(body)),
        cases * 12 // 100 // len(PARTS),
        chance_seed * 100 + part,
    )


@pytest.mark.parametrize("part", PARTS)
def test_edited_real_requests(target: Target, cases: int, chance_seed: int, part: int) -> None:
    tried(
        mutated(REAL),
        lambda body: target.survives(bytes_of(body), path_of(body)),
        cases * 30 // 100 // len(PARTS),
        chance_seed * 100 + 50 + part,
    )


@pytest.mark.parametrize("part", PARTS)
def test_scrambled_bytes(target: Target, cases: int, chance_seed: int, part: int) -> None:
    chance = random.Random(chance_seed * 100 + part)  # noqa: S311 - repeatable on purpose
    bodies = [(json.dumps(body).encode(), path_of(body)) for body in REAL]
    for _ in range(cases * 55 // 100 // len(PARTS)):
        body, path = chance.choice(bodies)
        sent = scrambled(body, chance.choice(bodies)[0], chance)
        try:
            target.survives(sent, path)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}; the body: {sent!r}") from error


entry = st.fixed_dictionaries(
    {},
    optional={
        "card": st.one_of(text, st.integers(), st.uuids().map(str)),
        "outcome": st.sampled_from(("accepted", "overridden", "", "ACCEPTED")),
        "outcomeTimestamp": moment,
        "acceptedSuggestions": anything,
        "overrideReason": anything,
        "overrideReasons": anything,
        "extension": anything,
    },
)


def test_strange_feedback(target: Target, cases: int, chance_seed: int) -> None:
    shapes = st.one_of(
        anything, st.fixed_dictionaries({"feedback": st.one_of(entry, st.lists(entry, max_size=3), anything)})
    )
    path = "/cds-services/rls-patient-view/feedback"
    tried(shapes, lambda body: target.survives(bytes_of(body), path), cases * 3 // 100, chance_seed)
