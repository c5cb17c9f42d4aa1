"""Runs the steps of the Dockerfile in a clean root, without a container engine, and asks the service that comes of it.

`make image-check`, as root, with debootstrap. Debian's own Python stands in for the base image's: what is checked is the
Dockerfile's steps and what they leave, not the base. Nothing outside `var/image-check` is written; every mount lives in
a namespace of its own and ends with the process.
"""

# ruff: noqa: T201 - a command prints

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from tests.image.dockerfile import FILE, Stage, Step, stages

ROOT = FILE.parent
PLACE = ROOT / "var" / "image-check"
PACKAGES = ("python3", "python3-venv", "python3-pip", "ca-certificates")
_INSIDE = "--inside"
# What pip and uv need to find packages where a mirror is used; nothing else of this environment goes in.
_PASSED_ON = re.compile(r"(PIP|UV)_\w+|(https?|no)_proxy|SSL_CERT_FILE", re.IGNORECASE)
_BUILD_TOOLS = ("gcc", "cc", "g++", "make", "ld", "uv", "git", "curl")


class CannotCheck(Exception):
    """This machine lacks something; the text says what."""


def main() -> int:
    """0 when everything held; 1 when something did not; 2 when this machine cannot run it."""
    try:
        _insist_on_tools()
        if _INSIDE not in sys.argv:
            # Mounts of the check are seen by nobody else, and end with it however it ends.
            again = [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                sys.executable,
                "-m",
                "tests.image.check",
                _INSIDE,
            ]
            code = subprocess.run(again, cwd=ROOT, check=False).returncode
            # Roots of half a gigabyte each; after a fault they are there to be looked at.
            for root in PLACE.glob("stage-*") if code == 0 else ():
                shutil.rmtree(root)
            return code
        return _check()
    except CannotCheck as lack:
        print(f"make image-check: NOT RUN. {lack}", file=sys.stderr)
        return 2


def _insist_on_tools() -> None:
    if os.geteuid() != 0:
        raise CannotCheck("It has to be root, to make a root of its own.")
    for tool, package in {"debootstrap": "debootstrap", "unshare": "util-linux", "chroot": "coreutils"}.items():
        if shutil.which(tool) is None:
            raise CannotCheck(f"{tool} is not there (Debian's package {package}).")


def _check() -> int:
    base = _base()
    roots: dict[str, Path] = {}
    for stage in stages():
        roots[stage.name] = _built(stage, base, roots)
    final, root = stages()[-1], list(roots.values())[-1]
    faults = [*_content_faults(root), *_running_faults(final, root)]
    added = _megabytes(root) - _megabytes(base)
    print(f"\nWhat the Dockerfile adds to its base: {added} MB (Debian's Python stood in for {final.base}).")
    print("Run: every RUN, COPY and ENV of both stages, the health check and the command, as the user of the image.")
    print("Not run: a container engine, the base image itself, the removal of its pip (Debian's stays).")
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    return 1 if faults else 0


# --- the base ----------------------------------------------------------------------------------------------------------


def _base() -> Path:
    """A small Debian with its own Python, made once and kept."""
    suite = re.search(r"-slim-(\w+)", stages()[0].base)
    if suite is None:
        raise CannotCheck("The Dockerfile's base names no Debian release.")
    base = PLACE / f"base-{suite[1]}"
    if not (base / ".complete").exists():
        shutil.rmtree(base, ignore_errors=True)
        base.parent.mkdir(parents=True, exist_ok=True)
        _told("making a clean root with debootstrap (once, some minutes)")
        options = ["--variant=minbase", f"--include={','.join(PACKAGES)}"]
        _ran(["debootstrap", *options, suite[1], str(base), _mirror(suite[1])])
        _like_the_base_image(base)
        (base / ".complete").touch()
    return base


def _mirror(suite: str) -> str:
    """Where this machine itself gets the packages of that release."""
    for file in sorted([Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]):
        text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
        for block in re.split(r"\n\s*\n", text):
            uris = re.search(r"^URIs:\s*(\S+)", block, re.MULTILINE)
            if uris and re.search(rf"^Suites:.*\b{suite}(\s|$)", block, re.MULTILINE):
                return uris[1]
        if line := re.search(rf"^deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+{suite}\s", text, re.MULTILINE):
            return line[1]
    raise CannotCheck(f"The apt sources of this machine do not have {suite}.")


def _like_the_base_image(base: Path) -> None:
    """`python` in the path, and a pip that installs."""
    (base / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    for mark in base.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        mark.unlink()


# --- the stages --------------------------------------------------------------------------------------------------------


def _built(stage: Stage, base: Path, roots: dict[str, Path]) -> Path:
    root = PLACE / f"stage-{stage.name}"
    shutil.rmtree(root, ignore_errors=True)
    _ran(["cp", "-a", "--reflink=auto", str(base), str(root)])
    folder = "/"
    for step in stage.steps:
        if step.word == "WORKDIR":
            folder = step.text
            (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif step.word == "COPY":
            _copy(step, root, folder, roots)
        elif step.word == "RUN":
            _told(f"RUN {step.text[:110]}")
            with _system_of(root):
                _ran(_inside(root, stage, ["sh", "-c", f"cd {folder} && {step.text}"], passed_on=True))
    return root


def _copy(step: Step, root: Path, folder: str, roots: dict[str, Path]) -> None:
    *sources, to = step.words
    target = root / (to if to.startswith("/") else f"{folder}/{to}").lstrip("/")
    into_folder = to.endswith("/") or len(sources) > 1
    if into_folder:
        target.mkdir(parents=True, exist_ok=True)
    for name in sources:
        other = step.flags.get("from")
        source = roots[other] / name.lstrip("/") if other else ROOT / name
        _told(f"COPY {name} {to}")
        if source.is_dir():
            skip = None if other else (lambda place, names: [one for one in names if ignored(Path(place) / one)])
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=skip)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / source.name if into_folder else target)


def ignored(path: Path) -> bool:
    """Whether .dockerignore keeps a file or folder of the project from the engine; the last line that fits counts."""
    name = path.relative_to(ROOT).as_posix()
    found = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n"):
        pattern = line.strip().removeprefix("!")
        if not pattern or pattern.startswith("#"):
            continue
        if any(fnmatch(part, pattern) or fnmatch(part, pattern.removeprefix("**/")) for part in _with_parents(name)):
            found = not line.startswith("!")
    return found


def _with_parents(name: str) -> list[str]:
    parts = name.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts))] + [parts[-1]]


def _inside(root: Path, stage: Stage, command: list[str], *, passed_on: bool = False, user: str = "0:0") -> list[str]:
    environment = stage.environment() | {"HOME": "/nonexistent"}
    if passed_on:
        environment |= {name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)}
    given = [f"{name}={value}" for name, value in environment.items()]
    return ["chroot", f"--userspec={user}", "--groups=", str(root), "env", "-i", *given, *command]


@contextmanager
def _system_of(root: Path) -> Iterator[None]:
    """Names, certificates and the mirror's settings of this machine, while a step runs."""
    mounted: list[Path] = []
    for name in ("/proc", "/dev/null", "/dev/urandom", "/etc/resolv.conf", "/etc/hosts", *_of_this_machine()):
        target = root / name.lstrip("/")
        _make_place(Path(name), target)
        _ran(["mount", "--rbind", str(Path(name).resolve()), str(target)])
        mounted.append(target)
    try:
        yield
    finally:
        for target in reversed(mounted):
            _ran(["umount", "--recursive", "--lazy", str(target)])


def _of_this_machine() -> list[str]:
    """Files and folders that pip's configuration names."""
    named = ["/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt"]
    named += re.findall(r"/[\w./-]+", os.environ.get("PIP_FIND_LINKS", ""))
    return [name for name in named if Path(name).exists()]


def _make_place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        target.mkdir(exist_ok=True)
    elif not target.exists():
        target.unlink(missing_ok=True)
        target.touch()


# --- what came of it ---------------------------------------------------------------------------------------------------


def _content_faults(root: Path) -> Iterator[str]:
    places = [root / "opt/rls-cds/bin", root / "usr/local/bin", root / "usr/bin"]
    yield from (f"the image holds {tool}" for tool in _BUILD_TOOLS if any((place / tool).exists() for place in places))
    yield from (f"the image holds {one.name}" for one in root.glob("opt/rls-cds/lib/python*/site-packages/pip*"))
    bill = json.loads((root / "app/sbom.cdx.json").read_text())
    listed = {re.sub(r"[-_.]+", "-", part["name"]).lower() for part in bill["components"]}
    installed = _installed(root)
    if installed - listed or not installed:
        yield f"the bill of materials lacks {sorted(installed - listed)}"
    _told(f"the bill of materials names {len(listed)} packages")
    for pattern in ("cards/knowledge/**/*.yaml", "service/pages/templates/*", "service/pages/static/*"):
        if not list((root / "app").glob(pattern)):
            yield f"nothing is there of {pattern}"
    yield from (f"{file} can be written by everybody" for file in _loose(root / "app"))


def _installed(root: Path) -> set[str]:
    folders = root.glob("opt/rls-cds/lib/python*/site-packages/*.dist-info")
    return {re.sub(r"[-_.]+", "-", folder.name.split("-")[0]).lower() for folder in folders}


def _loose(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if not file.is_symlink() and file.stat().st_mode & 0o002)


def _running_faults(stage: Stage, root: Path) -> Iterator[str]:
    user = stage.last("USER").text
    _mount_read_only(root, stage.last("VOLUME").text, user)
    if subprocess.run(_inside(root, stage, ["touch", "/app/x"]), capture_output=True, check=False).returncode == 0:
        yield "the root file system can be written to"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = {"RLS_CDS_PORT": port, "RLS_CDS_ALLOW_OPEN": 1, "RLS_CDS_ALLOW_DRAFT_KNOWLEDGE": 1, "RLS_CDS_WORKERS": 2}
    settings = ["env", f"--chdir={stage.last('WORKDIR').text}", *(f"{name}={value}" for name, value in given.items())]
    said = PLACE / "service.log"
    with said.open("wb") as log:
        command = _inside(root, stage, [*settings, *stage.last("CMD").command()], user=user)
        service = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield from _answering_faults(stage, root, service, user, [*settings, *stage.last("HEALTHCHECK").command()])
    finally:
        service.send_signal(signal.SIGTERM)
        try:
            service.wait(30)
        except subprocess.TimeoutExpired:
            service.kill()
            yield "the service did not end when it was told to"
    if "Traceback" in said.read_text(encoding="utf-8"):
        yield f"the service complained: see {said}"


def _mount_read_only(root: Path, volume: str, user: str) -> None:
    uid, gid = user.split(":")
    _ran(["mount", "--bind", str(root), str(root)])
    _ran(["mount", "-o", "remount,ro,bind", str(root)])
    _ran(["mount", "-t", "proc", "proc", str(root / "proc")])
    _ran(["mount", "-t", "tmpfs", "-o", f"uid={uid},gid={gid},mode=0700", "tmpfs", str(root / volume.lstrip("/"))])
    _ran(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(root / "tmp")])
    _ran(["mount", "--rbind", "/dev", str(root / "dev")])


def _answering_faults(
    stage: Stage, root: Path, service: "subprocess.Popen[bytes]", user: str, check: list[str]
) -> Iterator[str]:
    asked = _inside(root, stage, check, user=user)
    for _ in range(60):
        if service.poll() is not None:
            yield f"the service ended with {service.returncode}: see {PLACE / 'service.log'}"
            return
        if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
            break
        time.sleep(0.5)
    else:
        yield "the health check never passed"
        return
    status = Path(f"/proc/{service.pid}/status").read_text(encoding="utf-8")
    owner = re.search(r"^Uid:\s+(\d+)", status, re.MULTILINE)
    if owner is None or owner[1] != user.split(":")[0]:
        yield f"the service does not run as {user}"
    if not list((root / "data").glob("*.sqlite")):
        yield "no store was made in the volume"
    _told(f"the health check passes; the service runs as {user} on a read-only root, with two workers and its store")


def _megabytes(folder: Path) -> int:
    said = subprocess.run(["du", "-smx", str(folder)], capture_output=True, text=True, check=True)
    return int(said.stdout.split()[0])


def _ran(command: list[str]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        said = (ended.stdout + ended.stderr)[-3000:]
        sys.exit(f"make image-check: FAILED at {' '.join(command)[:300]}\n{said}")


def _told(sentence: str) -> None:
    print(f"- {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
