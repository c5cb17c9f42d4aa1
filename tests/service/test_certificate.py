"""TLS in process: with a certificate made here, served, renewed, and refused where it cannot be used."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from service.certificate import BadCertificate, Certificate
from service.probe import lives
from service.serving import DrainingServer, _config
from service.settings import Settings
from tests.service.running import started

PASSWORD = "a word for the key"


def write_certificate(folder: Path, serial: int = 1, password: str | None = None) -> dict[str, object]:
    """Certificate and key for 127.0.0.1 that sign themselves; the settings that name them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cds.test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), serial, now, now + timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    locked = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    (folder / "cert.pem").write_bytes(signed.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    more = {"tls_key_password": password} if password else {}
    return {"tls_cert": folder / "cert.pem", "tls_key": folder / "key.pem", **more}


def served_serial(context: ssl.SSLContext) -> int:
    """The serial number of the certificate that a new connection to a server with this context gets."""
    client_context = ssl._create_unverified_context()  # noqa: S323 - only looked at
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return x509.load_der_x509_certificate(client.getpeercert(binary_form=True) or b"").serial_number


def test_calls_are_answered_over_tls_by_several_workers(tmp_path: Path) -> None:
    tls = write_certificate(tmp_path)
    with started(tmp_path, scheme="https", workers=2, **tls) as running:
        trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        answer = running.get("/cds-services", verify=trusting)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{running.port}/health", trust_env=False)
        alive = lives(Settings(port=running.port, **tls))

    assert (answer.status_code, alive) == (200, True)


def test_a_key_with_a_password_is_opened(tmp_path: Path) -> None:
    certificate = Certificate.of(Settings(**write_certificate(tmp_path, 7, PASSWORD)))

    assert certificate
    assert served_serial(certificate.context()) == 7


def test_old_versions_of_tls_are_refused(tmp_path: Path) -> None:
    certificate = Certificate.of(Settings(**write_certificate(tmp_path)))

    assert certificate
    assert certificate.context().minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_renewed_certificate_is_served_from_then_on(tmp_path: Path) -> None:
    certificate = Certificate.of(Settings(**write_certificate(tmp_path, 1)))
    assert certificate
    context = certificate.context()
    write_certificate(tmp_path, 2)

    certificate.renew(context)

    assert served_serial(context) == 2


def test_a_faulty_renewal_leaves_the_old_certificate_in_force(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certificate = Certificate.of(Settings(**write_certificate(tmp_path, 1)))
    assert certificate
    context = certificate.context()
    (tmp_path / "key.pem").write_text("not a key")

    certificate.renew(context)

    assert served_serial(context) == 1
    assert "the renewed certificate was not taken" in caplog.text


def test_after_a_faulty_renewal_the_next_good_one_is_taken(tmp_path: Path) -> None:
    certificate = Certificate.of(Settings(**write_certificate(tmp_path, 1)))
    assert certificate
    context = certificate.context()
    (tmp_path / "key.pem").unlink()
    certificate.renew(context)
    write_certificate(tmp_path, 3)

    certificate.renew(context)

    assert served_serial(context) == 3


def test_the_running_server_looks_for_a_renewed_certificate(tmp_path: Path) -> None:
    async def nothing(scope: object, receive: object, send: object) -> None:
        """An application."""

    settings = Settings(**write_certificate(tmp_path, 1))
    certificate = Certificate.of(settings)
    server = DrainingServer(_config(settings, nothing, certificate), 0, certificate)
    server.config.load()
    write_certificate(tmp_path, 2)

    asyncio.run(server.on_tick(300))

    assert server.config.ssl
    assert served_serial(server.config.ssl) == 2


@pytest.mark.parametrize("spoilt", ["missing", "no pem", "another key", "wrong password", "no password"])
def test_what_cannot_be_used_says_what_to_do(spoilt: str, tmp_path: Path) -> None:
    given = write_certificate(tmp_path, 1, PASSWORD if "password" in spoilt else None)
    if spoilt == "missing":
        (tmp_path / "cert.pem").unlink()
    elif spoilt == "no pem":
        (tmp_path / "cert.pem").write_text("hidden-word")
    elif spoilt == "another key":
        kept = (tmp_path / "cert.pem").read_bytes()
        write_certificate(tmp_path, 2)
        (tmp_path / "cert.pem").write_bytes(kept)
    elif spoilt == "wrong password":
        given["tls_key_password"] = "another"
    else:
        del given["tls_key_password"]

    with pytest.raises(BadCertificate, match="They must be readable PEM files that belong together"):
        Certificate.of(Settings(**given))
