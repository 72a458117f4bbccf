"""Which call writes a prompt cache, so that those that begin alike can read it.

A cache holds a prefix only once an answer to it has begun. Seats that ask side by side would
each write it, at the price of writing; so the first goes ahead, and the others follow when it
is being answered, or has failed. Only the moment of a call changes.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

KEPT_S: Final = 270.0
"""How long a cache surely keeps a prefix: a little less than five minutes."""


@asynccontextmanager
async def after_the_first(prefix: str) -> AsyncGenerator[Callable[[], None]]:
    """Wait while another call with this prefix is about to be answered.

    Yields:
        What to call once the answer begins.
    """
    seen = _seen.setdefault(asyncio.get_running_loop(), _Seen())

    def begun() -> None:
        seen.kept_until[prefix] = time.monotonic() + KEPT_S
        if ahead is not None:
            ahead.set()

    ahead: asyncio.Event | None = None
    if (first := seen.ahead.get(prefix)) is not None:
        await first.wait()
    elif not seen.keeps(prefix):
        ahead = seen.ahead[prefix] = asyncio.Event()
    try:
        yield begun
    finally:
        if ahead is not None:
            ahead.set()
            del seen.ahead[prefix]


@dataclass
class _Seen:
    ahead: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    kept_until: dict[str, float] = field(default_factory=dict[str, float])

    def keeps(self, prefix: str) -> bool:
        now = time.monotonic()
        self.kept_until = {name: until for name, until in self.kept_until.items() if until > now}
        return prefix in self.kept_until


_seen: WeakKeyDictionary[asyncio.AbstractEventLoop, _Seen] = WeakKeyDictionary()
