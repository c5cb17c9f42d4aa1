"""Odd dates, doses, encounters, statuses and units: each is read for what it says, or not at all."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from cards import Knowledge, Resource, decode_resource
from cards.codes import CodeSystemIndex, ValueSetIndex
from cards.facts import Lab, RejectedResult, Setting, Unusable
from cards.fhir import CodeableConcept, Coding, Dosage, Timing
from cards.markdown import LONGEST, escaped
from cards.readers.conditions import Diagnoses, read_conditions
from cards.readers.dates import day, moment
from cards.readers.doses import mg_per_day, pieces_per_day, times_per_day
from cards.readers.draft_orders import is_live
from cards.readers.encounter import class_codes, read_encounter
from cards.readers.labs import LabIndex, described, read_labs
from cards.readers.observations import read_observations
from cards.readers.pending import read_pending
from cards.schema import CodeSystem
from cards.sift import is_foreign, latest_versions

ON = date(2026, 11, 20)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-11-20", "2026-11-20", "2026-11-20"),
        ("2026-02", "2026-02-01", "2026-02-28"),
        ("2024", "2024-01-01", "2024-12-31"),
        ("2026-11-20T23:30:00Z", "2026-11-21", "2026-11-21"),
        ("2026-11-20T23:30:00", "2026-11-20", "2026-11-20"),
    ],
)
def test_a_date_means_days_in_the_zone_of_the_site(text: str, first: str, last: str) -> None:
    zone = ZoneInfo("Europe/Berlin")

    found = moment(text, zone)
    assert found
    assert (str(day(text, zone)), str(found.last)) == (first, last)


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13", "2026-02-30", "0000", "9999-12-31T23:59:59-12:00x"])
def test_what_is_no_date_is_none(text: str | None) -> None:
    assert (moment(text, UTC), day(text, UTC)) == (None, None)


def test_a_date_at_the_end_of_time_is_none() -> None:
    assert moment("9999-12-31T23:59:59-12:00", ZoneInfo("Asia/Tokyo")) is None


def dosage(raw: bytes) -> Dosage:
    found = decode_resource(b'{"dosageInstruction":[' + raw + b"]}").dosage_instruction
    assert isinstance(found, list)
    return found[0]


@pytest.mark.parametrize(
    ("raw", "strength", "mg"),
    [
        (
            b'{"doseAndRate":[{"doseQuantity":{"value":300,"unit":"mg"}}],"timing":{"code":{"coding":[{"code":"TID"}]}}}',
            None,
            "900",
        ),
        (
            b'{"doseAndRate":{"doseQuantity":{"value":1,"unit":"tablet"}},"timing":{"repeat":{"timeOfDay":["08:00","20:00"]}}}',
            "300",
            "600",
        ),
        (
            b'{"doseQuantity":{"value":0.3,"unit":"g"},"timing":{"repeat":{"frequency":1,"period":2,"periodUnit":"d"}}}',
            None,
            "150",
        ),
        (
            b'{"doseQuantity":{"value":300,"unit":"mg"},"timing":{"repeat":{"frequency":3,"periodUnits":"d"}}}',
            None,
            "900",
        ),
        (
            (
                b'{"doseAndRate":[{"type":{"text":"calculated"},"doseQuantity":{"value":9,"unit":"mg"}},'
                b'{"type":{"coding":[{"code":"ordered"}]},"doseQuantity":{"value":300,"unit":"mg"}}],'
                b'"timing":{"repeat":{"when":"HS"}}}'
            ),
            None,
            "300",
        ),
    ],
)
def test_a_daily_amount_is_computed_where_everything_is_said(raw: bytes, strength: str | None, mg: str) -> None:
    assert mg_per_day([dosage(raw)], Decimal(strength) if strength else None) == Decimal(mg)


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"doseQuantity":{"value":300,"unit":"mg"}}',
        b'{"timing":{"repeat":{"frequency":3,"period":1,"periodUnit":"d"}}}',
        b'{"doseQuantity":{"value":300,"unit":"mg"},"timing":{"code":{"text":"as directed"}}}',
        b'{"doseQuantity":{"value":300,"unit":"mg"},"timing":{"repeat":{"frequency":3,"period":0,"periodUnit":"d"}}}',
        b'{"doseQuantity":{"value":300,"unit":"mg"},"timing":{"repeat":{"frequency":3,"periodUnit":"moon"}}}',
        b'{"doseQuantity":{"value":-5,"unit":"mg"},"timing":{"code":{"text":"BID"}}}',
        b'{"doseQuantity":{"value":1,"unit":"tablet"},"timing":{"code":{"text":"BID"}}}',
        b'{"doseQuantity":{"value":1e9,"unit":"mg"},"timing":{"code":{"text":"BID"}}}',
        b'{"doseQuantity":{"value":300,"unit":"MG/5ML"},"timing":{"code":{"text":"BID"}}}',
    ],
)
def test_an_open_amount_is_never_guessed(raw: bytes) -> None:
    assert mg_per_day([dosage(raw)], None) is None


def test_one_open_dosage_leaves_the_sum_open() -> None:
    known = dosage(b'{"doseQuantity":{"value":300,"unit":"mg"},"timing":{"code":{"text":"BID"}}}')

    assert mg_per_day([known, Dosage()], None) is None
    assert mg_per_day([], None) is None


def test_pieces_are_counted_without_a_strength() -> None:
    known = dosage(b'{"doseQuantity":{"value":2,"unit":"tablets"},"timing":{"code":{"text":"BID"}}}')

    assert pieces_per_day([known], None) == 4
    assert pieces_per_day([Dosage()], Decimal(300)) is None
    assert times_per_day(Timing()) is None


def test_a_class_is_read_in_every_edition(knowledge: Knowledge) -> None:
    forms = [
        b'{"id":"e1","class":{"code":"IMP"}}',
        b'{"id":"e1","class":[{"coding":[{"code":"imp"}]}]}',
        b'{"id":"e1","class":"inpatient"}',
    ]

    assert [class_codes(decode_resource(raw)) for raw in forms] == [frozenset({"IMP"})] * 3
    assert class_codes(Resource()) == frozenset()


def test_an_encounter_whose_class_is_unreadable_is_unread(knowledge: Knowledge) -> None:
    odd = decode_resource(b'{"resourceType":"Encounter","id":"e1","class":5}')

    assert read_encounter([odd], "e1", frozenset({"IMP"}), knowledge.value_sets).setting is Setting.UNREAD


def test_a_type_as_plain_text_is_read(knowledge: Knowledge) -> None:
    plain = decode_resource(b'{"resourceType":"Encounter","id":"e1","class":{"code":"AMB"},"type":"hospice"}')

    assert read_encounter([plain], "e1", frozenset(), knowledge.value_sets).hospice


def test_a_condition_whose_status_is_unreadable_says_nothing(knowledge: Knowledge) -> None:
    odd = decode_resource(
        b'{"resourceType":"Condition","id":"c1","verificationStatus":5,'
        b'"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"G25.81"}]}}'
    )

    assert read_conditions([odd], Diagnoses(knowledge.value_sets), UTC).rls == "none"


def test_a_category_as_plain_text_is_read(knowledge: Knowledge) -> None:
    raw = (
        b'{"resourceType":"Condition","id":"c%d","category":%s,"clinicalStatus":"%s","recordedDate":"2026-01-0%d",'
        b'"code":{"coding":[{"system":"http://snomed.info/sct/731000124108","code":"32914008"}]}}'
    )
    listed = decode_resource(raw % (1, b'"problem-list-item"', b"active", 1))
    later = decode_resource(raw % (2, b'"encounter-diagnosis"', b"resolved", 2))

    assert read_conditions([listed, later], Diagnoses(knowledge.value_sets), UTC).rls == "active"


def observation(knowledge: Knowledge, raw: bytes) -> tuple[int, list[RejectedResult], int]:
    index = LabIndex(knowledge.systems, knowledge.labs.tests, knowledge.units, {("urn:site", "FERR"): "ferritin"})
    book = read_labs([decode_resource(raw)], index, ON, UTC)
    return len(book.samples), list(book.rejected), len(book.awaited)


SITE_FERRITIN = b'"status":"final","effectiveDateTime":"2026-11-01","valueQuantity":{"value":62,"unit":"ng/mL"},'
LOINC = b'"code":{"coding":[{"system":"http://loinc.org","code":"2276-4"}]}'


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        (b'"effectiveDateTime":"2026-11-01"', Unusable.NO_VALUE),
        (b'"effectiveDateTime":"2026-11-01","valueQuantity":{"unit":"ng/mL"}', Unusable.NO_VALUE),
        (b'"effectiveDateTime":"2026-11-01","valueQuantity":{"value":-1,"unit":"ng/mL"}', Unusable.IMPLAUSIBLE),
        (b'"effectiveDateTime":"2026-11-01","valueQuantity":{"value":1e999999,"unit":"ng/mL"}', Unusable.NO_VALUE),
        (b'"effectiveDateTime":"2026-11-01","valueInteger":99999999999999999999', Unusable.IMPLAUSIBLE),
        (b'"effectiveDateTime":"2026-11-01","valueInteger":62', Unusable.NO_UNIT),
        (b'"effectiveDateTime":"2026-11-01","valueQuantity":{"value":62,"unit":"mcg/dL"}', Unusable.UNKNOWN_UNIT),
        (b'"effectiveDateTime":"2026-11-22","valueQuantity":{"value":62,"unit":"ng/mL"}', Unusable.FUTURE),
        (b'"issued":"2026-11-01","valueQuantity":{"value":62,"unit":"ng/mL"}', Unusable.NO_DATE),
    ],
)
def test_a_result_that_cannot_be_used_says_why(knowledge: Knowledge, rest: bytes, why: Unusable) -> None:
    _, rejected, _ = observation(knowledge, b'{"id":"o","status":"final",' + LOINC + b"," + rest + b"}")

    assert [one.why for one in rejected] == [why]


@pytest.mark.parametrize("rest", [b'"valueQuantity":{"value":62,"comparator":"~","unit":"ng/mL"}'])
def test_an_unknown_comparator_leaves_the_value_open(knowledge: Knowledge, rest: bytes) -> None:
    samples, rejected, _ = observation(
        knowledge, b'{"id":"o","status":"final","effectiveDateTime":"2026-11-01",' + LOINC + b"," + rest + b"}"
    )

    assert (samples, rejected) == (1, [])


@pytest.mark.parametrize(
    ("raw", "counts"),
    [
        (b'{"status":"cancelled",' + LOINC + b"}", (0, 0, 0)),
        (b'{"status":"entered-in-error",' + LOINC + b"}", (0, 0, 0)),
        (b'{"status":"registered","issued":"2026-11-18",' + LOINC + b"}", (0, 1, 1)),
        (b'{"status":"registered",' + LOINC + b"}", (0, 1, 0)),
        (b'{"status":"final","code":"2276-4"}', (0, 0, 0)),
        (b'{"status":"final"}', (0, 0, 0)),
        (
            b"{" + SITE_FERRITIN + b'"code":{"coding":[{"system":"urn:site","code":"FERR"}]}}',
            (1, 0, 0),
        ),
        (
            b"{" + SITE_FERRITIN + b'"code":{"coding":[{"system":"urn:site","code":"FERR"},'
            b'{"system":"http://loinc.org","code":"86914-9"}]}}',
            (0, 0, 0),
        ),
    ],
)
def test_a_status_and_a_code_decide_what_is_read(
    knowledge: Knowledge, raw: bytes, counts: tuple[int, int, int]
) -> None:
    samples, rejected, awaited = observation(knowledge, raw)

    assert (samples, len(rejected), awaited) == counts


def test_the_lower_limit_is_the_laboratorys_own(knowledge: Knowledge) -> None:
    raw = (
        b'{"id":"o","status":"final","effectiveDateTime":"2026-11-01","code":{"coding":[{"system":"http://loinc.org",'
        b'"code":"718-7"}]},"valueQuantity":{"value":12.5,"unit":"g/dL"},'
        b'"referenceRange":[{"low":{"value":5,"unit":"?"}},{"low":{"value":130,"unit":"g/L"}}]}'
    )
    index = LabIndex(knowledge.systems, knowledge.labs.tests, knowledge.units, {})

    book = read_labs([decode_resource(raw)], index, ON, UTC)
    (sample,) = book.samples
    result = described(sample.result, book, index)

    assert (result.lab, result.low_limit) == (Lab.HEMOGLOBIN, Decimal("13.0"))


def test_an_observation_without_a_date_is_left_out(knowledge: Knowledge) -> None:
    raw = b'{"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"82810-3"}]}}'

    assert read_observations([decode_resource(raw)], knowledge.value_sets, knowledge.value_sets, UTC) == {}


def test_an_order_without_a_date_counts_only_when_it_is_planned(knowledge: Knowledge) -> None:
    raw = b'{"resourceType":"ServiceRequest","status":"active","occurrenceDateTime":"%s",' + LOINC + b"}"
    limits = (timedelta(30), timedelta(90), timedelta(14))
    index = LabIndex(knowledge.systems, knowledge.labs.tests, knowledge.units, {})
    book = read_labs([], index, ON, UTC)

    pending = [
        read_pending([decode_resource(raw % at)], book, knowledge.value_sets, ON, UTC, limits, {}).ferritin
        for at in (b"2026-11-20", b"2026-11-19")
    ]
    assert pending == [True, False]


def test_a_draft_whose_status_is_unreadable_is_not_live() -> None:
    assert not is_live(decode_resource(b'{"resourceType":"MedicationRequest","status":5}'))


@pytest.mark.parametrize(
    ("raw", "foreign"),
    [
        (b'{"resourceType":"Patient","id":"p1"}', False),
        (b'{"resourceType":"Patient","id":"p2"}', True),
        (b'{"resourceType":"Patient"}', False),
        (b'{"resourceType":"Condition"}', False),
        (b'{"resourceType":"Condition","subject":{"reference":"Patient/p1"}}', False),
        (b'{"resourceType":"Condition","subject":{"reference":"https://e.org/fhir/Patient/p2/_history/3"}}', True),
        (b'{"resourceType":"Condition","subject":{"reference":"urn:uuid:5"}}', False),
        (b'{"resourceType":"Condition","subject":"Patient/p2"}', False),
    ],
)
def test_only_a_named_other_patient_is_foreign(raw: bytes, foreign: bool) -> None:
    assert is_foreign(decode_resource(raw), "p1") is foreign


def test_the_version_updated_last_counts_in_any_order() -> None:
    old, new = (
        decode_resource(b'{"resourceType":"Condition","id":"c","meta":{"lastUpdated":"2026-0%d"}}' % month)
        for month in (1, 2)
    )
    unversioned = decode_resource(b'{"resourceType":"Condition","id":"c"}')

    assert latest_versions([old, new, unversioned]) == latest_versions([unversioned, new, old]) == (new,)


def test_resources_without_an_id_are_all_kept_in_one_order() -> None:
    one, other = Resource(resource_type="Condition", status="a"), Resource(resource_type="Condition", status="b")

    assert latest_versions([one, other]) == latest_versions([other, one])


def test_a_code_system_that_nobody_knows_has_no_name() -> None:
    systems = CodeSystemIndex({"X": CodeSystem(uris=("urn:x",), normalise="exact")})

    assert (systems.key(None), systems.key("urn:y"), systems.key(" urn:x ")) == (None, None, "X")


def test_a_text_counts_only_without_codings(knowledge: Knowledge) -> None:
    named = CodeableConcept(text=" restless legs syndrome ")
    coded = CodeableConcept(text="Restless legs syndrome", coding=[Coding(system="urn:x", code="y")])

    assert "restless_legs_syndrome" in knowledge.value_sets.of_text(named)
    assert (
        not knowledge.value_sets.of_text(coded) | knowledge.value_sets.of_text("x") | knowledge.value_sets.of_text(None)
    )


def test_a_value_set_index_without_prefixes_works() -> None:
    systems = CodeSystemIndex({"X": CodeSystem(uris=("urn:x",), normalise="exact")})

    assert ValueSetIndex(systems, {}).of(CodeableConcept(coding=Coding(system="urn:x", code="1"))) == frozenset()


def test_a_long_text_is_cut() -> None:
    assert escaped("x" * 1000) == "x" * (LONGEST - 1) + "…"


def test_epinephrine_within_hours_is_told_by_the_clock(knowledge: Knowledge) -> None:
    from cards.readers.anaphylaxis import in_anaphylaxis
    from cards.readers.medicines import KnownDrugs, Pharmacy

    reading = knowledge.reading["new_start"]
    pharmacy = Pharmacy(
        knowledge.terminology,
        knowledge.value_sets,
        {}.get,
        UTC,
        reading.recommendation.lists,
        Decimal(6),
        KnownDrugs(knowledge.terminology, knowledge.roles),
    )
    raw = (
        b'{"resourceType":"MedicationAdministration","status":"completed","effectiveDateTime":"%s",'
        b'"medicationCodeableConcept":{"text":"Epinephrine 0.3 mg intramuscular injection"}}'
    )
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def seen(at: bytes, *, clock: datetime | None) -> bool:
        return in_anaphylaxis([], [decode_resource(raw % at)], pharmacy, ON, clock, reading)

    assert seen(b"2026-11-20T06:00:00Z", clock=now)
    assert not seen(b"2026-11-20T05:59:00Z", clock=now)
    assert not seen(b"2026-11-20T12:01:00Z", clock=now)
    assert seen(b"2026-11-20", clock=now)
    assert seen(b"2026-11-20T05:00:00Z", clock=None)
    assert not seen(b"never", clock=now)
