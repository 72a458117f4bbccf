"""Which call writes a prompt cache, and which wait to read it."""

import asyncio

import pytest

from ensemble.models.prefixes import after_the_first


async def test_who_begins_alike_follows_once_the_first_is_being_answered() -> None:
    sent, answering = list[str](), asyncio.Event()

    async def one(name: str) -> None:
        async with after_the_first("the plan") as begun:
            sent.append(name)
            await answering.wait()
            begun()
            await asyncio.sleep(0.01)

    calls = [asyncio.create_task(one(name)) for name in "abc"]
    await asyncio.sleep(0.01)
    before = list(sent)
    answering.set()
    await asyncio.gather(*calls)

    assert before == ["a"]
    assert sent == ["a", "b", "c"]


async def test_what_a_cache_keeps_already_makes_nobody_wait() -> None:
    async with after_the_first("the plan") as begun:
        begun()

    async with asyncio.timeout(5) as hurried:
        async with after_the_first("the plan"), after_the_first("the plan"):
            pass

    assert not hurried.expired()


async def test_other_prefixes_do_not_wait() -> None:
    async with asyncio.timeout(5) as hurried:
        async with after_the_first("a plan"), after_the_first("another plan"):
            pass

    assert not hurried.expired()


async def test_a_first_call_that_fails_holds_nobody_up() -> None:
    async def fails() -> None:
        async with after_the_first("the plan"):
            await asyncio.sleep(0.01)
            raise OSError

    async def follows() -> str:
        async with after_the_first("the plan"):
            return "sent"

    first, second = asyncio.create_task(fails()), asyncio.create_task(follows())

    with pytest.raises(OSError):  # noqa: PT011 - the one above
        await first
    assert await asyncio.wait_for(second, 5) == "sent"
