"""What a model server does wrong, each fault a small frozen value that says what to do.

A fault acts on an `Exchange`: one request and the response to it. So a test can bring its
own: any frozen dataclass with `act`. Knows the wire's shapes and aiohttp's responses, and no
route, chain or model.
"""

import asyncio
import gzip
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from ensemble.testing.wire import JSON, Answer, Wire

if TYPE_CHECKING:
    from aiohttp.web import Request, StreamResponse

_BLOCK: Final = 2**20


@dataclass
class Exchange:
    """One request that came, and the response as it goes out."""

    request: "Request"
    wire: Wire
    asked: Mapping[str, Any]
    """The request's body."""
    answer: Answer
    """What a sound server would say."""

    @property
    def stream(self) -> list[bytes]:
        """The sound answer as it would be streamed."""
        return self.wire.stream(self.asked, self.answer)

    async def begin(
        self,
        status: int = 200,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "StreamResponse":
        """Send status and headers, and return the response to write to."""
        from aiohttp import web

        kind = content_type or self.wire.stream_type
        told = {"Content-Type": kind, **(headers or {})}
        response = web.StreamResponse(status=status, headers=told)
        await response.prepare(self.request)
        return response

    async def send(
        self,
        body: bytes,
        *,
        status: int = 200,
        content_type: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "StreamResponse":
        """Send a whole response."""
        response = await self.begin(status, content_type, headers)
        await response.write(body)
        await response.write_eof()
        return response

    def break_off(self) -> None:
        """Close the connection as a server does that dies."""
        if self.request.transport is not None:
            self.request.transport.close()


class Fault(Protocol):
    """What the server does with one request."""

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Answer the exchange."""
        ...


@dataclass(frozen=True)
class Says:
    """No fault: the answer, as a stream or whole, as the request wants it."""

    text: str | None = None
    """None is the server's own answer."""
    finish: str = "stop"
    input_tokens: int | None = None
    cached_tokens: int = 0
    output_tokens: int | None = None

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Say it."""
        import json

        answer = exchange.answer
        answer = replace(
            answer,
            text=answer.text if self.text is None else self.text,
            finish=self.finish,
            input_tokens=answer.input_tokens if self.input_tokens is None else self.input_tokens,
            cached_tokens=self.cached_tokens,
            output_tokens=self.output_tokens,
        )
        # Ollama streams unless it is told not to; the others stream where they are told to.
        by_default = exchange.wire.stream_type != "text/event-stream"
        if exchange.asked.get("stream", by_default):
            return await exchange.send(b"".join(exchange.wire.stream(exchange.asked, answer)))
        whole = exchange.wire.whole(exchange.asked, answer)
        return await exchange.send(json.dumps(whole).encode(), content_type=JSON)


@dataclass(frozen=True)
class Refuses:
    """An error status, with headers, in the envelope of the route."""

    status: int
    message: str = "scripted fault"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    code: str | None = None

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Refuse."""
        import json

        error = exchange.wire.error(self.status, self.message, self.code)
        body = json.dumps(error).encode()
        return await exchange.send(
            body, status=self.status, content_type=JSON, headers=self.headers
        )


@dataclass(frozen=True)
class Delays:
    """A wait before the first byte, then something else."""

    seconds: float
    then: Fault = Says()

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Wait, then act."""
        await asyncio.sleep(self.seconds)
        return await self.then.act(exchange)


@dataclass(frozen=True)
class Hangs:
    """Some bytes of the answer, then nothing for ever; None: not even headers."""

    after_bytes: int | None = None

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Send what there is, and hang."""
        if self.after_bytes is not None:
            response = await exchange.begin()
            if sent := b"".join(exchange.stream)[: self.after_bytes]:
                await response.write(sent)
        await asyncio.Event().wait()
        raise AssertionError  # only a cancel ends the wait


@dataclass(frozen=True)
class Drips:
    """A byte of the answer now and then, too slow for anybody's patience."""

    every_s: float

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Drip."""
        response = await exchange.begin()
        for place in range(len(data := b"".join(exchange.stream))):
            await response.write(data[place : place + 1])
            await asyncio.sleep(self.every_s)
        await response.write_eof()
        return response


@dataclass(frozen=True)
class Cuts:
    """The first bytes of a stream, then the end of it."""

    at_byte: int
    stream: bytes | None = None
    """None is the server's own answer."""
    politely: bool = False
    """Whether the response ends as if it were whole, as behind a proxy that gave up."""

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Send and cut."""
        stream = b"".join(exchange.stream) if self.stream is None else self.stream
        response = await exchange.begin()
        if sent := stream[: self.at_byte]:
            await response.write(sent)
        if self.politely:
            await response.write_eof()
        else:
            exchange.break_off()
        return response


@dataclass(frozen=True)
class Sends:
    """Exactly these bytes with status 200: no answer, half of one, or a page of HTML."""

    body: bytes
    content_type: str | None = None
    """None is that of a stream."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Send them."""
        return await exchange.send(self.body, content_type=self.content_type, headers=self.headers)


@dataclass(frozen=True)
class Page:
    """A page of HTML with status 200, as a captive portal shows."""

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Show it."""
        page = b"<!doctype html><html><title>Sign in</title><body>Sign in first.</body></html>"
        return await exchange.send(page, content_type="text/html; charset=utf-8")


@dataclass(frozen=True)
class Garbage:
    """Random bytes in place of a stream, the same ones for the same seed."""

    size: int = 4096
    seed: int = 0

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Send them."""
        drawn = random.Random(self.seed).randbytes(self.size)  # noqa: S311 - not for secrets
        return await exchange.send(drawn)


@dataclass(frozen=True)
class GzipBomb:
    """A small compressed body, unasked, that would fill the memory."""

    megabytes: int = 1024

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Send it."""
        # Members of a gzip file follow one another, so that one block makes a bomb of any size.
        bomb = gzip.compress(b" " * _BLOCK) * self.megabytes
        return await exchange.send(bomb, headers={"Content-Encoding": "gzip"})


@dataclass(frozen=True)
class Floods:
    """A body without end: lines or one huge line, as a stream or as JSON."""

    megabytes: int = 1024
    content_type: str | None = None
    """None is that of a stream."""
    unit: bytes = b"x"
    """What is sent over and over."""

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Send until the other side has had enough."""
        response = await exchange.begin(content_type=self.content_type)
        block = self.unit * (_BLOCK // len(self.unit))
        with suppress(ConnectionError):  # it has had enough
            for _ in range(self.megabytes):
                await response.write(block)
            await response.write_eof()
        return response


@dataclass(frozen=True)
class WrongType:
    """A sound stream under a wrong content type."""

    content_type: str = "text/plain"

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Send it."""
        return await exchange.send(b"".join(exchange.stream), content_type=self.content_type)


@dataclass(frozen=True)
class Miscounts:
    """A sound answer that claims to have read only a share of the prompt, or far too much."""

    share: float = 0.5

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Answer, and miscount."""
        read = round(exchange.answer.input_tokens * self.share)
        return await Says(input_tokens=read).act(exchange)


@dataclass(frozen=True)
class Malforms:
    """A stream in which one event is replaced by bytes of the fault's own."""

    event: int
    """Which, from the first; negative from the last."""
    by: bytes = b"data: {nope}\n\n"

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Send it."""
        parts = exchange.stream
        parts[self.event] = self.by
        return await exchange.send(b"".join(parts))


@dataclass(frozen=True)
class Breaks:
    """An error told in the middle of a stream that had status 200."""

    after_events: int = 1
    message: str = "the engine died"

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Begin to answer, then tell of the error."""
        parts = exchange.stream[: self.after_events]
        return await exchange.send(b"".join([*parts, exchange.wire.told_midway(self.message)]))
