"""The page of all settings, made from the settings themselves."""

import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from service.settings import Listed, Settings
from service.settings_shown import shown
from service.settings_sources import CONFIG, PREFIX, SECRETS_DIR

PAGE = Path("docs/settings.md")

_TOP = f"""# Settings

Made by `python -m service settings-page` from `service/settings.py`; do not edit.
`python -m service check-config` prints what is in force, where each value came from, and what would keep the service
from starting.

## Where values come from

The first of these that has a value wins:

1. options of the command line (`serve --host`, `--port`, `--workers`)
2. environment variables, named as in the tables below; an empty one counts as not set
3. secrets: files in the directory that `{SECRETS_DIR}` names, one for each setting, called `rls_cds_` and the name in
   lower case (`rls_cds_store_url`, `rls_cds_operator_password`). Container engines (`/run/secrets`) and Kubernetes (a
   Secret mounted as a volume) put them so. Every setting can stand there; a line feed at the end does not count
4. the file that `{CONFIG}` names: `*.toml` with the names in lower case and without prefix (`store_url = "off"`), or
   `*.env` with lines as in the environment. No file is read that is not named
5. the default

A name that no setting has stops the start, wherever it stands, with a word on what may have been meant. All sources are
read once, at start; the client registry is read anew at `SIGHUP`, the certificate when its files change. Lists are
written with commas. Times are in seconds, sizes in bytes.

"""


def page(settings: type[Settings]) -> str:
    """The whole page, in Markdown."""
    return _TOP + "\n".join(_sections(settings))


def _sections(settings: type[Settings]) -> Iterator[str]:
    heading = ""
    for name, field in settings.model_fields.items():
        if title := settings.SECTIONS.get(name):
            yield f"{heading}## {title}\n\n| setting | default | values | meaning |\n|---|---|---|---|"
            heading = "\n"
        yield f"| `{PREFIX}{name.upper()}` | {_default(field)} | {_values(field)} | {_cell(field.description or '')} |"
    yield ""


def _default(field: FieldInfo) -> str:
    text = shown(field.default)
    return f"`{text}`" if text else ""


def _values(field: FieldInfo) -> str:
    kind = _without_none(field.annotation)
    if get_origin(kind) is Literal:
        return ", ".join(f"`{one}`" for one in get_args(kind))
    bounds = [word for limit in field.metadata if (word := _bound(limit))]
    return _cell(" ".join([_kind(kind, field), ", ".join(bounds)]).strip())


def _without_none(annotation: Any) -> Any:  # noqa: ANN401 - any annotation
    if get_origin(annotation) in (Union, types.UnionType):
        return next(one for one in get_args(annotation) if one is not type(None))
    return annotation


def _kind(kind: Any, field: FieldInfo) -> str:  # noqa: ANN401 - any annotation
    if field.annotation == get_args(Listed)[0]:
        return "list"
    words = {
        bool: "true, false",
        int: "whole number",
        float: "number",
        Path: "path",
        SecretStr: "text, secret",
        str: "text",
    }
    return words.get(kind, re.sub(r"^.*\.", "", str(kind)))


def _bound(limit: object) -> str:
    match limit:
        case Ge(ge=least):
            return f"at least {least}"
        case Gt(gt=below):
            return f"more than {below}"
        case Le(le=most):
            return f"at most {most}"
    return ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
