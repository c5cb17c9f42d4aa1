"""Used token ids are known until their tokens have expired, whatever the clock does."""

import pytest

from service.errors import Overloaded
from service.replay import LocalReplayMemory

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
