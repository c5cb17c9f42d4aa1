"""The Kubernetes manifests: valid for several versions, and true to the settings, routes and image of the service."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import kubernetes_validate
import pytest
import yaml

from service.settings import Settings
from service.settings_sources import CONFIG, PREFIX, SECRETS_DIR
from tests.image.dockerfile import stages

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.30", "1.34", "1.37")
FINAL = stages()[-1]
SETTINGS = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {CONFIG, SECRETS_DIR}


def documents() -> dict[str, Any]:
    """Every object, by the name of its file without the ending."""
    found = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        (found[path.stem],) = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    return found


OBJECTS = documents()
KUSTOMIZATION = OBJECTS.pop("kustomization")
POD = OBJECTS["deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
CONFIG_MAP = OBJECTS["configmap"]["data"]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_an_object_is_valid_to_the_letter(name: str, version: str) -> None:
    kubernetes_validate.validate(OBJECTS[name], version, strict=True)


def test_an_unknown_field_would_be_seen() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(OBJECTS["service"] | {"sepc": {}}, VERSIONS[-1], strict=True)


def test_the_kustomization_lists_every_object_but_the_example_of_the_secret() -> None:
    listed = set(KUSTOMIZATION["resources"])

    assert listed == {f"{name}.yaml" for name in OBJECTS} - {"secret.example.yaml"}


def test_the_kustomization_has_only_fields_that_kustomize_knows() -> None:
    # kubernetes-validate has no schema of it, and no kustomize is at hand.
    assert set(KUSTOMIZATION) == {"apiVersion", "kind", "namespace", "labels", "resources", "images"}
    assert KUSTOMIZATION["namespace"] == OBJECTS["namespace"]["metadata"]["name"]
    assert [image["name"] for image in KUSTOMIZATION["images"]] == [CONTAINER["image"]]


def test_the_example_of_the_secret_has_no_value() -> None:
    assert set(OBJECTS["secret.example"]["stringData"].values()) == {""}


def test_every_setting_is_one() -> None:
    assert set(CONFIG_MAP) - SETTINGS == set()


def test_every_secret_is_a_setting() -> None:
    assert {name.upper() for name in OBJECTS["secret.example"]["stringData"]} - SETTINGS == set()


def test_the_settings_are_accepted() -> None:
    names = {name: name.removeprefix(PREFIX).lower() for name in CONFIG_MAP if name not in (CONFIG, SECRETS_DIR)}
    settings = Settings(**{names[name]: CONFIG_MAP[name] for name in names})

    assert settings.public_url == CONFIG_MAP["RLS_CDS_PUBLIC_URL"]


def test_files_and_secrets_are_mounted_where_the_settings_look() -> None:
    mounted = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}

    assert mounted["secrets"] == CONFIG_MAP[SECRETS_DIR]
    assert str(Path(CONFIG_MAP["RLS_CDS_CLIENT_REGISTRY"]).parent) == mounted["clients"]
    assert Path(CONFIG_MAP["RLS_CDS_CLIENT_REGISTRY"]).name in OBJECTS["clients"]["data"]
    assert mounted["data"] == FINAL.last("VOLUME").text
    assert "/tmp" in mounted.values()  # noqa: S108


def test_every_volume_is_mounted_and_every_mount_has_one() -> None:
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == {volume["name"] for volume in POD["volumes"]}


def test_volumes_come_from_objects_that_are_there() -> None:
    by_name = {volume["name"]: volume for volume in POD["volumes"]}

    assert by_name["clients"]["configMap"]["name"] == OBJECTS["clients"]["metadata"]["name"]
    assert by_name["secrets"]["secret"]["secretName"] == OBJECTS["secret.example"]["metadata"]["name"]
    assert CONTAINER["envFrom"] == [{"configMapRef": {"name": OBJECTS["configmap"]["metadata"]["name"]}}]


@pytest.mark.anyio
@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
async def test_probes_ask_for_paths_that_are_there(probe: str, http: httpx.AsyncClient) -> None:
    asked = CONTAINER[probe]["httpGet"]

    response = await http.get(asked["path"])

    assert (response.status_code, asked["port"]) == (200, "http")


def test_the_probe_of_readiness_is_another_one_than_that_of_life() -> None:
    # A pod that drains must lose its calls, not be killed.
    assert CONTAINER["readinessProbe"]["httpGet"]["path"] != CONTAINER["livenessProbe"]["httpGet"]["path"]


def test_ports_agree_with_each_other_and_the_image() -> None:
    (port,) = CONTAINER["ports"]
    (service_port,) = OBJECTS["service"]["spec"]["ports"]
    (ingress,) = OBJECTS["networkpolicy"]["spec"]["ingress"]

    assert port["containerPort"] == int(FINAL.last("EXPOSE").text)
    assert service_port["targetPort"] == port["name"]
    assert [one["port"] for one in ingress["ports"]] == [port["containerPort"]]


def test_the_pod_may_do_nothing_that_it_need_not() -> None:
    user, _, group = FINAL.last("USER").text.partition(":")
    pod, container = POD["securityContext"], CONTAINER["securityContext"]

    assert (pod["runAsNonRoot"], pod["runAsUser"], pod["runAsGroup"]) == (True, int(user), int(group))
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert OBJECTS["serviceaccount"]["automountServiceAccountToken"] is False
    assert POD["automountServiceAccountToken"] is False


def test_no_service_can_set_the_port() -> None:
    # Kubernetes would set RLS_CDS_PORT=tcp://… for a Service called rls-cds.
    assert POD["enableServiceLinks"] is False


def test_the_pod_is_given_time_to_drain_and_to_finish() -> None:
    needed = int(CONFIG_MAP["RLS_CDS_DRAIN_SECONDS"]) + int(CONFIG_MAP["RLS_CDS_SHUTDOWN_SECONDS"])
    until_noticed = CONTAINER["readinessProbe"]["periodSeconds"] * CONTAINER["readinessProbe"]["failureThreshold"]

    assert POD["terminationGracePeriodSeconds"] >= needed + 10
    assert int(CONFIG_MAP["RLS_CDS_DRAIN_SECONDS"]) >= until_noticed


def test_selectors_meet_the_pods() -> None:
    labels = OBJECTS["deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        OBJECTS["service"]["spec"]["selector"],
        OBJECTS["deployment"]["spec"]["selector"]["matchLabels"],
        OBJECTS["poddisruptionbudget"]["spec"]["selector"]["matchLabels"],
        OBJECTS["networkpolicy"]["spec"]["podSelector"]["matchLabels"],
        POD["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]

    assert [selector for selector in selectors if not selector.items() <= labels.items()] == []


def test_scaling_is_of_this_deployment_and_never_below_two() -> None:
    spec = OBJECTS["horizontalpodautoscaler"]["spec"]

    assert spec["scaleTargetRef"]["name"] == OBJECTS["deployment"]["metadata"]["name"]
    assert spec["minReplicas"] >= 2
    assert "replicas" not in OBJECTS["deployment"]["spec"]


def test_utilisation_can_be_reckoned() -> None:
    assert CONTAINER["resources"]["requests"]["cpu"]


def test_one_pod_at_a_time_may_be_taken_and_none_before_the_next_is_there() -> None:
    assert OBJECTS["poddisruptionbudget"]["spec"]["maxUnavailable"] == 1
    assert OBJECTS["deployment"]["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_the_way_out_is_closed_to_the_metadata_of_clouds() -> None:
    blocks = [
        to["ipBlock"] for rule in OBJECTS["networkpolicy"]["spec"]["egress"] for to in rule["to"] if "ipBlock" in to
    ]

    assert blocks
    metadata = ip_network("169.254.169.254/32")
    assert all(any(metadata.subnet_of(ip_network(net)) for net in block["except"]) for block in blocks)


def test_the_registry_of_the_example_is_accepted(tmp_path: Path) -> None:
    from service.registry import Registry

    file = tmp_path / "clients.toml"
    file.write_text(OBJECTS["clients"]["data"]["clients.toml"], encoding="utf-8")

    registry = Registry.load(file)

    assert [one.client.name for one in registry.by_issuer.values()] == ["north-hospital"]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.name)
def test_no_manifest_holds_a_password(path: Path) -> None:
    assert not re.search(r"://[^:/@\s]+:[^@\s]+@(?!HOST)", path.read_text(encoding="utf-8"))
