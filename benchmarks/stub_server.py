"""A model server in a process of its own: `python -m benchmarks.stub_server`.

It speaks the OpenAI chat route as a stream and says back the token that it finds in a request,
`token-0042`, so that mixed up runs show. The first part of the path is how many milliseconds
an answer takes: `http://127.0.0.1:PORT/500/v1`. It has never heard of panels.
"""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final, cast

from typing_extensions import override

from benchmarks.process import CHECKOUT, environment

TOKEN: Final = re.compile(r"token-\d{4}")
_TOKEN_BYTES: Final = re.compile(TOKEN.pattern.encode())
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@contextmanager
def stub_server() -> Generator[str]:
    """Run the server and give its address, to which `/MILLISECONDS/v1` is added."""
    command = [sys.executable, "-m", "benchmarks.stub_server"]
    with subprocess.Popen(
        command, cwd=CHECKOUT, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield cast("Any", process.stdout).readline().strip()
        finally:
            process.terminate()


class _Connection(asyncio.Protocol):
    """One connection: each whole request is answered after its delay."""

    def __init__(self) -> None:
        self._waiting = b""
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        self._waiting += data
        head, end, body = self._waiting.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or length is None or len(body) < int(length[1]):
            return
        self._waiting = b""
        delay_ms = int(head.split(b"/", 2)[1])
        token = _TOKEN_BYTES.search(body)
        text = answer(token[0].decode() if token else "no token")
        asyncio.get_running_loop().call_later(delay_ms / 1000, self._say, text)

    def _say(self, text: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(text)


def answer(token: str) -> bytes:
    """Return the whole response that says the token back."""
    said = json.dumps(
        {
            "result": f"{token} is sound",
            "confidence": "high",
            "uncertainty": [],
            "verification": "run it again",
            "position": "promote",
        }
    )
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": said}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 5000, "completion_tokens": 30}},
    ]
    lines = [*(json.dumps(chunk) for chunk in chunks), "[DONE]"]
    body = "".join(f"data: {line}\n\n" for line in lines).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(
        _Connection, "127.0.0.1", 0, backlog=4096
    )
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
