"""All settings in one typed object: environment variables with the prefix RLS_CDS_, or a .env file."""

from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Validated at start; a wrong value stops the service with a message that names the variable."""

    model_config = SettingsConfigDict(env_prefix="RLS_CDS_", extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=1, le=65535, description="Port to listen on.")
    public_url: str | None = Field(
        None, description="Base URL under which EHRs reach the service; for links and audiences."
    )
    timezone: str = Field("UTC", description="IANA time zone of the site: what 'today' means.")
    market: Literal["us", "uk", "eu"] = Field("us", description="Which brand names are known.")
    info_at_sign: bool = Field(default=False, description="Show info cards at order-sign too.")
    max_body_bytes: int = Field(10 * 1024 * 1024, ge=1024, description="Largest request body in bytes.")
    deadline_seconds: float = Field(
        4.0, gt=0, le=60, description="Within this time a call is answered, with what is there."
    )
    fhir_max_pages: int = Field(10, ge=1, description="Pages that are read of one FHIR search.")
    fhir_max_bytes: int = Field(
        10 * 1024 * 1024, ge=1024, description="Bytes, unpacked, that are read of one FHIR search."
    )
    fhir_page_size: int = Field(200, ge=0, description="_count of FHIR searches; 0 leaves the page size to the server.")
    fhir_connections: int = Field(500, ge=1, description="Connections to FHIR servers that are open at once at most.")
    max_body_seconds: float = Field(10.0, gt=0, description="Within this time a body has to arrive.")
    max_calls: int = Field(64, ge=1, description="Calls that are answered at once; one more gets 503.")
    rate_per_second: float = Field(100.0, gt=0, description="Calls a second that one registered client may make.")
    rate_burst: int = Field(400, ge=1, description="Calls that one registered client may make at once.")
    client_registry: Path | None = Field(None, description="TOML file with the trusted clients; none = development.")
    allow_open: bool = Field(default=False, description="Answer anybody although not bound to loopback.")
    allow_draft_knowledge: bool = Field(
        default=False, description="Serve knowledge in production that no clinician has signed."
    )
    rxnav: bool = Field(default=False, description="Ask RxNav about unknown codes in the background; sends codes only.")
    rxnav_cache: Path = Field(Path("var/rxnav.sqlite"), description="Where RxNav's answers are kept.")
    store_url: str = Field(
        "sqlite:///var/feedback.sqlite",
        description="Where feedback is kept: sqlite:///FILE or postgresql://…; 'off' keeps none.",
    )
    keep_comments: bool = Field(default=False, description="Keep free text of feedback, which may name a patient.")
    max_depth: int = Field(200, ge=16, description="Deepest nesting of JSON that is accepted.")
    rxnorm_index: Path | None = Field(None, description="Imported RxNorm index; none = the built-in terminology only.")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("not an IANA time zone such as Europe/Berlin") from error
        return value

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone of the site."""
        return ZoneInfo(self.timezone)

    @property
    def base_url(self) -> str:
        """Where EHRs reach the service, without a slash at the end."""
        return (self.public_url or f"http://{self._shown_host}:{self.port}").rstrip("/")

    @property
    def _shown_host(self) -> str:
        try:
            return f"[{self.host}]" if ip_address(self.host).version == 6 else self.host
        except ValueError:
            return self.host
