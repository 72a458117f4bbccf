"""Which models are left alone for a while because they failed again and again.

One breaker per provider and model serves every seat and run of the process. It has never heard
of chains or journals, and its clock is monotonic: what it rules is recorded by whoever asks.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from ensemble.models.provider import Failure, ModelFailure

_DEAD: Final = frozenset(
    {
        Failure.OVERLOADED,
        Failure.AUTH,
        Failure.NOT_FOUND,
        Failure.TIMEOUT,
        Failure.TRANSPORT,
        Failure.UNUSABLE,
    }
)
"""What the next call would meet too. A busy server says when to come back, and is no dead one."""


@dataclass
class Breaker:
    """Whether one model can be asked: closed, open, or half open for a single probe.

    While nothing is known of a model, or its last call failed, few calls go at once: the others
    wait a moment for a verdict, so that a panel does not find out eleven times.
    """

    opens_after: int = 3
    """Failures in a row."""
    pause_s: float = 30.0
    """How long it stays open; twice as long after each probe that fails."""
    pause_at_most_s: float = 300.0
    verdict_s: float = 1.0
    """How long a call waits for the verdict of others."""
    clock: Callable[[], float] = time.monotonic
    _failures: int = 0
    _inside: int = 0
    _trusted: bool = False
    _probing: bool = False
    _pause_s: float = 0.0
    _open_until: float | None = None
    _waiting: list[asyncio.Future[None]] = field(default_factory=list[asyncio.Future[None]])

    @property
    def is_open(self) -> bool:
        """Whether a call would be turned away."""
        if self._open_until is None:
            return False
        return self._probing or self.clock() < self._open_until

    @asynccontextmanager
    async def passage(self, *, always: bool = False) -> AsyncGenerator[None]:
        """Let one call through, and learn from how it ends.

        Args:
            always: turn it away in no case, since there is nobody else to ask.

        Raises:
            ModelFailure: the model is left alone for now.
        """
        if not always:
            await self._verdict()
            self.refuse()
        probes = self._open_until is not None and not self._probing
        self._probing = self._probing or probes
        self._inside += 1
        try:
            yield
        except ModelFailure as failure:
            self._heard(alive=None if failure.kind is Failure.RATE_LIMIT else not _is_dead(failure))
            raise
        except TimeoutError:
            self._heard(alive=False)
            raise
        else:
            self._heard(alive=True)
        finally:
            self._inside -= 1
            if probes:
                self._probing = False
            self._wake()

    def refuse(self) -> None:
        """Raise where a call would be turned away."""
        if self.is_open:
            text = f"it failed {self.opens_after} times in a row and is left alone for a while"
            raise ModelFailure(Failure.CIRCUIT_OPEN, text)

    async def _verdict(self) -> None:
        """Wait, for a moment, while enough calls are under way to find out."""
        until = self.clock() + self.verdict_s
        while self._is_crowded() and (left_s := until - self.clock()) > 0:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await waiting

    def _is_crowded(self) -> bool:
        doubted = not self._trusted and self._open_until is None
        return doubted and self._inside > 0 and self._inside + self._failures >= self.opens_after

    def _heard(self, *, alive: bool | None) -> None:
        if alive is None:
            return
        self._trusted = alive
        if alive:
            self._failures, self._pause_s, self._open_until = 0, 0.0, None
            return
        self._failures += 1
        pauses = self._open_until is not None and self.clock() < self._open_until
        if self._failures >= self.opens_after and not pauses:
            self._pause_s = min(self.pause_at_most_s, self._pause_s * 2 or self.pause_s)
            self._open_until = self.clock() + self._pause_s

    def _wake(self) -> None:
        """Let those that wait look again, each in its own thread's loop."""
        woken, self._waiting = self._waiting, []
        for waiting in woken:
            with suppress(RuntimeError):  # its loop is closed, and nobody waits any more
                waiting.get_loop().call_soon_threadsafe(_settle, waiting)


class Breakers:
    """The breakers of a process, made when first asked for."""

    def __init__(self, make: Callable[[], Breaker] = Breaker) -> None:
        """Take what makes a breaker."""
        self._make = make
        self._known: dict[tuple[str, str], Breaker] = {}

    def of(self, provider: str, model: str) -> Breaker:
        """Return the one breaker of a provider's model."""
        return self._known.setdefault((provider, model), self._make())

    def forget(self) -> None:
        """Start again as if nothing had ever been asked."""
        self._known.clear()


OF_PROCESS: Final = Breakers()
"""What every run shares."""


def _is_dead(failure: ModelFailure) -> bool:
    return failure.kind in _DEAD


def _settle(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)
