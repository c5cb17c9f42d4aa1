"""Names in the documentation - settings, files, verbs, commands, addresses, registries - are those of the program."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import click
import httpx
import pytest

import cards.__main__
import service.__main__
from service.app import Parts, create_app
from service.clinical_words import ClinicalWords
from service.registry import Registry
from service.settings import Settings
from service.settings_sources import CONFIG, PREFIX, SECRETS_DIR
from tests.docs.blocks import DOCS, ROOT, blocks_of, pages

PAGES = pages()
IDS = [path.name for path in PAGES]
CODE = re.compile(r"`([^`\n]+)`")
PLACE = re.compile(
    r"(?:cards|service|tests|docs|fixtures|bench|requirements|deploy|\.ci)/[\w./-]*\w|[A-Z]+\.md|Makefile"
)
# Made by the commands of a page, and words for any name.
EXAMPLES = re.compile(r"lullaby|STEM|child-of-four|^deploy/site")
GROUPS = {"service": service.__main__.main, "cards": cards.__main__.main}
# Where the settings are, which is no setting.
BEFORE_SETTINGS = {name.removeprefix(PREFIX) for name in (CONFIG, SECRETS_DIR)}
# Folders of a machine, which are no addresses of the service.
OF_A_MACHINE = ("/run/", "/etc/", "/var/", "/data", "/app", "/tmp", "/opt/")  # noqa: S108 - names, not used


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def in_code(path: Path) -> list[str]:
    """What stands in code, within lines and in blocks of commands."""
    blocks = [line for block in blocks_of(path) if block.language == "console" for line in block.text.splitlines()]
    return [*CODE.findall(text_of(path)), *blocks]


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    names = set(re.findall(r"\bRLS_CDS_([A-Z][A-Z_]*[A-Z])\b", text_of(path)))

    assert names - {name.upper() for name in Settings.model_fields} - BEFORE_SETTINGS == set()


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_every_file_that_is_named_exists(path: Path) -> None:
    named = {found for code in CODE.findall(text_of(path)) if (found := PLACE.fullmatch(code.partition(":")[0]))}
    places = {found[0] for found in named if not EXAMPLES.search(found[0])}

    assert [place for place in sorted(places) if not (ROOT / place).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_every_verb_of_make_that_is_named_exists(path: Path) -> None:
    there = set(re.findall(r"(?m)^([a-z][a-z-]*)[a-z -]*:(?!=)", text_of(ROOT / "Makefile")))
    named = {word for code in in_code(path) for word in re.findall(r"^make ([a-z][a-z-]*)", code)}

    assert named - there == set()


@pytest.mark.parametrize("path", PAGES, ids=IDS)
def test_every_command_that_is_named_exists(path: Path) -> None:
    unknown = []
    for code in in_code(path):
        for package, rest in re.findall(r"(?:-m |^rls-)(\w+)((?: [a-z][a-z-]*)*)", code):
            if package in GROUPS and not leads_somewhere(GROUPS[package], rest.split()):
                unknown.append(code)

    assert unknown == []


def leads_somewhere(command: click.Command, words: list[str]) -> bool:
    """Whether words lead to a command; what follows a command is its own."""
    if not isinstance(command, click.Group) or not words:
        return True
    below = command.get_command(click.Context(command), words[0])
    return below is not None and leads_somewhere(below, words[1:])


@pytest.fixture
async def local(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on the machine itself, which sees the pages too."""
    transport = httpx.ASGITransport(app=create_app(parts=parts), client=("127.0.0.1", 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.mark.anyio
@pytest.mark.parametrize("path", PAGES, ids=IDS)
async def test_every_address_that_is_named_answers(path: Path, local: httpx.AsyncClient) -> None:
    codes = {code.removeprefix("GET ").removeprefix("POST ") for code in CODE.findall(text_of(path))}
    addresses = {
        code for code in codes if re.fullmatch(r"/[a-z][a-z./{}-]*", code) and not code.startswith(OF_A_MACHINE)
    }
    real = {address.replace("{id}", "rls-order-sign") for address in addresses}

    answers = {address: (await local.get(address)).status_code for address in sorted(real)}

    assert [address for address, status in answers.items() if status == 404] == []


@pytest.mark.parametrize(
    "path", [path for path in PAGES if path.name.startswith("connect")], ids=lambda path: path.name
)
def test_every_registry_of_the_guides_can_be_loaded(path: Path, tmp_path: Path, parts: Parts) -> None:
    words = ClinicalWords.of(parts.service.catalogue.knowledge)
    files = [block.text for block in blocks_of(path) if block.language == "toml"]

    assert files
    for text in files:
        file = tmp_path / "registry.toml"
        file.write_text(text, encoding="utf-8")

        assert Registry.load(file, words=words)


def test_the_example_registry_of_the_guides_names_every_key_that_there_is() -> None:
    from service.registry_file import ClientTable

    text = text_of(DOCS / "client-registry.example.toml")

    assert [name for name in ClientTable.__struct_fields__ if not re.search(rf"\b{name}\b", text)] == []


@pytest.mark.parametrize("vendor", ["connect-epic.md", "connect-oracle-health.md", "connect.md"])
def test_no_guide_claims_to_have_met_a_real_ehr(vendor: str) -> None:
    page = re.sub(r"\s+", " ", text_of(DOCS / vendor))

    assert "What was tried" in page
    assert re.search(
        r"[Nn]othing here was tried against an (Epic|Oracle Health) system|not\*\* been connected to a real EHR", page
    )


@pytest.mark.parametrize("words", ["English only", "draft"])
@pytest.mark.parametrize(
    "path", [ROOT / "README.md", DOCS / "index.md", DOCS / "safety.md"], ids=lambda path: path.name
)
def test_it_is_said_where_one_looks_first(path: Path, words: str) -> None:
    assert words.lower() in re.sub(r"\s+", " ", text_of(path)).lower().replace("in english only", "english only")


def test_every_link_of_the_readme_leads_somewhere() -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", text_of(ROOT / "README.md"))

    assert targets
    assert [path for path, _ in targets if path and not (ROOT / path).exists()] == []
    assert [f"{path}{anchor}" for path, anchor in targets if anchor and anchor[1:] not in anchors(ROOT / path)] == []


def anchors(path: Path) -> set[str]:
    """The anchors that a page's headings have."""
    titles = re.findall(r"(?m)^#+ (.+)$", text_of(path))
    return {re.sub(r"[^\w\s-]", "", title).strip().lower().replace(" ", "-") for title in titles}
