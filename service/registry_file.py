"""The client registry file is read strictly into tables, each key with the line on which it stands."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from service.errors import ServiceError
from service.keys import RECOMMENDED

Profile = Literal["standard", "epic"]
Search = Literal["get", "post"]
Hook = Literal["patient-view", "order-select", "order-sign"]


class RegistryError(ServiceError):
    """The registry file cannot be used. The text names file and line and says what would be right."""


_Text = Annotated[str, Meta(min_length=1, max_length=2048)]


class OrderCode(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[client.order_codes.<order>]`: the client's own code for an order that a card suggests."""

    system: _Text
    code: _Text
    display: _Text


class ClientTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`[[client]]`, of the right types but with addresses and algorithms still as written."""

    # The name stands in log lines and metric labels.
    name: Annotated[str, Meta(pattern=r"\A[a-z0-9][a-z0-9._-]{0,63}\Z")]
    issuer: _Text
    jku: _Text | None = None
    jwks_file: _Text | None = None
    audiences: tuple[_Text, ...] = ()
    algorithms: Annotated[tuple[str, ...], Meta(min_length=1)] = RECOMMENDED
    tenants: tuple[_Text, ...] = ()
    services: tuple[_Text, ...] = ()
    profile: Profile = "standard"
    fhir_servers: tuple[_Text, ...] = ()
    search: Search = "get"
    allow_private_addresses: bool = False
    required_hooks: tuple[Hook, ...] = ()
    origins: tuple[_Text, ...] = ()
    order_codes: dict[str, dict[str, Any]] = {}
    local_codes: dict[str, tuple[_Text, ...]] = {}
    screening_groups: tuple[_Text, ...] = ()


class _File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    client: Annotated[list[ClientTable], Meta(min_length=1)]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The file as read: its client tables, and the line on which each key of each table stands."""

    path: Path
    rows: list[ClientTable]
    lines: Mapping[tuple[int, str], int]

    @classmethod
    def read(cls, path: Path) -> Self:
        """The tables of a TOML file. Raises `RegistryError` with file and line."""
        try:
            text = path.read_text(encoding="utf-8")
            raw = tomllib.loads(text)
        except OSError as fault:
            raise RegistryError(f"{path}: cannot be read ({fault.strerror})") from fault
        except UnicodeDecodeError as fault:
            raise RegistryError(f"{path}: is not UTF-8") from fault
        except tomllib.TOMLDecodeError as fault:
            raise RegistryError(f"{path}: {fault}") from fault
        lines = dict(_lines(text))
        try:
            return cls(path, msgspec.convert(raw, _File).client, lines)
        except msgspec.ValidationError as fault:
            raise _misfit(cls(path, [], lines), str(fault)) from fault

    def fault(self, row: int, key: str, text: str) -> RegistryError:
        """The error to raise for a key of the client table `row` (counted from 0); no key: for the table."""
        line = self.lines.get((row, key)) or self.lines.get((row, "")) or 1
        return RegistryError(f"{self.path}, line {line}: {key}: {text}" if key else f"{self.path}, line {line}: {text}")

    def order_codes(self, row: int) -> dict[str, OrderCode]:
        """The order codes of one client table. Raises `RegistryError` with file and line."""
        codes = {}
        for order, table in self.rows[row].order_codes.items():
            try:
                codes[order] = msgspec.convert(table, OrderCode)
            except msgspec.ValidationError as fault:
                raise _misfit(self, str(fault), row, f"order_codes.{order}") from fault
        return codes


def _misfit(sheet: Sheet, message: str, row: int = -1, table: str = "") -> RegistryError:
    """A message of the decoder ("… - at `$.client[0].search`", counted from `table`) with the line it points to."""
    text, _, place = message.partition(" - at `$")
    if inside := re.match(r"\.client\[(\d+)\]", place):
        row, place = int(inside[1]), place[inside.end() :]
    names = [table, *re.findall(r"\A\.(\w+)", place), *re.findall(r"unknown field `([^`]*)`", text)]
    return sheet.fault(row, ".".join(filter(None, names)), text)


_TABLE = re.compile(r"\s*\[\[?\s*([\w.\s\"'-]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"\s*([\w.\"'-]+)\s*=")


def _lines(text: str) -> Iterator[tuple[tuple[int, str], int]]:
    """((index of the client table, dotted key), line) for each table and key; the TOML reader keeps no places."""
    row, prefix = -1, ""
    for number, line in enumerate(text.splitlines(), start=1):
        if table := _TABLE.match(line):
            path = re.sub(r"[\s\"']", "", table[1])
            row += path == "client"
            prefix = path.removeprefix("client").strip(".")
            yield (row, prefix), number
        elif key := _KEY.match(line):
            yield (row, f"{prefix}.{key[1]}".strip(".").replace('"', "").replace("'", "")), number
