"""How deep JSON is nested, found on the raw bytes before anything decodes them."""

from itertools import accumulate

from service.errors import BadRequest

MAX_LEVELS = 200

# One translation keeps brackets and quotes only, and makes all brackets of one kind.
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NOISE = bytes(set(range(256)) - set(b'[]{}"'))
_WINDOW = 256
_MANY_ESCAPES = 20_000

# Eight brackets at once, as the bits of one octet (1 opens): how far they rise, and where they end.
_AS_BITS = bytes.maketrans(b"[]", b"10")
_WALKS = [list(accumulate(1 if octet >> bit & 1 else -1 for bit in range(7, -1, -1))) for octet in range(256)]
_PEAK = [max(walk) for walk in _WALKS]
_END = [walk[-1] for walk in _WALKS]


def check_nesting(body: bytes, max_levels: int = MAX_LEVELS) -> None:
    """`BadRequest` when objects and arrays are nested deeper than `max_levels`. Linear in the length of the body.

    Right for every body up to its first syntax error, and a decoder reads none any further.
    """
    if is_deeper(body, max_levels):
        raise BadRequest(f"the JSON is nested deeper than {max_levels} levels")


def is_deeper(body: bytes, max_levels: int) -> bool:
    """Whether some value lies within more than `max_levels` objects and arrays."""
    # Between the two quotes of most strings nothing is left; what still stands between quotes was inside a string.
    kept = _without_escapes(body).translate(_ONE_KIND, _NOISE).replace(b'""', b"")
    return _rises_above(b"".join(kept.split(b'"')[::2]) if b'"' in kept else kept, max_levels)


def _rises_above(brackets: bytes, max_levels: int) -> bool:
    depth = 0
    for start in range(0, len(brackets), _WINDOW):
        window = brackets[start : start + _WINDOW]
        opened = window.count(b"[")
        # Only a window that could reach the limit is walked.
        if depth + opened > max_levels and depth + _peak(window) > max_levels:
            return True
        depth += 2 * opened - len(window)
    return False


def _peak(window: bytes) -> int:
    octets = -(-len(window) // 8)
    depth = peak = 0
    for octet in int(window.translate(_AS_BITS).ljust(octets * 8, b"0"), 2).to_bytes(octets, "big"):
        peak = max(peak, depth + _PEAK[octet])
        depth += _END[octet]
    return peak


def _without_escapes(body: bytes) -> bytes:
    r"""The body without `\"` and `\\`; other escapes may stay, as they end no string."""
    if b"\\" not in body:
        return body
    pieces = body.split(b"\\", _MANY_ESCAPES)
    if len(pieces) > _MANY_ESCAPES:
        return body.replace(b"\\\\", b"").replace(b'\\"', b"")
    escaping = False
    for position in range(1, len(pieces)):
        # An empty piece is the gap between two backslashes, of which the second is the escaped one.
        escaping = not escaping
        if escaping and pieces[position]:
            pieces[position] = pieces[position][1:]
            escaping = False
    return b"".join(pieces)
