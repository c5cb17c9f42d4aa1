"""The files of an RxNorm release, row by row: from a full or prescribable zip, or from its RRF folder."""

import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO, NamedTuple

CONCEPTS = "RXNCONSO.RRF"
RELATIONS = "RXNREL.RRF"
ATTRIBUTES = "RXNSAT.RRF"
ARCHIVE = "RXNATOMARCHIVE.RRF"

# Fields of a row, with the empty one behind the closing bar.
_FIELDS = {CONCEPTS: 19, RELATIONS: 17, ATTRIBUTES: 14, ARCHIVE: 17}
_REPORT_EVERY = 8_000_000
_LONGEST_ROW = 100_000
# Lines come twice as fast from a buffer of this size as from the zip itself.
_BUFFER = 1 << 20


class ReleaseError(ValueError):
    """A release that cannot be imported; names the file and the row."""


class Progress(NamedTuple):
    """How far the import is: bytes of the unpacked files."""

    file: str
    read: int
    of: int


class ReleaseFiles:
    """Opens the files of a release; `version` is that of the file name or of the folder, as the release writes it."""

    def __init__(self, path: Path, progress: Callable[[Progress], None] | None = None) -> None:
        self._path = path
        self._progress = progress
        self._zip = _zip(path) if path.is_file() else None
        names = self._names()
        # The full zip also holds the prescribable subset in a folder of its own: the shorter path is the full one.
        ordered = sorted(names, key=lambda name: (name.count("/"), len(name)), reverse=True)
        self._members = {name.rpartition("/")[2]: name for name in ordered if name.rpartition("/")[2] in _FIELDS}
        self.version = _version([path.name, path.parent.name, *names])
        missing = [name for name in (CONCEPTS, RELATIONS) if name not in self._members]
        if missing:
            raise ReleaseError(f"{path.name} holds no {' and no '.join(missing)}: give a release zip or its rrf folder")

    def has(self, name: str) -> bool:
        """Whether the release holds a file."""
        return name in self._members

    def rows(self, name: str, containing: bytes) -> Iterator[list[bytes]]:
        """The fields of each row that contains some bytes.

        Raises `ReleaseError` on a row with too few or too many fields and on a file that ends in the middle.
        """
        width = _FIELDS[name]
        with self._open(name) as (file, size):
            read = reported = 0
            number = 0
            while line := file.readline(_LONGEST_ROW):
                number += 1
                read += len(line)
                if line.count(b"|") != width - 1 or not line.endswith((b"|\n", b"|\r\n")):
                    raise ReleaseError(f"{name}: row {number} is cut or damaged; download the release again")
                if read - reported >= _REPORT_EVERY:
                    reported = read
                    self._report(name, read, size)
                if containing in line:
                    yield line.split(b"|")
            self._report(name, read, size)

    def _report(self, name: str, read: int, size: int) -> None:
        if self._progress:
            self._progress(Progress(name, read, size))

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[IO[bytes], int]]:
        member = self._members[name]
        try:
            if self._zip is None:
                path = self._path / member
                with path.open("rb") as file:
                    yield file, path.stat().st_size
            else:
                with BufferedReader(self._zip.open(member), _BUFFER) as file:  # type: ignore[type-var]
                    yield file, self._zip.getinfo(member).file_size
        except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError) as error:
            raise ReleaseError(f"{name}: cannot be read to its end ({type(error).__name__})") from None

    def _names(self) -> list[str]:
        if self._zip is not None:
            return self._zip.namelist()
        if not self._path.is_dir():
            raise ReleaseError(f"{self._path.name} is neither a release zip nor a folder")
        return [str(path.relative_to(self._path)) for path in sorted(self._path.rglob("*.*"))]


def _zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError):
        raise ReleaseError(f"{path.name} is no zip file, or it is cut; download the release again") from None


def _version(names: list[str]) -> str:
    """The release date that the names carry as MMDDYYYY, as YYYY-MM-DD; "unknown" where they carry none."""
    for name in names:
        if match := re.search(r"(?<!\d)(0[1-9]|1[0-2])([0-3]\d)(20\d\d)(?!\d)", name):
            return f"{match[3]}-{match[1]}-{match[2]}"
    return "unknown"
