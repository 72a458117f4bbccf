"""Connections that are kept between calls, and servers that hang up on them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from ensemble.models.provider import Failure, ModelFailure, Usage
from ensemble.models.wire import answered, close_session

ANSWER = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"n":"one"}'
)


@asynccontextmanager
async def hanging_up(after: int, works_s: float = 0.0) -> AsyncGenerator[tuple[str, list[int]]]:
    """Serve so many answers on a connection, and hang up on the next request, after some work."""
    asked: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(asked)
        asked.append(0)
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(2)
            asked[number] += 1
            if asked[number] > after:
                await asyncio.sleep(works_s)
                break
            writer.write(ANSWER)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"http://{host}:{port}/v1", asked
    finally:
        await close_session()
        server.close()


async def ask(url: str) -> dict[str, str]:
    async with answered(url, {}, {}, first_byte_s=5, idle_s=5) as answer:
        return await answer.whole()


async def test_a_server_that_hung_up_on_a_kept_connection_is_asked_on_a_new_one() -> None:
    async with hanging_up(after=1) as (url, asked):
        answers = [await ask(url) for _ in range(3)]

    assert answers == [{"n": "one"}] * 3
    assert asked == [2, 2, 1]


async def test_a_server_that_hangs_up_on_a_new_connection_is_not_asked_again() -> None:
    async with hanging_up(after=0) as (url, asked):
        with pytest.raises(ModelFailure) as failed:
            await ask(url)

    assert failed.value.kind is Failure.TRANSPORT
    assert asked == [1]


async def test_a_request_that_was_worked_on_is_not_sent_again_unseen() -> None:
    async with hanging_up(after=1, works_s=0.2) as (url, asked):
        await ask(url)
        with pytest.raises(ModelFailure) as failed:
            await ask(url)

    assert failed.value.kind is Failure.TRANSPORT
    assert failed.value.usage == Usage()
    assert asked == [2]


async def test_who_hangs_up_at_once_or_is_not_there_has_used_nothing() -> None:
    async with hanging_up(after=0) as (url, _):
        with pytest.raises(ModelFailure) as hung_up:
            await ask(url)
    with pytest.raises(ModelFailure) as not_there:
        await ask(url)
    await close_session()

    assert hung_up.value.usage is None
    assert not_there.value.usage is None
