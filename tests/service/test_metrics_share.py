"""The counts of several workers in one directory: added up, kept when a worker ends, whatever it was doing then."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cards import Knowledge
from service.app import Parts
from service.exposition import families
from service.metrics_share import SharedCounts
from service.settings import Settings
from service.tallies import Kind, Tally, snapshot
from tests.conftest import NOW

pytestmark = pytest.mark.anyio


class _Worker:
    """One of several, with a counter and a gauge."""

    def __init__(self, folder: Path) -> None:
        self.counter = Tally.of(Kind.COUNTER, "calls", "text", "client")
        self.gauge = Tally.of(Kind.TOTAL, "queue", "text")
        self.tallies = [self.counter, self.gauge]
        self.shared = SharedCounts(folder, self.tallies)

    def counts(self, calls: int, queue: int) -> None:
        self.counter.rows["north",][0] += calls
        self.gauge.set((), queue)
        self.shared.write(snapshot(self.tallies))

    def told(self) -> dict[str, float]:
        processes = [snapshot(self.tallies), *self.shared.others()]
        return {one.name: one.value for family in families(self.tallies, processes) for one in family.samples}


Begin = Callable[[], _Worker]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Starts workers that share a directory."""
    with ExitStack() as ends:

        def start() -> _Worker:
            worker = _Worker(tmp_path)
            ends.callback(worker.shared.close)
            return worker

        yield start


@pytest.fixture
def pair(begin: Begin) -> tuple[_Worker, _Worker]:
    return begin(), begin()


def test_each_tells_what_both_have_counted(pair: tuple[_Worker, _Worker]) -> None:
    one, other = pair
    one.counts(3, 1)
    other.counts(4, 2)

    assert one.told() == other.told() == {"calls_total": 7, "queue": 3}


def test_one_that_has_written_nothing_yet_is_no_trouble(pair: tuple[_Worker, _Worker]) -> None:
    one, _ = pair
    one.counts(3, 1)

    assert one.told() == {"calls_total": 3, "queue": 1}


def test_of_one_that_ended_the_counts_stay_and_the_gauges_go(pair: tuple[_Worker, _Worker]) -> None:
    one, other = pair
    one.counts(3, 1)
    other.counts(4, 2)
    other.shared.close()

    assert [one.told(), one.told()] == [{"calls_total": 7, "queue": 1}] * 2


def test_files_of_workers_that_ended_are_cleared_away(begin: Begin, tmp_path: Path) -> None:
    stays = begin()
    for _ in range(20):
        ended = begin()
        ended.counts(1, 1)
        ended.shared.close()
    told = stays.told()

    assert told["calls_total"] == 20
    assert len(list(tmp_path.iterdir())) <= 4


def test_killed_between_sum_and_clearing_nothing_counts_twice(
    pair: tuple[_Worker, _Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    stays, ended = pair
    ended.counts(5, 0)
    ended.shared.close()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as end:
        end.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            stays.told()

    assert [stays.told(), stays.told()] == [{"calls_total": 5}] * 2


def test_a_new_worker_with_the_number_of_a_dead_one_is_another(begin: Begin) -> None:
    # Numbers of processes come round again.
    first = begin()
    first.counts(2, 1)
    first.shared.close()
    second = begin()
    second.counts(3, 1)

    assert str(os.getpid()) in first.shared._name
    assert second.told() == {"calls_total": 5, "queue": 1}


def test_what_another_program_left_behind_is_passed_over(pair: tuple[_Worker, _Worker], tmp_path: Path) -> None:
    one, _ = pair
    one.counts(3, 1)
    (tmp_path / "4711-old.counts").write_text('{"calls": "?"}')
    (tmp_path / "counter_4711.db").write_bytes(b"\0" * 100)

    assert one.told() == {"calls_total": 3, "queue": 1}


async def test_a_directory_that_cannot_be_used_costs_the_sum_and_not_the_service(
    tmp_path: Path, knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "none"))
    parts = Parts(Settings(store_url="off"), now=lambda: NOW, knowledge=knowledge)
    await parts.metrics_page.open()
    await parts.close()

    assert "metrics are of one worker only" in caplog.text


async def test_a_fault_while_sharing_is_told_and_does_not_end_it(
    tmp_path: Path, knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    monkeypatch.setattr("service.metrics_page._SHARE_EVERY_S", 0.001)
    parts = Parts(Settings(store_url="off"), now=lambda: NOW, knowledge=knowledge)
    looked = 0
    went_on = asyncio.Event()

    async def faulty() -> None:
        nonlocal looked
        looked += 1
        if looked == 1:
            raise ZeroDivisionError("zqxname")
        went_on.set()

    monkeypatch.setattr(parts.metrics_page._standing, "look", faulty)
    await parts.metrics_page.open()
    await asyncio.wait_for(went_on.wait(), 30)
    await parts.close()

    assert "the counts of this worker were not shared: ZeroDivisionError" in caplog.text
    assert "zqxname" not in caplog.text


async def test_the_last_counts_are_left_to_the_others(
    tmp_path: Path, knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    parts = Parts(Settings(store_url="off"), now=lambda: NOW, knowledge=knowledge)
    await parts.metrics_page.open()
    await asyncio.sleep(0)
    parts.metrics.feedbacks.rows["north", "accepted"][0] += 9
    await parts.close()
    reader = SharedCounts(tmp_path, parts.metrics.tallies)

    assert any((("north", "accepted"), [9.0]) in told["rls_cds_feedback"] for told in reader.others())
    reader.close()
