"""What surrounds the drugs: QT interval, alcohol score, weight, treatment of sleep apnoea, family history."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from cards.codes import ValueSetIndex
from cards.facts import Problem
from cards.fhir import Resource, in_list
from cards.knowledge_base import Guidance
from cards.readers.observations import Observed, latest
from cards.readers.record import Record

_MILLISECONDS = {"ms": Decimal(1), "s": Decimal(1000)}
_DEVICE_TYPES = ("Device", "DeviceUseStatement", "DeviceUsage", "DeviceRequest", "DeviceUseRequest", "ServiceRequest")
_FAMILY = "never_rls"


def surroundings(
    observed: Mapping[str, tuple[Observed, ...]],
    record: Record,
    value_sets: ValueSetIndex,
    problems: Mapping[str, tuple[Problem, ...]],
    limits: Guidance,
    on: date,
) -> dict[str, Any]:
    """The members of PatientFacts that single observations, devices and procedures give."""
    qtc = latest(observed.get("qtc_interval", ()), on)
    alcohol = latest(observed.get("alcohol_score_auditc", ()), on)
    weight = latest(observed.get("body_weight", ()), on)
    return {
        "long_qtc": bool(qtc and _milliseconds(qtc) > limits.number("qtc_max")),
        "alcohol_score": alcohol.number if alcohol else None,
        "weight": f"{weight.number:f} {weight.unit}" if weight and weight.number is not None and weight.unit else None,
        "weight_on": weight.on if weight else None,
        "sleep_apnoea_treated": "cpap_dependence" in problems or _has_device(record, value_sets),
    }


def has_family_history(
    histories: Iterable[Resource], problems: Mapping[str, tuple[Problem, ...]], value_sets: ValueSetIndex
) -> bool:
    """A relative with RLS, or a coded family history of neurological disease."""
    relatives = (one for history in histories for one in in_list(history.condition))
    return _FAMILY in problems or any("restless_legs_syndrome" in value_sets.of(one.code) for one in relatives)


def _milliseconds(observed: Observed) -> Decimal:
    per_unit = _MILLISECONDS.get((observed.unit or "ms").strip().lower(), Decimal(1))
    return (observed.number or Decimal(0)) * per_unit


def _has_device(record: Record, value_sets: ValueSetIndex) -> bool:
    """CPAP or an oral appliance, as a device, its use or request, or as a procedure; whenever recorded."""
    concepts = [
        concept
        for resource in record.of(*_DEVICE_TYPES)
        for concept in (
            resource.code,
            resource.code_codeable_concept,
            *_types(resource),
            *in_list(resource.reason_code),
        )
    ]
    concepts += [procedure.code for procedure in record.of("Procedure") if procedure.status != "not-done"]
    therapies = {"cpap_device", "oral_appliance_device", "sleep_apnoea_therapy_procedure"}
    return any(value_sets.of(concept) & therapies for concept in concepts)


def _types(resource: Resource) -> list[Any]:
    return in_list(resource.type)
