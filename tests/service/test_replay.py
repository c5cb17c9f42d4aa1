"""Used token ids are known until their tokens have expired, whatever the clock does."""

import anyio
import pytest

from service.errors import Overloaded
from service.replay import LocalReplayMemory, SharedReplayMemory

NOW = 1_800_000_000.0

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def memory():
    return LocalReplayMemory(capacity=3)


async def use(memory, jti, *, issuer="ehr", now=NOW, lives=300.0):
    return await memory.first_use(issuer, jti, until=now + lives, now=now)


async def test_the_first_use_of_an_id_is_new(memory):
    assert await use(memory, "a")


async def test_the_second_use_of_an_id_is_not(memory):
    await use(memory, "a")

    assert not await use(memory, "a")


async def test_an_id_used_again_with_another_expiry_is_not_new(memory):
    await use(memory, "a")

    assert not await use(memory, "a", lives=900)


async def test_two_issuers_may_use_the_same_id(memory):
    await use(memory, "a", issuer="one")

    assert await use(memory, "a", issuer="two")


async def test_an_id_is_known_up_to_its_last_second(memory):
    await use(memory, "a", lives=300)

    assert not await memory.first_use("ehr", "a", until=NOW + 600, now=NOW + 300)


async def test_an_id_is_forgotten_when_its_token_has_expired(memory):
    for jti in "abc":
        await use(memory, jti, lives=300)

    assert await use(memory, "d", now=NOW + 420)


async def test_a_full_memory_refuses(memory):
    for jti in "abc":
        await use(memory, jti)

    with pytest.raises(Overloaded):
        await use(memory, "d")


async def test_a_full_memory_still_knows_what_it_holds(memory):
    for jti in "abc":
        await use(memory, jti)

    assert not await use(memory, "a")


async def test_one_full_issuer_leaves_room_for_the_others(memory):
    for jti in "abc":
        await use(memory, jti, issuer="loud")

    assert await use(memory, "a", issuer="quiet")


async def test_a_clock_that_ran_ahead_and_came_back_opens_no_replay(memory):
    await use(memory, "a", lives=300)
    await use(memory, "b", now=NOW + 86_400)

    assert not await use(memory, "a", lives=300)


async def test_an_id_of_any_characters_can_be_kept(memory):
    assert await use(memory, "\0\u2028" + "😀" * 2000)


async def test_ids_are_not_kept_as_text(memory):
    await use(memory, "a-token-id")

    assert b"a-token-id" not in memory._issuers["ehr"]._seen


# --- shared with other processes -----------------------------------------------------------------------------------------


class Database:
    """A shared memory that may be away, or hang; counts how often it is asked."""

    def __init__(self):
        self.seen = set()
        self.asked = 0
        self.trouble = None

    async def first_use(self, _issuer, jti, **_times):
        self.asked += 1
        if self.trouble:
            await self.trouble()
        new = jti not in self.seen
        self.seen.add(jti)
        return new


async def is_away():
    raise Overloaded("away")


@pytest.fixture
def database():
    return Database()


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def process(database, clock):
    """A process that shares its memory; several may be made."""

    def process(*, reached=True):
        return SharedReplayMemory(LocalReplayMemory(), database, lambda: reached, lambda: clock[0])

    return process


async def test_an_id_that_another_process_saw_is_not_new(process):
    await use(process(), "a")

    assert not await use(process(), "a")


async def test_while_the_database_is_away_calls_go_on_and_own_ids_are_known(process, database):
    one = process()
    database.trouble = is_away
    first, again = await use(one, "a"), await use(one, "a")

    assert (first, again) == (True, False)


async def test_what_was_seen_before_it_went_away_is_still_known(process, database):
    one = process()
    await use(one, "a")
    database.trouble = is_away

    assert not await use(one, "a")


async def test_what_was_seen_while_it_was_away_is_known_afterwards(process, database, clock):
    one = process()
    database.trouble = is_away
    await use(one, "a")
    database.trouble, clock[0] = None, 60.0

    assert not await use(one, "a")


async def test_a_database_that_is_away_is_left_alone_for_a_while(process, database, clock):
    one = process()
    database.trouble = is_away
    for number, at in enumerate((0.0, 1.0, 4.9, 5.1)):
        clock[0] = at
        await use(one, str(number))

    assert database.asked == 2


async def test_one_that_hangs_is_not_waited_for(process, database, monkeypatch):
    monkeypatch.setattr("service.replay._PATIENCE_S", 0.01)
    database.trouble = anyio.sleep_forever

    assert await use(process(), "a")


async def test_one_that_was_never_reached_is_not_asked(process, database):
    assert await use(process(reached=False), "a")
    assert database.asked == 0


async def test_an_own_memory_that_is_full_refuses(database):
    one = SharedReplayMemory(LocalReplayMemory(capacity=1), database, lambda: True)
    await use(one, "a")

    with pytest.raises(Overloaded):
        await use(one, "b")
