"""Walks every statement of CDS Hooks 3.0.0 that concerns this service, by id, in the order of the text."""

from collections.abc import AsyncIterator, Callable

import pytest

from cards import Knowledge
from tests.conformance.bench import Bench
from tests.conformance.matrix import FILE, expected, line, page
from tests.conformance.rows import ROWS, Row
from tests.conformance.walk import FOUND, CannotApply

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
async def bench(knowledge: Knowledge, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"), knowledge)
    yield made
    await made.close()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
async def test_row(row: Row, bench: Bench, record_property: Callable[[str, object], None]) -> None:
    found = FOUND[row.id]
    record_property("row", line(row, expected()[row.id]))
    if isinstance(found, CannotApply):
        assert len(found.why) > 10
        return
    await found.check(bench)


def test_every_check_has_a_row() -> None:
    assert set(FOUND) == {row.id for row in ROWS}


def test_no_row_stands_twice() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_a_row_that_binds_the_service_is_checked() -> None:
    bound = [row for row in ROWS if row.binds.startswith("S") and row.level.isupper()]

    unchecked = {row.id for row in bound if isinstance(FOUND[row.id], CannotApply)}
    # MAY rows of what is not offered, and statements about templates and actions that are not used.
    assert unchecked == {"ACT-4", "PRE-19", "SEC-6", "SYS-1", "TRANS-2"}


def test_the_page_of_the_matrix_is_current() -> None:
    assert FILE.read_text(encoding="utf-8") == page(expected())
