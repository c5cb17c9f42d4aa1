"""Hook requests for the benchmark, made here and always the same: nothing in them comes from a patient.

A resource is about 1.2 KB and has the members that a US Core server sends. Of the Observations one in four is a test that
a rule reads (iron studies, CRP, haemoglobin), of the medicines one in three has an ingredient that the terminology
knows. The other three in four Observations stand for a server that ignores `code` in a search.
"""

import json
from collections.abc import Callable
from typing import Any

from bench.vocabulary import CONDITIONS, DRUGS, ROUTINE_TESTS, TESTS_READ, Code, Test

PATIENT = "bench-patient"
USER = "Practitioner/bench"
# Of 300 resources 1 is the Patient, 30 are Conditions, 60 MedicationRequests and 209 Observations.
_CONDITIONS, _MEDICATIONS, _WHOLE = 30, 60, 300
_BASE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
_TERMS = "http://terminology.hl7.org/CodeSystem/"
_LOINC, _ICD, _RXNORM = (
    "http://loinc.org",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
)
_UCUM = "http://unitsofmeasure.org"
_RLS = Code("G25.81", "Restless legs syndrome")
Resource = dict[str, Any]


def patient_view(resources: int, *, rls: bool = True, odd: str | None = None) -> bytes:
    """A patient-view call with everything in its prefetch; of type `odd` one resource has a number as its code's text."""
    conditions = resources * _CONDITIONS // _WHOLE
    medications = resources * _MEDICATIONS // _WHOLE
    made = {
        "conditions": [_condition(number, rls=rls) for number in range(conditions)],
        "labs": [_observation(number) for number in range(resources - 1 - conditions - medications)],
        "medications": [_medication(number) for number in range(medications)],
    }
    for same in made.values():
        if odd and same[0]["resourceType"] == odd:
            same[len(same) // 2]["code"]["text"] = 7
    prefetch = {"patient": _patient()} | {key: _bundle(same) for key, same in made.items()}
    empty = ("statements", "orders", "procedures", "devices", "facts")
    return _call("patient-view", {}, prefetch | {key: _bundle([]) for key in empty})


def worst_case() -> bytes:
    """A patient-view call on which as much fires as one patient allows: 300 resources, the iron untested for years."""
    harmful = [_medication(number, DRUGS[number % 5]) for number in range(60)]
    conditions = [_condition(number, rls=True, every=CONDITIONS[number % 4]) for number in range(30)]
    observations = [_observation(number, TESTS_READ[number % len(TESTS_READ)]) for number in range(209)]
    keys = ("statements", "orders", "procedures", "devices", "facts")
    prefetch = {
        "patient": _patient(),
        "conditions": _bundle(conditions),
        "labs": _bundle(observations),
        "medications": _bundle(harmful),
    }
    return _call("patient-view", {}, prefetch | {key: _bundle([]) for key in keys})


def order_select(*, relevant: bool) -> bytes:
    """One selected draft, hydroxyzine or a statin, for a patient with RLS; the prefetch is small."""
    draft = _medication(0, DRUGS[0] if relevant else DRUGS[-1]) | {"id": "draft", "status": "draft"}
    context = {"selections": ["MedicationRequest/draft"], "draftOrders": _bundle([draft])}
    prefetch = {
        "patient": _patient(),
        "conditions": _bundle([_condition(number, rls=True) for number in range(10)]),
        "medications": _bundle([_medication(number) for number in range(6, 12)]),
        "labs": _bundle([_observation(number) for number in range(13)]),
    }
    return _call("order-select", context, prefetch)


PAYLOADS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "view 30, RLS": ("rls-patient-view", lambda: patient_view(30)),
    "view 30, no RLS": ("rls-patient-view", lambda: patient_view(30, rls=False)),
    "view 300, RLS": ("rls-patient-view", lambda: patient_view(300)),
    "view 300, no RLS": ("rls-patient-view", lambda: patient_view(300, rls=False)),
    "view 300, RLS, one odd field": ("rls-patient-view", lambda: patient_view(300, odd="Observation")),
    "view 300, no RLS, one odd field": ("rls-patient-view", lambda: patient_view(300, rls=False, odd="Condition")),
    "view 3000, RLS": ("rls-patient-view", lambda: patient_view(3000)),
    "view 3000, no RLS": ("rls-patient-view", lambda: patient_view(3000, rls=False)),
    "order harmless": ("rls-order-select", lambda: order_select(relevant=False)),
    "order relevant": ("rls-order-select", lambda: order_select(relevant=True)),
    "worst case": ("rls-patient-view", worst_case),
}


def _call(hook: str, context: Resource, prefetch: Resource) -> bytes:
    body = {
        "hook": hook,
        "hookInstance": "7f3c1c1e-5a41-4be5-9c1b-5d1f5b0f9c09",
        "context": {"userId": USER, "patientId": PATIENT} | context,
        "prefetch": prefetch,
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _bundle(resources: list[Resource]) -> Resource:
    entries = [
        {"fullUrl": f"https://ehr.example.org/{one['resourceType']}/{one['id']}", "resource": one} for one in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def _common(kind: str, number: int, profile: str) -> Resource:
    return {
        "resourceType": kind,
        "id": f"{kind.lower()}-{number}",
        "meta": {
            "versionId": "1",
            "lastUpdated": "2026-06-01T08:30:00.000Z",
            "profile": [_BASE + profile],
        },
        "identifier": [{"system": f"urn:bench:{kind}", "value": f"{number:08d}"}],
    }


_SUBJECT = {"subject": {"reference": f"Patient/{PATIENT}"}}


def _concept(system: str, code: Code, local: int) -> Resource:
    codings = [
        {"system": system, "code": code.code, "display": code.display},
        {"system": "urn:bench:codes", "code": str(100000 + local)},
    ]
    return {"coding": codings, "text": code.display}


def _one(system: str, code: str) -> Resource:
    return {"coding": [{"system": _TERMS + system, "code": code}]}


def _day(number: int) -> str:
    """A day of the two years up to October 2026, earlier for higher numbers."""
    year, month = divmod(2026 * 12 + 9 - number % 24, 12)
    return f"{year}-{month + 1:02d}-{1 + number % 27:02d}"


def _patient() -> Resource:
    more = {
        "birthDate": "1968-04-12",
        "gender": "female",
        "active": True,
        "name": [{"family": "Bench", "given": ["P"]}],
    }
    return _common("Patient", 0, "patient") | more | {"id": PATIENT}


def _condition(number: int, *, rls: bool, every: Code | None = None) -> Resource:
    code = _RLS if rls and number == 0 else every or CONDITIONS[4 + number % (len(CONDITIONS) - 4)]
    return (
        _common("Condition", number, "condition")
        | {
            "clinicalStatus": _one("condition-clinical", "active"),
            "verificationStatus": _one("condition-ver-status", "confirmed"),
            "category": [_one("condition-category", "problem-list-item")],
            "code": _concept(_ICD, code, number),
        }
        | _SUBJECT
        | {
            "onsetDateTime": _day(number + 24),
            "recordedDate": _day(number),
            "note": [{"text": "As told by the patient."}],
        }
    )


def _medication(number: int, drug: Code | None = None) -> Resource:
    # One in twelve is a drug that a rule knows.
    drug = drug or (DRUGS[number % 5] if number % 12 == 5 else DRUGS[5 + number % (len(DRUGS) - 5)])
    return (
        _common("MedicationRequest", number, "medicationrequest")
        | {
            "status": "active",
            "intent": "order",
            "category": [_one("medicationrequest-category", "community")],
            "medicationCodeableConcept": _concept(_RXNORM, drug, number),
        }
        | _SUBJECT
        | {
            "authoredOn": f"{_day(number)}T09:30:00Z",
            "requester": {"reference": USER, "display": "Bench, Prescriber"},
            "dosageInstruction": [_dosage()],
            "dispenseRequest": {"numberOfRepeatsAllowed": 3, "quantity": {"value": 90, "unit": "tablet"}},
        }
    )


def _dosage() -> Resource:
    return {
        "text": "Take 1 tablet by mouth daily",
        "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
        "route": {"coding": [{"system": "http://snomed.info/sct", "code": "26643006", "display": "Oral route"}]},
        "doseAndRate": [{"type": _one("dose-rate-type", "ordered"), "doseQuantity": {"value": 1, "unit": "tablet"}}],
    }


def _observation(number: int, test: Test | None = None) -> Resource:
    if test is None:
        kind, many = (TESTS_READ, number // 4) if number % 4 == 0 else (ROUTINE_TESTS, number)
        test = kind[many % len(kind)]
    quantity = {"system": _UCUM, "unit": test.unit, "code": test.unit}
    return (
        _common("Observation", number, "observation-lab")
        | {"status": "final", "category": [_one("observation-category", "laboratory")]}
        | {"code": _concept(_LOINC, test, number)}
        | _SUBJECT
        | {
            "effectiveDateTime": f"{_day(number)}T07:45:00Z",
            "issued": f"{_day(number)}T14:05:00.000Z",
            "performer": [{"reference": "Organization/laboratory"}],
            "valueQuantity": quantity | {"value": round(test.value * (1 + number % 7 / 50), 1)},
            "interpretation": [_one("v3-ObservationInterpretation", "N")],
            "referenceRange": [{"low": quantity | {"value": test.low}, "high": quantity | {"value": test.high}}],
        }
    )
