"""Laboratory results: which Observation is which test, usable or not, in one unit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from decimal import Decimal

import msgspec

from cards.codes import CodeSystemIndex, Meanings
from cards.facts import Lab, LabResult, Ref, RejectedResult, Span, Unusable
from cards.fhir import CodeableConcept, Coding, Quantity, Resource, codings_of, in_list, reference_of
from cards.readers.concepts import words_of
from cards.readers.dates import moment
from cards.readers.observations import FINAL
from cards.schema import LabTest
from cards.units import Factor, UnitIndex, spelled, tenth

# Far above anything a laboratory reports; keeps arithmetic on hostile exponents bounded.
_LARGEST = Decimal(10) ** 6
_BELOW = frozenset({"<", "<="})
_ABOVE = frozenset({">", ">="})
_AWAITED = frozenset({"registered", "preliminary"})
_TOMORROW = timedelta(days=1)
# Only here the maker of the assay, and only there the laboratory's own limit, is ever asked for.
_BY_ASSAY = frozenset({Lab.FERRITIN})
_BY_LIMIT = frozenset({Lab.HEMOGLOBIN})

_Test = tuple[Lab, bool]
# A code which says that an Observation is no test of ours, whatever else it is called.
_REJECTED: _Test = (Lab.FERRITIN, True)


def _exactness(test: _Test) -> tuple[bool, Lab]:
    return test[1], test[0]


class Sample(msgspec.Struct, frozen=True, gc=False):
    """One Observation of a known test with a usable number; `specimen` groups what was drawn together.

    `result` holds what every sample is judged by; what is only told of those that decide is read by `described`.
    `issued` is an instant as it was sent. A computed saturation has no Observation of its own.
    """

    result: LabResult
    specimen: str | None
    issued: str | None
    observation: Resource | None = None


@dataclass(frozen=True, slots=True)
class LabBook:
    """All results of the tests that are read: usable samples, rejected ones, and those still awaited."""

    samples: tuple[Sample, ...]
    rejected: tuple[RejectedResult, ...]
    awaited: tuple[tuple[Lab, date], ...]


class LabIndex:
    """Codes and units of the laboratory tests."""

    def __init__(
        self,
        systems: CodeSystemIndex,
        tests: Mapping[str, LabTest],
        units: UnitIndex,
        local: Mapping[tuple[str, str], str],
        assay_makers: tuple[str, ...] = (),
    ) -> None:
        self.assay_makers = assay_makers
        self.units = units
        self.canonical = {Lab(name): test.canonical_unit for name, test in tests.items()}
        self._systems = systems
        self._local = {pair: Lab(name) for pair, name in local.items()}
        # Test and whether a unit is demanded, by the code element as it was sent.
        self.sent = Meanings(self.test_of)
        self._codes: dict[tuple[str, str], tuple[Lab | None, bool]] = {}
        for name, test in tests.items():
            for code in test.codes:
                self._codes[code.system, code.code] = (Lab(name), code.use == "needs_unit")
        for test in tests.values():
            for reject in test.reject:
                self._codes[reject.system, reject.code] = (None, False)

    def test(self, observation: Resource) -> tuple[Lab, bool] | None:
        """(test, whether a unit is demanded); None where no code is known or one says that it is something else."""
        return self.sent[bytes(observation.sent_code)]

    def test_of(self, code: CodeableConcept | str | None) -> "_Test | None":
        """The same of a code."""
        if isinstance(code, str):
            return None
        found = [self._test(coding) for coding in codings_of(code)]
        known = [test for test in found if test]
        return None if any(test is _REJECTED for test in known) else min(known, key=_exactness, default=None)

    def _test(self, coding: Coding) -> "_Test | None":
        pair = self._systems.pair(coding.system, coding.code)
        lab, needs_unit = self._codes.get(pair, (None, True)) if pair else (None, True)
        if lab is None and pair in self._codes:
            return _REJECTED
        local = self._local.get((coding.system or "", coding.code or ""))
        known = lab or local
        return (known, needs_unit and lab is not None) if known else None


def read_labs(observations: Iterable[Resource], index: LabIndex, on: date, zone: tzinfo) -> LabBook:
    """Every Observation of a known test, each usable, rejected with its reason, or awaited."""
    samples: list[Sample] = []
    test_of = index.test
    rejected: list[RejectedResult] = []
    awaited: list[tuple[Lab, date]] = []
    for observation in observations:
        test = test_of(observation)
        if test is None or observation.status == "entered-in-error":
            continue
        if observation.status in _AWAITED:
            began = _awaited_since(observation, zone)
            awaited.extend([(test[0], began)] if began else [])
        read = _read(observation, test, index, on, zone)
        if isinstance(read, Sample):
            samples.append(read)
        elif observation.status != "cancelled":
            rejected.append(read)
    return LabBook(tuple(samples), tuple(rejected), tuple(awaited))


def _awaited_since(observation: Resource, zone: tzinfo) -> date | None:
    found = moment(observation.effective_date_time or observation.effective_instant or observation.issued, zone)
    return found.first if found else None


def _read(
    observation: Resource,
    test: tuple[Lab, bool],
    index: LabIndex,
    on: date,
    zone: tzinfo,
) -> Sample | RejectedResult:
    lab, needs_unit = test
    ended = observation.effective_period.end if observation.effective_period else None
    taken = moment(observation.effective_date_time or observation.effective_instant or ended, zone)
    quantity = _quantity(observation)
    if observation.status not in FINAL:
        read: Span | Unusable = Unusable.NOT_FINAL
    elif taken is None:
        read = Unusable.NO_DATE
    elif taken.first > on + _TOMORROW:
        read = Unusable.FUTURE
    else:
        read = _span(lab, quantity, index.units, needs_unit=needs_unit)
    ref = Ref(reference_of(observation), taken.first if taken else None)
    if taken is None or isinstance(read, Unusable):
        why = read if isinstance(read, Unusable) else Unusable.NO_DATE
        return RejectedResult(lab, why, as_reported(quantity), taken.first if taken else None, ref)
    result = LabResult(lab, read, index.canonical[lab], taken.first, taken.at, as_reported(quantity) or "", (ref,))
    specimen = observation.specimen
    return Sample(result, specimen.reference if specimen else None, observation.issued, observation)


def described(result: LabResult, book: LabBook, index: LabIndex) -> LabResult:
    """The result with the laboratory's flag, the maker of its assay and its own lower limit: for those that decide."""
    own = (sample.observation for sample in book.samples if sample.result.refs == result.refs)
    observation = next(own, None)
    if observation is None:
        return result
    return msgspec.structs.replace(
        result,
        flag=_flag(observation),
        assay_known=result.lab in _BY_ASSAY and _names_maker(observation, index.assay_makers),
        low_limit=_low_limit(observation, result.lab, index.units) if result.lab in _BY_LIMIT else None,
    )


def _quantity(observation: Resource) -> Quantity | None:
    if observation.value_integer is not None:
        return Quantity(value=Decimal(observation.value_integer))
    return observation.value_quantity


def as_reported(quantity: Quantity | None) -> str | None:
    """What the laboratory wrote, as text: comparator, number, unit. Untrusted until it is escaped."""
    if quantity is None or quantity.value is None or not -_LARGEST <= quantity.value <= _LARGEST:
        return None
    unit = quantity.unit or quantity.code or ""
    return f"{quantity.comparator or ''}{quantity.value:f} {unit}".strip()[:60]


def _span(lab: Lab, quantity: Quantity | None, units: UnitIndex, *, needs_unit: bool) -> Span | Unusable:
    if quantity is None or quantity.value is None:
        return Unusable.NO_VALUE
    value = quantity.value
    if not 0 <= value <= _LARGEST:
        return Unusable.IMPLAUSIBLE
    unit = quantity.code or quantity.unit or ""
    factor = units.factor(lab, unit)
    if factor is not None and lab is not Lab.TSAT:
        converted: Decimal | Unusable = factor.convert(value)
    elif factor is None and spelled(unit):
        return Unusable.UNKNOWN_UNIT
    else:
        converted = _percent(value, factor) if lab is Lab.TSAT and (factor or not needs_unit) else Unusable.NO_UNIT
    if isinstance(converted, Unusable):
        return converted
    return _with_comparator(tenth(converted), quantity.comparator)


def _percent(value: Decimal, factor: Factor | None) -> Decimal | Unusable:
    """A saturation in %. Without a unit: up to 1 a fraction, above 1 a percentage (facts A4, rule 4)."""
    if factor is None:
        percent = value * 100 if value <= 1 else value
        return percent if percent <= 100 else Unusable.IMPLAUSIBLE
    if factor.is_fraction:
        return factor.convert(value) if value <= 1 else Unusable.IMPLAUSIBLE
    return value if 1 < value <= 100 else Unusable.IMPLAUSIBLE


def _with_comparator(value: Decimal, comparator: str | None) -> Span:
    """The interval that a comparator allows; one that is not known leaves the value open on both sides."""
    if not comparator:
        return Span(value, value)
    if comparator in _BELOW:
        return Span(None, value, high_closed=comparator == "<=")
    if comparator in _ABOVE:
        return Span(value, None, low_closed=comparator == ">=")
    return Span(None, None)


def _flag(observation: Resource) -> str | None:
    """The laboratory's own flag (`H`, `L` …), None where it gave none."""
    words = sorted(word for concept in in_list(observation.interpretation) for word in words_of(concept))
    return words[0].upper()[:3] if words else None


def _names_maker(observation: Resource, makers: Iterable[str]) -> bool:
    """Whether the method of the test names a maker whose assay is known to read differently."""
    method = observation.method
    texts = [method.text, *(coding.display for coding in codings_of(method))] if method else []
    said = " ".join(text[:200].lower() for text in texts if text)
    return any(maker in said for maker in makers)


def _low_limit(observation: Resource, lab: Lab, units: UnitIndex) -> Decimal | None:
    """The lower end of the laboratory's own reference range in the canonical unit."""
    for reference_range in in_list(observation.reference_range):
        span = _span(lab, reference_range.low, units, needs_unit=True)
        if isinstance(span, Span) and span.point is not None:
            return span.point
    return None
