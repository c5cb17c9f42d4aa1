"""Where the values of settings come from: environment, secrets, a file; and names that no setting has."""

import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

PREFIX = "RLS_CDS_"
CONFIG = f"{PREFIX}CONFIG"
SECRETS_DIR = f"{PREFIX}SECRETS_DIR"
_MOST_SECRET_BYTES = 64 * 1024
# Kubernetes gives each container the address of every Service of the namespace, as NAME_PORT=tcp://… and so on.
_SERVICE_LINK = "tcp://"


class BadSource(ValueError):
    """A source of settings cannot be read, or names a setting that is not there. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """The values that one place gives, by the name of the setting; `shown` is what an operator calls the place."""

    shown: str
    values: Mapping[str, object]


def sources(known: Collection[str], environ: Mapping[str, str] = os.environ) -> tuple[Source, ...]:
    """Environment, secrets files, settings file: the first one that has a value wins. Raises `BadSource`.

    Empty variables count as unset, so that a template may leave one empty.
    """
    found = [Source("environment", _from_environment(known, environ))]
    if folder := environ.get(SECRETS_DIR):
        found.append(Source("secret file", _from_secrets(known, Path(folder))))
    if file := environ.get(CONFIG):
        found.append(Source("settings file", _from_file(known, Path(file))))
    return tuple(found)


def _from_environment(known: Collection[str], environ: Mapping[str, str]) -> dict[str, object]:
    given = {name: value for name, value in environ.items() if name.upper().startswith(PREFIX)}
    given.pop(CONFIG, None)
    given.pop(SECRETS_DIR, None)
    names = {name: name[len(PREFIX) :].lower() for name in given}
    for name, value in given.items():
        if value.startswith(_SERVICE_LINK):
            raise BadSource(f"{name} is the address of a Kubernetes Service: set enableServiceLinks: false in the pod")
        if names[name] not in known:
            raise BadSource(f"{name} is no setting{_meant(names[name], known, prefix=PREFIX)}")
    return {names[name]: value for name, value in given.items() if value}


def _from_secrets(known: Collection[str], folder: Path) -> dict[str, object]:
    """One file for each secret, named `rls_cds_…`, as container engines and Kubernetes mount them."""
    prefix = PREFIX.lower()
    try:
        files = sorted(file for file in folder.iterdir() if file.name.lower().startswith(prefix) and file.is_file())
        values = {file.name.lower().removeprefix(prefix): _secret(file) for file in files}
    except OSError as error:
        raise BadSource(f"{SECRETS_DIR}={folder} cannot be read: {error.strerror}") from None
    for name in values:
        if name not in known:
            raise BadSource(f"{folder}/{prefix}{name} is no setting{_meant(name, known, prefix=prefix)}")
    return {name: value for name, value in values.items() if value}


def _secret(file: Path) -> str:
    with file.open("rb") as opened:
        content = opened.read(_MOST_SECRET_BYTES + 1)
    if len(content) > _MOST_SECRET_BYTES:
        raise BadSource(f"{file} is too long for a secret")
    try:
        # Editors and `echo` end a file with a line feed that belongs to no password.
        return content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadSource(f"{file} is not UTF-8 text") from None


def _from_file(known: Collection[str], file: Path) -> dict[str, object]:
    values = dict(_read(file))
    for name in values:
        if name not in known:
            raise BadSource(f"{CONFIG}={file}: {name} is no setting{_meant(name, known)}")
    return {name: value for name, value in values.items() if value != ""}


def _read(file: Path) -> Iterator[tuple[str, object]]:
    """TOML with the names in lower case and without prefix, or the lines of a .env file as in the environment."""
    try:
        if file.suffix == ".toml":
            with file.open("rb") as opened:
                yield from ((name, _as_text(value)) for name, value in tomllib.load(opened).items())
        elif file.suffix == ".env":
            lines = dotenv_values(stream=StringIO(file.read_text(encoding="utf-8")), interpolate=False)
            yield from ((name.lower().removeprefix(PREFIX.lower()), value or "") for name, value in lines.items())
        else:
            raise BadSource(f"{CONFIG}={file}: the name must end in .toml or .env")
    except OSError as error:
        raise BadSource(f"{CONFIG}={file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        if isinstance(error, BadSource):
            raise
        # tomllib's text names line and column and repeats at most a character, no value.
        said = error if isinstance(error, tomllib.TOMLDecodeError) else "not UTF-8 text"
        raise BadSource(f"{CONFIG}={file}: {said}") from None


def _as_text(value: object) -> object:
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _meant(name: str, known: Collection[str], prefix: str = "") -> str:
    spelt = (lambda text: text.upper()) if prefix == PREFIX else str
    if close := get_close_matches(name, known, n=1, cutoff=0.6):
        return f". Did you mean {prefix}{spelt(close[0])}? docs/settings.md lists all"
    return ". docs/settings.md lists all; variables of other programs need another prefix"
