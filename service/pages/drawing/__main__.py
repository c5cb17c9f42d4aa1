"""Takes orders from standard input and answers with pictures, until the input ends."""

import sys
from typing import BinaryIO

import msgspec

from service.pages.drawing.canvas import draw
from service.pages.figures import Order

_decoder = msgspec.msgpack.Decoder(Order)


def main(orders: BinaryIO, pictures: BinaryIO) -> None:
    """Each order and each picture follows its length in four bytes. What cannot be drawn is an empty picture."""
    while head := orders.read(4):
        order = orders.read(int.from_bytes(head, "big"))
        try:
            picture = draw(_decoder.decode(order))
        except Exception:  # noqa: BLE001 - one odd figure must not end the process; the page shows its table
            picture = b""
        pictures.write(len(picture).to_bytes(4, "big") + picture)
        pictures.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
