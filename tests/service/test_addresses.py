"""Addresses have one normal form, and what two programs could read differently has none."""

# ruff: noqa: S104
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.addresses import BadAddress, base_url, https_url, is_loopback, is_private, origin


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("https://fhir.example.org", "https://fhir.example.org"),
        ("https://FHIR.example.org:443/Base/R4//", "https://fhir.example.org/Base/R4"),
        ("https://fhir.example.org:8443/", "https://fhir.example.org:8443"),
        ("https://[2001:DB8::1]:443/r4", "https://[2001:db8::1]/r4"),
    ],
)
def test_a_base_address_has_one_form(text, base):
    assert base_url(text) == base


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fhir.example.org",
        "//fhir.example.org",
        "ftp://fhir.example.org",
        "javascript:alert(1)",
        "https://",
        "https:///r4",
        "https://:443/r4",
        "https://user@fhir.example.org",
        "https://user:secret@fhir.example.org",
        "https://fhir.example.org:0",
        "https://fhir.example.org:99999",
        "https://fhir.example.org:x",
        "https://fhir.example.org/a/../b",
        "https://fhir.example.org/./a",
        "https://fhir.example.org//a",
        "https://fhir.example.org/%2e%2e",
        "https://fhir.example.org/?",
        "https://fhir.example.org/#",
        "https://fhir.example.org/a b",
        "https://fhir.example.org\\a",
        "https://fhir.example.org/\n",
        "\thttps://fhir.example.org",
        "https://fhír.example.org",
        "https://-fhir.example.org",
        "https://fhir.example.org./r4",
        "https://[fhir]/r4",
        "https://[::1/r4",
        "https://fhir.example.org/" + "a" * 2048,
        "http://fhir.example.org",
        "http://127.0.0.1",
    ],
)
def test_an_address_that_could_be_misread_is_refused(text):
    with pytest.raises(BadAddress):
        base_url(text)


@given(st.text(max_size=60) | st.text(alphabet="htps:/.@[]%?#ax1\\", max_size=40))
def test_any_text_is_accepted_in_its_one_form_or_refused(text):
    try:
        base = base_url(text)
    except BadAddress:
        return

    assert base_url(base) == base


@given(st.text(alphabet="[]:/.@%1a", max_size=20))
def test_any_host_is_accepted_in_its_one_form_or_refused(rest):
    try:
        base = base_url("https://" + rest)
    except BadAddress:
        return

    assert base_url(base) == base


def test_the_reason_holds_none_of_the_text():
    with pytest.raises(BadAddress) as refused:
        base_url("https://user:secret@fhir.example.org")

    assert "secret" not in str(refused.value)


def test_an_https_url_may_have_a_query():
    assert https_url("https://ehr.example.org/keys?set=1") == "https://ehr.example.org/keys?set=1"


def test_plain_http_is_accepted_to_this_machine_where_asked_for():
    assert base_url("http://localhost:80/r4", http_on_loopback=True) == "http://localhost/r4"


@pytest.mark.parametrize("text", ["http://example.org", "http://127.0.0.1.example.org", "http://localhost.example.org"])
def test_plain_http_is_never_accepted_to_another_machine(text):
    with pytest.raises(BadAddress):
        base_url(text, http_on_loopback=True)


def test_an_origin_is_what_a_browser_sends():
    assert origin("https://App.example.org:443") == "https://app.example.org"


@pytest.mark.parametrize("text", ["https://app.example.org/", "https://app.example.org?x", "null", "*"])
def test_what_no_browser_sends_is_no_origin(text):
    with pytest.raises(BadAddress):
        origin(text)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_loopback(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example.org", "2130706433", "0x7f.1"])
def test_other_hosts_are_not_loopback(host):
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "host", ["localhost", "10.1.2.3", "192.168.0.1", "169.254.169.254", "fe80::1", "fd00::1", "::ffff:10.0.0.1"]
)
def test_private_addresses_are_private(host):
    assert is_private(host)


@pytest.mark.parametrize("host", ["8.8.8.8", "2001:4860:4860::8888", "fhir.example.org"])
def test_public_addresses_and_names_are_not(host):
    assert not is_private(host)
