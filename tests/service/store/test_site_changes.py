"""What a site changed: added, never altered, read in order."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from service.store import Change, Database, Mark, StoreUnavailable, changes, mark, record, record_sight
from service.store.times import milliseconds


@pytest.fixture
def change(words):
    def change(what="kill", value="on", client=None, minutes=0, by="A. Safety", reason="wrong advice"):
        at = words.noon + timedelta(minutes=minutes)
        return Change(at=at, by=by, client=client, what=what, value=value, reason=reason)

    return change


def kept(database, **some):
    return [(one.client, one.what, one.value, one.by, one.reason) for one in changes(database, **some)]


def test_changes_come_back_in_their_order(database, change):
    record(database, change(), change("cap.order-sign", "1", client="north"))
    record(database, change(value=None, by="B. Safety", reason="mended"))

    assert kept(database) == [
        (None, "kill", "on", "A. Safety", "wrong advice"),
        ("north", "cap.order-sign", "1", "A. Safety", "wrong advice"),
        (None, "kill", None, "B. Safety", "mended"),
    ]


def test_times_are_kept(database, change, words):
    record(database, change())

    assert changes(database)[0].at == words.noon


def test_a_client_sees_its_own_and_those_for_all(database, change):
    record(database, change(client="north"), change(client="south"), change())

    assert [client for client, *_ in kept(database, client="north")] == ["north", None]


def test_a_span_begins_with_its_first_and_ends_before_its_last_moment(database, change, words):
    record(database, *(change(value=str(number), minutes=number) for number in range(4)))
    found = kept(database, since=words.noon + timedelta(minutes=1), until=words.noon + timedelta(minutes=3))

    assert [value for _, _, value, *_ in found] == ["1", "2"]


def test_the_mark_tells_that_something_was_added(database, change, words):
    before = mark(database)
    record(database, change())

    assert (before, mark(database)) == (Mark(0, 0, 0), Mark(1, 1, milliseconds(words.noon)))


def test_the_mark_tells_a_store_apart_that_went_another_way(database, change):
    record(database, change())
    before = mark(database)
    with database.writing(durable=True) as connection:
        connection.execute(text("DELETE FROM site_change"))
    record(database, change(minutes=1))

    assert mark(database) != before


def test_another_process_sees_it_at_once(database, change, url):
    with Database(url) as other:
        record(other, change())

    assert len(kept(database)) == 1


def test_what_a_host_saw_is_written_down_once(database):
    def sight(value, by="service on host"):
        return record_sight(database, by=by, what="kill_file", value=value, reason="seen")

    written = [sight(None), sight("on"), sight("on"), sight("on", by="service on other"), sight(None), sight(None)]

    assert written == [False, True, False, True, True, False]


def test_all_changes_of_one_record_are_kept_or_none(database, change):
    with pytest.raises(Exception, match="the store refused"):
        record(database, change(), change(reason=None))

    assert kept(database) == []


def test_a_store_that_is_away_says_so(change):
    with Database("postgresql://store@127.0.0.1:1/name") as away, pytest.raises(StoreUnavailable):
        record(away, change())


def test_rows_of_another_hand_are_read_as_they_are(database):
    with database.writing(durable=True) as connection:
        row = "INSERT INTO site_change (at_ms, by, client, what, value, reason) VALUES (0, 'x', NULL, 'nonsense', '!', '')"
        connection.execute(text(row.replace("by,", '"by",')))

    assert kept(database) == [(None, "nonsense", "!", "x", "")]
