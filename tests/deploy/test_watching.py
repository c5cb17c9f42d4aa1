"""Alert rules and dashboard name only metrics and labels that the running application has, and each is explained."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from cards import Hook, Knowledge
from service.app import Parts, create_app
from service.errors import ServiceError
from service.metrics import ENDPOINTS, FHIR_RESULTS, reason_of
from service.settings import Settings
from service.store import CallOutcome
from service.tallies import Kind
from tests.conformance.bench import treated
from tests.conftest import NOW

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text(encoding="utf-8"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
TESTS = [case for path in sorted(PROMETHEUS.glob("*.test.yml")) for case in yaml.safe_load(path.read_text())["tests"]]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8")

# What Prometheus adds to each sample.
ADDED = {"job", "instance"}
_SUFFIXES = {Kind.COUNTER: ("_total",), Kind.HISTOGRAM: ("_bucket", "_sum", "_count")}
_SELECTOR = re.compile(r"\b(rls_cds_\w+|up)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_BY = re.compile(r"\bby \(([^)]*)\)")


@dataclass(frozen=True)
class Asked:
    """One expression: who asks, its text, the samples that it names with their matchers."""

    who: str
    text: str

    @property
    def samples(self) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        for name, matchers in _SELECTOR.findall(self.text):
            yield name, [(label, value) for label, _, value in _MATCHER.findall(matchers)]

    @property
    def grouped(self) -> set[str]:
        return {label.strip() for labels in _BY.findall(self.text) for label in labels.split(",")}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def asked() -> list[Asked]:
    of_alerts = [Asked(rule["alert"], rule["expr"]) for rule in ALERTS]
    of_panels = [Asked(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
    return of_alerts + of_panels


@pytest.fixture(scope="module")
def samples(knowledge: Knowledge) -> dict[str, set[str]]:
    """The names and labels of all samples that the application can show."""
    parts = Parts(Settings(store_url="off"), now=lambda: NOW, knowledge=knowledge)
    found = {"up": set(ADDED)}
    for tally in parts.metrics.tallies:
        for suffix in _SUFFIXES.get(tally.kind, ("",)):
            found[tally.name + suffix] = {*tally.labels, *ADDED, *(("le",) if suffix == "_bucket" else ())}
    return found


def known_values() -> dict[str, set[str]]:
    """The values that labels may have, where the program knows them."""
    return {
        "outcome": {*map(str, CallOutcome), "accepted", "overridden"},
        "hook": set(map(str, Hook)),
        "result": set(FHIR_RESULTS),
        "endpoint": set(ENDPOINTS),
        "shown": {"shown", "shadow"},
        "reason": {*(reason_of(kind.__new__(kind)) for kind in _all_errors()), "internal_error"},
        "job": {"rls-cds"},
    }


def _all_errors(kind: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _all_errors(below)


def test_there_is_something_to_look_at(samples: dict[str, set[str]]) -> None:
    assert (len(ALERTS) > 20, len(panels()) > 20, len(samples) > 40) == (True, True, True)


@pytest.mark.parametrize("one", asked(), ids=lambda one: one.who)
def test_every_metric_and_label_is_one_that_the_application_has(one: Asked, samples: dict[str, set[str]]) -> None:
    named = list(one.samples)
    has = set().union(*(samples.get(name, set()) for name, _ in named))

    assert named
    assert [name for name, _ in named if name not in samples] == []
    assert [(name, label) for name, matchers in named for label, _ in matchers if label not in samples[name]] == []
    assert one.grouped - has == set()


@pytest.mark.parametrize("one", asked(), ids=lambda one: one.who)
def test_every_value_that_is_asked_for_can_occur(one: Asked) -> None:
    known = known_values()
    wanted = [
        (label, value)
        for _, matchers in one.samples
        for label, values in matchers
        for value in values.split("|")
        if label in known and not value.startswith("$")
    ]

    assert [(label, value) for label, value in wanted if value not in known[label]] == []


def test_every_metric_is_on_the_dashboard(samples: dict[str, set[str]]) -> None:
    shown = " ".join(target["expr"] for panel in panels() for target in panel["targets"])
    names = {re.sub("_(bucket|sum|count)$", "", name) for name in samples} - {"up"}

    assert [name for name in sorted(names) if name not in shown] == []


def test_every_metric_is_explained_and_no_other(samples: dict[str, set[str]]) -> None:
    explained = set(re.findall(r"^\| `(rls_cds_\w+)` \|", PAGE, re.MULTILINE))

    assert explained == {re.sub("_(bucket|sum|count)$", "", name) for name in samples} - {"up"}


def test_the_labels_of_each_metric_are_those_of_the_page(samples: dict[str, set[str]]) -> None:
    told = dict(re.findall(r"^\| `(rls_cds_\w+)` \| ([^|]*) \|", PAGE, re.MULTILINE))
    wrong = {}
    for name, labels in told.items():
        has = samples.get(name, samples.get(f"{name}_count", set())) - ADDED
        if {label.strip() for label in labels.split(",") if label.strip()} != has:
            wrong[name] = has

    assert wrong == {}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_alert_leads_to_what_to_do(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    section = re.search(rf"^### {name}$(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)

    assert rule["annotations"]["runbook"] == f"docs/watching.md#{name.lower()}"
    assert rule["labels"]["severity"] in ("page", "ticket", "info")
    assert section
    assert all(f"**{word}**" in section[1] for word in ("Means", "Do", "Do not"))


def test_no_alert_is_explained_that_is_not_there() -> None:
    assert set(re.findall(r"^### (RlsCds\w+)$", PAGE, re.MULTILINE)) == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_alert_has_a_case_that_fires_and_one_that_does_not(rule: dict[str, Any]) -> None:
    cases = [one for case in TESTS for one in case["alert_rule_test"] if one["alertname"] == rule["alert"]]

    assert {bool(one["exp_alerts"]) for one in cases} == {True, False}


def test_the_dashboard_names_no_data_source_and_has_no_second_panel_in_a_place() -> None:
    sources = {panel["datasource"]["uid"] for panel in panels()}
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]

    assert sources == {"${datasource}"}
    assert len(places) == len(set(places))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


# --- Prometheus' own tool ----------------------------------------------------------------------------------------------


def promtool(
    *arguments: str, folder: Path = PROMETHEUS, reading: str | None = None
) -> subprocess.CompletedProcess[str]:
    if not shutil.which("promtool"):
        text = "promtool is missing (Debian: apt-get install prometheus): rules were not checked by Prometheus itself"
        pytest.fail(text) if os.environ.get("CI") == "true" else pytest.skip(text)
    return subprocess.run(
        ["promtool", *arguments], cwd=folder, input=reading, capture_output=True, text=True, check=False
    )


def test_prometheus_takes_the_rules() -> None:
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", "alerts.yml")

    assert (done.returncode, f"{len(ALERTS)} rules found" in done.stdout) == (0, True), done.stderr


def test_prometheus_takes_the_scrape_configuration() -> None:
    done = promtool("check", "config", "--syntax-only", "scrape.yml")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", sorted(path.name for path in PROMETHEUS.glob("*.test.yml")))
def test_each_alert_fires_when_it_must_and_only_then(file: str) -> None:
    done = promtool("test", "rules", file)

    assert (done.returncode, "SUCCESS" in done.stdout) == (0, True), done.stdout + done.stderr


def test_prometheus_takes_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    expressions = [target["expr"] for panel in panels() for target in panel["targets"]]
    plain = [re.sub(r"\$(job|client)", ".*", text.replace("$__rate_interval", "5m")) for text in expressions]
    rules = [{"record": f"panel:number:{number}", "expr": text} for number, text in enumerate(plain)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = promtool("check", "rules", "panels.yml", folder=tmp_path)

    assert (done.returncode, f"{len(rules)} rules found" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.anyio
async def test_prometheus_takes_the_metrics_themselves(parts: Parts) -> None:
    transport = httpx.ASGITransport(app=create_app(parts=parts))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        await client.post("/cds-services/rls-patient-view", json=treated())
        text = (await client.get("/metrics")).text
    done = promtool("check", "metrics", reading=text)

    assert (done.returncode, done.stderr) == (0, "")
