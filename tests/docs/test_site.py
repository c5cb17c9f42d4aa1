"""The documentation as a site: built with strict links, and nothing of it is loaded from elsewhere."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from threading import Thread

import pytest
from playwright.sync_api import sync_playwright

from tests.docs.blocks import DOCS, ROOT

# What a browser loads by itself when it shows a page; an <a> is followed by a person.
LOADED = {
    "link": "href",
    "script": "src",
    "img": "src",
    "source": "src",
    "iframe": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
    "use": "href",
}


class Assets(HTMLParser):
    """The addresses that a page loads, and its inline scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._inside = tag in ("script", "style")
        self.inline.append(given.get("style", ""))
        if tag in LOADED and LOADED[tag] in given and given.get("rel") not in ("prev", "next", "canonical"):
            self.loaded.append(given[LOADED[tag]])
        self.loaded += [part.split()[0] for part in given.get("srcset", "").split(",") if part.strip()]

    def handle_endtag(self, _tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.inline.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", out],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


def assets_of(path: Path) -> Assets:
    found = Assets()
    found.feed(path.read_text(encoding="utf-8"))
    return found


def test_every_page_is_built(site: Path) -> None:
    pages = {path.relative_to(DOCS).with_suffix(".html").as_posix() for path in DOCS.rglob("*.md")}

    assert pages <= {path.relative_to(site).as_posix() for path in site.rglob("*.html")}


def test_no_page_loads_anything_of_another_host(site: Path) -> None:
    foreign = [
        (path.name, address)
        for path in site.rglob("*.html")
        for address in assets_of(path).loaded
        if re.match(r"(?i)\s*(?:[a-z][a-z0-9+.-]*:)?//", address)
    ]

    assert foreign == []


def test_what_a_page_loads_is_there(site: Path) -> None:
    missing = [
        (path.name, address)
        for path in site.rglob("*.html")
        for address in assets_of(path).loaded
        if not address.startswith(("data:", "/"))
        and not (path.parent / address.partition("#")[0].partition("?")[0]).exists()
    ]

    assert missing == []


def test_no_style_loads_anything_of_another_host(site: Path) -> None:
    foreign = re.compile(r"(?i)@import\s+[\"']?\w*:?//|url\(\s*[\"']?(?:https?:)?//")
    sheets = {path.name: path.read_text(encoding="utf-8") for path in site.rglob("*.css")}
    inline = {path.name: "\n".join(assets_of(path).inline) for path in site.rglob("*.html")}

    assert sheets
    assert [name for name, text in {**sheets, **inline}.items() if foreign.search(text)] == []


def test_the_search_has_its_index_and_its_worker_beside_it(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    config = json.loads(re.search(r'id="__config"[^>]*>(.*?)<', (site / "index.html").read_text(encoding="utf-8"))[1])  # type: ignore[index]

    assert any("ferritin" in one["text"].lower() for one in index["docs"])
    assert (site / config["search"]).is_file()


def test_no_page_needs_the_diagrams_that_the_theme_would_fetch(site: Path) -> None:
    # The theme's script asks a host for mermaid when a page has such a block.
    assert [path.name for path in site.rglob("*.html") if 'class="mermaid"' in path.read_text(encoding="utf-8")] == []


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    """The address of the site on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_search_finds_something_and_no_other_host_is_asked(served: str) -> None:
    browser = which("chromium") or which("chromium-browser") or which("google-chrome")
    if browser is None:
        assert not os.environ.get("CI"), "CI installs a browser"
        pytest.skip("no Chromium is installed")
    asked: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{served}/index.html")
        page.locator(".md-search__input").fill("haemochromatosis")
        page.locator(".md-search-result__item").first.wait_for()
        found = page.locator(".md-search-result__item").all_inner_texts()
        chromium.close()

    assert any("Clinical content" in text for text in found)
    assert [url for url in asked if not url.startswith((served, "blob:", "data:"))] == []


def test_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("[nowhere](nowhere.md)\n", encoding="utf-8")
    ours = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[0]
    (tmp_path / "mkdocs.yml").write_text(ours, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "nowhere.md" in done.stderr) == (1, True)
