"""Hypothesis strategies: FHIR-shaped resources around a patient with RLS, and edits of real requests."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.build_fixtures import FOLDER

RECORDINGS = Path(__file__).parents[1] / "ehr_recordings"
HOSTILE = (
    "",
    " ",
    "\x00",
    "\x1b[2J\x1b]0;x\x07",
    "a" * 5000,
    "<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "'; DROP TABLE feedback; --",
    "{{context.patientId}}",
    "{name}",
    "%s%n{0}",
    "../../etc/passwd",
    "http://169.254.169.254/",
    "\u202e\u200b\ufeff",
    "🧪" * 50,
    "İıſK",
    "| a | b |\n|---|---|",
)
NUMBERS = (0, -1, 1, 0.1, 49.9, 50, 75, 1e308, -1e308, 1e-300, 10**30, -(10**40), 2**63, 0.30000000000000004)
DATES = (
    "2026", "2026-11", "2026-11-20", "2026-11-20T10:00:00Z", "2026-11-20T10:00:00.123456789+14:00", "0000-00-00",
    "0001-01-01", "9999-12-31", "9999-12-31T23:59:60Z", "2026-02-30", "1970-01-01T00:00:00-23:59", "today", "+12026-01-01",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-11-20T25:00:00Z", "2026-W47-5", "20261120",
)  # fmt: skip
SYSTEMS = (
    "http://loinc.org",
    "http://snomed.info/sct",
    "http://www.nlm.nih.gov/research/umls/rxnorm",
    "urn:oid:2.16.840.1.113883.6.88",
    "http://hl7.org/fhir/sid/icd-10-cm",
    "http://unitsofmeasure.org",
    "",
    None,
)
CODES = (
    "32914008", "G25.81", "2276-4", "2502-3", "2498-4", "2500-7", "1988-5", "718-7", "11778-8", "76635-2", "29463-7",
    "active", "completed", "entered-in-error", "refuted", "final", "laboratory", "7407", "3498", "6130", "25480", "x",
)  # fmt: skip
DRUGS = (
    "hydroxyzine 25 mg tablet", "diphenhydramine cream", "ropinirole", "pramipexole 0.25 mg", "gabapentin 300 mg",
    "ferrous sulfate 325 mg", "iron sucrose", "quetiapine", "metoclopramide", "mirtazapine 15 mg", "sertraline",
    "lithium", "buprenorphine", "ondansetron", "aripiprazole / sertraline", "melatonin", "",
)  # fmt: skip
UNITS = ("ng/mL", "ug/L", "%", "mg", "mg/dL", "umol/L", "g/dL", "1", "{tablet}", "", "ng/ML ", "µg/l", "pmol/L", None)
STATUSES = (
    "active", "draft", "completed", "stopped", "on-hold", "cancelled", "entered-in-error", "unknown", "final",
    "preliminary", "finished", "in-progress", "planned", "", "ACTIVE",
)  # fmt: skip
KINDS = (
    "Condition", "Observation", "MedicationRequest", "MedicationStatement", "Encounter", "ServiceRequest", "Procedure",
    "AllergyIntolerance", "DeviceUseStatement", "Patient", "Medication", "FamilyMemberHistory", "OperationOutcome",
    "Bundle", "MedicationOrder", "DeviceRequest", "Basic", "",
)  # fmt: skip

text = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20), st.sampled_from(DRUGS))
# A decimal may come as a text, and then have any exponent.
WORDS = ("NaN", "sNaN", "-Infinity", "1e999999999", "1e-999999999", "0e-999999999", "1e30", "1e-31", "62")
number = st.one_of(
    st.sampled_from(NUMBERS), st.sampled_from(WORDS), st.integers(), st.floats(allow_nan=False, allow_infinity=False)
)
moment = st.one_of(st.sampled_from(DATES), st.dates().map(str), st.datetimes().map(lambda at: at.isoformat() + "Z"))
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), number, text, moment, st.sampled_from(CODES)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(text, st.sampled_from(("coding", "code"))), inner, max_size=3),
    ),
    max_leaves=6,
)


def _object(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object of which any member may be missing."""
    return st.fixed_dictionaries({}, optional=members)


def _odd(shape: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly as it should be, now and then a list of it, or anything at all."""
    return st.one_of(shape, shape, shape, st.lists(shape, max_size=3), anything)


coding = _object(system=st.sampled_from(SYSTEMS), code=st.sampled_from(CODES), display=text)
concept = _object(coding=st.one_of(st.lists(coding, max_size=4), coding), text=text)
quantity = _object(
    value=number,
    unit=st.sampled_from(UNITS),
    code=st.sampled_from(UNITS),
    comparator=st.sampled_from(("<", ">=", "~", "")),
)
period = _object(start=moment, end=moment)
reference = _object(
    reference=st.sampled_from(
        ("Patient/p1", "Patient/p2", "#m", "urn:uuid:1", "Medication/m1", "x/y/z/_history/2", "")
    ),
    display=text,
)
dosage = _object(
    text=text,
    timing=_object(
        repeat=_object(frequency=number, period=number, periodUnit=st.sampled_from(("d", "h", "wk"))), code=concept
    ),
    asNeededBoolean=st.booleans(),
    route=concept,
    doseAndRate=st.lists(_object(doseQuantity=quantity), max_size=2),
    doseQuantity=quantity,
)  # fmt: skip
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "id": st.one_of(st.sampled_from(("a", "b", "m1", "")), text),
    "meta": _object(lastUpdated=moment, versionId=text),
    "status": st.sampled_from(STATUSES),
    "intent": st.sampled_from(("order", "proposal", "plan", "")),
    "doNotPerform": st.booleans(),
    "category": concept,
    "code": concept,
    "subject": reference,
    "clinicalStatus": concept,
    "verificationStatus": concept,
    "recordedDate": moment,
    "onsetDateTime": moment,
    "onsetAge": quantity,
    "abatementDateTime": moment,
    "effectiveDateTime": moment,
    "effectivePeriod": period,
    "issued": moment,
    "valueQuantity": quantity,
    "valueCodeableConcept": concept,
    "valueString": text,
    "valueInteger": number,
    "valueDateTime": moment,
    "interpretation": concept,
    "referenceRange": st.lists(_object(low=quantity), max_size=2),
    "birthDate": moment,
    "gender": st.sampled_from(("female", "male", "other", "")),
    "deceasedBoolean": st.booleans(),
    "class": coding,
    "type": st.lists(concept, max_size=2),
    "reasonCode": st.lists(concept, max_size=2),
    "reasonReference": st.lists(reference, max_size=2),
    "period": period,
    "medicationCodeableConcept": concept,
    "medicationReference": reference,
    "authoredOn": moment,
    "dosageInstruction": st.lists(dosage, max_size=2),
    "dispenseRequest": _object(validityPeriod=period, expectedSupplyDuration=quantity),
    "ingredient": st.lists(_object(itemCodeableConcept=concept, itemReference=reference), max_size=2),
    "form": concept,
    "performedDateTime": moment,
    "issue": st.lists(_object(severity=st.sampled_from(("error", "warning", ""))), max_size=2),
    "contained": st.lists(_object(resourceType=st.sampled_from(KINDS), id=st.just("m"), code=concept), max_size=2),
}
_NAMES = st.lists(st.sampled_from(sorted(_FIELDS)), min_size=1, max_size=7, unique=True)
_ODD_FIELDS = {name: _odd(shape) for name, shape in _FIELDS.items()}


@st.composite
def resources(draw: st.DrawFn) -> dict[str, Any]:
    """A resource of any type with a few fields of any type."""
    fields = {name: draw(_ODD_FIELDS[name]) for name in draw(_NAMES)}
    return {"resourceType": draw(st.sampled_from(KINDS)), "subject": {"reference": "Patient/p1"}} | fields


resource = resources()
bundle = st.builds(
    lambda resources, extra: {"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]} | extra,
    st.lists(resource, max_size=3),
    _object(link=_odd(st.lists(_object(relation=st.just("next"), url=text), max_size=1)), type=text, total=number),
)
RLS = {
    "resourceType": "Condition",
    "id": "rls",
    "subject": {"reference": "Patient/p1"},
    "clinicalStatus": {"coding": [{"code": "active"}]},
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "32914008"}]},
}
ADULT = {"resourceType": "Patient", "id": "p1", "birthDate": "1970-01-01", "gender": "female"}
NEEDS = (
    "labs", "medications", "statements", "encounter", "orders", "allergies", "procedures", "devices", "facts", "other",
)  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """A hook request for a patient who has RLS, with FHIR-shaped values everywhere else."""
    hook = draw(st.sampled_from(("patient-view", "order-select", "order-sign")))
    context: dict[str, Any] = {"patientId": "p1", "userId": "Practitioner/1"}
    if hook != "patient-view":
        context |= {"draftOrders": draw(bundle), "selections": draw(_odd(st.lists(text, max_size=2)))}
        for number_, entry in enumerate(context["draftOrders"].get("entry", [])):
            if (
                isinstance(entry["resource"].get("id"), str)
                and number_ == 0
                and isinstance(context["selections"], list)
            ):
                context["selections"].append(f"{entry['resource']['resourceType']}/{entry['resource']['id']}")
    conditions = draw(bundle)
    conditions["entry"] = [{"resource": RLS}, *conditions["entry"]]
    chosen = draw(st.lists(st.sampled_from(NEEDS), max_size=4, unique=True))
    prefetch = {key: draw(_odd(st.one_of(bundle, resource))) for key in chosen}
    envelope = {"hook": hook, "hookInstance": "h", "context": context}
    return envelope | {"prefetch": prefetch | {"conditions": conditions, "patient": ADULT}}


def real() -> list[dict[str, Any]]:
    """The project's own hook requests and those that are shaped like real EHRs'."""
    own = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / "requests").glob("*.json"))]
    recorded = [json.loads(path.read_text(encoding="utf-8"))["request"] for path in sorted(RECORDINGS.glob("*.json"))]
    # A FHIR server that nobody answers for would only make each case slow.
    return own + [{key: value for key, value in one.items() if key != "fhirServer"} for one in recorded]


Edit = Callable[[Any], Any]
edit = st.one_of(
    st.just("delete"),
    st.just("wrap"),
    st.just("unwrap"),
    st.just("double"),
    st.tuples(st.just("put"), st.one_of(anything, moment, number, text, resource, quantity, concept)),
)


@st.composite
def mutated(draw: st.DrawFn, bodies: list[dict[str, Any]]) -> dict[str, Any]:
    """A real request with one to four edits."""
    body = deepcopy(draw(st.sampled_from(bodies)))
    for place, change in draw(st.lists(st.tuples(st.integers(0, 5000), edit), min_size=1, max_size=4)):
        places = list(_places(body))
        if places:
            _apply(*places[place % len(places)], change)
    return body


def _places(value: Any) -> Any:
    inside = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for name, inner in inside:
        yield value, name
        yield from _places(inner)


def _apply(holder: Any, name: Any, change: Any) -> None:
    value = holder[name]
    if change == "delete":
        del holder[name]
    elif change == "wrap":
        holder[name] = [value]
    elif change == "unwrap":
        holder[name] = (
            value[0]
            if isinstance(value, list) and value
            else next(iter(value.values()), None)
            if isinstance(value, dict)
            else None
        )
    elif change == "double":
        holder[name] = [value, value]
    else:
        holder[name] = deepcopy(change[1])
