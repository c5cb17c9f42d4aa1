"""One odd field costs only itself; what is no resource at all is refused without repeating it."""

from decimal import Decimal

import msgspec
import pytest

from cards.decode import Undecodable, decode_resource
from cards.fhir import wholly_read
from cards.mend import MAX_REPAIRS


def test_digits_are_kept() -> None:
    resource = decode_resource(b'{"resourceType":"Observation","valueQuantity":{"value":75.50}}')

    assert resource.value_quantity
    assert str(resource.value_quantity.value) == "75.50"


def test_an_odd_field_is_left_out_and_named() -> None:
    resource = wholly_read(
        decode_resource(b'{"resourceType":"Observation","status":"final","code":{"coding":[{"code":5}]}}')
    )

    assert (resource.status, resource.harmed) == ("final", frozenset({"code"}))


def test_two_odd_fields_are_both_named() -> None:
    resource = wholly_read(decode_resource(b'{"status":["final"],"valueQuantity":{"value":"abc","unit":"ng/mL"}}'))

    assert resource.harmed == {"status", "valueQuantity"}
    assert resource.value_quantity
    assert resource.value_quantity.unit == "ng/mL"


def test_digits_survive_a_repair() -> None:
    resource = decode_resource(b'{"status":5,"valueQuantity":{"value":0.1}}')

    assert resource.value_quantity
    assert resource.value_quantity.value == Decimal("0.1")


@pytest.mark.parametrize(
    "raw",
    [b"[]", b"5", b'"x"', b"{", b"", b"\xff", b'{"id":"\xff"}', b'{"x":' + b"[" * 5000 + b"]" * 5000 + b"}"],
)
def test_what_is_no_resource_is_refused(raw: bytes) -> None:
    with pytest.raises(Undecodable):
        decode_resource(raw)


@pytest.mark.parametrize(("places", "code"), [(MAX_REPAIRS - 1, True), (MAX_REPAIRS, False)])
def test_a_member_that_is_odd_all_over_is_left_out(places: int, *, code: bool) -> None:
    odd = ",".join(f'{{"code":{number}}}' for number in range(places))
    resource = decode_resource(f'{{"code":{{"coding":[{odd}]}}}}'.encode())

    assert (resource.code is not None, resource.is_harmed("code")) == (code, True)


def test_what_nobody_reads_is_not_built() -> None:
    resource = decode_resource(b'{"valueQuantity":{"value":1},"method":{"text":"x"}}')

    assert resource.value_quantity is resource.value_quantity
    assert isinstance(resource.sent_method, msgspec.Raw)


def test_a_member_that_is_no_utf8_is_left_out() -> None:
    assert decode_resource(b'{"method":{"text":"\xff"}}').is_harmed("method")
