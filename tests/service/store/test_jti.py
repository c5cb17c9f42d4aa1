"""A token is taken once, by all processes together, and forgotten when it has expired."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from service.errors import Overloaded
from service.replay import ReplayMemory
from service.store import Database, JtiStore, jti
from service.store.schema import jti as table

ISSUER = "https://ehr.example"
NOW = 1_772_625_600.0
UNTIL = NOW + 900


@pytest.mark.anyio
async def test_the_first_use(database):
    memory: ReplayMemory = JtiStore(database)

    assert await memory.first_use(ISSUER, "1", until=UNTIL, now=NOW)


@pytest.mark.anyio
async def test_a_replay(database):
    store = JtiStore(database)
    await store.first_use(ISSUER, "1", until=UNTIL, now=NOW)

    assert not await store.first_use(ISSUER, "1", until=UNTIL, now=NOW)


def test_issuers_do_not_share_ids(database):
    store = JtiStore(database)
    store.first_use_now("https://a.example", "1", UNTIL, NOW)

    assert store.first_use_now("https://b.example", "1", UNTIL, NOW)


def test_another_process_knows_it(url, database):
    JtiStore(database).first_use_now(ISSUER, "1", UNTIL, NOW)
    with Database(url) as other:
        assert not JtiStore(other).first_use_now(ISSUER, "1", UNTIL, NOW)


def test_of_many_at_once_one_is_the_first(database):
    store = JtiStore(database)
    with ThreadPoolExecutor(8) as threads:
        firsts = list(threads.map(lambda _: store.first_use_now(ISSUER, "1", UNTIL, NOW), range(40)))

    assert firsts.count(True) == 1


def test_expired_ids_are_swept(database, monkeypatch):
    monkeypatch.setattr(jti, "_SWEEP_EVERY", 3)
    store = JtiStore(database)
    for number, until in enumerate((NOW - 1, NOW + 1, NOW + 1)):
        store.first_use_now(ISSUER, str(number), until, NOW)
    with database.reading() as connection:
        kept = connection.scalar(select(func.count()).select_from(table))

    assert kept == 2


def test_what_cannot_be_kept_is_not_taken():
    with Database("postgresql://store@127.0.0.1:1/name") as away, pytest.raises(Overloaded):
        JtiStore(away).first_use_now(ISSUER, "1", UNTIL, NOW)
