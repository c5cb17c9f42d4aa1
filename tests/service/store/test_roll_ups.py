"""Roll-ups made by several processes: the newer view wins."""

from service.store import Database, refresh, roll_ups, statistics
from service.store.issued_writer import write_calls


def test_a_roll_up_that_was_overtaken_does_not_replace_the_newer_one(site, words, url, monkeypatch):
    rows = roll_ups._rows

    def overtaken(connection, day):
        found = rows(connection, day)
        monkeypatch.setattr(roll_ups, "_rows", rows)
        with Database(url) as other:
            write_calls(other, [words.call("b")])
            refresh(other)
        return found

    site.issue(words.call("a"))
    monkeypatch.setattr(roll_ups, "_rows", overtaken)
    refresh(site.database)

    assert statistics(site.database, by=()).topics[0].shown == 2


def test_nothing_changed_nothing_made(site, words):
    site.issue(words.call("a"))

    assert [refresh(site.database), refresh(site.database)] == [1, 0]
