"""Iron studies that are ordered or awaited."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta, tzinfo

from cards.codes import ValueSetIndex
from cards.facts import Lab, Pending
from cards.fhir import Resource, codings_of
from cards.readers.dates import day
from cards.readers.labs import LabBook

_OPEN = frozenset({"draft", "active", "on-hold"})
ORDER_TYPES = frozenset({"ServiceRequest", "ProcedureRequest", "DiagnosticOrder"})


def read_pending(
    orders: Iterable[Resource],
    book: LabBook,
    value_sets: ValueSetIndex,
    on: date,
    zone: tzinfo,
    limits: tuple[timedelta, timedelta, timedelta],
    local: Mapping[tuple[str, str], frozenset[str]],
) -> Pending:
    """`limits`: how long an order counts, a scheduled one, an awaited result (readings, "Pending"). `local`: what the
    site's own codes contain, by (system, code)."""
    for_order, for_scheduled, for_result = limits
    asked: set[str] = set()
    for order in orders:
        if _is_open(order, on, zone, for_order, for_scheduled):
            asked |= value_sets.of(order.code)
            if local:
                asked.update(*(local.get((one.system or "", one.code or ""), ()) for one in codings_of(order.code)))
    awaited = {lab for lab, since in book.awaited if timedelta(-1) <= on - since <= for_result}
    return Pending(
        ferritin="orders_ferritin" in asked or Lab.FERRITIN in awaited,
        tsat=_gives_saturation(asked) or Lab.TSAT in awaited,
    )


def _gives_saturation(asked: set[str]) -> bool:
    """Ordered as such, as a panel, or as iron and binding capacity side by side (CPT 83540 with 83550)."""
    return bool(asked & {"orders_transferrin_saturation", "orders_iron_panel"}) or asked >= {
        "orders_iron",
        "orders_tibc",
    }


def _is_open(order: Resource, on: date, zone: tzinfo, for_order: timedelta, for_scheduled: timedelta) -> bool:
    if order.resource_type not in ORDER_TYPES or (order.status or "") not in _OPEN or order.do_not_perform:
        return False
    period = order.occurrence_period
    planned = day(order.occurrence_date_time or (period.start if period else None), zone)
    authored = day(order.authored_on, zone)
    if authored is None:
        return planned is not None and planned >= on
    window = for_scheduled if planned and planned > on else for_order
    return on - authored <= window
