"""The iron table (facts A4, A6, A7, F2 and the laboratory part of the readings), read once more from the pages."""

from decimal import ROUND_HALF_UP, Decimal

from tests.second_reading.patient import AWAITED, FINAL, Lab, Patient
from tests.second_reading.person import acute, end_stage, gestation_days, hospice, pregnant, rls, trimester

INDETERMINATE = "indeterminate"
Card = tuple[str, str]
DUE: Card = ("ironStudiesDue", "info")
CAUTION: Card = ("ironCaution", "info")
NONRESPONSE: Card = ("oralIronNonresponse", "info")
IV_ONLY: Card = ("ironIvOnly", "info")
ADULT: Card = ("ironTreatAdult", "warning")
LOW_SATURATION: Card = ("ironTreatAdult", "info")
CHILD: Card = ("ironTreatChild", "warning")
DIALYSIS: Card = ("ironTreatDialysis", "warning")
PREGNANCY: Card = ("ironTreatPregnancy", "warning")


def tenth(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.1"), ROUND_HALF_UP)


def in_ng(lab: Lab) -> Decimal | None:
    """Ferritin in ng/mL, None where the unit cannot be used."""
    if lab.unit in ("ng/mL", "ug/L", "µg/L"):
        return tenth(lab.value)
    return tenth(lab.value / Decimal("2.247")) if lab.unit == "pmol/L" else None


def in_percent(lab: Lab) -> Decimal | None:
    """Saturation in %, None where value and unit cannot go together."""
    value = lab.value
    if lab.unit in ("1", "{ratio}", "{fraction}"):
        value = value * 100 if value <= 1 else Decimal(-1)
    elif lab.unit is None:
        value = value * 100 if value <= 1 else value
    elif lab.unit == "%":
        value = value if value > 1 else Decimal(-1)
    else:
        return None
    return tenth(value) if 0 <= value <= 100 else None


def window(patient: Patient) -> int:
    """For how many days a sample counts."""
    days = 365
    factors = {"iron_malabsorption", "iron_loss"} & patient.conditions
    acid = any(drug.product == "omeprazole" and drug.status == "active" for drug in patient.drugs)
    recent_iron = any(course.ended is None or course.ended <= 365 for course in patient.iron)
    if factors or acid or recent_iron:
        days = 180
    if end_stage(patient) or pregnant(patient):
        days = 90
    return days


def oral_course(patient: Patient) -> tuple[int, int] | None:
    """Begin and end (0 = still going on), in days ago, of the latest unbroken chain of oral iron."""
    stretches = sorted(
        ((one.began, 0 if one.ended is None else one.ended) for one in patient.iron if not one.intravenous),
        reverse=True,
    )
    chain: tuple[int, int] | None = None
    for began, ended in stretches:
        unbroken = chain is not None and chain[1] - began <= 90
        chain = (chain[0], min(chain[1], ended)) if chain and unbroken else (began, ended)
    return chain


def last_dose(patient: Patient) -> int | None:
    doses = [one.began for one in patient.iron if one.intravenous]
    return min(doses) if doses else None


def on_iron(patient: Patient) -> bool:
    """Too early to judge: oral under 12 weeks (pregnant 4) after its start, intravenous 12 (8) after its last dose."""
    course, dose = oral_course(patient), last_dose(patient)
    oral, intravenous = (28, 56) if pregnant(patient) else (84, 84)
    by_mouth = course is not None and course[1] <= 90 and course[0] < oral
    return by_mouth or (dose is not None and dose < intravenous)


def course_start(patient: Patient) -> int | None:
    """The start of the latest course once it is old enough to put earlier samples out of use."""
    course, dose = oral_course(patient), last_dose(patient)
    starts = [one for one in (course[0] if course else None, dose) if one is not None]
    if not starts:
        return None
    return min(starts) if min(starts) >= (28 if pregnant(patient) else 84) else None


def readable(patient: Patient, lab: Lab) -> bool:
    """In time, not in a blackout, not from before the course of iron."""
    if lab.status not in FINAL or lab.ago < -1 or lab.ago > window(patient):
        return False
    days = gestation_days(patient)
    if pregnant(patient) and days is not None and lab.ago > days:
        return False
    if any(0 < one.began - lab.ago < 56 for one in patient.iron if one.intravenous):
        return False
    if patient.transfusion is not None and 0 < patient.transfusion - lab.ago < 28:
        return False
    start = course_start(patient)
    return start is None or lab.ago < start


Result = tuple[int, Decimal, str]  # days ago, value, comparator (or INDETERMINATE)


def ferritins(patient: Patient) -> list[Result]:
    found = []
    for lab in patient.labs:
        if lab.test == "ferritin" and readable(patient, lab):
            value = in_ng(lab)
            if value is not None:
                found.append((lab.ago, value, lab.comparator))
    return found


def saturations(patient: Patient) -> list[Result]:
    """Reported ones, and computed ones of specimens that have no reported one."""
    readables = [lab for lab in patient.labs if readable(patient, lab)]
    reported = [lab for lab in readables if lab.test == "transferrin_saturation" and in_percent(lab) is not None]
    found = []
    for lab in reported:
        value = in_percent(lab)
        assert value is not None
        computed = _computed(readables, lab.ago)
        apart = computed is not None and not lab.comparator and max(value, computed) > 2 * min(value, computed)
        found.append((lab.ago, value, INDETERMINATE if apart else lab.comparator))
    taken = {lab.ago for lab in reported}
    for lab in readables:
        if lab.test == "iron" and lab.ago not in taken:
            computed = _computed(readables, lab.ago)
            if computed is not None:
                found.append((lab.ago, computed, ""))
    return found


def _computed(labs: list[Lab], ago: int) -> Decimal | None:
    """Of one specimen: these patients have one a day, and the identical time of collection suffices."""
    iron = next((lab for lab in labs if lab.test == "iron" and lab.ago == ago), None)
    tibc = next((lab for lab in labs if lab.test == "tibc" and lab.ago == ago), None)
    return tenth(100 * iron.value / tibc.value) if iron and tibc else None


def pair(patient: Patient) -> tuple[Result | None, Result | None]:
    """The latest ferritin and the saturation nearest to it; further apart than 30 days only the later is kept."""
    known, seen = ferritins(patient), saturations(patient)
    f = min(known, default=None)
    t = min(seen, default=None)
    limits = bands(patient)
    if f and t:
        close = [one for one in seen if abs(one[0] - f[0]) <= 30]
        if close:
            t = min(close, key=lambda one: (abs(one[0] - f[0]), one[0]))
        elif undecided(f, *limits[0]):
            f = None
        elif undecided(t, *limits[1]) or f[0] < t[0]:
            t = None
        else:
            f = None
    if f and undecided(f, *limits[0]):
        f = None
    if t and undecided(t, *limits[1]):
        t = None
    return f, t


Limit = tuple[Decimal, bool]  # the limit, and whether it belongs to the band below


# Rows that ask only whether there is a value: every comparator lies in that one band.
_ANY: tuple[Limit, Limit] = ((Decimal("Infinity"), True), (Decimal("-Infinity"), True))


def bands(patient: Patient) -> tuple[tuple[Limit, Limit], tuple[Limit, Limit]]:
    """Lowest and highest limit of ferritin and of saturation in the patient's own rows of A6 and F2."""
    low, high = Decimal(20), Decimal(45)
    saturation = ((low, False), (high, False))
    if rls(patient) == "suspected":
        return (_ANY if patient.age < 18 else ((Decimal(75), True), (Decimal(75), True))), _ANY
    if "iron_loading" in patient.conditions:
        return ((Decimal(75), True), (Decimal(75), True)), _ANY
    if end_stage(patient):
        return (_ANY, _ANY) if patient.age < 18 else (((Decimal(75), True), (Decimal(200), False)), saturation)
    if patient.age < 18 and not pregnant(patient):
        return ((Decimal(50), False), (Decimal(50), False)), ((high, False), (high, False))
    return ((Decimal(75), True), (Decimal(300), True)), saturation


def undecided(result: Result, lowest: Limit, highest: Limit) -> bool:
    """Whether a comparator leaves open in which band the value lies."""
    _, value, comparator = result
    if comparator == INDETERMINATE:
        return True
    if comparator.startswith("<"):
        limit, inclusive = lowest
        return not (value < limit or (value == limit and (inclusive or comparator == "<")))
    if comparator.startswith(">"):
        limit, inclusive = highest
        return not (value > limit or (value == limit and (not inclusive or comparator == ">")))
    return False


def number(result: Result | None) -> Decimal | None:
    """A number that lies in the band of the result."""
    if result is None:
        return None
    _, value, comparator = result
    if comparator == "<":
        return value - Decimal("0.1")
    return value + Decimal("0.1") if comparator == ">" else value


def pending(patient: Patient, *, ferritin_missing: bool) -> bool:
    wanted = {"ferritin"} if ferritin_missing else {"transferrin_saturation", "iron_panel"}
    for order in patient.orders:
        limit = 90 if order.planned is not None and order.planned > 0 else 30
        if order.test in wanted and order.status in ("draft", "active", "on-hold") and order.ago <= limit:
            return True
    test = "ferritin" if ferritin_missing else "transferrin_saturation"
    return any(lab.test == test and lab.status in AWAITED and -1 <= lab.ago <= 14 for lab in patient.labs)


def due(patient: Patient, *, ferritin_missing: bool) -> list[Card]:
    if on_iron(patient) or pending(patient, ferritin_missing=ferritin_missing):
        return []
    return [DUE]


def treat(patient: Patient, card: Card) -> list[Card]:
    """A treatment card, unless it is too early; after 12 weeks of oral iron it is non-response."""
    if on_iron(patient):
        return []
    course = oral_course(patient)
    if course and course[1] <= 90 and card is not IV_ONLY:
        return [NONRESPONSE]
    return [card]


def iron(patient: Patient) -> list[Card]:
    """The iron card of a patient, if any."""
    known = rls(patient)
    if (
        known not in ("active", "suspected")
        or patient.deceased
        or patient.age < 2
        or hospice(patient)
        or acute(patient)
    ):
        return []
    f, t = (number(one) for one in pair(patient))
    child = patient.age < 18
    if known == "suspected":
        open_saturation = t is None and f is not None and f > 75 and not child
        return due(patient, ferritin_missing=f is None) if f is None or open_saturation else []
    if "iron_loading" in patient.conditions:
        return [CAUTION] if f is not None and f <= 75 else []
    if child and end_stage(patient):
        return due(patient, ferritin_missing=True) if f is None else []
    if end_stage(patient):
        return _end_stage(patient, f, t)
    if child and not pregnant(patient):
        return _child(patient, f, t)
    return _adult(patient, f, t)


def _end_stage(patient: Patient, f: Decimal | None, t: Decimal | None) -> list[Card]:
    if f is not None and f >= 200:
        return []
    if f is None or t is None:
        return due(patient, ferritin_missing=f is None)
    if t < 20 or (f <= 75 and t < 45):
        first = pregnant(patient) and trimester(patient) == 1
        return treat(patient, PREGNANCY if first else DIALYSIS)
    return []


def _child(patient: Patient, f: Decimal | None, t: Decimal | None) -> list[Card]:
    if f is None:
        return due(patient, ferritin_missing=True)
    if f >= 50:
        return []
    return [CAUTION] if t is not None and t >= 45 else treat(patient, CHILD)


def _adult(patient: Patient, f: Decimal | None, t: Decimal | None) -> list[Card]:
    if t is not None and t >= 45:
        if f is None:
            return due(patient, ferritin_missing=True)
        return [CAUTION] if f <= 75 or f > 300 else []
    if f is not None and f > 300:
        if t is None:
            return due(patient, ferritin_missing=False)
        return [CAUTION] if t < 20 else []
    if (f is not None and f <= 75) or (t is not None and t < 20):
        if pregnant(patient):
            return treat(patient, PREGNANCY)
        return treat(patient, LOW_SATURATION if f is not None and f > 100 else ADULT)
    if f is None or t is None:
        return due(patient, ferritin_missing=f is None)
    if f <= 100 and not pregnant(patient):
        return treat(patient, IV_ONLY)
    return []
