"""A patient in a few words to FHIR R4 resources: what vignettes and fixtures are written in.

Shapes (all optional; days are ISO dates or `N d ago` / `N wk ago` / `in N d`, counted from the day of the hook):

    age: 45 · born: 1980 · sex: female · deceased: true
    conditions: [restless_legs_syndrome, {is: NAME, code: "SYSTEM CODE", clinical: resolved, verification: refuted,
                 category: encounter-diagnosis, recorded: DAY, abated: DAY, onset_age: 50}]
    labs: {ferritin: 62 ng/mL, transferrin_saturation: 18 %}       (sampled 6 weeks ago)
          or [{test: ferritin, value: 62 ng/mL, on: DAY, status: final, specimen: a, issued: DAY, code: "LOINC 2276-4",
               instant: TIME, period_start: DAY, period_end: DAY, unit_code: pmol/L, unit_text: ng/mL, words: "low",
               method: Roche, low: 12 g/dL, high: 16 g/dL}]
    medicines: [{drug: TEXT, rxnorm: "5553", codes: ["ATC N05BB01"], display: TEXT, status: active, since: DAY,
                 ended: DAY, route: oral, reason: NAME, reason_code: "SYSTEM CODE", dose: 300 mg, per_day: 3,
                 per_week: 3, times: ["21:00"], sig: TEXT, prn: true, prior: ID}]
    statements: same as medicines
    drafts: same as medicines, with `selected: false`, `do_not_perform: true`, `intent: order`, `status: draft`
    orders: [{test: ferritin, status: active, on: DAY, planned: DAY, code: "SYSTEM CODE"}]
    observations: [{is: VALUE_SET, answer: VALUE_SET, day: DAY, value: 20 wk, on: DAY}]
    procedures: [{is: VALUE_SET, on: DAY}]
    allergies: [{to: TEXT}] · devices: [{is: VALUE_SET}]
    family: [{is: VALUE_SET}]                  (a FamilyMemberHistory, under a prefetch key that nobody asked for)
    encounter: outpatient | inpatient | emergency | observation | {class: IMP, type: hospice}
    missing: [labs, …]   needs that were not answered    failed: [labs, …]   needs that failed
    nothing: [labs, …]   needs answered with null
    every resource: `id`, `of: p2` (another patient's)
"""

import re
from datetime import date, timedelta
from typing import Any

from cards.knowledge_base import Knowledge

PATIENT_ID = "p1"
KEYS = {
    "Condition": "conditions",
    "Observation": "labs",
    "MedicationRequest": "medications",
    "MedicationStatement": "statements",
    "ServiceRequest": "orders",
    "Procedure": "procedures",
    "AllergyIntolerance": "allergies",
    "DeviceUseStatement": "devices",
    "FamilyMemberHistory": "family",
}
CLASSES = {"outpatient": "AMB", "inpatient": "IMP", "emergency": "EMER", "observation": "OBSENC", "virtual": "VR"}
TEST_CODES = {
    "ferritin": "2276-4",
    "transferrin_saturation": "2502-3",
    "iron": "2498-4",
    "tibc": "2500-7",
    "uibc": "2501-5",
    "transferrin": "3034-6",
    "crp": "1988-5",
    "hemoglobin": "718-7",
}
ORDER_CODES = {"ferritin": "2276-4", "iron_panel": "50190-8", "transferrin_saturation": "2502-3"}
_RELATIVE = re.compile(r"(?:in )?(\d+) (d|wk|mo|a)(?: ago)?$")
_DAYS = {"d": 1, "wk": 7, "mo": 30, "a": 365}
_VALUE = re.compile(r"([<>]=?)?\s*(-?[\d.]+)\s*(.*)$")


class PatientBuilder:
    """Builds the resources of one patient; ids are numbered by type."""

    def __init__(self, knowledge: Knowledge, on: date) -> None:
        self._knowledge = knowledge
        self._on = on
        self._count: dict[str, int] = {}

    def day(self, text: str | int | None, default: str | None = None) -> str | None:
        """An ISO date from a day in words."""
        text = default if text is None else str(text)
        if text is None:
            return None
        match = _RELATIVE.match(text)
        if not match:
            return text
        span = timedelta(days=int(match[1]) * _DAYS[match[2]])
        return (self._on + span if text.startswith("in ") else self._on - span).isoformat()

    def prefetch(self, patient: dict[str, Any]) -> dict[str, Any]:
        """The prefetch of a whole patient, all keys answered but those in `missing` and `failed`."""
        unknown = patient.keys() - KNOWN
        assert not unknown, f"unknown words in a patient: {unknown}"
        answers: dict[str, Any] = {key: bundle([]) for key in KEYS.values() if key != "family"}
        answers["facts"] = bundle(self._observations(patient.get("observations", [])))
        answers["patient"] = self.patient(patient)
        answers["conditions"] = bundle([self.condition(one) for one in patient.get("conditions", [])])
        answers["labs"] = bundle(self.labs(patient.get("labs", {})))
        answers["medications"] = bundle([self.medicine(one) for one in patient.get("medicines", [])])
        answers["statements"] = bundle(
            [self.medicine(one, "MedicationStatement") for one in patient.get("statements", [])]
        )
        answers["orders"] = bundle([self._order(one) for one in patient.get("orders", [])])
        answers["procedures"] = bundle([self._procedure(one) for one in patient.get("procedures", [])])
        answers["allergies"] = bundle([self._allergy(one) for one in patient.get("allergies", [])])
        answers["devices"] = bundle([self._device(one) for one in patient.get("devices", [])])
        if "encounter" in patient:
            answers["encounter"] = self._encounter(patient["encounter"])
        for need in patient.get("missing", []):
            answers.pop(need, None)
        for need in patient.get("failed", []):
            answers[need] = outcome("error")
        for need in patient.get("nothing", []):
            answers[need] = None
        if "family" in patient:
            answers["family"] = bundle([self._relative(one) for one in patient["family"]])
        return answers

    def request(self, hook: str, patient: dict[str, Any]) -> dict[str, Any]:
        """A whole hook request."""
        context: dict[str, Any] = {"userId": "Practitioner/dr1", "patientId": PATIENT_ID}
        if "encounter" in patient:
            context["encounterId"] = "e1"
        if hook != "patient-view":
            drafts = [self.medicine(one, draft=True) for one in patient.get("drafts", [])]
            context["draftOrders"] = {
                "resourceType": "Bundle",
                "type": "collection",
                "entry": [{"resource": draft} for draft in drafts],
            }
            if hook == "order-select":
                chosen = zip(drafts, patient.get("drafts", []), strict=True)
                context["selections"] = [
                    f"MedicationRequest/{draft['id']}" for draft, one in chosen if one.get("selected", True)
                ]
        return {
            "hook": hook,
            "hookInstance": "5d7a4f0e-6f2b-4f6e-9f0a-3a1c5b9d2e10",
            "context": context,
            "prefetch": self.prefetch(patient),
        }

    def patient(self, patient: dict[str, Any]) -> dict[str, Any]:
        """The Patient; 45 years old unless said otherwise."""
        resource: dict[str, Any] = {"resourceType": "Patient", "id": PATIENT_ID, "gender": patient.get("sex", "female")}
        if "born" in patient:
            born = patient["born"]
        else:
            age = patient.get("age", 45)
            born = f"{self._on.year - age - 1}-12-31" if age is not None else None
        if born is not None:
            resource["birthDate"] = str(born)
        if patient.get("deceased"):
            resource["deceasedBoolean"] = True
        return resource

    def condition(self, one: str | dict[str, Any]) -> dict[str, Any]:
        """A Condition of a value set, active and confirmed on the problem list unless said otherwise."""
        given = {"is": one} if isinstance(one, str) else dict(one)
        resource = self._new("Condition", given)
        resource |= {
            "code": self._concept(given),
            "category": [
                {
                    "coding": [
                        {
                            "code": given.get("category", "problem-list-item"),
                            "system": "http://terminology.hl7.org/CodeSystem/condition-category",
                        }
                    ]
                }
            ],
        }
        clinical, verification = given.get("clinical", "active"), given.get("verification", "confirmed")
        if clinical:
            resource["clinicalStatus"] = {
                "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": clinical}]
            }
        if verification:
            resource["verificationStatus"] = {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": verification}
                ]
            }
        recorded = self.day(given.get("recorded"), "20 wk ago") if given.get("recorded", "") is not None else None
        if recorded:
            resource["recordedDate"] = recorded
        if "abated" in given:
            resource["abatementDateTime"] = self.day(given["abated"])
        if "onset_age" in given:
            resource["onsetAge"] = {
                "value": given["onset_age"],
                "unit": "a",
                "code": "a",
                "system": "http://unitsofmeasure.org",
            }
        return resource

    def labs(self, labs: dict[str, str] | list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Observations of laboratory tests, sampled six weeks ago unless said otherwise."""
        given = [{"test": test, "value": value} for test, value in labs.items()] if isinstance(labs, dict) else labs
        return [self._lab(one) for one in given]

    def _lab(self, one: dict[str, Any]) -> dict[str, Any]:
        resource = self._new("Observation", one)
        system, code = one["code"].split(" ", 1) if "code" in one else ("LOINC", TEST_CODES[one["test"]])
        resource |= {
            "status": one.get("status", "final"),
            "code": {"coding": [{"system": self._uri(system), "code": code}], "text": one["test"]},
        }
        if "instant" in one:
            resource["effectiveInstant"] = one["instant"]
        elif "period_start" in one or "period_end" in one:
            period = {"start": self.day(one.get("period_start")), "end": self.day(one.get("period_end"))}
            resource["effectivePeriod"] = {key: value for key, value in period.items() if value}
        elif one.get("on", "") is not None:
            resource["effectiveDateTime"] = self.day(one.get("on"), "6 wk ago")
        if "issued" in one:
            resource["issued"] = f"{self.day(one['issued'])}T12:00:00Z"
        if "specimen" in one:
            resource["specimen"] = {"reference": f"Specimen/{one['specimen']}"}
        if "words" in one:
            resource["valueString"] = one["words"]
        if "value" in one:
            resource["valueQuantity"] = quantity(str(one["value"])) | _unit(one)
        if "method" in one:
            resource["method"] = {"text": one["method"]}
        limits = {side: quantity(str(one[side])) for side in ("low", "high") if side in one}
        if limits:
            resource["referenceRange"] = [limits]
        return resource

    def medicine(
        self, one: str | dict[str, Any], kind: str = "MedicationRequest", *, draft: bool = False
    ) -> dict[str, Any]:
        """An order or statement; by name, unless a code is given."""
        given = {"drug": one} if isinstance(one, str) else dict(one)
        resource = self._new(kind, given)
        concept = self._drug(given)
        resource |= {
            "status": given.get("status", "draft" if draft else "active"),
            "medicationCodeableConcept": concept,
        }
        if kind == "MedicationRequest":
            resource["intent"] = given.get("intent", "order")
        if given.get("do_not_perform"):
            resource["doNotPerform"] = True
        self._dates(resource, given, kind, draft=draft)
        reasons = given.get("reason", [])
        found = [self._concept({"is": one}) for one in ([reasons] if isinstance(reasons, str) else reasons)]
        if "reason_code" in given:
            found.append(self._concept({"code": given["reason_code"]}))
        if found:
            resource["reasonCode"] = found
        if "prior" in given:
            resource["priorPrescription"] = {"reference": f"MedicationRequest/{given['prior']}"}
        dosage = self._dosage(given)
        if dosage:
            resource["dosageInstruction" if kind == "MedicationRequest" else "dosage"] = [dosage]
        return resource

    def _drug(self, given: dict[str, Any]) -> dict[str, Any]:
        concept: dict[str, Any] = {}
        codings = []
        if "rxnorm" in given:
            codings.append({"system": self._knowledge.systems.uri("RXNORM"), "code": given["rxnorm"]})
        for one in given.get("codes", []):
            system, code = one.split(" ", 1)
            codings.append({"system": self._uri(system), "code": code})
        if "display" in given:
            codings = [coding | {"display": given["display"]} for coding in codings] or [{"display": given["display"]}]
        if codings:
            concept["coding"] = codings
        if "drug" in given:
            concept["text"] = given["drug"]
        return concept

    def _dates(self, resource: dict[str, Any], given: dict[str, Any], kind: str, *, draft: bool) -> None:
        since = self.day(given.get("since"), None if draft else "20 wk ago")
        ended = self.day(given.get("ended"))
        if kind == "MedicationStatement":
            period = {"start": since, "end": ended}
            resource["effectivePeriod"] = {key: value for key, value in period.items() if value}
        else:
            if since:
                resource["authoredOn"] = since
            if ended:
                resource["dispenseRequest"] = {"validityPeriod": {"start": since, "end": ended}}

    def _dosage(self, given: dict[str, Any]) -> dict[str, Any]:
        dosage: dict[str, Any] = {}
        if "sig" in given:
            dosage["text"] = given["sig"]
        if "route" in given:
            dosage["route"] = {"text": given["route"]}
        if given.get("prn"):
            dosage["asNeededBoolean"] = True
        if "dose" in given:
            dosage["doseAndRate"] = [{"doseQuantity": quantity(str(given["dose"]))}]
        repeat: dict[str, Any] = {}
        if "per_day" in given:
            repeat = {"frequency": given["per_day"], "period": 1, "periodUnit": "d"}
        if "per_week" in given:
            repeat = {"frequency": given["per_week"], "period": 1, "periodUnit": "wk"}
        if "times" in given:
            repeat = {"frequency": 1, "period": 1, "periodUnit": "d"} | repeat
            repeat["timeOfDay"] = [f"{one}:00" for one in given["times"]]
        if repeat:
            dosage["timing"] = {"repeat": repeat}
        return dosage

    def _order(self, one: dict[str, Any]) -> dict[str, Any]:
        resource = self._new("ServiceRequest", one)
        code = one.get("code") or f"LOINC {ORDER_CODES[one['test']]}"
        system, code = code.split(" ", 1)
        resource |= {
            "status": one.get("status", "active"),
            "intent": "order",
            "code": {"coding": [{"system": self._uri(system), "code": code}]},
        }
        if one.get("on", "") is not None:
            resource["authoredOn"] = self.day(one.get("on"), "10 d ago")
        if "planned" in one:
            resource["occurrenceDateTime"] = self.day(one["planned"])
        return resource

    def _observations(self, given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        found = []
        for one in given:
            resource = self._new("Observation", one)
            resource |= {
                "status": one.get("status", "final"),
                "code": self._concept(one),
                "effectiveDateTime": self.day(one.get("on"), "1 wk ago"),
            }
            if "answer" in one:
                resource["valueCodeableConcept"] = self._concept({"is": one["answer"]})
            if "day" in one:
                resource["valueDateTime"] = self.day(one["day"])
            if "value" in one:
                resource["valueQuantity"] = quantity(str(one["value"]))
            found.append(resource)
        return found

    def _procedure(self, one: dict[str, Any]) -> dict[str, Any]:
        resource = self._new("Procedure", one)
        return resource | {
            "status": one.get("status", "completed"),
            "code": self._concept(one),
            "performedDateTime": self.day(one.get("on"), "2 wk ago"),
        }

    def _allergy(self, one: dict[str, Any]) -> dict[str, Any]:
        resource = self._new("AllergyIntolerance", one)
        resource["patient"] = resource.pop("subject")
        return resource | {
            "code": {"text": one["to"]},
            "clinicalStatus": {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}
                ]
            },
        }

    def _device(self, one: dict[str, Any]) -> dict[str, Any]:
        resource = self._new("DeviceUseStatement", one)
        return resource | {"status": "active", "device": {"display": one["is"]}, "reasonCode": [self._concept(one)]}

    def _relative(self, one: dict[str, Any]) -> dict[str, Any]:
        resource = self._new("FamilyMemberHistory", one)
        resource["patient"] = resource.pop("subject")
        return resource | {
            "status": "completed",
            "relationship": {"text": "mother"},
            "condition": [{"code": self._concept(one)}],
        }

    def _encounter(self, one: str | dict[str, Any]) -> dict[str, Any]:
        given = {"class": CLASSES[one]} if isinstance(one, str) else one
        resource: dict[str, Any] = {
            "resourceType": "Encounter",
            "id": "e1",
            "status": "in-progress",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": given["class"]},
            "subject": {"reference": f"Patient/{PATIENT_ID}"},
        }
        if "type" in given:
            resource["type"] = [{"text": given["type"]}]
        return resource

    def _new(self, kind: str, given: dict[str, Any]) -> dict[str, Any]:
        unknown = given.keys() - WORDS[kind] - {"id", "of"}
        assert not unknown, f"unknown words in a {kind}: {unknown}"
        self._count[kind] = self._count.get(kind, 0) + 1
        identity = given.get("id") or f"{KEYS[kind]}-{self._count[kind]}"
        return {
            "resourceType": kind,
            "id": identity,
            "subject": {"reference": f"Patient/{given.get('of', PATIENT_ID)}"},
        }

    def _uri(self, system: str) -> str:
        """The URI of a code system; a URI stands for itself."""
        return system if system.startswith("https://") else self._knowledge.systems.uri(system)

    def _concept(self, given: dict[str, Any]) -> dict[str, Any]:
        if "code" in given:
            system, code = given["code"].split(" ", 1)
            return {"coding": [{"system": self._uri(system), "code": code}]}
        code = self._knowledge.value_set_names[given["is"]].codes[0]
        return {
            "coding": [
                {"system": self._knowledge.systems.uri(code.system), "code": code.code, "display": code.display}
            ],
            "text": code.display,
        }


KNOWN = {
    "age",
    "born",
    "sex",
    "deceased",
    "conditions",
    "labs",
    "medicines",
    "statements",
    "drafts",
    "orders",
    "observations",
    "procedures",
    "allergies",
    "devices",
    "encounter",
    "missing",
    "failed",
    "nothing",
    "family",
}

# The words of each kind of entry: a misspelt one would silently say nothing.
WORDS = {
    "Condition": {"is", "code", "clinical", "verification", "category", "recorded", "abated", "onset_age"},
    "Observation": {
        "test",
        "is",
        "code",
        "status",
        "value",
        "on",
        "instant",
        "period_start",
        "period_end",
        "specimen",
        "issued",
        "unit_code",
        "unit_text",
        "words",
        "method",
        "low",
        "high",
        "answer",
        "day",
    },
    "MedicationRequest": {
        "drug",
        "rxnorm",
        "codes",
        "display",
        "status",
        "since",
        "ended",
        "route",
        "reason",
        "reason_code",
        "dose",
        "per_day",
        "per_week",
        "times",
        "sig",
        "prn",
        "prior",
        "selected",
        "do_not_perform",
        "intent",
    },
    "ServiceRequest": {"test", "code", "status", "on", "planned"},
    "Procedure": {"is", "code", "status", "on"},
    "AllergyIntolerance": {"to"},
    "DeviceUseStatement": {"is", "code"},
    "FamilyMemberHistory": {"is", "code"},
}
WORDS["MedicationStatement"] = WORDS["MedicationRequest"]


def _unit(one: dict[str, Any]) -> dict[str, str]:
    """The unit of a result where it is given apart from the value."""
    unit = {"unit": one["unit_text"]} if "unit_text" in one else {}
    if "unit_code" in one:
        unit |= {"code": one["unit_code"], "system": "http://unitsofmeasure.org"}
    return unit


def bundle(resources: list[dict[str, Any]]) -> dict[str, Any]:
    """A searchset."""
    entries = [
        {
            "fullUrl": f"https://ehr.example.org/fhir/{one['resourceType']}/{one['id']}",
            "resource": one,
            "search": {"mode": "match"},
        }
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries)} | (
        {"entry": entries} if entries else {}
    )


def outcome(severity: str) -> dict[str, Any]:
    """An OperationOutcome."""
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "exception"}]}


def quantity(text: str) -> dict[str, Any]:
    """`<5 ng/mL` as a Quantity; without a unit where none is written."""
    match = _VALUE.match(text)
    assert match, text
    comparator, number, unit = match.groups()
    found: dict[str, Any] = {"value": float(number) if "." in number else int(number)}
    if comparator:
        found["comparator"] = comparator
    return found | ({"unit": unit} if unit else {})
