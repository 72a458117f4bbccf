"""Lets code that is not async call a graph whose nodes are: each call has an event loop of its own.

Has never heard of LangGraph: whatever has an `astream` may take `Blocking` as a further class.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import Any, Final

from ensemble.errors import UsageError
from ensemble.models.providers import close_providers

_END: Final = object()


class Blocking:
    """A graph's `stream`, and with it `invoke` and `batch`, by way of its `astream`."""

    astream: Any

    def stream(self, *given: Any, **named: Any) -> Iterator[Any]:
        """Yield what `astream` does; arguments as there.

        Raises:
            UsageError: an event loop is running already.
        """
        _refuse_in_a_loop()
        with asyncio.Runner() as runner:
            parts: AsyncGenerator[Any] = self.astream(*given, **named)
            try:
                while (part := runner.run(_next(parts))) is not _END:
                    yield part
            finally:
                runner.run(parts.aclose())
                runner.run(close_providers())  # a run that waits for a person has not done so


async def _next(parts: AsyncGenerator[Any]) -> Any:
    return await anext(parts, _END)


def _refuse_in_a_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise UsageError(
        "an event loop is running already",
        where="graph",
        fix="`await graph.ainvoke(…)`, or `async for part in graph.astream(…)`",
    )
