"""The composition of containers: two replicas behind a proxy, a database that nobody else reaches, secrets from files."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings
from service.settings_sources import CONFIG, PREFIX, SECRETS_DIR
from tests.image.dockerfile import stages

ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / "compose.yaml"
COMPOSE = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
REPLICAS = ("cds-a", "cds-b")
PROXY = (ROOT / "deploy" / "proxy" / "nginx.conf").read_text(encoding="utf-8")
FINAL = stages()[-1]
SETTINGS = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {CONFIG, SECRETS_DIR}


def in_seconds(text: str) -> int:
    return int(text.removesuffix("s"))


def test_there_are_two_replicas_of_one_image() -> None:
    assert SERVICES["cds-a"] == SERVICES["cds-b"]


def test_only_the_proxy_is_published() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


def test_the_database_is_reached_by_the_replicas_only() -> None:
    beside = {name for name, service in SERVICES.items() if "back" in service["networks"]}

    assert beside == {"postgres", *REPLICAS}
    assert SERVICES["postgres"]["networks"] == ["back"]
    assert COMPOSE["networks"]["back"] == {"internal": True}


def test_every_setting_is_one() -> None:
    assert set(SERVICES["cds-a"]["environment"]) - SETTINGS == set()


def test_every_secret_of_a_replica_is_a_setting_and_a_file() -> None:
    assert {name.upper() for name in SERVICES["cds-a"]["secrets"]} - SETTINGS == set()
    assert all(secret["file"].startswith("./deploy/site/secrets/") for secret in COMPOSE["secrets"].values())


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_secret_that_is_used_is_declared(name: str) -> None:
    assert set(SERVICES[name]["secrets"]) - set(COMPOSE["secrets"]) == set()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_container_may_do_more_than_it_must(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert "no-new-privileges:true" in service["security_opt"]
    assert name == "postgres" or service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(REPLICAS)))
def test_what_is_no_image_of_ours_says_how_its_health_is_asked(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_the_health_of_a_replica_is_asked_as_the_image_says() -> None:
    assert "healthcheck" not in SERVICES["cds-a"]
    assert FINAL.last("HEALTHCHECK").command()[-1] == "probe"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_images_are_pinned(name: str) -> None:
    assert re.search(r":(\$\{IMAGE_TAG|\d)", SERVICES[name]["image"])


def test_replicas_run_as_the_user_of_the_image_and_write_where_it_writes() -> None:
    assert SERVICES["cds-a"]["user"] == FINAL.last("USER").text
    assert any(one.startswith(FINAL.last("VOLUME").text + ":") for one in SERVICES["cds-a"]["tmpfs"])


def test_replicas_wait_for_the_database_and_the_proxy_for_them() -> None:
    assert SERVICES["cds-a"]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    waited_for = {name: SERVICES["proxy"]["depends_on"][name]["condition"] for name in REPLICAS}
    assert set(waited_for.values()) == {"service_healthy"}


def test_replicas_are_given_time_to_finish() -> None:
    settings = Settings()

    assert in_seconds(SERVICES["cds-a"]["stop_grace_period"]) >= settings.drain_seconds + settings.shutdown_seconds + 10


def test_replicas_believe_the_network_of_the_proxy() -> None:
    subnet = COMPOSE["networks"]["front"]["ipam"]["config"][0]["subnet"]

    assert SERVICES["cds-a"]["environment"]["RLS_CDS_TRUSTED_PROXIES"] == subnet


def test_the_proxy_asks_both_replicas_on_the_port_of_the_image() -> None:
    asked = re.findall(r"^\s+server ([\w-]+):(\d+)", PROXY, re.MULTILINE)

    assert asked == [(name, FINAL.last("EXPOSE").text) for name in REPLICAS]


def test_the_proxy_listens_where_it_is_published_and_has_its_certificate() -> None:
    published = SERVICES["proxy"]["ports"][0].rpartition(":")[2]

    assert f"listen {published} ssl;" in PROXY
    assert {Path(one).name for one in re.findall(r"/run/secrets/[\w.]+", PROXY)} == set(SERVICES["proxy"]["secrets"])


def test_the_proxy_takes_bodies_as_long_as_the_service_does() -> None:
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", PROXY)

    assert int(megabytes) * 1024 * 1024 == Settings().max_body_bytes


def test_the_proxy_waits_longer_than_a_call_may_take() -> None:
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;", PROXY)

    assert int(seconds) > Settings().deadline_seconds


def test_the_proxy_passes_on_no_address_that_the_caller_made_up() -> None:
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in PROXY
    assert "$proxy_add_x_forwarded_for" not in PROXY


def test_files_of_a_site_are_not_committed() -> None:
    assert "deploy/site/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_a_client_without_an_engine_accepts_the_file(tmp_path: Path) -> None:
    command = _client()
    if command is None:
        pytest.skip("NO COMPOSE CLIENT ON THIS MACHINE: compose.yaml was only checked by our own tests")
    shutil.copy(FILE, tmp_path / "compose.yaml")
    for given in [*COMPOSE["secrets"].values()]:
        file = tmp_path / given["file"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    said = subprocess.run(
        [*command, "--file", "compose.yaml", "config", "--quiet"],
        cwd=tmp_path,
        env=os.environ | {"PUBLIC_URL": "https://cds.example.org"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (said.returncode, said.stderr) == (0, "")


def _client() -> list[str] | None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            known = subprocess.run([*command, "version"], capture_output=True, check=False)
            if known.returncode == 0:
                return command
    return None
