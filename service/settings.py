"""All settings in one typed object, each with what it means; docs/settings.md is made from it."""

import re
from collections.abc import Mapping
from functools import cached_property
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from service.settings_sources import sources

_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", re.ASCII)


def _split(value: object) -> object:
    return tuple(filter(None, (one.strip() for one in value.split(",")))) if isinstance(value, str) else value


# Several words, written with commas between them.
Listed = Annotated[tuple[str, ...], BeforeValidator(_split)]


class _Given(PydanticBaseSettingsSource):
    """What one place gives, handed to pydantic-settings."""

    def __init__(self, settings_cls: type[BaseSettings], values: Mapping[str, object]) -> None:
        super().__init__(settings_cls)
        self._values = values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[object, str, bool]:  # noqa: ARG002
        return self._values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self._values)


class Settings(BaseSettings):
    """Validated at start; a wrong value stops the service with a message that names the variable.

    The places that give values, the first one wins: the command line, environment, secrets files, settings file.
    """

    model_config = SettingsConfigDict(env_prefix="RLS_CDS_", extra="forbid", frozen=True)

    # The setting with which each section of the list begins; a new setting goes into the section that it belongs to.
    SECTIONS: ClassVar[dict[str, str]] = {
        "host": "Address",
        "workers": "Processes",
        "client_registry": "Who may call, and who may see pages",
        "timezone": "The site and its knowledge",
        "store_url": "Store",
        "deadline_seconds": "Limits",
        "fhir_max_pages": "FHIR access",
        "log_format": "Watching",
    }

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    public_url: str | None = Field(
        None, description="Base URL under which EHRs reach the service; for links and audiences."
    )
    base_path: str = Field(
        "",
        description="Path under which the service is reached, such as /rls, with or without a proxy that takes it away; "
        "without it the path of RLS_CDS_PUBLIC_URL.",
    )
    trusted_proxies: Listed = Field(
        (),
        description="Addresses or networks of the proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.",
    )
    tls_cert: Path | None = Field(
        None, description="PEM file with the certificate and its chain: TLS in process. Read anew when it changes."
    )
    tls_key: Path | None = Field(None, description="PEM file with the private key of the certificate.")
    tls_key_password: SecretStr | None = Field(None, description="Password of the private key, where it has one.")
    workers: int = Field(1, ge=1, le=64, description="Processes that answer calls, on one port.")
    drain_seconds: float = Field(
        0.0,
        ge=0,
        le=120,
        description="After SIGTERM calls are still taken for so long, while /health/ready already says no: the time that "
        "balancers need to look elsewhere.",
    )
    keepalive_seconds: int = Field(
        5,
        ge=1,
        le=600,
        description="An idle connection is closed after so long. A balancer that keeps connections must close them "
        "earlier, or it now and then sends a call into one that is just closing.",
    )
    shutdown_seconds: int = Field(
        10, ge=1, le=300, description="Calls that are running when the service ends have so long to finish."
    )
    client_registry: Path | None = Field(None, description="TOML file with the trusted clients; none = development.")
    allow_open: bool = Field(default=False, description="Answer anybody although not bound to loopback.")
    allow_draft_knowledge: bool = Field(
        default=False, description="Serve knowledge in production that no clinician has signed."
    )
    operator_password: SecretStr | None = Field(
        None, description="Password of the user 'operator', who sees pages and metrics; best given as a secret file."
    )
    preview: bool | None = Field(
        None,
        description="Show the preview page, where anybody who may see pages tries patients; default: in development only.",
    )
    timezone: str = Field("UTC", description="IANA time zone of the site: what 'today' means.")
    market: Literal["us", "uk", "eu"] = Field("us", description="Which brand names are known.")
    info_at_sign: bool = Field(default=False, description="Show info cards at order-sign too.")
    distributor: str | None = Field(
        None, max_length=500, description="Who distributes the service to the site; shown on /about."
    )
    funding: str | None = Field(
        None, max_length=500, description="Who paid for the technical implementation; shown on /about."
    )
    incident_contact: str | None = Field(
        None, max_length=500, description="Where a user reports a wrong or missing card; shown on /about."
    )
    rxnorm_index: Path | None = Field(None, description="Imported RxNorm index; none = the built-in terminology only.")
    rxnav: bool = Field(default=False, description="Ask RxNav about unknown codes in the background; sends codes only.")
    rxnav_cache: Path = Field(Path("var/rxnav.sqlite"), description="Where RxNav's answers are kept.")
    store_url: str = Field(
        "sqlite:///var/feedback.sqlite",
        repr=False,
        description="Where feedback is kept: sqlite:///FILE or postgresql://…; 'off' keeps none.",
    )
    keep_comments: bool = Field(default=False, description="Keep free text of feedback, which may name a patient.")
    kill_switch_file: Path | None = Field(
        None, description="While this file exists no card is shown: the emergency switch that needs no store."
    )
    controls_copy: Path | None = Field(
        None,
        description="Where this host keeps the controls that it read last, for a start without the store; "
        "without it beside the file of SQLite, or var/controls-….json.",
    )
    controls_unknown: Literal["cards", "no-cards"] = Field(
        "cards",
        description="What is answered while the store was not reached since the start and there is no such copy: "
        "cards as though nothing were switched, or none.",
    )
    deadline_seconds: float = Field(
        4.0, gt=0, le=60, description="Within this time a call is answered, with what is there."
    )
    max_calls: int = Field(64, ge=1, description="Calls that are answered at once; one more gets 503.")
    rate_per_second: float = Field(100.0, gt=0, description="Calls a second that one registered client may make.")
    rate_burst: int = Field(400, ge=1, description="Calls that one registered client may make at once.")
    max_body_bytes: int = Field(10 * 1024 * 1024, ge=1024, description="Largest request body in bytes.")
    max_body_seconds: float = Field(10.0, gt=0, description="Within this time a body has to arrive.")
    fhir_max_pages: int = Field(10, ge=1, description="Pages that are read of one FHIR search.")
    fhir_max_bytes: int = Field(
        10 * 1024 * 1024, ge=1024, description="Bytes, unpacked, that are read of one FHIR search."
    )
    fhir_page_size: int = Field(200, ge=0, description="_count of FHIR searches; 0 leaves the page size to the server.")
    fhir_connections: int = Field(500, ge=1, description="Connections to FHIR servers that are open at once at most.")
    log_format: Literal["json", "text"] | None = Field(
        None,
        description="How warnings and errors are written to standard error; default: text in development, else json.",
    )
    tracing_url: str | None = Field(
        None,
        description="Address of an OpenTelemetry collector (OTLP over HTTP), such as http://collector:4318/v1/traces; "
        "without it no traces are made. Needs: pip install 'rls-cds[tracing]'.",
    )
    tracing_sample: float = Field(0.1, ge=0, le=1, description="Share of the calls that are traced.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("not an IANA time zone such as Europe/Berlin") from error
        return value

    @field_validator("public_url")
    @classmethod
    def _plain_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        beside = parts.query or parts.fragment or "@" in parts.netloc
        if parts.scheme not in ("http", "https") or not parts.hostname or beside:
            raise ValueError("not a base URL such as https://cds.example.org/rls: scheme, host and path, nothing else")
        return value.rstrip("/")

    @field_validator("base_path")
    @classmethod
    def _plain_path(cls, value: str) -> str:
        if not _PATH.fullmatch(value.rstrip("/")):
            raise ValueError("not a path such as /rls")
        return value.rstrip("/")

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            try:
                ip_network(one)
            except ValueError:
                raise ValueError("each must be an address or a network such as 10.0.3.7 or 10.0.3.0/24") from None
        return value

    @model_validator(mode="before")
    @classmethod
    def _path_of_the_public_url(cls, given: dict[str, Any]) -> dict[str, Any]:
        if not given.get("base_path") and isinstance(given.get("public_url"), str):
            return given | {"base_path": urlsplit(given["public_url"]).path}
        return given

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("RLS_CDS_TLS_CERT and RLS_CDS_TLS_KEY belong together: set both, or neither")
        if self.tls_key_password is not None and self.tls_key is None:
            raise ValueError("RLS_CDS_TLS_KEY_PASSWORD is set without RLS_CDS_TLS_KEY: set both, or neither")
        if self.public_url is not None and urlsplit(self.public_url).path != self.base_path:
            raise ValueError(
                "RLS_CDS_PUBLIC_URL must end with RLS_CDS_BASE_PATH; without the latter it is taken from there"
            )
        if self.shutdown_seconds < self.deadline_seconds:
            raise ValueError(
                "RLS_CDS_SHUTDOWN_SECONDS is shorter than RLS_CDS_DEADLINE_SECONDS, so that calls would be cut off when the "
                "service ends: make it at least as long"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Our own sources instead of those of pydantic-settings: they refuse names that no setting has."""
        return init_settings, *(_Given(settings_cls, source.values) for source in sources(cls.model_fields))

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of the site."""
        return ZoneInfo(self.timezone)

    @property
    def base_url(self) -> str:
        """Where EHRs reach the service, without a slash at the end."""
        scheme = "http" if self.tls_cert is None else "https"
        return self.public_url or f"{scheme}://{self._shown_host}:{self.port}{self.base_path}"

    @property
    def _shown_host(self) -> str:
        try:
            return f"[{self.host}]" if ip_address(self.host).version == 6 else self.host
        except ValueError:
            return self.host
