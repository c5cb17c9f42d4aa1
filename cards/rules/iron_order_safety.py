"""Is the iron that is drafted safe and useful for this patient?"""

from cards.decision import Finding, Indicator, Silent, Verdict
from cards.facts import DraftOrder, PatientFacts, Ref, Setting, Trimester
from cards.guards import culprits
from cards.knowledge_base import Guidance
from cards.order_findings import not_for_orders, order_finding
from cards.terminology import IronIntent
from cards.wording import panel_values

TOPIC = "ironOrderSafety"
RLS = "restless_legs_syndrome"
_BEYOND, _HIGH, _LOW = "beyond", "high", "low"


def decide(patient: PatientFacts, guidance: Guidance) -> Verdict:
    """OR-09 (a) to (d). Source: facts A8, A6; readings "OR-09"."""
    silent = not_for_orders(patient)
    if silent:
        return silent
    infusions = _of(patient, IronIntent.INTRAVENOUS)
    tablets = _of(patient, IronIntent.ORAL)
    if not infusions and not tablets:
        return Silent("no_such_drug")
    return (
        _loading(patient, infusions, tablets)
        or _overload(patient, infusions, tablets)
        or _first_trimester(patient, infusions)
        or _not_useful(patient, guidance, infusions, tablets)
        or Silent("iron_order_fits")
    )


def _of(patient: PatientFacts, intent: IronIntent) -> tuple[DraftOrder, ...]:
    return tuple(one for one in culprits(patient) if (iron := one.medicine.product.iron) and iron.intent is intent)


def _loading(
    patient: PatientFacts, infusions: tuple[DraftOrder, ...], tablets: tuple[DraftOrder, ...]
) -> Finding | None:
    """(a) by diagnosis: fires in every encounter, and keeps its level in hospice care."""
    if not patient.iron_loading:
        return None
    refs = tuple(problem.ref for problem in patient.problems["iron_loading"])
    level = Indicator.CRITICAL if infusions else Indicator.WARNING
    disorder = "haemochromatosis" if patient.has("hereditary_haemochromatosis") else "iron_loading"
    return _finding(
        patient,
        infusions or tablets,
        f"{disorder}_iv" if infusions else f"{disorder}_oral",
        level,
        refs,
        keeps_level=True,
        removes=True,
    )


def _overload(
    patient: PatientFacts, infusions: tuple[DraftOrder, ...], tablets: tuple[DraftOrder, ...]
) -> Finding | None:
    """(a) by laboratory alone."""
    panel = patient.panel
    if patient.setting is Setting.ACUTE or panel.adult_tsat_band != _HIGH or panel.adult_ferritin_band != _BEYOND:
        return None
    return _finding(patient, (*infusions, *tablets), "overload", Indicator.WARNING, keeps_level=True, removes=True)


def _first_trimester(patient: PatientFacts, infusions: tuple[DraftOrder, ...]) -> Finding | None:
    """(b) intravenous iron in the first or an unknown trimester."""
    pregnancy = patient.pregnancy
    if not infusions or pregnancy is None or pregnancy.counts_as is not Trimester.FIRST:
        return None
    variant = "first_trimester" if pregnancy.trimester else "unknown_trimester"
    instead = () if patient.panel.adult_tsat_band == _HIGH else ("oral_iron",)
    return _finding(patient, infusions, variant, Indicator.WARNING, pregnancy.refs, suggests=instead, removes=True)


def _not_useful(
    patient: PatientFacts, guidance: Guidance, infusions: tuple[DraftOrder, ...], tablets: tuple[DraftOrder, ...]
) -> Finding | None:
    """(c) oral iron for RLS above 75; (d) iron for RLS outside the studied range. New starts only, never in acute care."""
    if patient.setting is Setting.ACUTE:
        return None
    started = [one for one in (*infusions, *tablets) if _starts_for_rls(one)]
    listed = set(guidance.recommendation.lists["other_indications"])
    fitting = tuple(one for one in started if not one.medicine.reasons & listed)
    if not fitting or patient.iron_indicated_otherwise:
        return None
    outside = _outside_studied_range(patient)
    if outside:
        return _finding(patient, fitting, outside, Indicator.INFO, suggests=("ferritin", "iron_panel"))
    oral = tuple(one for one in fitting if one in tablets)
    band, saturation = patient.panel.adult_ferritin_band, patient.panel.adult_tsat_band
    if not oral or not patient.is_adult or saturation not in ("middle", _HIGH) or band in (None, _LOW):
        return None
    return _finding(patient, oral, "intravenous_only" if band == "intravenous" else "no_rls_indication", Indicator.INFO)


def _starts_for_rls(order: DraftOrder) -> bool:
    medicine = order.medicine
    is_new = any(name in order.new_ingredients for name in medicine.product.ingredients)
    return is_new and (RLS in medicine.reasons or not medicine.has_reason)


def _outside_studied_range(patient: PatientFacts) -> str | None:
    ferritin, tsat = patient.panel.adult_ferritin_band, patient.panel.adult_tsat_band
    if tsat == _HIGH and ferritin == _LOW:
        return "saturation_high"
    return "ferritin_high" if ferritin == _BEYOND and tsat in (_LOW, "middle") else None


def _finding(
    patient: PatientFacts,
    orders: tuple[DraftOrder, ...],
    variant: str,
    indicator: Indicator,
    refs: tuple[Ref, ...] = (),
    *,
    keeps_level: bool = False,
    removes: bool = False,
    suggests: tuple[str, ...] = (),
) -> Finding:
    panel = patient.panel
    results = tuple(ref for result in (panel.ferritin, panel.tsat) if result for ref in result.refs)
    return order_finding(
        patient,
        TOPIC,
        orders,
        variant=variant,
        indicator=Indicator.INFO if patient.hospice and not keeps_level else indicator,
        names=tuple(
            sorted({name for one in orders for name in one.medicine.ingredients_of("oral_iron", "intravenous_iron")})
        ),
        values=panel_values(patient),
        notes=("has_panel",) if panel.ferritin and panel.tsat else (),
        suggests=suggests,
        removes=removes,
        refs=(*refs, *results),
    )
