"""Server-sent events, cut and mutilated."""

from typing import TYPE_CHECKING, Any

import pytest

from ensemble.models.event_stream import BYTES_AT_MOST, events
from ensemble.models.provider import Failure, ModelFailure
from ensemble.testing.model_server import stream_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = "Höchst zweifelhaft, und zwar aus vielen guten Gründen. 好的 a b a b"
WHOLE = stream_bytes(TEXT)


async def read_of(*parts: bytes) -> list[dict[str, Any]]:
    waiting: Iterator[bytes] = iter(parts)

    async def read() -> bytes:
        return next(waiting, b"")

    return [event async for event in events(read)]


async def test_a_stream_is_read_up_to_its_end() -> None:
    found = await read_of(WHOLE)

    pieces = [choice["delta"].get("content", "") for e in found for choice in e["choices"]]
    assert "".join(pieces) == TEXT


async def test_a_stream_is_the_same_however_it_is_split() -> None:
    whole = await read_of(WHOLE)

    for size in (1, 2, 3, 7, 64):
        parts = [WHOLE[at : at + size] for at in range(0, len(WHOLE), size)]
        assert await read_of(*parts) == whole


async def test_a_stream_cut_at_any_byte_is_no_answer() -> None:
    last = WHOLE.index(b"[DONE]") + len(b"[DONE]")
    assert len(WHOLE) > 2048

    for at in range(last):
        with pytest.raises(ModelFailure) as caught:
            await read_of(WHOLE[:at])
        assert caught.value.kind in (Failure.TRANSPORT, Failure.UNUSABLE)


async def test_a_missing_line_break_after_the_end_does_not_matter() -> None:
    assert await read_of(WHOLE.rstrip(b"\n")) == await read_of(WHOLE)


async def test_comments_and_other_fields_are_passed_over() -> None:
    stream = (
        b': ping\r\nevent: x\r\nid: 1\r\nretry: 5\r\ndata: {"a": 1}\r\n\r\ndata: [DONE]\r\n\r\n'
    )

    assert await read_of(stream) == [{"a": 1}]


@pytest.mark.parametrize(
    "stream",
    [
        b"<html>Bad gateway</html>\n",
        b"data: {nope}\n\n",
        b'data: {"a": \n\n',
        b"data: [1, 2]\n\n",
        b"data: null\n\n",
        b"data: {}\n\n",
        b"data: \xff\xfe\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        b'{"choices": []}\n',
        b"\x1f\x8b\x08\x00rubbish\n",
    ],
)
async def test_what_is_no_event_stream_is_refused(stream: bytes) -> None:
    with pytest.raises(ModelFailure) as caught:
        await read_of(stream)

    assert caught.value.kind is Failure.UNUSABLE


async def test_a_line_without_end_is_bounded() -> None:
    part = b"x" * (1024 * 1024)

    with pytest.raises(ModelFailure, match="8 MiB"):
        await read_of(*[part] * (BYTES_AT_MOST // len(part) + 1))
