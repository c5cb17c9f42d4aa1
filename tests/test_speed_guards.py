"""What keeps a call quick, as counts: what is decoded, read, asked for and left behind. Nothing here looks at a clock."""

import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import msgspec
import pytest

import cards.catalogue
import cards.decode
import cards.readers.labs
import cards.readers.medicines
import cards.readers.patient
import cards.readers.record
import service.bundles
from bench.payloads import order_select, patient_view
from cards import Catalogue, Decision, Hook, Need, Site, load_knowledge
from cards.card_form import Forms
from cards.kept import Kept
from cards.markdown import Sentence
from service import memory
from service.bundles import resources_in
from service.ehr import Found, Wish
from service.gather import gather
from service.wire import decode_request
from tests.conftest import NOW, ON

SEED = UUID(int=9)
# A site lives as long as its client is registered.
SITE = Site()
# Its type is written with an escape, so that only who reads it knows that it is a Condition.
LATE_CONDITION = rb'"others":{"resourceType":"\u0043ondition","id":"late","code":{"text":"x"}},'
COUNTED = (
    (service.bundles, "decode_resource"),
    (cards.readers.record, "Record"),
    (cards.readers.patient, "read_labs"),
    (cards.readers.patient, "read_observations"),
    (cards.readers.patient, "on_record"),
    (cards.readers.labs, "_read"),
    (cards.readers.medicines, "_medicine"),
)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the costly steps were taken."""
    taken: Counter[str] = Counter()
    for module, name in COUNTED:
        monkeypatch.setattr(module, name, _counting(getattr(module, name), name, taken))
    return taken


def _counting(step: Any, name: str, taken: Counter[str]) -> Any:
    if isinstance(step, type):
        return type(name, (step,), {"__init__": _counting(step.__init__, name, taken)})

    def counted(*given: Any, **named: Any) -> Any:
        taken[name] += 1
        return step(*given, **named)

    return counted


async def decided(catalogue: Catalogue, body: bytes, hook: Hook = Hook.PATIENT_VIEW) -> Decision:
    evidence = await gather(decode_request(body, hook), catalogue, SITE)
    return catalogue.evaluate(evidence, on=ON, site=SITE, seed=SEED, now=NOW)


@pytest.mark.anyio
async def test_without_rls_no_reader_looks_beyond_the_conditions(catalogue: Catalogue, counts: Counter[str]) -> None:
    await decided(catalogue, patient_view(300, rls=False))

    assert counts == {"Record": 1}


@pytest.mark.anyio
@pytest.mark.parametrize(("late", "times"), [(b"", 1), (LATE_CONDITION, 2)])
async def test_the_conditions_are_read_once_unless_some_were_not_seen_at_the_gate(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, late: bytes, times: int
) -> None:
    read: Counter[str] = Counter()
    monkeypatch.setattr(
        cards.readers.patient, "read_conditions", _counting(cards.readers.patient.read_conditions, "read", read)
    )
    await decided(catalogue, patient_view(30).replace(b'"prefetch":{', b'"prefetch":{' + late))

    assert read == {"read": times}


@pytest.mark.anyio
async def test_a_harmless_order_is_answered_without_reading_the_patient(
    catalogue: Catalogue, counts: Counter[str]
) -> None:
    await decided(catalogue, order_select(relevant=False), Hook.ORDER_SELECT)

    # Its name alone tells that no rule of the hook asks for it.
    assert counts == {"Record": 1}


@pytest.mark.anyio
async def test_a_relevant_draft_is_read_once(catalogue: Catalogue, counts: Counter[str]) -> None:
    evidence = await gather(decode_request(order_select(relevant=True), Hook.ORDER_SELECT), catalogue, SITE)
    assert counts["_medicine"] == 0

    on_record = sum(one.resource_type == "MedicationRequest" for one in evidence.answers[Need.MEDICATIONS].resources)
    catalogue.evaluate(evidence, on=ON, site=SITE, seed=SEED, now=NOW)

    assert counts["_medicine"] <= 1 + on_record


@pytest.mark.anyio
async def test_of_300_resources_only_those_that_can_matter_are_read(catalogue: Catalogue, counts: Counter[str]) -> None:
    await decided(catalogue, patient_view(300))

    # 53 of 209 Observations are tests that are known, 21 of 60 drugs have an ingredient that is known.
    # The first record is that of the gate: Patient and Conditions alone.
    assert counts == {"Record": 2, "read_labs": 1, "read_observations": 1, "on_record": 1, "_read": 53, "_medicine": 21}


@pytest.mark.anyio
async def test_an_odd_field_sends_no_resource_through_the_careful_decoder(
    catalogue: Catalogue, counts: Counter[str]
) -> None:
    await decided(catalogue, patient_view(300, odd="Observation"))

    assert counts["decode_resource"] == 0


@pytest.mark.anyio
async def test_a_status_of_an_odd_type_sends_only_its_bundle_through_the_careful_decoder(
    catalogue: Catalogue, counts: Counter[str]
) -> None:
    body = patient_view(300).replace(b'"status":"final"', b'"status":5', 1)
    await decided(catalogue, body)

    assert counts["decode_resource"] == 209


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("body", "hook", "read"),
    [
        (patient_view(300, rls=False), Hook.PATIENT_VIEW, {"patient", "conditions"}),
        (order_select(relevant=False), Hook.ORDER_SELECT, set()),
    ],
)
async def test_what_cannot_matter_is_never_decoded(
    catalogue: Catalogue, body: bytes, hook: Hook, read: set[str]
) -> None:
    request = decode_request(body, hook)
    await gather(request, catalogue, SITE)

    assert request.prefetch.read == read


def test_what_nobody_reads_is_never_built() -> None:
    request = decode_request(patient_view(300), Hook.PATIENT_VIEW)
    labs = resources_in(request.prefetch["labs"])

    assert len(labs) == 209
    assert all(isinstance(one.sent_value_quantity, msgspec.Raw) for one in labs)


@pytest.mark.anyio
async def test_what_codes_and_drugs_mean_is_worked_out_once_in_the_life_of_the_service(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await decided(catalogue, patient_view(300))
    worked_out: Counter[str] = Counter()
    monkeypatch.setattr(Kept, "__missing__", _counting(Kept.__missing__, "worked out", worked_out))

    await decided(catalogue, patient_view(300))
    assert not worked_out

    await decided(Catalogue(load_knowledge()), patient_view(300))
    assert worked_out


@pytest.mark.anyio
async def test_what_a_card_says_to_everybody_is_made_once(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await decided(catalogue, patient_view(30))
    made: Counter[str] = Counter()
    monkeypatch.setattr(Forms, "_form", _counting(Forms._form, "forms", made))
    monkeypatch.setattr(Sentence, "__init__", _counting(Sentence.__init__, "sentences", made))
    again = await decided(catalogue, patient_view(30))

    assert first.cards
    assert again.cards == first.cards
    assert not made


class Asked:
    """An EHR that is asked and has nothing; keeps what it was asked for."""

    def __init__(self) -> None:
        self.needs: list[frozenset[Need]] = []

    async def fetch(self, wish: Wish) -> Found:
        self.needs.append(wish.needs)
        return Found()


@pytest.mark.anyio
@pytest.mark.parametrize(("rls", "rounds"), [(False, 0), (True, 1)])
async def test_what_is_missing_is_fetched_in_one_round_and_only_with_rls(
    catalogue: Catalogue, rls: bool, rounds: int
) -> None:
    ehr = Asked()
    body = patient_view(30, rls=rls).replace(b'"labs":', b'"other":')
    await gather(decode_request(body, Hook.PATIENT_VIEW), catalogue, SITE, ehr)

    assert len(ehr.needs) == rounds


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.anyio
@pytest.mark.usefixtures("without_collector")
async def test_a_call_leaves_nothing_behind_for_the_garbage_collector(catalogue: Catalogue) -> None:
    body = patient_view(30)
    await decided(catalogue, body)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(20):
        await decided(catalogue, body)
    in_cycles = gc.collect()
    left = sys.getallocatedblocks() - before

    # A call makes some thousand objects.
    assert in_cycles == 0
    assert left < 20 * 10


def test_what_was_loaded_is_never_looked_through_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(gc, "freeze", _noting("freeze", calls))
    monkeypatch.setattr(gc, "set_threshold", _noting("set_threshold", calls))
    memory.settle()

    assert calls == ["freeze", "set_threshold"]


def _noting(name: str, calls: list[str]) -> Callable[..., None]:
    return lambda *_numbers: calls.append(name)
