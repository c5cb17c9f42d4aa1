"""A registry file becomes trusted clients, or an error that says where and what."""

import dataclasses
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from service.clinical_words import ClinicalWords
from service.registry import Registry, RegistryHolder
from service.registry_file import ClientTable, OrderCode, RegistryError

EXAMPLE = Path(__file__).parents[2] / "docs" / "client-registry.example.toml"
LEAST = '[[client]]\nname = "ehr"\nissuer = "https://ehr.example.org"\njku = "https://ehr.example.org/jwks.json"\n'


@pytest.fixture
def load(tmp_path):
    def load(text, **options):
        path = tmp_path / "clients.toml"
        path.write_text(text)
        return Registry.load(path, **options)

    return load


@pytest.fixture
def words(knowledge):
    return ClinicalWords.of(knowledge)


def only(registry):
    (registration,) = registry.by_issuer.values()
    return registration


def fault(load, text, **options):
    with pytest.raises(RegistryError) as refused:
        load(text, **options)
    return str(refused.value)


def test_the_least_client_has_the_documented_defaults(load):
    registration = only(load(LEAST))

    assert registration.algorithms == {"ES384", "RS384"}
    assert registration.audiences == registration.services == frozenset()
    assert (registration.client.profile, registration.client.search) == ("standard", "get")
    assert not registration.client.allow_private_addresses


def test_the_example_in_the_documentation_loads(words):
    north, south = Registry.load(EXAMPLE, words=words).clients

    assert north.name == "north-hospital"
    assert south.profile == "epic"
    assert south.order_codes["ferritin"] == OrderCode(
        "urn:com.epic.cdshooks.action.code.system.preference-list-item", "10203", "Ferritin"
    )


def test_the_example_names_every_key_that_a_client_may_have():
    text = EXAMPLE.read_text()

    assert [key for key in ClientTable.__struct_fields__ if key not in text] == []


def test_the_registry_knows_its_browser_origins():
    assert Registry.load(EXAMPLE).origins == {"https://apps.south.example"}


def test_the_registry_knows_where_keys_must_be_fetched(load):
    assert load(LEAST).jwk_set_urls == ("https://ehr.example.org/jwks.json",)


@pytest.mark.parametrize("name", ["name", "tenants", "order_codes"])
def test_a_client_cannot_be_changed(load, name):
    client = only(load(LEAST)).client

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(client, name, "other")


def test_order_codes_cannot_be_changed(load):
    with pytest.raises(TypeError):
        only(load(LEAST)).client.order_codes["x"] = None


@pytest.mark.parametrize(
    ("lines", "line", "reason"),
    [
        ('profil = "epic"', 5, "unknown field `profil`"),
        ('profile = "cerner"', 5, "cerner"),
        ("algorithms = []", 5, "length >= 1"),
        ('algorithms = ["RS384",\n  "HS256"]', 5, "'HS256' is none of ES384"),
        ('algorithms = ["none"]', 5, "never `none`"),
        ('search = "put"', 5, "put"),
        ('required_hooks = ["patient-view", "appointment-book"]', 5, "appointment-book"),
        ('allow_private_addresses = "yes"', 5, "Expected `bool`"),
        ('audiences = "https://x.example"', 5, "Expected `array`"),
        ('# comment\n\ntenants = [""]', 7, "length >= 1"),
        ('fhir_servers = ["http://fhir.example.org/r4"]', 5, "only https"),
        ('fhir_servers = ["https://fhir.example.org/r4?x=1"]', 5, "no query"),
        ('fhir_servers = ["https://10.0.0.5/r4"]', 5, "allow_private_addresses"),
        ('fhir_servers = ["https://169.254.169.254/r4"]', 5, "allow_private_addresses"),
        ('origins = ["null"]', 5, "origins"),
        ('origins = ["*"]', 5, "origins"),
        ('origins = ["https://app.example.org/path"]', 5, "an origin has no path"),
        ('jwks_file = "missing.json"', 5, "No such file"),
        ('[client.order_codes.ferritin]\nsystem = "s"\ndisplay = "d"', 5, "missing required field `code`"),
        ('[client.order_codes.ferritin]\nsystem = "s"\ncode = 1\ndisplay = "d"', 7, "Expected `str`"),
    ],
)
def test_a_fault_is_reported_with_its_line(load, lines, line, reason):
    text = fault(load, LEAST + lines)

    assert f"clients.toml, line {line}: " in text
    assert reason in text


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (LEAST.replace('"ehr"', '"EHR of the north\\n"'), 2, "name"),
        (LEAST.replace('name = "ehr"\n', ""), 1, "missing required field `name`"),
        (LEAST.replace('jku = "https://ehr.example.org/jwks.json"\n', ""), 1, "needs `jku` or `jwks_file`"),
        (LEAST.replace("https://ehr.example.org/jwks", "http://ehr.example.org/jwks"), 4, "only https"),
        (LEAST.replace("https://ehr.example.org/jwks", "file:///etc/passwd"), 4, "jku"),
        (LEAST + LEAST, 6, "another client has this name"),
        (LEAST + LEAST.replace('"ehr"', '"two"'), 7, "another client has this issuer"),
        (LEAST + LEAST.replace('"ehr"', '"two"') + "colour = 1", 9, "unknown field `colour`"),
        ("", 1, "missing required field `client`"),
        ("client = []", 1, "length >= 1"),
        ("colour = 1\n" + LEAST, 1, "unknown field `colour`"),
    ],
)
def test_a_faulty_file_is_reported_with_its_line(load, text, line, reason):
    found = fault(load, text)

    assert f"clients.toml, line {line}: " in found
    assert reason in found


def test_broken_toml_is_reported_with_its_line(load):
    assert "clients.toml: Expected '=' after a key" in (text := fault(load, LEAST + "profile epic"))
    assert "at line 5" in text


def test_a_key_given_twice_is_refused(load):
    assert "at line 5" in fault(load, LEAST + 'name = "other"\n')


def test_a_missing_file_is_reported_by_name(tmp_path):
    with pytest.raises(RegistryError, match=r"clients\.toml: cannot be read"):
        Registry.load(tmp_path / "clients.toml")


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "clients.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(RegistryError, match="UTF-8"):
        Registry.load(tmp_path / "clients.toml")


def test_an_order_that_no_card_suggests_is_refused(load, words):
    lines = '[client.order_codes.feritin]\nsystem = "s"\ncode = "c"\ndisplay = "d"'

    assert "line 5: order_codes.feritin: no card" in fault(load, LEAST + lines, words=words)


def test_local_codes_are_read_by_system_and_code(load, words):
    lines = 'local_codes.ferritin = ["https://lab.example/tests|FERR", "urn:oid:1.2.3|4110"]'

    client = only(load(LEAST + lines, words=words)).client

    assert client.local_codes == {
        ("https://lab.example/tests", "FERR"): "ferritin",
        ("urn:oid:1.2.3", "4110"): "ferritin",
    }


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            '[client.local_codes]\nferritine = ["s|c"]',
            "line 6: local_codes.ferritine: no such test is read; known: crp",
        ),
        ('[client.local_codes]\nferritin = ["FERR"]', "line 6: local_codes.ferritin: 'FERR': write \"system|code\""),
        ('[client.local_codes]\nferritin = ["|FERR"]', "line 6: local_codes.ferritin: '|FERR': write \"system|code\""),
        (
            '[client.local_codes]\nferritin = ["s|c"]\ncrp = ["s|c"]',
            "line 7: local_codes.crp: 's|c' stands for ferritin",
        ),
        (
            '[client.local_codes]\nferritin = ["http://loinc.org|2502-3"]',
            "line 6: local_codes.ferritin: 'http://loinc.org|2502-3' is known already: it means transferrin_saturation",
        ),
        (
            f"[client.local_codes]\nferritin = [{', '.join(chr(34) + f's|{n}' + chr(34) for n in range(101))}]",
            "local_codes: more than 100 codes",
        ),
        (
            'screening_groups = ["pregnant"]',
            "line 5: screening_groups: no group is called 'pregnant'; known: end_stage",
        ),
    ],
)
def test_words_that_the_knowledge_does_not_have_are_refused(load, lines, told, words):
    assert told in fault(load, LEAST + lines, words=words)


def test_a_code_that_is_known_to_be_no_result_cannot_be_made_one(load, knowledge, words):
    test, (code, *_) = next((name, one.reject) for name, one in knowledge.labs.tests.items() if one.reject)
    system = knowledge.systems.uri(code.system)
    lines = f'[client.local_codes]\n{test} = ["{system}|{code.code}"]'

    assert "is known already: it means no result" in fault(load, LEAST + lines, words=words)


def test_groups_to_screen_are_read(load, words):
    assert only(load(LEAST + 'screening_groups = ["pregnancy"]', words=words)).client.screening_groups == {"pregnancy"}


def test_plain_http_to_this_machine_is_accepted_only_where_it_is_asked_for(load):
    lines = LEAST.replace("https://ehr.example.org/jwks", "http://127.0.0.1:8080/jwks")

    assert only(load(lines, http_on_loopback=True)).jku == "http://127.0.0.1:8080/jwks.json"
    assert "only https" in fault(load, lines)


def write_keys(path, key, **members):
    path.write_text(json.dumps({"keys": [ECAlgorithm.to_jwk(key, as_dict=True) | members]}))


def test_a_local_key_set_stands_beside_the_registry(load, tmp_path):
    write_keys(tmp_path / "ehr.json", ec.generate_private_key(ec.SECP384R1()).public_key(), kid="one")

    registry = load(LEAST + 'jwks_file = "ehr.json"')

    assert only(registry).keys.get("one", "ES384") is not None
    assert registry.jwk_set_urls == ()


def test_a_local_key_set_with_a_private_key_is_refused(load, tmp_path):
    write_keys(tmp_path / "ehr.json", ec.generate_private_key(ec.SECP384R1()), kid="one")

    assert "line 5: jwks_file: cannot be used: key 1: it holds private" in fault(load, LEAST + 'jwks_file = "ehr.json"')


def test_a_local_key_set_without_keys_is_refused(load, tmp_path):
    (tmp_path / "ehr.json").write_text('{"keys":[]}')

    assert "it names no key" in fault(load, LEAST + 'jwks_file = "ehr.json"')


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://fhir.example.org/r4", "https://fhir.example.org/r4"),
        ("https://fhir.example.org/r4/", "https://fhir.example.org/r4"),
        ("HTTPS://FHIR.Example.ORG:443/r4", "https://fhir.example.org/r4"),
        ("https://fhir.example.org/R4", None),
        ("https://fhir.example.org/r4/Patient", None),
        ("https://fhir.example.org/r4/../admin", None),
        ("https://fhir.example.org/r4%2f", None),
        ("https://fhir.example.org/", None),
        ("https://fhir.example.org:8443/r4", None),
        ("http://fhir.example.org/r4", None),
        ("https://fhir.example.org.evil.example/r4", None),
        ("https://fhir.example.org@evil.example/r4", None),
        ("https://evil.example\\@fhir.example.org/r4", None),
        ("https://fhir.example.org/r4#x", None),
        ("https://fhir.example.org/r4?x", None),
        ("https://fhir.exam\nple.org/r4", None),
        ("http://127.0.0.1/r4", None),
        ("", None),
        ("r4", None),
    ],
)
def test_only_the_registered_fhir_server_may_be_read(load, given, base):
    client = only(load(LEAST + 'fhir_servers = ["https://fhir.example.org/r4/"]')).client

    assert client.fhir_base(given) == base


@pytest.mark.parametrize(
    "server", ["http://localhost:8080/fhir", "http://127.0.0.1/r4", "http://[::1]:80/", "https://localhost"]
)
def test_in_development_fhir_servers_on_this_machine_may_be_read(server):
    assert Registry.open(development=True).anyone.fhir_base(server) is not None


@pytest.mark.parametrize(
    "server", ["https://fhir.example.org/r4", "http://10.0.0.1/r4", "http://169.254.169.254/latest"]
)
def test_in_development_no_other_fhir_server_may_be_read(server):
    assert Registry.open(development=True).anyone.fhir_base(server) is None


def test_an_open_service_reads_no_fhir_server_at_all():
    assert Registry.open(development=False).anyone.fhir_base("http://127.0.0.1/r4") is None


def test_a_reload_takes_the_new_file(tmp_path):
    path = tmp_path / "clients.toml"
    path.write_text(LEAST)
    holder = RegistryHolder(lambda: Registry.load(path))
    path.write_text(LEAST + 'profile = "epic"')
    holder.reload()

    assert only(holder.current).client.profile == "epic"


def test_a_reload_of_a_faulty_file_keeps_the_old_registry(tmp_path):
    path = tmp_path / "clients.toml"
    path.write_text(LEAST)
    holder = RegistryHolder(lambda: Registry.load(path))
    before = holder.current
    path.write_text(LEAST + "profile = 5")

    with pytest.raises(RegistryError):
        holder.reload()
    assert holder.current is before
