"""Whose turn it is at a host that holds one model at a time: the loaded model's calls first.

Seats of one step come in the order of their seats, and in that order every call could cost a
load. Here they wait for one another by model. Order and moment of a call are all that changes.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

IN_A_ROW: Final = 64
"""Calls that one model answers while others wait; then it is another's turn."""
_TURNS_OF_THE_LOOP: Final = 3
"""Enough for the other seats of a step to come to their calls."""


@dataclass
class Host:
    """One host, the model that it has loaded, and who waits for another."""

    loaded: str | None = None
    """The model that was asked last, as far as this process knows."""
    _inside: int = 0
    _passed: int = 0
    _waiting: deque[tuple[str, asyncio.Future[None]]] = field(
        default_factory=deque[tuple[str, asyncio.Future[None]]]
    )

    @asynccontextmanager
    async def turn_of(self, model: str) -> AsyncGenerator[None]:
        """Hold the host for a call of `model`, beside other calls of the same model only."""
        if self.loaded not in (None, model):
            for _ in range(_TURNS_OF_THE_LOOP):
                await asyncio.sleep(0)
        if self._may_pass(model):
            self._take(model)
        else:
            await self._wait(model)
        try:
            yield
        finally:
            self._inside -= 1
            self._let_in()

    def _may_pass(self, model: str) -> bool:
        if not self._inside:
            return True
        patient = not self._waiting or self._passed < IN_A_ROW
        return model == self.loaded and patient

    def _take(self, model: str) -> None:
        self._passed = self._passed + 1 if self._waiting and model == self.loaded else 0
        self.loaded = model
        self._inside += 1

    async def _wait(self, model: str) -> None:
        """Wait to be let in; whoever gives up is let in by nobody, or goes at once."""
        let_in: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((model, let_in))
        try:
            await let_in
        except asyncio.CancelledError:
            if not let_in.cancelled():  # in the same moment
                self._inside -= 1
                self._let_in()
            raise

    def _let_in(self) -> None:
        """Once nobody is inside, let in who waited longest, and all who wait for its model."""
        if self._inside:
            return
        waiting = [(model, let_in) for model, let_in in self._waiting if not let_in.done()]
        self._waiting.clear()
        for model, let_in in waiting:
            if model == waiting[0][0]:
                self._take(model)
                let_in.set_result(None)
            else:
                self._waiting.append((model, let_in))
