"""A raw-bytes mutator: what no JSON library would ever write."""

import random
import re

TOKENS = (
    b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\x00", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xef\xbb\xbf",
    b"\\ud800", b"\\udfff\\ud800", b"\\u0000", b'\\"', b"null", b"true", b"NaN", b"Infinity", b"-Infinity", b"-0",
    b"1e999999999", b"-1e-999999999", b"1E400", b"9" * 5000, b"0." + b"0" * 400 + b"1", b"1.", b".5", b"01", b"/*x*/",
    b"[" * 300, b'{"a":' * 150, b'"resourceType":"Bundle",', b'"entry":[null],', b'"hook":"order-sign",', b"\r\n", b"\t",
    b'"id":null,', b'"harmed":["code"],', b'"fullUrl":"urn:uuid:1",', b"\xe2\x80\xa8", b"\xf4\x90\x80\x80",
)  # fmt: skip


EXTREMES = (
    b"1e999999999", b"1e-999999999", b"-1e-999999999", b"0e-999999999", b"0e999999999", b"1e31", b"1e-31", b"9" * 4500,
    b"-0", b"0.0", b"1E+2", b'"NaN"', b'"sNaN"', b'"Infinity"', b'"1e999999999"', b'"62"', b"18446744073709551616", b"-1",
)  # fmt: skip
_NUMBER = re.compile(rb"[:\[] ?(-?[0-9][0-9.eE+-]*)[,}\]]")


def scrambled(body: bytes, other: bytes, chance: random.Random) -> bytes:
    """The body after one to six changes; `other` is a second body to splice in."""
    made = bytearray(body)
    for _ in range(chance.randint(1, 6)):
        _CHANGES[chance.randrange(len(_CHANGES))](made, other, chance)
    return bytes(made)


def _flip(made: bytearray, _other: bytes, chance: random.Random) -> None:
    if made:
        made[chance.randrange(len(made))] ^= 1 << chance.randrange(8)


def _byte(made: bytearray, _other: bytes, chance: random.Random) -> None:
    if made:
        made[chance.randrange(len(made))] = chance.randrange(256)


def _insert(made: bytearray, _other: bytes, chance: random.Random) -> None:
    at = chance.randint(0, len(made))
    made[at:at] = chance.choice(TOKENS)


def _replace(made: bytearray, _other: bytes, chance: random.Random) -> None:
    at = chance.randint(0, len(made))
    made[at : at + chance.randint(1, 12)] = chance.choice(TOKENS)


def _number(made: bytearray, _other: bytes, chance: random.Random) -> None:
    """A token where a value stood, so that the rest stays JSON."""
    at = made.find(b": ", chance.randint(0, len(made)))
    end = made.find(b",", at)
    if 0 <= at < end:
        made[at + 2 : end] = chance.choice(TOKENS)


def _extreme(made: bytearray, _other: bytes, chance: random.Random) -> None:
    """Another number where a number stood."""
    numbers = [found.span(1) for found in _NUMBER.finditer(made)]
    if numbers:
        start, end = chance.choice(numbers)
        made[start:end] = chance.choice(EXTREMES)


def _delete(made: bytearray, _other: bytes, chance: random.Random) -> None:
    at = chance.randint(0, len(made))
    del made[at : at + chance.randint(1, 200)]


def _repeat(made: bytearray, _other: bytes, chance: random.Random) -> None:
    at = chance.randint(0, len(made))
    piece = made[at : at + chance.randint(1, 200)]
    made[at:at] = piece * chance.randint(1, 20)


def _splice(made: bytearray, other: bytes, chance: random.Random) -> None:
    at = chance.randint(0, len(other))
    into = chance.randint(0, len(made))
    made[into : into + 300] = other[at : at + chance.randint(1, 600)]


def _cut(made: bytearray, _other: bytes, chance: random.Random) -> None:
    del made[chance.randint(0, len(made)) :]


_CHANGES = (_flip, _byte, _insert, _replace, _number, _number, _extreme, _extreme, _delete, _repeat, _splice, _cut)
