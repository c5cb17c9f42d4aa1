"""Where settings come from, which go together, and what an operator is told about wrong ones."""

import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydantic import ValidationError

from service.__main__ import main
from service.settings import Settings
from service.settings_page import PAGE, page
from service.settings_shown import shown, shown_settings
from service.settings_sources import BadSource
from tests.service.registered import registry_file

ROOT = Path(__file__).parent.parent.parent
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what the service refuses to bind to without more
SECRET = "postgresql://cds:hidden-word@db/cds"


@pytest.fixture(autouse=True)
def nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("RLS_CDS_"):
            monkeypatch.delenv(name)


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setenv("RLS_CDS_SECRETS_DIR", str(folder))
    return folder


def given_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str = "site.toml") -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setenv("RLS_CDS_CONFIG", str(tmp_path / name))


def checked(**environ: str) -> Result:
    return CliRunner().invoke(main, ["check-config"], env=environ)


def test_a_secret_file_gives_a_value_without_its_line_feed(secrets: Path) -> None:
    (secrets / "rls_cds_store_url").write_text(SECRET + "\n")

    assert Settings().store_url == SECRET


def test_the_environment_goes_before_a_secret_file(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets / "rls_cds_store_url").write_text(SECRET)
    monkeypatch.setenv("RLS_CDS_STORE_URL", "off")

    assert Settings().store_url == "off"


def test_what_kubernetes_puts_beside_secrets_is_passed_over(secrets: Path) -> None:
    (secrets / "..2026_11_21").mkdir()
    (secrets / "other-program").write_text("x")

    assert Settings().store_url.startswith("sqlite:")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("site.toml", 'port = 8100\ntrusted_proxies = ["10.0.0.1", "10.1.0.0/16"]\n'),
        ("site.env", "RLS_CDS_PORT=8100\nRLS_CDS_TRUSTED_PROXIES=10.0.0.1, 10.1.0.0/16\n"),
    ],
)
def test_a_settings_file_is_read_where_it_is_named(
    name: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_file(tmp_path, monkeypatch, text, name)

    assert (Settings().port, Settings().trusted_proxies) == (8100, ("10.0.0.1", "10.1.0.0/16"))


def test_a_secret_file_goes_before_a_settings_file(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets / "rls_cds_store_url").write_text(SECRET)
    given_file(tmp_path, monkeypatch, 'store_url = "off"\n')

    assert Settings().store_url == SECRET


def test_the_command_line_goes_before_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLS_CDS_PORT", "8100")

    assert Settings(port=8200).port == 8200


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLS_CDS_CLIENT_REGISTRY", "")

    assert Settings().client_registry is None


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("RLS_CDS_PROT", "RLS_CDS_PROT is no setting. Did you mean RLS_CDS_PORT?"),
        ("RLS_CDS_ALLOW_DRAFT_KNOWLEGDE", "Did you mean RLS_CDS_ALLOW_DRAFT_KNOWLEDGE?"),
        ("RLS_CDS_XYZZY", "RLS_CDS_XYZZY is no setting. docs/settings.md lists all"),
    ],
)
def test_a_variable_that_no_setting_has_stops_the_start(name: str, told: str) -> None:
    result = checked(**{name: "1"})

    assert (result.exit_code, told in result.output) == (1, True)


def test_a_secret_file_that_no_setting_has_stops_the_start(secrets: Path) -> None:
    (secrets / "rls_cds_store_ulr").write_text(SECRET)

    with pytest.raises(BadSource, match=r"rls_cds_store_ulr is no setting\. Did you mean rls_cds_store_url\?"):
        Settings()


def test_a_line_of_the_settings_file_that_no_setting_has_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_file(tmp_path, monkeypatch, "prot = 1\n")

    with pytest.raises(BadSource, match=r"site\.toml: prot is no setting\. Did you mean port\?"):
        Settings()


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("RLS_CDS_CONFIG", "/nowhere/site.toml", "cannot be read: No such file or directory"),
        ("RLS_CDS_CONFIG", "/nowhere/site.yaml", r"the name must end in \.toml or \.env"),
        ("RLS_CDS_SECRETS_DIR", "/nowhere", "cannot be read: No such file or directory"),
    ],
)
def test_a_place_that_is_not_there_stops_the_start(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(BadSource, match=told):
        Settings()


def test_a_settings_file_that_is_no_toml_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given_file(tmp_path, monkeypatch, "port = 8100\nhost = oops\n")

    with pytest.raises(BadSource, match=r"line 2"):
        Settings()


def test_a_secret_that_is_no_text_is_not_shown(secrets: Path) -> None:
    (secrets / "rls_cds_store_url").write_bytes(b"\xff\xfe hidden-word")

    with pytest.raises(BadSource, match=r"is not UTF-8 text$"):
        Settings()


def test_the_address_of_a_kubernetes_service_is_recognised() -> None:
    # A Service called rls-cds makes Kubernetes set this in every pod beside it.
    result = checked(RLS_CDS_PORT="tcp://10.0.0.7:8000")

    assert result.exit_code == 1
    assert "set enableServiceLinks: false in the pod" in result.output


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tls_cert": "c.pem"}, "set both, or neither"),
        ({"tls_key": "k.pem"}, "set both, or neither"),
        ({"tls_key_password": "word"}, "is set without RLS_CDS_TLS_KEY"),
        ({"shutdown_seconds": 5, "deadline_seconds": 6}, "make it at least as long"),
        ({"public_url": "https://cds.example.org/a", "base_path": "/b"}, "must end with RLS_CDS_BASE_PATH"),
        ({"public_url": "cds.example.org"}, "not a base URL such as"),
        ({"public_url": "https://cds.example.org/?a=b"}, "not a base URL such as"),
        ({"public_url": "https://name:word@cds.example.org"}, "not a base URL such as"),
        ({"base_path": "rls"}, "not a path such as /rls"),
        ({"base_path": "/a/../b"}, "not a path such as /rls"),
        ({"trusted_proxies": "*"}, "each must be an address or a network"),
        ({"trusted_proxies": "proxy.example.org"}, "each must be an address or a network"),
        ({"workers": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(told)):
        Settings(**given)


def test_a_setting_that_is_not_there_is_refused_in_code_too() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Settings(prot=1)


@pytest.mark.parametrize(
    ("given", "base_url", "base_path"),
    [
        ({}, "http://127.0.0.1:8000", ""),
        ({"base_path": "/rls/"}, "http://127.0.0.1:8000/rls", "/rls"),
        ({"public_url": "https://cds.example.org/"}, "https://cds.example.org", ""),
        ({"public_url": "https://cds.example.org/rls/"}, "https://cds.example.org/rls", "/rls"),
        ({"public_url": "https://cds.example.org/rls", "base_path": "/rls"}, "https://cds.example.org/rls", "/rls"),
        ({"host": "::1", "tls_cert": "c", "tls_key": "k"}, "https://[::1]:8000", ""),
    ],
)
def test_where_ehrs_reach_the_service(given: dict[str, object], base_url: str, base_path: str) -> None:
    settings = Settings(**given)

    assert (settings.base_url, settings.base_path) == (base_url, base_path)


def test_check_config_says_where_each_value_came_from(
    secrets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (secrets / "rls_cds_operator_password").write_text("twelve letters")
    given_file(tmp_path, monkeypatch, "port = 8100\n")

    lines = checked(RLS_CDS_MARKET="uk").stdout.splitlines()

    assert {
        "RLS_CDS_MARKET=uk  # environment",
        "RLS_CDS_OPERATOR_PASSWORD=***  # secret file",
        "RLS_CDS_PORT=8100  # settings file",
        "RLS_CDS_HOST=127.0.0.1  # default",
    } <= set(lines)


def test_check_config_names_every_setting() -> None:
    names = [line.partition("=")[0] for line in checked().stdout.splitlines()]

    assert names == [f"RLS_CDS_{name.upper()}" for name in Settings.model_fields]


@pytest.mark.parametrize(
    "url",
    [SECRET, "postgresql://db/cds?user=cds&password=hidden-word", "postgresql://db/cds?sslpassword=hidden-word&a=b"],
)
def test_no_secret_is_shown(url: str) -> None:
    settings = Settings(store_url=url, operator_password="hidden-word", tls_key_password=None)

    assert [line for line in shown_settings(settings) if "hidden-word" in line] == []
    assert "hidden-word" not in repr(settings)


def test_a_wrong_value_is_told_without_the_value() -> None:
    result = checked(RLS_CDS_PUBLIC_URL="https://name:hidden-word@cds.example.org")

    assert result.exit_code == 1
    assert "hidden-word" not in result.output


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"RLS_CDS_HOST": EVERYWHERE}, "without a client registry the service answers anybody"),
        ({"RLS_CDS_CLIENT_REGISTRY": "/nowhere.toml", "RLS_CDS_ALLOW_DRAFT_KNOWLEDGE": "1"}, "/nowhere.toml"),
        ({"RLS_CDS_HOST": EVERYWHERE, "RLS_CDS_ALLOW_OPEN": "1"}, "RLS_CDS_ALLOW_DRAFT_KNOWLEDGE"),
        ({"RLS_CDS_TLS_CERT": "/nowhere", "RLS_CDS_TLS_KEY": "/nowhere"}, "cannot be used (No such file or directory)"),
        ({"RLS_CDS_OPERATOR_PASSWORD": "short"}, "RLS_CDS_OPERATOR_PASSWORD"),
    ],
)
def test_check_config_fails_where_the_service_would_not_start(environ: dict[str, str], told: str) -> None:
    result = checked(**environ)

    assert (result.exit_code, told in result.stderr) == (1, True)


def test_check_config_makes_no_store(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite"

    result = CliRunner().invoke(main, ["check-config", "--connect"], env={"RLS_CDS_STORE_URL": f"sqlite:///{file}"})

    assert result.exit_code == 0, result.output
    assert not file.exists()


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:9/cds", "mysql://db/cds"])
def test_check_config_tells_of_a_store_that_cannot_be_reached(url: str) -> None:
    result = CliRunner().invoke(main, ["check-config", "--connect"], env={"RLS_CDS_STORE_URL": url})

    assert (result.exit_code, "see RLS_CDS_STORE_URL" in result.stderr) == (1, True)


def test_check_config_advises_without_failing(tmp_path: Path) -> None:
    registry = registry_file(tmp_path)

    result = checked(RLS_CDS_CLIENT_REGISTRY=str(registry), RLS_CDS_ALLOW_DRAFT_KNOWLEDGE="1", RLS_CDS_WORKERS="2")

    assert result.exit_code == 0, result.output
    assert "Note: RLS_CDS_PUBLIC_URL is not set" in result.stderr
    assert "Note: several workers and no PostgreSQL" in result.stderr


def test_the_page_of_settings_is_not_stale() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == page(Settings)


def test_a_stale_page_is_told(tmp_path: Path) -> None:
    stale = tmp_path / "settings.md"
    stale.write_text("# Settings\n")

    result = CliRunner().invoke(main, ["settings-page", "--check", "--out", str(stale)])

    assert (result.exit_code, "is stale" in result.output) == (1, True)


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_every_setting_of_the_documents_is_there() -> None:
    # A setting that was renamed must not live on in a guide.
    known = {f"RLS_CDS_{name.upper()}" for name in Settings.model_fields} | {"RLS_CDS_CONFIG", "RLS_CDS_SECRETS_DIR"}
    named = {
        (path.name, name)
        for path in [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "Dockerfile", ROOT / "Makefile"]
        for name in re.findall(r"\bRLS_CDS_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8"))
    }

    assert named
    assert sorted((place, name) for place, name in named if name not in known) == []


@pytest.mark.parametrize(("value", "text"), [(None, ""), (True, "true"), (("a", "b"), "a,b"), (2.5, "2.5")])
def test_values_are_shown_as_they_are_given(value: object, text: str) -> None:
    assert shown(value) == text
