"""How many calls go at once, how many a minute, and which model's first: per provider.

What waits here waits inside a live attempt, on a monotonic clock; a replay never comes here.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from ensemble.models.fit import counted
from ensemble.models.provider import Candidate, ModelCall
from ensemble.models.swaps import Host

if TYPE_CHECKING:
    from ensemble.models.policy import Policy

MINUTE_S: Final = 60.0
_FREE: Final = nullcontext()


@dataclass(frozen=True)
class Pace:
    """What a provider may be asked within any minute; None is no limit."""

    requests: int | None = None
    tokens: int | None = None


@dataclass
class Minute:
    """The calls of the last minute, so that no minute ever holds more than its pace."""

    pace: Pace
    clock: Callable[[], float] = time.monotonic
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _calls: deque[tuple[float, int]] = field(default_factory=deque[tuple[float, int]])

    async def take(self, tokens: int) -> None:
        """Wait until one more call of `tokens` fits; first come, first served."""
        async with self._turn:
            while (wait_s := self.wait_s(tokens)) > 0:  # noqa: ASYNC110 - only time helps
                await asyncio.sleep(wait_s)
            self._calls.append((self.clock(), tokens))

    def wait_s(self, tokens: int) -> float:
        """Return the seconds until one more call of `tokens` may fit; 0 where it fits now."""
        since = self.clock() - MINUTE_S
        while self._calls and self._calls[0][0] <= since:
            self._calls.popleft()
        most, most_tokens = self.pace.requests, self.pace.tokens
        full = most is not None and len(self._calls) >= most
        heavy = most_tokens is not None and sum(n for _, n in self._calls) + tokens > most_tokens
        # A call larger than a whole minute's tokens goes alone.
        return self._calls[0][0] - since if self._calls and (full or heavy) else 0.0


@asynccontextmanager
async def turn_at(candidate: Candidate, call: ModelCall, policy: "Policy") -> AsyncGenerator[None]:
    """Hold one of the provider's places, within its pace, and one of all providers' places.

    Where the provider's host may have to swap models, its loaded model's calls go first. The
    first policy seen on an event loop sets the sizes.
    """
    gates, provider = _gates.setdefault(asyncio.get_running_loop(), _Gates()), candidate.provider
    swaps = provider in policy.swapping
    host = gates.hosts.setdefault(provider, Host()).turn_of(candidate.model) if swaps else _FREE
    async with host, gates.place(provider, policy):
        if provider in policy.pace:
            tokens = counted(call.plain) + call.params.max_tokens
            await gates.minute(provider, policy).take(tokens)
        async with gates.place(None, policy):
            yield


@dataclass
class _Gates:
    places: dict[str | None, asyncio.Semaphore] = field(
        default_factory=dict[str | None, asyncio.Semaphore]
    )
    minutes: dict[str, Minute] = field(default_factory=dict[str, Minute])
    hosts: dict[str, Host] = field(default_factory=dict[str, Host])

    def place(self, provider: str | None, policy: "Policy") -> asyncio.Semaphore:
        if provider not in self.places:
            size = policy.at_once_in_all
            if provider is not None:
                size = policy.at_once.get(provider, policy.at_once_elsewhere)
            self.places[provider] = asyncio.Semaphore(size)
        return self.places[provider]

    def minute(self, provider: str, policy: "Policy") -> Minute:
        return self.minutes.setdefault(provider, Minute(policy.pace[provider]))


_gates: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gates] = WeakKeyDictionary()
