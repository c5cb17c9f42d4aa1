"""What may be written: UUIDs, digests in their form, and published codes."""

from uuid import UUID

import pytest

from service.feedback import Reason
from service.store.words import PublishedReasons, call_id, digest, opaque_id

SOME = UUID("4e0a3a1e-3283-4575-ab82-028d55fe2719")


@pytest.mark.parametrize("text", [str(SOME), str(SOME).upper(), SOME.hex, f"urn:uuid:{SOME}", f" {SOME} "])
def test_a_uuid_is_kept(text):
    assert opaque_id(text) == SOME


@pytest.mark.parametrize("text", ["123456", "Erika Mustermann", "", "{4e0a3a1e-3283-4575-ab82-028d55fe271}", "z" * 36])
def test_anything_else_becomes_a_digest(text):
    assert opaque_id(text).version == 8


def test_equal_ids_meet():
    assert opaque_id("123456") == opaque_id(" 123456")


def test_different_ids_do_not_meet():
    assert opaque_id("123456") != opaque_id("123457")


def test_where_a_part_ends_matters():
    assert digest("ab", "c") != digest("a", "bc")


def test_a_lone_surrogate_is_no_mistake():
    assert opaque_id("\ud800").version == 8


def test_calls_without_an_instance_are_calls_of_their_own():
    assert call_id(None) != call_id(None)


PUBLISHED = PublishedReasons([("patient-refuses", "Patient refuses"), ("not-now", "Not now")])


@pytest.mark.parametrize(
    "reason",
    [
        Reason(code="patient-refuses"),
        Reason(code="Patient-Refuses"),
        Reason(code="17", display="patient  refuses"),
        Reason(title="Patient refuses", category="5"),
    ],
)
def test_a_published_reason_is_known_by_code_or_display(reason):
    assert PUBLISHED.word(reason) == "patient-refuses"


def test_another_reason_is_told_apart_and_not_kept():
    first, second = (PUBLISHED.word(Reason(code=code)) for code in ("Erika", "Max"))

    assert [word[:6] for word in {first, second}] == ["other-", "other-"]


def test_a_reason_that_says_nothing():
    assert PUBLISHED.word(Reason()) == "other"
