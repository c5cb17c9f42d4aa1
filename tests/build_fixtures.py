"""Writes fixtures/fhir/patients and fixtures/fhir/requests from fixtures/fhir/situations.yaml, and what the pages ship.

`python -m tests.build_fixtures` writes, with `--check` it only says whether a file is stale.
"""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

from cards import Knowledge, load_knowledge
from cards.loader import load_yaml
from tests.patient_builder import PatientBuilder

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "fixtures" / "fhir"
# An installed package has neither fixtures nor tests: the preview and the card pages bring what they show.
PAGES = ROOT / "service" / "pages" / "content"


def situations() -> tuple[date, list[dict[str, Any]]]:
    """The reference day and all situations."""
    file = load_yaml(FOLDER / "situations.yaml")
    return date.fromisoformat(file["reference_day"]), file["situations"]


def files(knowledge: Knowledge) -> dict[Path, str]:
    """Every fixture file with its text."""
    on, found = situations()
    written: dict[Path, str] = {}
    samples: list[dict[str, Any]] = []
    for one in found:
        request = PatientBuilder(knowledge, on).request(one["hook"], one["patient"])
        samples.append({"name": one["name"], "shows": one["shows"], "request": request})
        written[FOLDER / "requests" / f"{one['hook']}-{one['name']}.json"] = _text(request)
        written[FOLDER / "patients" / f"{one['name']}.json"] = _text(_record(request["prefetch"]))
    written[PAGES / "samples.json"] = _compact({"reference_day": on.isoformat(), "samples": samples})
    written[PAGES / "vignettes.json"] = _compact(_vignettes())
    return written


def _vignettes() -> dict[str, list[dict[str, Any]]]:
    """For each rule its vignettes: the sentence, the hook, and the topics of the cards that are expected."""
    return {
        path.stem: [
            {
                "id": one["id"],
                "name": one["name"],
                "hook": one["hook"],
                "cards": [card["card"] for card in one["expect"]],
            }
            for one in load_yaml(path)
        ]
        for path in sorted((ROOT / "tests" / "vignettes").glob("*.yaml"))
    }


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n"


def _record(prefetch: dict[str, Any]) -> dict[str, Any]:
    """Everything that is known of the patient, as one collection."""
    resources = []
    for value in prefetch.values():
        if value["resourceType"] == "Bundle":
            resources += [entry["resource"] for entry in value.get("entry", [])]
        elif value["resourceType"] != "OperationOutcome":
            resources.append(value)
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": f"https://ehr.example.org/fhir/{one['resourceType']}/{one['id']}", "resource": one}
            for one in resources
        ],
    }


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def stale(knowledge: Knowledge) -> list[str]:
    """The names of files that are missing, differ, or belong to no situation."""
    wanted = files(knowledge)
    there = {path for folder in ("patients", "requests") for path in (FOLDER / folder).glob("*.json")}
    wrong = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return sorted(path.name for path in {*wrong, *(there - wanted.keys())})


def main() -> None:
    """Write or check."""
    knowledge = load_knowledge()
    if "--check" in sys.argv:
        found = stale(knowledge)
        if found:
            sys.exit(f"stale fixtures, run `python -m tests.build_fixtures`: {', '.join(found)}")
        return
    for path, text in files(knowledge).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
