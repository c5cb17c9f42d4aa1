"""Who may see pages, metrics and the description of the interface: somebody at this machine, or the operator's login."""

import logging
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from cards import Knowledge
from service import operator
from service.app import Parts, create_app
from service.operator import BadOperatorPassword, Guesses, Operators
from service.posture import Posture
from service.settings import Settings
from tests.conftest import NOW
from tests.service.registered import registry_file

PASSWORD = "correct horse battery"


def request(
    *headers: tuple[str, str],
    host: str | None = "127.0.0.1:8000",
    peer: tuple[str, int] | None = ("127.0.0.1", 1234),
    method: str = "GET",
) -> Request:
    """A request as it arrives from somebody at this machine, but for what is said."""
    sent = ([("host", host)] if host is not None else []) + list(headers)
    raw = [(name.encode(), value.encode("latin-1")) for name, value in sent]
    return Request({"type": "http", "method": method, "path": "/metrics", "headers": raw, "client": peer})


def login(password: str = PASSWORD, user: str = "operator") -> tuple[str, str]:
    return "authorization", "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def operators(stance: Posture = Posture.DEVELOPMENT, **settings: Any) -> Operators:
    return Operators.of(Settings(**settings), stance)


def status(of: Operators, sent: Request) -> int:
    """200 where the caller may see it."""
    refusal = of.refusal(sent)
    return refusal.status_code if refusal else 200


HERE = operators()
BY_LOGIN = operators(Posture.REGISTERED, operator_password=PASSWORD)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]:8000", "[::1]"])
def test_who_sits_at_this_machine_needs_no_login_in_development(host: str) -> None:
    assert status(HERE, request(host=host)) == 200


@pytest.mark.parametrize("peer", [("::1", 9), ("::ffff:127.0.0.1", 9)])
def test_a_peer_on_ipv6_sits_at_this_machine_too(peer: tuple[str, int]) -> None:
    assert status(HERE, request(peer=peer)) == 200


@pytest.mark.parametrize("peer", [("10.0.0.7", 9), ("203.0.113.9", 9), ("::2", 9), ("", 0), ("testclient", 9), None])
def test_a_peer_elsewhere_or_unknown_is_told_nothing(peer: tuple[str, int] | None) -> None:
    assert status(HERE, request(peer=peer)) == 404


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.nip.example:8000", "localhost@evil.example", "0.0.0.0", ""],  # noqa: S104
)
def test_a_name_that_was_made_to_point_here_is_told_nothing(host: str) -> None:
    # DNS rebinding: a page of evil.example lets its own name point to 127.0.0.1, and is then of the same origin.
    assert status(HERE, request(host=host)) == 404


def test_without_a_host_nothing_is_told() -> None:
    assert status(HERE, request(host=None)) == 404


def test_with_two_hosts_nothing_is_told() -> None:
    assert status(HERE, request(("host", "localhost"))) == 404


@pytest.mark.parametrize(
    "name",
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via", "x-forwarded-prefix"],
)
def test_what_comes_through_a_proxy_does_not_sit_here(name: str) -> None:
    # A proxy on this machine is a loopback peer for everybody behind it; the client it names is its own word.
    assert status(HERE, request((name, "127.0.0.1"))) == 404


def test_a_public_address_says_that_a_proxy_stands_in_front() -> None:
    # nginx by default adds no header and asks for the host 127.0.0.1.
    assert status(operators(public_url="https://cds.example.org"), request()) == 404


@pytest.mark.parametrize("stance", [Posture.REGISTERED, Posture.OPEN])
def test_outside_development_nothing_is_told_without_a_configured_login(stance: Posture) -> None:
    assert status(operators(stance), request()) == 404


@pytest.mark.parametrize("stance", list(Posture))
def test_with_a_configured_login_everybody_is_asked_for_it(stance: Posture) -> None:
    of = operators(stance, operator_password=PASSWORD)

    assert (status(of, request()), status(of, request(login()))) == (401, 200)


def test_the_login_is_asked_for_in_words_that_a_browser_understands() -> None:
    refusal = BY_LOGIN.refusal(request())

    assert refusal is not None
    assert refusal.headers["www-authenticate"] == 'Basic realm="rls-cds operator", charset="UTF-8"'


def test_the_login_is_taken_from_anywhere() -> None:
    assert status(BY_LOGIN, request(login(), host="cds.example.org", peer=("10.0.0.7", 9))) == 200


@pytest.mark.parametrize(
    "sent",
    [
        login("wrong password!"),
        login(PASSWORD + " "),
        login(PASSWORD[:-1]),
        login(""),
        login(user="admin"),
        login(user=""),
        ("authorization", "Basic"),
        ("authorization", "Basic ???"),
        ("authorization", "Basic /w=="),
        ("authorization", "Bearer " + PASSWORD),
        ("authorization", "Basic " + "QUFB" * 1000),
    ],
)
def test_any_other_login_is_refused(sent: tuple[str, str]) -> None:
    of = operators(Posture.REGISTERED, operator_password=PASSWORD)

    assert status(of, request(sent)) == 401


def test_a_password_may_hold_colons_and_letters_of_any_language() -> None:
    password = "schlüssel:mit:doppelpunkt"
    of = operators(Posture.REGISTERED, operator_password=password)

    assert status(of, request(login(password))) == 200


def test_user_and_password_are_compared_whole_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def noted(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(operator, "compare_digest", noted)

    assert status(operators(Posture.OPEN, operator_password=PASSWORD), request(login("x", "y"))) == 401
    assert [(len(one), len(other)) for one, other in compared] == [(32, 32), (32, 32)]


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def guarded(clock: _Clock) -> Operators:
    guesses = Guesses(burst=3, seconds=6.0, most=4, clock=clock)
    return Operators(password=PASSWORD, local=False, own_origin="https://cds.example.org", guesses=guesses)


def test_after_some_wrong_guesses_not_even_the_right_password_is_looked_at() -> None:
    of = guarded(_Clock())
    answers = [status(of, request(login("wrong"))) for _ in range(4)]

    assert (answers, status(of, request(login()))) == ([401, 401, 401, 429], 429)


def test_a_refused_guesser_is_told_when_to_come_back() -> None:
    of = guarded(_Clock())
    for _ in range(3):
        of.refusal(request(login("wrong")))
    refusal = of.refusal(request(login()))

    assert refusal is not None
    assert refusal.headers["retry-after"] == "7"


def test_guesses_come_back_with_time() -> None:
    clock = _Clock()
    of = guarded(clock)
    for _ in range(3):
        of.refusal(request(login("wrong")))
    clock.now += 6.0

    assert [status(of, request(login("wrong"))), status(of, request(login()))] == [401, 429]


def test_a_guesser_does_not_lock_out_others() -> None:
    of = guarded(_Clock())
    for _ in range(9):
        of.refusal(request(login("wrong"), peer=("203.0.113.9", 9)))

    assert status(of, request(login(), peer=("10.0.0.7", 9))) == 200


def test_a_request_without_a_login_is_no_guess() -> None:
    of = guarded(_Clock())
    for _ in range(9):
        of.refusal(request())

    assert status(of, request(login())) == 200


def test_guesses_through_a_socket_without_addresses_are_one_guessers() -> None:
    of = guarded(_Clock())
    answers = [status(of, request(login("wrong"), peer=None)) for _ in range(4)]

    assert answers == [401, 401, 401, 429]


def test_one_network_of_ipv6_is_one_guesser() -> None:
    of = guarded(_Clock())
    for last in range(3):
        of.refusal(request(login("wrong"), peer=(f"2001:db8::{last}", 9)))

    assert status(of, request(login(), peer=("2001:db8::ffff", 9))) == 429
    assert status(of, request(login(), peer=("2001:db8:0:1::1", 9))) == 200


def test_many_addresses_take_no_memory_and_gain_no_guesses() -> None:
    of = guarded(_Clock())
    for last in range(100):
        of.refusal(request(login("wrong"), peer=(f"10.0.0.{last}", 9)))

    assert len(of._guesses._whole_at) == 5
    assert status(of, request(login(), peer=("10.9.9.9", 9))) == 429


def test_memory_of_guesses_is_given_back() -> None:
    clock = _Clock()
    of = guarded(clock)
    for last in range(100):
        of.refusal(request(login("wrong"), peer=(f"10.0.0.{last}", 9)))
    clock.now += 3600

    assert status(of, request(login("wrong"), peer=("10.9.9.9", 9))) == 401
    assert set(of._guesses._whole_at) == {"10.9.9.9"}


def test_a_wrong_login_is_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "rls_cds"):
        operators(Posture.OPEN, operator_password=PASSWORD).refusal(request(login("zqxsecret", "zqxuser")))

    assert "a wrong operator's login was refused" in caplog.text
    assert "zqx" not in caplog.text


@pytest.mark.parametrize(
    "headers",
    [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
        [("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")],
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_of_another_site_may_not_use_the_login_or_the_place_of_its_reader(
    headers: list[tuple[str, str]], method: str
) -> None:
    # Development lets any origin call the services; a page must not read metrics and previews by the same way.
    assert status(HERE, request(*headers, method=method)) == 403
    assert status(BY_LOGIN, request(login(), *headers, method=method)) == 403


def test_a_form_of_another_site_may_not_be_sent_here() -> None:
    headers = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]

    assert status(HERE, request(*headers, method="POST")) == 403


def test_a_link_on_another_site_may_be_followed() -> None:
    headers = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]

    assert status(HERE, request(*headers)) == 200


def test_our_own_pages_may_ask() -> None:
    headers = [("origin", "http://127.0.0.1:8000"), ("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")]

    assert status(HERE, request(*headers, method="POST")) == 200


def test_our_own_pages_may_ask_through_a_proxy_that_changes_the_host() -> None:
    of = operators(Posture.REGISTERED, operator_password=PASSWORD, public_url="https://CDS.example.org/rls/")

    assert status(of, request(login(), ("origin", "https://cds.example.org"), host="backend:8000")) == 200


@pytest.mark.parametrize("short", ["", "elevenchars"])
def test_a_short_password_stops_the_start(short: str) -> None:
    with pytest.raises(BadOperatorPassword, match="under 12 characters"):
        operators(operator_password=short)


def test_the_password_is_in_no_text_of_the_settings() -> None:
    settings = Settings(operator_password=PASSWORD)

    assert PASSWORD not in f"{settings!r} {settings} {settings.model_dump()}"


@pytest.mark.anyio
async def test_the_description_of_the_interface_is_behind_the_login(tmp_path: Path, knowledge: Knowledge) -> None:
    settings = Settings(
        client_registry=registry_file(tmp_path),
        store_url="off",
        allow_draft_knowledge=True,
        operator_password=PASSWORD,
    )
    app = create_app(parts=Parts(settings, now=lambda: NOW, knowledge=knowledge))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://cds.test") as client:
        refused = await client.get("/openapi.json")
        shown = await client.get("/openapi.json", auth=("operator", PASSWORD))

    assert (refused.status_code, shown.status_code) == (401, 200)
