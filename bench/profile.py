"""Where the time of one call goes: processor time of each room, as a share of parsing the same body, and a profile.

`python -m bench.profile [PAYLOAD] [--lines N]`. No server and no socket: the rooms are called one after the other.
"""

import argparse
import asyncio
import cProfile
import pstats
import time
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import orjson

from bench.payloads import PAYLOADS
from cards import Catalogue, Hook, Site, load_knowledge
from service import memory
from service.gather import gather
from service.wire import decode_request

ROUNDS, CALLS = 9, 20
_HOOKS = {"rls-patient-view": Hook.PATIENT_VIEW, "rls-order-select": Hook.ORDER_SELECT}


class Rooms:
    """The rooms of one call on one body, each ready to be called alone."""

    def __init__(self, payload: str) -> None:
        service_id, make = PAYLOADS[payload]
        self.body = make()
        self._hook, self._site, self._now = _HOOKS[service_id], Site(), datetime.now(UTC)
        self._catalogue = Catalogue(load_knowledge())
        self._loop = asyncio.new_event_loop()
        self._request = decode_request(self.body, self._hook)

    def parse(self) -> None:
        """What the yardstick does."""
        orjson.loads(self.body)

    def wire(self) -> None:
        """Bytes to a HookRequest."""
        decode_request(self.body, self._hook)

    def gather(self) -> None:
        """HookRequest to Evidence, all of it from the prefetch."""
        self._loop.run_until_complete(gather(self._request, self._catalogue, self._site))

    def call(self) -> None:
        """From bytes to a Decision."""
        request = decode_request(self.body, self._hook)
        evidence = self._loop.run_until_complete(gather(request, self._catalogue, self._site))
        self._catalogue.evaluate(evidence, on=self._now.date(), site=self._site, seed=uuid4(), now=self._now)


def milliseconds(work: Callable[[], None]) -> float:
    """Processor time of one call, the least of some rounds: whatever else runs here only ever adds to it."""
    work()
    return min(_round(work) for _ in range(ROUNDS)) / CALLS * 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("payload", nargs="?", default="view 300, RLS", choices=PAYLOADS)
    parser.add_argument("--lines", type=int, default=30)
    asked = parser.parse_args()
    rooms = Rooms(asked.payload)
    memory.settle()
    print(f"{datetime.now(UTC):%F}, {asked.payload}: {len(rooms.body)} bytes, milliseconds of processor time")
    yardstick = milliseconds(rooms.parse)
    for room in (rooms.parse, rooms.wire, rooms.gather, rooms.call):
        taken = milliseconds(room)
        print(f"  {room.__name__:10}{taken:8.3f}{taken / yardstick:8.2f} x parse")
    _profile(rooms, asked.lines)


def _profile(rooms: Rooms, lines: int) -> None:
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(100):
        rooms.call()
    profile.disable()
    pstats.Stats(profile).sort_stats("tottime").print_stats(lines)


def _round(work: Callable[[], None]) -> float:
    began = time.process_time()
    for _ in range(CALLS):
        work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
