"""Knowledge files are refused with file and line wherever they are not as they should be."""

from decimal import Decimal
from pathlib import Path

import pytest

from cards.loader import KnowledgeError, load, load_yaml
from cards.schema import Silences


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_plain_values_keep_their_kind(tmp_path: Path) -> None:
    path = written(tmp_path, 'a: 75\nb: 1.40\nc: true\nd: null\ne: "no"\nf: [x, y]\n')

    assert load_yaml(path) == {"a": 75, "b": Decimal("1.40"), "c": True, "d": None, "e": "no", "f": ["x", "y"]}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1\nb: 2\na: 3\n", "file.yaml:3: the key 'a' stands twice"),
        ("a: 1\nb: no\n", "file.yaml:2: 'no' reads as bool; quote it"),
        ("a: 2026-11-20\n", "file.yaml:1: '2026-11-20' reads as timestamp; quote it"),
        ("a: 0o17\nb: 0x1F\n", "file.yaml:2: '0x1F' reads as int; quote it"),
        ("a: 1e3\nb: .inf\n", "file.yaml:2: '.inf' reads as float; quote it"),
        ("a: [1\n", "file.yaml:2:"),
        ("", "file.yaml:1: the file is empty"),
    ],
)
def test_what_yaml_would_turn_into_something_else_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(KnowledgeError) as error:
        load_yaml(written(tmp_path, text))

    assert str(error.value).startswith(complaint)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("title: x\nsilences: {a: b}\nmore: 1\n", 1),
        ("title: x\nsilences:\n  a: b\n  c: 5\n", 3),
        ("title: 5\nsilences: {}\n", 1),
    ],
)
def test_a_wrong_shape_names_file_and_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(KnowledgeError) as error:
        load(written(tmp_path, text), Silences)

    assert str(error.value).startswith(f"file.yaml:{line}:")


def test_a_place_in_a_list_is_followed(tmp_path: Path) -> None:
    from cards.schema import OpenQuestions

    path = written(
        tmp_path,
        'title: x\nreview: {status: draft, author: a, review_by: "2027-01-01"}\nquestions:\n'
        "  - {id: a, question: b, where: c, default: d}\n  - {id: a, question: b, where: c}\n",
    )

    with pytest.raises(KnowledgeError) as error:
        load(path, OpenQuestions)

    assert str(error.value).startswith("file.yaml:5:")
