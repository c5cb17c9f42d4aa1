"""One odd field costs only itself; what is no resource at all is refused without repeating it."""

from decimal import Decimal

import pytest

from cards.decode import MAX_REPAIRS, Undecodable, decode_resource


def test_digits_are_kept() -> None:
    resource = decode_resource(b'{"resourceType":"Observation","valueQuantity":{"value":75.50}}')

    assert resource.value_quantity
    assert str(resource.value_quantity.value) == "75.50"


def test_an_odd_field_is_left_out_and_named() -> None:
    resource = decode_resource(b'{"resourceType":"Observation","status":"final","code":{"coding":[{"code":5}]}}')

    assert (resource.status, resource.damaged) == ("final", frozenset({"code"}))


def test_two_odd_fields_are_both_named() -> None:
    resource = decode_resource(b'{"status":["final"],"valueQuantity":{"value":"abc","unit":"ng/mL"}}')

    assert resource.damaged == {"status", "valueQuantity"}
    assert resource.value_quantity
    assert resource.value_quantity.unit == "ng/mL"


def test_digits_survive_a_repair() -> None:
    resource = decode_resource(b'{"status":5,"valueQuantity":{"value":0.1}}')

    assert resource.value_quantity
    assert resource.value_quantity.value == Decimal("0.1")


@pytest.mark.parametrize(
    "raw",
    [b"[]", b"5", b'"x"', b"{", b"", b"\xff", b'{"id":"\xff"}', b'{"status":5,"x":' + b"[" * 5000 + b"]" * 5000 + b"}"],
)
def test_what_is_no_resource_is_refused(raw: bytes) -> None:
    with pytest.raises(Undecodable):
        decode_resource(raw)


def test_one_that_is_odd_all_over_is_refused() -> None:
    odd = ",".join(f'{{"code":{number}}}' for number in range(MAX_REPAIRS + 1))

    with pytest.raises(Undecodable, match="odd in more than"):
        decode_resource(f'{{"code":{{"coding":[{odd}]}}}}'.encode())
