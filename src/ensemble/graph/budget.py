"""The limits of a run, held before anything is asked.

What the seats of one step need at worst is reserved for all of them, in seat order, before the
first of them asks; so no interleaving crosses a limit, and who is refused is no race. A replay
never comes here.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from ensemble.errors import OverLimit
from ensemble.graph.spending import Spending
from ensemble.journal.record import Event
from ensemble.journal.turn_key import TurnKey

_TURNS_OF_THE_LOOP: Final = 3
"""Enough for the seats that LangGraph starts together to come to their calls."""


@dataclass(frozen=True)
class Limits:
    """What a run may use; None is no limit."""

    wall_s: float | None = 1800
    usd: float | None = None
    unpriced: Literal["refuse", "allow"] = "refuse"
    """Whether a model without a known price is asked although money is limited."""
    tokens: int | None = None
    model_calls: int | None = 200
    lab_s: float | None = None
    turn_s: float | None = None
    """Seconds that the model calls of one turn may take; a turn that takes longer is lost."""

    @property
    def asks_unpriced(self) -> bool:
        """Whether a model may be asked whose price is not known."""
        return self.usd is None or self.unpriced == "allow"


class Budget:
    """What one run has left, as its journal grows."""

    def __init__(self, limits: Limits, events: Sequence[Event], spending: Spending) -> None:
        """Take the limits, the run's events and what sums them."""
        self._limits = limits
        self._events = events
        self._spending = spending
        self._gathering: dict[str, Mapping[str, Any]] = {}
        self._ruling: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def reserved(self, key: str, worst: Mapping[str, Any]) -> AsyncGenerator[None]:
        """Hold what a call needs at worst, together with the others of its step.

        Raises:
            OverLimit: the step does not fit; none of its calls is made.
        """
        self._gathering[key] = worst
        self._ruling = self._ruling or asyncio.create_task(self._rule())
        try:
            await asyncio.shield(self._ruling)
            yield
        finally:
            self._gathering.pop(key, None)
            self._spending.release(key)

    def admit(self, key: str, needed: Mapping[str, Any]) -> None:
        """Refuse an attempt that does not fit beside what others hold.

        Raises:
            OverLimit: naming the limit.
        """
        used = self._spending.with_one_more(self._events, needed, key)
        for name, value in used.items():
            most = getattr(self._limits, name)
            if most is not None and value > most:
                raise OverLimit(
                    f"this call would bring {name} to {round(value, 4)}, the limit is {most}",
                    where=key,
                    fix=f"raise `limits.{name}` in the scenario, or seat fewer members",
                )

    async def _rule(self) -> None:
        for _ in range(_TURNS_OF_THE_LOOP):
            await asyncio.sleep(0)
        step, self._gathering, self._ruling = self._gathering, {}, None
        try:
            for key in sorted(step, key=lambda key: (TurnKey.read(key).place, key)):
                self.admit(key, step[key])
                self._spending.hold(key, step[key])
        except OverLimit:
            for key in step:
                self._spending.release(key)
            raise
