"""The parts of the guides that are written from the catalogue, the knowledge and the programs: `make guides`.

A part stands in a page between `<!-- begin NAME -->` and `<!-- end NAME -->`; a test compares it with what is here.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

import cards.__main__
import service.__main__
from cards import Catalogue, Hook, Knowledge, load_knowledge
from service.adjustable import Adjustable
from service.discovery import SERVICES
from service.openapi import description
from service.pages.about import attributes, citations
from service.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
PART = re.compile(r"(?s)(<!-- begin (\S+) -->\n).*?(<!-- end \2 -->)")
NOTICE = "*Generated from {}; `make guides` writes it anew.*"
FIRST = ("conditions", "patient")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [tuple(head), *map(tuple, rows)]
    lines.insert(1, tuple("---" for _ in lines[0]))
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def fenced(text: str, language: str = "text") -> str:
    return f"```{language}\n{text}\n```"


def prefetch(catalogue: Catalogue) -> Iterator[str]:
    """Every template, to be copied, and which service asks for it."""
    yield NOTICE.format("the rules of the catalogue")
    asked = {service.id: catalogue.prefetch(service.hook) for service in SERVICES}
    keys = list(dict.fromkeys(key for templates in asked.values() for key in templates))
    keys.sort(key=lambda key: FIRST.index(key) if key in FIRST else len(FIRST))
    for key in keys:
        services = [name for name, templates in asked.items() if key in templates]
        where = "all three services" if len(services) == len(SERVICES) else ", ".join(f"`{name}`" for name in services)
        yield f"**`{key}`**, for {where}:"
        yield fenced(next(templates[key] for templates in asked.values() if key in templates))


def needs(catalogue: Catalogue) -> Iterator[str]:
    """What each prefetch key is for."""
    yield NOTICE.format("the rules of the catalogue")
    required: dict[str, set[str]] = {}
    optional: dict[str, set[str]] = {}
    for rule in catalogue.rules:
        ids = {catalogue.knowledge.guidance[rule.stem].recommendation.cards[topic].id for topic in rule.topics}
        for need in rule.required:
            required.setdefault(need.value, set()).update(ids)
        for need in rule.optional:
            optional.setdefault(need.value, set()).update(ids)
    total = {card for ids in required.values() for card in ids}
    rows = []
    for need in catalogue.templates:
        musts, mays = required.get(need.value, set()), optional.get(need.value, set())
        rows.append((f"`{need.value}`", _named(musts, total), _named(mays, total)))
    yield table(("key", "required by", "optional for"), rows)


def _named(ids: set[str], total: set[str]) -> str:
    return "every card" if ids == total else ", ".join(sorted(ids)) or "–"


def scopes(catalogue: Catalogue) -> Iterator[str]:
    """The FHIR access to grant."""
    yield NOTICE.format("the templates")
    kinds = list(dict.fromkeys(template.resource_type for template in catalogue.templates.values()))
    rows = [(f"`{kind}`", f"`patient/{kind}.rs`", f"`patient/{kind}.read`") for kind in [*kinds, "Medication"]]
    yield table(("resource", "SMART scope, version 2", "SMART scope, version 1"), rows)


def links(catalogue: Catalogue) -> Iterator[str]:
    """Every address that a card can lead to."""
    yield NOTICE.format("the sources of all cards")
    found = [(label, url) for label, _, url in citations(catalogue.knowledge) if url]
    hosts = sorted({f"https://{urlsplit(url).netloc}/" for _, url in found})
    yield "By host:"
    yield fenced("\n".join(hosts))
    yield "One by one, where the EHR takes whole addresses only:"
    yield table(("source", "address"), [(label, f"<{url}>") for label, url in found])


def override_reasons(catalogue: Catalogue) -> Iterator[str]:
    """Every reason with its code and the cards that offer it."""
    knowledge = catalogue.knowledge
    yield NOTICE.format("`cards/knowledge/override_reasons.yaml`")
    offered: dict[str, list[str]] = {}
    for one in knowledge.guidance.values():
        for card in one.recommendation.cards.values():
            for reason in card.override_reasons:
                offered.setdefault(reason, []).append(card.id)
    reasons = knowledge.override_reasons
    yield table(
        ("display", "system", "code", "on cards"),
        [
            (one.display, f"`{reasons.systems[one.system]}`", f"`{one.code}`", ", ".join(sorted(offered.get(key, []))))
            for key, one in reasons.reasons.items()
        ],
    )


def topics(catalogue: Catalogue) -> Iterator[str]:
    """Every card with its stable topic code and the hooks on which it can come."""
    yield NOTICE.format("the catalogue; all codes are of the system `urn:rls-cds:topic`")
    rows = []
    for rule in catalogue.rules:
        texts = catalogue.knowledge.guidance[rule.stem].recommendation.cards
        hooks = ", ".join(hook.value for hook in Hook if hook in rule.hooks)
        rows += [(texts[topic].id, f"`{topic}`", texts[topic].display, hooks) for topic in rule.topics]
    yield table(("card", "topic code", "about", "hooks"), sorted(rows))


def orders(catalogue: Catalogue) -> Iterator[str]:
    """Every draft order that a suggestion can create, with the code that is sent unless the registry names another."""
    knowledge = catalogue.knowledge
    yield NOTICE.format("`cards/knowledge/orders.yaml`")
    systems = knowledge.code_systems.code_systems
    rows = [
        (f"`{key}`", one.label, one.resource_type, f"`{systems[one.system].uris[0]}`", f"`{one.code}`", one.display)
        for key, one in knowledge.orders.orders.items()
    ]
    yield table(("key in the registry", "suggestion", "resource", "system", "code", "display"), rows)


def api(_: Catalogue) -> Iterator[str]:
    """The endpoints, as the OpenAPI description has them."""
    document = description()
    yield NOTICE.format("`service/openapi.py`")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"## `{method.upper()} {path}`"
            yield f"{operation['summary']}."
            yield from _body(operation)
            rows = [(status, answer["description"]) for status, answer in operation["responses"].items()]
            yield table(("status", "meaning"), rows)


def _body(operation: dict[str, Any]) -> Iterator[str]:
    schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if schema:
        yield table(("member", "type", "required", "meaning"), _members(schema))


def _members(schema: dict[str, Any], before: str = "") -> Iterator[tuple[str, str, str, str]]:
    for name, one in schema.get("properties", {}).items():
        kind = one.get("type", "object")
        shown = " or ".join(kind) if isinstance(kind, list) else kind
        required = "yes" if name in schema.get("required", []) else ""
        meaning = one.get("description", "") or ", ".join(f"`{value}`" for value in one.get("enum", []))
        yield f"`{before}{name}`", shown, required, meaning
        inner = one.get("items", one)
        if inner.get("type") == "object":
            yield from _members(inner, f"{before}{name}{'[]' if inner is not one else ''}.")


def commands(_: Catalogue) -> Iterator[str]:
    """The help of every command."""
    yield NOTICE.format("the programs' own help")
    for name, group in (("service", service.__main__.main), ("cards", cards.__main__.main)):
        yield from _help(group, f"python -m {name}", None)


def _help(command: click.Command, path: str, parent: click.Context | None) -> Iterator[str]:
    # As the program makes it: options that help goes by are inherited, and kept with the command.
    context = command.make_context(
        path.split()[-1] if parent else path, [], parent, resilient_parsing=True, terminal_width=100
    )
    yield f"## `{path}`"
    yield fenced(command.get_help(context).strip())
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below
            yield from _help(below, f"{path} {name}", context)


def source_attributes(catalogue: Catalogue) -> Iterator[str]:
    """The source attributes with what the distributor has to fill in."""
    yield NOTICE.format("`cards/knowledge/transparency.yaml`")
    used = {"yes": "**used**", "no": "not used", "given": "–"}
    found = attributes(catalogue.knowledge, Settings.model_construct())
    yield table(("", "attribute", "used", "what, where and how"), [(o.id, o.name, used[o.used], o.text) for o in found])


def device_criteria(catalogue: Catalogue) -> Iterator[str]:
    """The four criteria, one by one."""
    yield NOTICE.format("`cards/knowledge/transparency.yaml`")
    for one in catalogue.knowledge.transparency.criteria:
        yield f"### Criterion {one.id}"
        yield f"*{one.asks}*"
        yield one.answer
        yield f"**{one.view}**"


def citation_list(catalogue: Catalogue) -> Iterator[str]:
    """What the cards cite."""
    yield NOTICE.format("`cards/knowledge/sources.yaml`")
    rows = [(label, text, f"<{url}>" if url else "") for label, text, url in citations(catalogue.knowledge)]
    yield table(("label", "citation", "address"), rows)


def site_choices(catalogue: Catalogue) -> Iterator[str]:
    """What a site may change while the service runs."""
    yield NOTICE.format("the knowledge")
    rows = [(f"`{one.what}`", one.card, one.values, one.present) for one in Adjustable(catalogue).choices()]
    yield table(("what", "card", "may be", "without a change"), rows)


PARTS: dict[str, Callable[[Catalogue], Iterator[str]]] = {
    "prefetch": prefetch,
    "needs": needs,
    "scopes": scopes,
    "links": links,
    "override-reasons": override_reasons,
    "topics": topics,
    "orders": orders,
    "api": api,
    "commands": commands,
    "source-attributes": source_attributes,
    "device-criteria": device_criteria,
    "citations": citation_list,
    "site-choices": site_choices,
}


def renewed(page: str, catalogue: Catalogue) -> str:
    """A page with every generated part as it should be."""

    def part(match: re.Match[str]) -> str:
        return match[1] + "\n" + "\n\n".join(PARTS[match[2]](catalogue)) + "\n\n" + match[3]

    return PART.sub(part, page)


def pages() -> list[Path]:
    """The pages that have generated parts."""
    return [path for path in sorted(DOCS.glob("*.md")) if PART.search(path.read_text(encoding="utf-8"))]


def main(*, write: bool, knowledge: Knowledge | None = None) -> int:
    """Write every page anew, or say which are stale; 1 if any is."""
    catalogue = Catalogue(knowledge or load_knowledge())
    stale = 0
    for path in pages():
        old = path.read_text(encoding="utf-8")
        new = renewed(old, catalogue)
        if new == old:
            continue
        if write:
            path.write_text(new, encoding="utf-8")
            continue
        sys.stderr.write(f"docs/{path.name} is stale: make guides\n")
        stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main(write="--check" not in sys.argv))
