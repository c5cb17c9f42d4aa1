"""A release: wheel, context of the container image, software bill of materials, checksums. `make release`."""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import click
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

import service
from cards import KnowledgeError, load_knowledge

ROOT = Path(__file__).parent
VERSION = service.__version__
_PACKED = (
    *("cards", "service", "pyproject.toml", "README.md", "requirements"),
    *("LICENSE", "NOTICE", "LOINC_short_license.txt"),
)
_MADE = ("__pycache__", ".pyc", ".egg-info")


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "dist", help="Folder for the release [dist].")
@click.option("--allow-dirty", is_flag=True, help="Also from a tree that differs from its last commit.")
@click.option(
    "--allow-unreleased", is_flag=True, help="Also without a dated entry in CHANGELOG.md, or past a review-by date."
)
def main(out: Path, allow_dirty: bool, allow_unreleased: bool) -> None:  # noqa: FBT001 - click passes options so
    """Build everything that a release consists of. Exit code 1 where something speaks against it; nothing is built then."""
    against = [
        *([] if allow_dirty else _dirty(ROOT)),
        *_disagreements(ROOT),
        *([] if allow_unreleased else [*_not_released(ROOT), *_past_review(datetime.now(UTC).date())]),
    ]
    for sentence in against:
        click.echo(f"no release: {sentence}", err=True)
    if against:
        sys.exit(1)
    out.mkdir(parents=True, exist_ok=True)
    for old in (*out.glob("rls-cds-*"), *out.glob("rls_cds-*.whl"), out / "SHA256SUMS"):
        old.unlink(missing_ok=True)
    made = [wheel(out), image_context(out), bill_of_materials(out)]
    checksums(out, made)
    for path in made:
        click.echo(f"{path.stat().st_size:>10,}  {path.name}")
    click.echo(f"in {out}, with SHA256SUMS")


def _dirty(root: Path) -> Iterator[str]:
    changed = _git(root, "status", "--porcelain")
    if changed is None:
        yield "this is no git checkout, so nobody can say which commit it is (--allow-dirty)"
    elif changed:
        yield f"{len(changed.splitlines())} files differ from the last commit (--allow-dirty)"


def _disagreements(root: Path) -> Iterator[str]:
    """Every place that names the version names this one."""
    named = {
        "pyproject.toml": r'(?m)^version = "([^"]+)"',
        "Dockerfile": r"(?m)^ARG VERSION=(\S+)",
        "deploy/kubernetes/kustomization.yaml": r"(?m)^ *newTag: (\S+)",
    }
    for file, pattern in named.items():
        found = re.search(pattern, (root / file).read_text(encoding="utf-8"))
        if found is None or found[1] != VERSION:
            yield f"{file} names {found[1] if found else 'no version'}, service/__init__.py names {VERSION}"
    try:
        load_knowledge()
    except KnowledgeError as error:
        yield f"the knowledge cannot be used: {error}"


def _not_released(root: Path) -> Iterator[str]:
    """A release has an entry with its date, and says what changed clinically first."""
    entry = re.search(
        rf"(?ms)^## {re.escape(VERSION)} \((?P<date>[^)]*)\)\n(?P<text>.*?)(?=^## |\Z)",
        (root / "CHANGELOG.md").read_text(encoding="utf-8"),
    )
    if entry is None:
        yield f"CHANGELOG.md has no entry for {VERSION} (--allow-unreleased)"
        return
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", entry["date"]):
        yield f"the entry for {VERSION} in CHANGELOG.md is {entry['date']!r} and not dated (--allow-unreleased)"
    if re.findall(r"(?m)^### (.+)$", entry["text"])[:1] != ["Clinical"]:
        yield f"the entry for {VERSION} in CHANGELOG.md does not begin with the heading Clinical (--allow-unreleased)"


def _past_review(on: date) -> Iterator[str]:
    """What goes out has been looked at in time."""
    late = load_knowledge().is_past_review(on)
    if late:
        yield f"the review-by date of {len(late)} knowledge files has passed, {late[0]} among them (--allow-unreleased)"


def wheel(out: Path) -> Path:
    """The wheel, made without the network, from a copy: the backend takes what an earlier build left behind."""
    with tempfile.TemporaryDirectory() as folder:
        for name in _PACKED:
            source, copy = ROOT / name, Path(folder) / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            else:
                shutil.copy(source, copy)
        _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out.resolve()), folder)
    return out / f"rls_cds-{VERSION}-py3-none-any.whl"


def image_context(out: Path) -> Path:
    """What the Dockerfile copies, with the Dockerfile, as a tar that is the same each time: `docker build - < FILE`."""
    path = out / f"rls-cds-{VERSION}-image-context.tar.gz"
    stamp = _epoch()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for file in sorted(_copied(ROOT)):
            entry = tarfile.TarInfo(file.relative_to(ROOT).as_posix())
            body = file.read_bytes()
            entry.size, entry.mtime = len(body), stamp
            entry.mode = 0o755 if os.access(file, os.X_OK) else 0o644
            tar.addfile(entry, io.BytesIO(body))
    path.write_bytes(gzip.compress(packed.getvalue(), mtime=stamp))
    return path


def _copied(root: Path) -> Iterator[Path]:
    """The files of the COPY instructions that take from the context."""
    yield from (root / "Dockerfile", root / ".dockerignore")
    for line in _instructions((root / "Dockerfile").read_text(encoding="utf-8")):
        words = line.split()
        if words[:1] != ["COPY"] or any(word.startswith("--from=") for word in words):
            continue
        for source in (word for word in words[1:-1] if not word.startswith("--")):
            yield from _files(root / source)


def _instructions(text: str) -> Iterable[str]:
    return text.replace("\\\n", " ").splitlines()


def _files(path: Path) -> Iterator[Path]:
    found = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    yield from (one for one in found if not any(word in one.as_posix() for word in _MADE))


def bill_of_materials(out: Path) -> Path:
    """The pinned packages that run, with their hashes, as CycloneDX; made without the network."""
    path = out / f"rls-cds-{VERSION}.cdx.json"
    _run(
        *(sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements", str(ROOT / "requirements" / "run.txt")),
        *(
            "--pyproject",
            str(ROOT / "pyproject.toml"),
            "--no-validate",
            "--output-reproducible",
            "--sv",
            "1.6",
            "--of",
            "JSON",
            "-o",
            str(path),
        ),
    )
    found = json.loads(path.read_text(encoding="utf-8"))
    for component in found["components"]:
        # The tool repeats the lines of the lock there; the hashes stand beside it in a place of their own.
        component.pop("description", None)
        # Nor does a lock say from where: the tool assumes the public index.
        for reference in component.get("externalReferences", []):
            if reference.get("comment") == "implicit dist url":
                reference["url"] = component["purl"]
    text = json.dumps(found, indent=1, sort_keys=True) + "\n"
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong:
        raise click.ClickException(f"the bill of materials is no CycloneDX: {wrong}")
    path.write_text(text, encoding="utf-8")
    return path


def checksums(out: Path, made: Iterable[Path]) -> Path:
    """One line for each file, for `sha256sum --check`."""
    path = out / "SHA256SUMS"
    lines = [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in sorted(made)]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def _epoch() -> int:
    """The time of the last commit; with SOURCE_DATE_EPOCH that one. Files in a release carry no other."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    return int(given or _git(ROOT, "log", "-1", "--format=%ct") or 0)


def _git(root: Path, *words: str) -> str | None:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip() if done.returncode == 0 else None


def _run(*words: str) -> None:
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(_epoch())}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise click.ClickException(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
