"""Connections that are kept between calls, and servers that hang up on them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from ensemble.models.provider import Failure, ModelFailure
from ensemble.models.wire import answered, close_session

ANSWER = (
    b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"n":"one"}'
)


@asynccontextmanager
async def hanging_up(after: int) -> AsyncGenerator[tuple[str, list[int]]]:
    """Serve so many answers on a connection, and hang up on the next request."""
    asked: list[int] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(asked)
        asked.append(0)
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(2)
            asked[number] += 1
            if asked[number] > after:
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
