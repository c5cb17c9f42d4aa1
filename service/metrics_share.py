"""The counts of several workers in one directory: each writes its own file, whoever is asked reads them all.

A worker holds a lock on a file of its own for as long as it lives, however it ends: no process id that somebody else
has got meanwhile can be taken for it. What workers that ended had counted is kept in one file for all of them.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO

import msgspec

from service.tallies import Snapshot, Tally

_GONE = "gone"


class _Gone(msgspec.Struct):
    """`folded`: whose counts are in it already, while their files may still be there."""

    counts: Snapshot = {}
    folded: list[str] = []


_read_snapshot = msgspec.json.Decoder(Snapshot).decode
_read_gone = msgspec.json.Decoder(_Gone).decode


class SharedCounts:
    """The place of one worker in the directory. Everything here blocks for less than a millisecond."""

    def __init__(self, folder: Path, tallies: Iterable[Tally]) -> None:
        """Raises `OSError` where the directory cannot be written."""
        self._folder = folder
        self._tallies = {tally.name: tally for tally in tallies}
        self._name = f"{os.getpid()}-{token_hex(4)}"
        self._alive = (folder / f"{self._name}.alive").open("wb")
        fcntl.flock(self._alive, fcntl.LOCK_EX)

    def write(self, counts: Snapshot) -> None:
        """Replace what is known of this worker."""
        _replace(self._folder / f"{self._name}.counts", msgspec.json.encode(counts))

    def others(self) -> list[Snapshot]:
        """What the other workers have counted, and what those that ended had."""
        with self._alone():
            gone = self._gone()
            found: list[Snapshot] = []
            for path in sorted(self._folder.glob("*.counts")):
                if path.stem in (self._name, *gone.folded):
                    continue
                counts = _read(path)
                if self._ended(path.stem):
                    gone.counts = self._added(gone.counts, counts)
                    gone.folded.append(path.stem)
                else:
                    found.append(counts)
            self._keep(gone)
        return [*found, gone.counts]

    def close(self) -> None:
        """This worker ends; its last counts stay."""
        self._alive.close()

    def _gone(self) -> _Gone:
        try:
            return _read_gone((self._folder / _GONE).read_bytes())
        except FileNotFoundError:
            return _Gone({}, [])

    def _keep(self, gone: _Gone) -> None:
        """First the sum, then the files go: a worker that is killed in between leaves nothing counted twice."""
        if not gone.folded:
            return
        _replace(self._folder / _GONE, msgspec.json.encode(gone))
        for name in gone.folded:
            (self._folder / f"{name}.counts").unlink(missing_ok=True)
            (self._folder / f"{name}.alive").unlink(missing_ok=True)
        _replace(self._folder / _GONE, msgspec.json.encode(_Gone(gone.counts, [])))

    def _added(self, one: Snapshot, other: Snapshot) -> Snapshot:
        """Both together, gauges left out: nobody's queue is long any more."""
        stay = (tally for tally in self._tallies.values() if tally.kind.stays)
        return {
            tally.name: list(tally.merged(one.get(tally.name, []), other.get(tally.name, [])).items()) for tally in stay
        }

    def _ended(self, name: str) -> bool:
        try:
            with (self._folder / f"{name}.alive").open("rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except FileNotFoundError:
            return True
        return True

    @contextmanager
    def _alone(self) -> Iterator[IO[bytes]]:
        with (self._folder / "reading.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock


def _read(path: Path) -> Snapshot:
    """Nothing where the file is of another program, or of another version of this one."""
    try:
        return _read_snapshot(path.read_bytes())
    except msgspec.MsgspecError:
        return {}


def _replace(path: Path, content: bytes) -> None:
    """At once: no reader meets half a file."""
    draft = path.with_suffix(f".{os.getpid()}.new")
    draft.write_bytes(content)
    draft.replace(path)
