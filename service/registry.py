"""One readable file names each trusted client; here it becomes a frozen registry, or an error with file and line."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Self

from service.addresses import BadAddress, base_url, host_of, https_url, is_loopback, is_private, origin
from service.clinical_words import BadWord, ClinicalWords, check_words, local_codes
from service.keys import ALGORITHMS, BadKeySet, KeySet, read_key_set
from service.registry_file import ClientTable, Hook, OrderCode, Profile, Search, Sheet

# Calls and answers of the preview page are kept under this name.
PREVIEW_NAME = "preview"


@dataclass(frozen=True, slots=True)
class TrustedClient:
    """A caller that was let in, as the other rooms may know it. `tenant` is that of the call at hand."""

    name: str
    issuer: str
    profile: Profile = "standard"
    tenants: frozenset[str] = frozenset()
    fhir_servers: frozenset[str] = frozenset()
    required_hooks: frozenset[Hook] = frozenset()
    order_codes: Mapping[str, OrderCode] = field(default_factory=lambda: MappingProxyType({}))
    local_codes: Mapping[tuple[str, str], str] = field(default_factory=lambda: MappingProxyType({}))
    screening_groups: frozenset[str] = frozenset()
    search: Search = "get"
    allow_private_addresses: bool = False
    any_loopback_server: bool = False
    tenant: str | None = None

    def fhir_base(self, fhir_server: str) -> str | None:
        """The normal form of a `fhirServer` from a request, or None when nothing may be sent there."""
        try:
            base = base_url(fhir_server, http_on_loopback=True)
        except BadAddress:
            return None
        here = self.any_loopback_server and is_loopback(host_of(base))
        return base if here or base in self.fhir_servers else None


@dataclass(frozen=True, slots=True)
class Registration:
    """What the trust room must know of one client to let it in.

    Without `keys` they are fetched from `jku`; with both, `jku` is only compared. Empty `services`: every service.
    """

    client: TrustedClient
    jku: str | None
    keys: KeySet | None
    audiences: frozenset[str]
    algorithms: frozenset[str]
    services: frozenset[str]
    by_tenant: Mapping[str, TrustedClient]


@dataclass(frozen=True, slots=True)
class Registry:
    """All trusted clients by issuer; or, where `anyone` is set, no registry at all and that client for every caller."""

    by_issuer: Mapping[str, Registration] = field(default_factory=lambda: MappingProxyType({}))
    origins: frozenset[str] = frozenset()
    anyone: TrustedClient | None = None

    @classmethod
    def open(cls, *, development: bool) -> Self:
        """No registry: every caller is let in. In development FHIR servers on this machine may be read, else none."""
        name = "development" if development else "open"
        return cls(anyone=TrustedClient(name=name, issuer="", any_loopback_server=development))

    @classmethod
    def load(cls, path: Path, *, http_on_loopback: bool = False, words: ClinicalWords | None = None) -> Self:
        """The registry in a TOML file, checked whole. Raises `RegistryError` with file and line.

        `http_on_loopback` admits plain http to this machine; `words` are what the clinical keys may say.
        """
        sheet = Sheet.read(path)
        entries = [_Entry(sheet, row, http_on_loopback) for row in range(len(sheet.rows))]
        registrations = {}
        for entry in entries:
            entry.check(entries[: entry.row], words)
            registrations[entry.table.issuer] = entry.registration()
        origins = frozenset(found for entry in entries for found in entry.origins())
        return cls(MappingProxyType(registrations), origins)

    @property
    def clients(self) -> tuple[TrustedClient, ...]:
        """The registered clients, in the order of the file."""
        return tuple(registration.client for registration in self.by_issuer.values())

    @property
    def jwk_set_urls(self) -> tuple[str, ...]:
        """The addresses from which public keys must be fetched."""
        entries = self.by_issuer.values()
        return tuple(entry.jku for entry in entries if entry.jku is not None and entry.keys is None)


class RegistryHolder:
    """The registry in force. A call takes `current` once, so a reload never changes it under a call's feet."""

    def __init__(self, read: Callable[[], Registry]) -> None:
        self._read = read
        self.current = read()

    def reload(self) -> None:
        """Read anew. On `RegistryError`, which the caller reports, the old registry stays in force."""
        self.current = self._read()


@dataclass(frozen=True, slots=True)
class _Entry:
    """One client table, on its way to a registration."""

    sheet: Sheet
    row: int
    http_on_loopback: bool

    @property
    def table(self) -> ClientTable:
        return self.sheet.rows[self.row]

    def check(self, earlier: list["_Entry"], words: ClinicalWords | None) -> None:
        if self.table.name == PREVIEW_NAME:
            raise self.sheet.fault(self.row, "name", "under this name the answers of the preview page are kept")
        for other in earlier:
            if other.table.name == self.table.name:
                raise self.sheet.fault(self.row, "name", "another client has this name")
            if other.table.issuer == self.table.issuer:
                raise self.sheet.fault(self.row, "issuer", "another client has this issuer")
        try:
            check_words(self.table, words)
        except BadWord as fault:
            raise self.sheet.fault(self.row, fault.key, str(fault)) from fault

    def registration(self) -> Registration:
        client = self._client()
        return Registration(
            client=client,
            jku=self._jku(),
            keys=self._local_keys(),
            audiences=frozenset(self.table.audiences),
            algorithms=self._algorithms(),
            services=frozenset(self.table.services),
            by_tenant=MappingProxyType({name: replace(client, tenant=name) for name in self.table.tenants}),
        )

    def origins(self) -> Iterator[str]:
        for text in self.table.origins:
            yield self._address("origins", text, origin)

    def _client(self) -> TrustedClient:
        table = self.table
        return TrustedClient(
            name=table.name,
            issuer=table.issuer,
            profile=table.profile,
            tenants=frozenset(table.tenants),
            fhir_servers=frozenset(self._fhir_servers()),
            required_hooks=frozenset(table.required_hooks),
            order_codes=MappingProxyType(self.sheet.order_codes(self.row)),
            local_codes=MappingProxyType(local_codes(table)),
            screening_groups=frozenset(table.screening_groups),
            search=table.search,
            allow_private_addresses=table.allow_private_addresses,
        )

    def _fhir_servers(self) -> Iterator[str]:
        for text in self.table.fhir_servers:
            base = self._address("fhir_servers", text, base_url)
            if is_private(host_of(base)) and not self.table.allow_private_addresses:
                raise self.sheet.fault(self.row, "fhir_servers", "a private address needs allow_private_addresses")
            yield base

    def _jku(self) -> str | None:
        if self.table.jku is None and self.table.jwks_file is None:
            raise self.sheet.fault(self.row, "", "the client needs `jku` or `jwks_file`, to know its public keys")
        return self._address("jku", self.table.jku, https_url) if self.table.jku is not None else None

    def _local_keys(self) -> KeySet | None:
        if self.table.jwks_file is None:
            return None
        try:
            keys = read_key_set((self.sheet.path.parent / self.table.jwks_file).read_bytes())
        except (OSError, BadKeySet) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else fault
            raise self.sheet.fault(self.row, "jwks_file", f"cannot be used: {reason}") from fault
        if keys.refused or not keys.keys:
            reason = "; ".join(keys.refused) or "it names no key"
            raise self.sheet.fault(self.row, "jwks_file", f"cannot be used: {reason}")
        return keys

    def _algorithms(self) -> frozenset[str]:
        for name in self.table.algorithms:
            if name not in ALGORITHMS:
                text = f"{name!r} is none of {', '.join(ALGORITHMS)} (never `none`, never HMAC)"
                raise self.sheet.fault(self.row, "algorithms", text)
        return frozenset(self.table.algorithms)

    def _address(self, key: str, text: str, normal: Callable[..., str]) -> str:
        try:
            return normal(text, http_on_loopback=self.http_on_loopback)
        except BadAddress as fault:
            raise self.sheet.fault(self.row, key, f"{text!r}: {fault}") from fault
