"""Strict reading of knowledge files: YAML to typed values, or a refusal that names file and line.

With `cards.__main__` and the terminology import the only place in `cards` that touches files.
"""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

T = TypeVar("T")

_PLACE = re.compile(r"`(\$[^`]*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|(\[\.\.\.\])")


class KnowledgeError(ValueError):
    """A knowledge file that cannot be used; the text begins with `file:line`."""


def load_yaml(path: Path) -> Any:  # noqa: ANN401 - the caller gives the shape
    """The file as plain values: str, int, Decimal, bool, None, list, dict.

    Raises `KnowledgeError` on malformed YAML, on a key that stands twice, and on a bare word that YAML would turn into
    something else (`no`, a date, an octal number): it has to be quoted.
    """
    return _plain(_composed(path), path)


def load(path: Path, shape: type[T]) -> T:
    """The file as `shape`, a msgspec struct that forbids unknown fields.

    Raises `KnowledgeError` with file and line where a key is unknown, missing or of the wrong type.
    """
    node = _composed(path)
    try:
        return msgspec.convert(_plain(node, path), shape)
    except msgspec.ValidationError as error:
        raise KnowledgeError(f"{path.name}:{_line(node, str(error))}: {error}") from None


def _composed(path: Path) -> yaml.Node:
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise KnowledgeError(f"{path.name}:{line}: {error.problem}") from None
    if node is None:
        raise KnowledgeError(f"{path.name}:1: the file is empty")
    return node


def _plain(node: yaml.Node, path: Path) -> Any:  # noqa: ANN401
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, path) for child in node.value]
    return _scalar(node, path)


def _mapping(node: yaml.MappingNode, path: Path) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if key in result:
            raise KnowledgeError(f"{path.name}:{key_node.start_mark.line + 1}: the key {key!r} stands twice")
        result[key] = _plain(value_node, path)
    return result


def _scalar(node: yaml.Node, path: Path) -> Any:  # noqa: ANN401
    kind = node.tag.rpartition(":")[2]
    if kind == "str":
        return node.value
    if kind == "int" and node.value.lstrip("+-").isdecimal():
        return int(node.value)
    if kind == "float" and re.fullmatch(r"[+-]?\d+\.\d+", node.value):
        return Decimal(node.value)
    if kind == "bool" and node.value in ("true", "false"):
        return node.value == "true"
    if kind == "null":
        return None
    raise KnowledgeError(f"{path.name}:{node.start_mark.line + 1}: {node.value!r} reads as {kind}; quote it")


def _line(node: yaml.Node, complaint: str) -> int:
    """The line of the place that msgspec names, as far as it can be followed."""
    place = _PLACE.search(complaint)
    for name, index, _unnamed in _STEP.findall(place[1]) if place else ():
        if isinstance(node, yaml.MappingNode) and name:
            children = {str(key.value): value for key, value in node.value}
            node = children.get(name, node)
        elif isinstance(node, yaml.SequenceNode) and index:
            node = node.value[int(index)]
    return int(node.start_mark.line) + 1
