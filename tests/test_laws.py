"""Laws that hold for every patient: monotone, silent without RLS, free of contradiction, blind to order and to noise."""

import asyncio
import json
import os
import random
from copy import deepcopy
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cards import Card, Catalogue, Decision, Hook, Site
from service.gather import gather
from service.wire import decode_request
from tests.conftest import ON
from tests.patient_builder import PatientBuilder
from tests.second_reading.random_patients import Maker
from tests.second_reading.words import in_words

LAW = settings(derandomize=True, deadline=None, database=None, max_examples=int(os.environ.get("LAW_EXAMPLES", "100")))
SITE = Site()
TREATMENT = {
    "ironTreatAdult",
    "ironIvOnly",
    "ironTreatChild",
    "ironTreatDialysis",
    "ironTreatPregnancy",
    "oralIronNonresponse",
}
LONGEST_SUMMARY = 139
POPULATIONS: dict[str, dict[str, Any]] = {
    "adult": {},
    "child": {"age": 9},
    "dialysis": {"conditions": ["dialysis_status"]},
    "pregnant": {"age": 30, "conditions": [{"is": "pregnancy", "recorded": "10 wk ago"}]},
    "pregnant on dialysis": {
        "age": 30,
        "conditions": ["dialysis_status", {"is": "pregnancy", "recorded": "10 wk ago"}],
    },
    "after oral iron": {
        "medicines": [{"drug": "Ferrous sulfate 325 mg tablet", "route": "oral", "since": "16 wk ago"}]
    },
    "child after oral iron": {
        "age": 9,
        "medicines": [{"drug": "Ferrous sulfate 325 mg tablet", "route": "oral", "since": "16 wk ago"}],
    },
}
FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
NOISE: dict[str, list[dict[str, Any]]] = {
    "conditions": [
        {
            "resourceType": "Condition",
            "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I10"}]},
            "recordedDate": "2020-01-01",
        }
    ],
    "labs": [
        {
            "resourceType": "Observation",
            "status": "final",
            "effectiveDateTime": "2026-11-19",
            "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]},
            "valueQuantity": {"value": 5, "unit": "mg/dL"},
        }
    ],
    "medications": [
        {
            "resourceType": "MedicationRequest",
            "status": "active",
            "intent": "order",
            "authoredOn": "2026-01-01",
            "medicationCodeableConcept": {"text": "Lisinopril 10 mg tablet"},
        }
    ],
    "statements": [
        {
            "resourceType": "MedicationStatement",
            "status": "active",
            "medicationCodeableConcept": {"text": "Atorvastatin 20 mg tablet"},
        }
    ],
    "orders": [
        {
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "authoredOn": "2026-11-19",
            "code": {"coding": [{"system": "http://loinc.org", "code": "4548-4"}]},
        }
    ],
    "procedures": [
        {
            "resourceType": "Procedure",
            "status": "completed",
            "performedDateTime": "2026-11-19",
            "code": {"text": "Appendectomy"},
        }
    ],
    "allergies": [{"resourceType": "AllergyIntolerance", "code": {"text": "Peanut"}}],
}

hooks = st.sampled_from([Hook.PATIENT_VIEW, Hook.ORDER_SELECT, Hook.ORDER_SIGN])
seeds = st.integers(0, 10**6)
saturations = st.one_of(st.none(), st.decimals(2, 44, places=1))
ferritins = st.decimals(3, 320, places=1)


def request_of(catalogue: Catalogue, words: dict[str, Any], hook: Hook) -> dict[str, Any]:
    return PatientBuilder(catalogue.knowledge, ON).request(hook.value, words)


def decide(catalogue: Catalogue, request: dict[str, Any], hook: Hook) -> Decision:
    evidence = asyncio.run(gather(decode_request(json.dumps(request).encode(), hook), catalogue, SITE))
    return catalogue.evaluate(evidence, on=ON, site=SITE, seed=UUID(int=7))


def words_of(seed: int, hook: Hook) -> dict[str, Any]:
    """A random patient of the second reading, for a hook."""
    maker = Maker(seed)
    if hook is not Hook.PATIENT_VIEW:
        return in_words(maker.ordering())
    return in_words(maker.patient() if seed % 2 else maker.viewing())


def topics(decision: Decision) -> list[str]:
    return [card.source.topic.code for card in decision.cards if card.source.topic]


def plain(cards: tuple[Card, ...]) -> Any:
    """Cards as JSON values, without the uuids."""
    return _without_uuids([msgspec.to_builtins(card) for card in cards])


def _without_uuids(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_uuids(one) for key, one in value.items() if key != "uuid"}
    return [_without_uuids(one) for one in value] if isinstance(value, list | tuple) else value


@LAW
@given(who=st.sampled_from(sorted(POPULATIONS)), saturation=saturations, pair=st.tuples(ferritins, ferritins))
def test_a_lower_ferritin_never_turns_a_treatment_into_silence(
    catalogue: Catalogue, who: str, saturation: Decimal | None, pair: tuple[Decimal, Decimal]
) -> None:
    low, high = sorted(pair)
    with_high, with_low = (_tested(catalogue, who, ferritin, saturation) for ferritin in (high, low))

    assert not TREATMENT & set(with_high) or TREATMENT & set(with_low), (who, low, high, saturation)


def _tested(catalogue: Catalogue, who: str, ferritin: Decimal, saturation: Decimal | None) -> list[str]:
    words = deepcopy(POPULATIONS[who])
    words["conditions"] = ["restless_legs_syndrome", *words.get("conditions", [])]
    words["labs"] = [{"test": "ferritin", "value": f"{ferritin} ng/mL", "on": "14 d ago"}]
    if saturation is not None:
        words["labs"].append({"test": "transferrin_saturation", "value": f"{saturation} %", "on": "14 d ago"})
    return topics(decide(catalogue, request_of(catalogue, words, Hook.PATIENT_VIEW), Hook.PATIENT_VIEW))


@LAW
@given(seed=seeds, hook=hooks)
def test_no_card_without_restless_legs_syndrome(catalogue: Catalogue, seed: int, hook: Hook) -> None:
    words = words_of(seed, hook)
    words["conditions"] = [
        one for one in words["conditions"] if not isinstance(one, dict) or one["is"] != "restless_legs_syndrome"
    ]

    assert topics(decide(catalogue, request_of(catalogue, words, hook), hook)) == []


@LAW
@given(seed=seeds)
def test_devices_change_nothing_without_sleep_apnoea(catalogue: Catalogue, seed: int) -> None:
    """They are then not even asked for."""
    words = words_of(seed, Hook.PATIENT_VIEW)
    apnoea = ("obstructive_sleep_apnoea", {"is": "obstructive_sleep_apnoea"})
    words["conditions"] = [one for one in words["conditions"] if one not in apnoea]
    request = request_of(catalogue, words, Hook.PATIENT_VIEW)
    cards = []
    for devices in ([{"is": "cpap_device"}], [], None):
        sent = request_of(catalogue, words | {"devices": devices or []}, Hook.PATIENT_VIEW)["prefetch"]["devices"]
        request["prefetch"]["devices"] = sent if devices is not None else deepcopy(FAILED)
        cards.append(plain(decide(catalogue, request, Hook.PATIENT_VIEW).cards))

    assert cards[0] == cards[1] == cards[2]


@LAW
@given(seed=seeds, hook=hooks)
def test_the_suggestions_of_one_answer_do_not_contradict_each_other(
    catalogue: Catalogue, seed: int, hook: Hook
) -> None:
    request = request_of(catalogue, words_of(seed, hook), hook)
    drafts = {
        f"{one['resource']['resourceType']}/{one['resource']['id']}": one["resource"]
        for one in request["context"].get("draftOrders", {}).get("entry", [])
    }

    cards = decide(catalogue, request, hook).cards

    actions = [one for card in cards for suggestion in card.suggestions or () for one in suggestion.actions]
    created = [json.dumps(_without_ids(one.resource or {}), sort_keys=True) for one in actions if one.type == "create"]
    deleted = [one.resource_id for one in actions if one.type == "delete"]
    assert len(created) == len(set(created))
    assert len(deleted) == len(set(deleted))
    assert all(one in drafts for one in deleted)
    removed = {
        word.lower() for one in deleted if one for word in drafts[one]["medicationCodeableConcept"]["text"].split()[:1]
    }
    assert not any(word in resource.lower() for word in removed for resource in created)
    if "ironCaution" in topics(decide(catalogue, request, hook)):
        assert not any(
            "iron" in suggestion.label.lower() and not suggestion.label.startswith(("Order", "Repeat"))
            for card in cards
            for suggestion in card.suggestions or ()
        )


def _without_ids(resource: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in resource.items() if key != "id"}


@LAW
@given(seed=seeds, hook=hooks, order=st.integers(0, 1000))
def test_the_order_of_resources_never_changes_the_answer(
    catalogue: Catalogue, seed: int, hook: Hook, order: int
) -> None:
    request = request_of(catalogue, words_of(seed, hook), hook)
    shuffled = deepcopy(request)
    dice = random.Random(order)  # noqa: S311
    for value in (*shuffled["prefetch"].values(), shuffled["context"].get("draftOrders", {})):
        dice.shuffle(value.get("entry", []))

    assert plain(decide(catalogue, shuffled, hook).cards) == plain(decide(catalogue, request, hook).cards)


@LAW
@given(
    values=st.lists(st.sampled_from(["20", "60", "88", "<100", ">300", "420"]), min_size=2, max_size=3),
    saturations=st.lists(st.sampled_from(["12", "28", "50", "<30"]), min_size=0, max_size=3),
    days=st.lists(st.sampled_from([10, 20, 30]), min_size=6, max_size=6),
    medicines=st.lists(
        st.sampled_from(
            [
                "Hydroxyzine 25 mg tablet",
                "Hydroxyzine 10 mg tablet",
                "Quetiapine 25 mg tablet",
                "Ropinirole 1 mg tablet",
            ]
        ),
        max_size=3,
    ),
    verifications=st.lists(st.sampled_from(["confirmed", "refuted", "provisional"]), min_size=1, max_size=3),
)
def test_ties_are_broken_without_regard_to_order(
    catalogue: Catalogue,
    values: list[str],
    saturations: list[str],
    days: list[int],
    medicines: list[str],
    verifications: list[str],
) -> None:
    tests = [
        *((f"{one} ng/mL", "ferritin") for one in values),
        *((f"{one} %", "transferrin_saturation") for one in saturations),
    ]
    words = {
        "conditions": [{"is": "restless_legs_syndrome", "verification": one} for one in verifications],
        "labs": [
            {"test": test, "value": value, "on": f"{day} d ago"}
            for (value, test), day in zip(tests, days, strict=False)
        ],
        "medicines": [{"drug": drug, "route": "oral", "since": "200 d ago"} for drug in medicines],
    }
    request = request_of(catalogue, words, Hook.PATIENT_VIEW)
    turned = deepcopy(request)
    for value in turned["prefetch"].values():
        value.get("entry", []).reverse()

    assert plain(decide(catalogue, turned, Hook.PATIENT_VIEW).cards) == plain(
        decide(catalogue, request, Hook.PATIENT_VIEW).cards
    )


@LAW
@given(seed=seeds, hook=hooks)
def test_the_order_of_codings_never_changes_the_answer(catalogue: Catalogue, seed: int, hook: Hook) -> None:
    request = request_of(catalogue, words_of(seed, hook), hook)
    before, after = deepcopy(request), deepcopy(request)
    local = {"system": "https://ehr.example.org/local", "code": "x-1", "display": "local code"}
    for copy, place in ((before, 0), (after, 1)):
        for value in copy["prefetch"].values():
            for entry in value.get("entry", []):
                codings = entry["resource"].get("code", {}).get("coding")
                if codings:
                    codings.insert(place, local)

    assert plain(decide(catalogue, before, hook).cards) == plain(decide(catalogue, after, hook).cards)


@LAW
@given(seed=seeds, hook=hooks, kinds=st.sets(st.sampled_from(sorted(NOISE)), min_size=1))
def test_unrelated_resources_never_change_the_answer(
    catalogue: Catalogue, seed: int, hook: Hook, kinds: set[str]
) -> None:
    request = request_of(catalogue, words_of(seed, hook), hook)
    noisy = deepcopy(request)
    for kind in kinds:
        for number, resource in enumerate(NOISE[kind]):
            subject = "patient" if kind == "allergies" else "subject"
            own = resource | {"id": f"noise-{kind}-{number}", subject: {"reference": "Patient/p1"}}
            noisy["prefetch"][kind].setdefault("entry", []).insert(0, {"resource": own})

    assert plain(decide(catalogue, noisy, hook).cards) == plain(decide(catalogue, request, hook).cards)


LONG_NAMES = (
    "Dexchlorpheniramine",
    "Dexbrompheniramine",
    "Trimethobenzamide",
    "Prochlorperazine",
    "Diphenylpyraline",
    "Levomepromazine",
    "Chlorprothixene",
    "Trifluoperazine",
    "Mirtazapine",
    "Mianserin",
    "Setiptiline",
    "Levomilnacipran",
    "Desvenlafaxine",
    "Deutetrabenazine",
    "Metoclopramide",
    "Ferric carboxymaltose",
    "Ferric derisomaltose",
    "Gabapentin enacarbil",
    "Pramipexole",
    "Carbamazepine",
    "Cabergoline",
    "Diphenhydramine",
)


@LAW
@given(
    names=st.lists(st.sampled_from(LONG_NAMES), min_size=1, max_size=8, unique=True),
    ferritin=st.decimals(1, 99999, places=1),
    saturation=st.decimals(2, 100, places=1),
    hook=hooks,
    more=st.sets(
        st.sampled_from(
            [
                "iron_loading",
                "hereditary_haemochromatosis",
                "dialysis_status",
                "obstructive_sleep_apnoea",
                "alcohol_use_disorder",
                "caffeine_disorder",
            ]
        )
    ),
    reason=st.sampled_from([None, "restless_legs_syndrome", "nausea_vomiting"]),
)
def test_a_summary_never_exceeds_139_characters(
    catalogue: Catalogue,
    names: list[str],
    ferritin: Decimal,
    saturation: Decimal,
    hook: Hook,
    more: set[str],
    reason: str | None,
) -> None:
    medicines = [
        {"drug": name, "route": "intravenous" if name.startswith("Ferric") else "oral"}
        | ({"reason": reason} if reason else {})
        for name in names
    ]
    words = {
        "conditions": ["restless_legs_syndrome", *sorted(more)],
        "labs": {"ferritin": f"{ferritin} ng/mL", "transferrin_saturation": f"{saturation} %"},
        "medicines" if hook is Hook.PATIENT_VIEW else "drafts": medicines,
    }

    cards = decide(catalogue, request_of(catalogue, words, hook), hook).cards

    assert [card.summary for card in cards if len(card.summary) > LONGEST_SUMMARY] == []
