"""The ferritin and transferrin saturation that decide: windows, blackouts, computed saturation, pairing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from msgspec.structs import replace

from cards.facts import IronPanel, Lab, LabResult, RejectedResult, Span, Unusable
from cards.readers.dates import moment
from cards.readers.labs import LabBook, Sample
from cards.tables import DecisionTable, band_of
from cards.units import tenth

# What a saturation is, or is computed from.
_SATURATING = frozenset({Lab.TSAT, Lab.IRON, Lab.TIBC, Lab.UIBC, Lab.TRANSFERRIN})


@dataclass(frozen=True, slots=True)
class PanelLimits:
    """Numbers of `recommendations/iron.yaml` that say which results may be used together."""

    pair: timedelta
    after_infusion: timedelta
    after_transfusion: timedelta
    transferrin_binding: Decimal
    unclear: tuple[tuple[Decimal, Decimal], ...]
    disagreement: Decimal


@dataclass(frozen=True, slots=True)
class Validity:
    """From when a result counts for this patient, and what spoils it."""

    since: date
    pregnant_since: date | None = None
    infusions: tuple[date, ...] = ()
    transfusions: tuple[date, ...] = ()
    treated_since: date | None = None


def read_panel(book: LabBook, table: DecisionTable, validity: Validity, limits: PanelLimits) -> IronPanel:
    """The latest usable ferritin with the saturation nearest to it (readings, "Pairing")."""
    rejected = list(book.rejected)
    ferritins = _usable(_of(book.samples, Lab.FERRITIN), validity, limits, rejected)
    saturations = _usable([*_saturations(book.samples, limits)], validity, limits, rejected)
    ferritin = max(ferritins, key=_latest, default=None)
    tsat = _partner(ferritin, saturations, limits.pair)
    f_band = band_of(ferritin.span, table.ferritin) if ferritin else None
    t_band = band_of(tsat.span, table.saturation) if tsat else None
    if ferritin and tsat and abs(ferritin.on - tsat.on) > limits.pair:
        loser = _loser((ferritin, f_band), (tsat, t_band))
        rejected.append(_rejection(loser, Unusable.NOT_PAIRED))
        if loser is ferritin:
            ferritin = None
        else:
            tsat = None
    for result, band in ((ferritin, f_band), (tsat, t_band)):
        if result and band is None:
            rejected.append(_rejection(result, Unusable.INDETERMINATE))
    return IronPanel(
        ferritin=ferritin if ferritin and f_band else None,
        tsat=tsat if tsat and t_band else None,
        ferritin_band=f_band if ferritin else None,
        tsat_band=t_band if tsat else None,
        rejected=tuple(sorted(rejected, key=_by_day)),
        since=validity.since,
    )


def _of(samples: Iterable[Sample], lab: Lab) -> list[Sample]:
    return [sample for sample in samples if sample.result.lab is lab]


def _latest(result: LabResult) -> tuple[datetime, str]:
    return result.at, result.refs[0].reference


def _usable(
    samples: list[Sample], validity: Validity, limits: PanelLimits, rejected: list[RejectedResult]
) -> list[LabResult]:
    """One result for each instant (the one issued last), without those that the patient's history spoils."""
    kept: dict[datetime, Sample] = {}
    # Only where two were drawn at the same instant does it matter which was issued last.
    single = len({sample.result.at for sample in samples}) == len(samples)
    for sample in samples if single else sorted(samples, key=_by_issue):
        why = _spoilt(sample.result.on, validity, limits)
        if why:
            rejected.append(_rejection(sample.result, why))
        else:
            kept[sample.result.at] = sample
    return [sample.result for sample in kept.values()]


def _by_issue(sample: Sample) -> tuple[bool, float, str]:
    issued = moment(sample.issued, sample.result.at.tzinfo or UTC)
    return issued is not None, issued.at.timestamp() if issued else 0.0, sample.result.refs[0].reference


def _spoilt(on: date, validity: Validity, limits: PanelLimits) -> Unusable | None:
    if on < validity.since:
        return Unusable.OLD
    if validity.pregnant_since and on < validity.pregnant_since:
        return Unusable.BEFORE_PREGNANCY
    if any(timedelta(0) < on - dose < limits.after_infusion for dose in validity.infusions):
        return Unusable.AFTER_IV_IRON
    if any(timedelta(0) < on - dose < limits.after_transfusion for dose in validity.transfusions):
        return Unusable.AFTER_TRANSFUSION
    if validity.treated_since and on <= validity.treated_since:
        return Unusable.BEFORE_TREATMENT
    return None


def _partner(ferritin: LabResult | None, saturations: list[LabResult], pair: timedelta) -> LabResult | None:
    """The saturation nearest to the ferritin; the latest where there is no ferritin or none lies near it."""
    if ferritin is None:
        return max(saturations, key=_latest, default=None)
    near = [tsat for tsat in saturations if abs(tsat.on - ferritin.on) <= pair]
    if near:
        return min(near, key=lambda tsat: (abs(tsat.at - ferritin.at), -tsat.at.timestamp()))
    return max(saturations, key=_latest, default=None)


def _loser(ferritin: tuple[LabResult, str | None], tsat: tuple[LabResult, str | None]) -> LabResult:
    """Of two that are no pair only the later is kept, and never an indeterminate one."""
    if (ferritin[1] is None) != (tsat[1] is None):
        return ferritin[0] if ferritin[1] is None else tsat[0]
    return ferritin[0] if ferritin[0].at < tsat[0].at else tsat[0]


def _rejection(result: LabResult, why: Unusable) -> RejectedResult:
    return RejectedResult(result.lab, why, result.reported, result.on, result.refs[0])


def _by_day(rejected: RejectedResult) -> tuple[date, str, str]:
    return rejected.on or date.min, rejected.ref.reference, rejected.why


def _saturations(samples: Iterable[Sample], limits: PanelLimits) -> Iterable[Sample]:
    """Reported saturations, and one computed for each specimen that has none (facts A4, rules 1, 2 and 8)."""
    samples = [sample for sample in samples if sample.result.lab in _SATURATING]
    for drawn in _specimens(samples):
        computed = _computed({sample.result.lab: sample for sample in drawn}, limits)
        reported = [sample for sample in drawn if sample.result.lab is Lab.TSAT]
        for sample in reported:
            yield _unclear(sample) if computed and _disagree(sample, computed, limits) else sample
        if computed and not reported:
            yield computed


def _specimens(samples: list[Sample]) -> Iterable[list[Sample]]:
    """What was drawn together: the same specimen, or the same collection time."""
    # The order of issue matters only where one test was done twice on what was drawn, or a specimen has several times.
    done = {(sample.result.lab, sample.result.at) for sample in samples}
    if len(done) < len(samples) or any(sample.specimen for sample in samples):
        samples = sorted(samples, key=_by_issue)
    at_of = {sample.specimen: sample.result.at for sample in samples if sample.specimen}
    drawn: dict[datetime, list[Sample]] = {}
    for sample in samples:
        at = at_of[sample.specimen] if sample.specimen else sample.result.at
        drawn.setdefault(at, []).append(sample)
    return drawn.values()


def _computed(drawn: dict[Lab, Sample], limits: PanelLimits) -> Sample | None:
    """Saturation in % from iron and binding capacity of one specimen, None where it cannot be computed."""
    iron = drawn.get(Lab.IRON)
    found = iron.result.span.point if iron else None
    if iron is None or found is None:
        return None
    capacity, sample, is_rough = _capacity(drawn, found, limits)
    if capacity is None or sample is None or capacity <= 0:
        return None
    percent = tenth(100 * found / capacity)
    if percent > 100:
        return None
    unclear = is_rough and any(low <= percent <= high for low, high in limits.unclear)
    result = LabResult(
        lab=Lab.TSAT,
        span=Span(None, None) if unclear else Span(percent, percent),
        unit="%",
        on=iron.result.on,
        at=iron.result.at,
        reported=f"{percent} %",
        refs=(*iron.result.refs, *sample.result.refs),
        computed=True,
    )
    return Sample(result, iron.specimen, iron.issued)


def _capacity(
    drawn: dict[Lab, Sample], iron: Decimal, limits: PanelLimits
) -> tuple[Decimal | None, Sample | None, bool]:
    """(binding capacity in ug/dL, its sample, whether it is only approximate): TIBC, iron + UIBC, or transferrin."""
    tibc, uibc, transferrin = drawn.get(Lab.TIBC), drawn.get(Lab.UIBC), drawn.get(Lab.TRANSFERRIN)
    if tibc and tibc.result.span.point is not None:
        return tibc.result.span.point, tibc, False
    if uibc and uibc.result.span.point is not None:
        return iron + uibc.result.span.point, uibc, False
    if transferrin and transferrin.result.span.point is not None:
        return transferrin.result.span.point * limits.transferrin_binding, transferrin, True
    return None, None, False


def _disagree(reported: Sample, computed: Sample, limits: PanelLimits) -> bool:
    one, other = reported.result.span.point, computed.result.span.point
    if one is None or other is None:
        return False
    return max(one, other) > limits.disagreement * min(one, other)


def _unclear(sample: Sample) -> Sample:
    return replace(sample, result=replace(sample.result, span=Span(None, None)))
