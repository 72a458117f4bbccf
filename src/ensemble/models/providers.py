"""The table from a candidate's provider to the function that asks it, for one run.

Nothing is imported before it is asked, so a run on the embedded model or a script never pays
for litellm, and a broken litellm breaks only what litellm serves.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from ensemble.config import Provider as OwnServer
from ensemble.config import Settings
from ensemble.errors import UsageError
from ensemble.models.provider import Candidate, ModelCall, Provider, Reply
from ensemble.models.registry import SERVERS


def providers_for(
    settings: Settings,
    *,
    run: str = "",
    manual_folder: Path | None = None,
    answers: Sequence[Path] = (),
    at_terminal: bool | None = None,
    script: Provider | None = None,
    clean: Callable[[str], str] | None = None,
) -> dict[str, Provider]:
    """Return every provider that a chain resolved with `settings` can name.

    Args:
        settings: the user's; their servers win over a built-in one of the same name.
        run: the run's id, named where a person has to answer.
        manual_folder: where a person's prompts and answers lie.
        answers: more folders that hold a person's answers.
        at_terminal: whether a person can answer now; None asks the terminal.
        script: what `scripted` candidates are asked through.
        clean: takes secrets out of what a person is asked, before it is written.
    """
    table: dict[str, Provider] = {"litellm": _litellm, "ollama": _ollama}
    table["embedded"] = _embedded(settings)
    for name, server in SERVERS.items():
        own = OwnServer(base_url=server.base_url, api_key_env=server.key_env)
        table[name] = _openai_chat(name, own)
    for name, own in settings.providers.items():
        table[name] = _openai_chat(name, own)
    if manual_folder is not None:
        from ensemble.models.manual import manual

        table["manual"] = manual(
            manual_folder, run=run, answers=answers, at_terminal=at_terminal, clean=clean
        )
    table["scripted"] = script or _no_script
    return table


_CLOSERS: Final = {
    "openai_chat": "close_session",
    "ollama_chat": "close_clients",
    "litellm_chat": "close_clients",
    "embedded": "leave_server",
}


@asynccontextmanager
async def kept_open() -> AsyncGenerator[None]:
    """Keep what providers share open for one run; the last run to end closes it."""
    loop = asyncio.get_running_loop()
    _runs[loop] = _runs.get(loop, 0) + 1
    try:
        yield
    finally:
        _runs[loop] -= 1
        if not _runs[loop]:
            await close_providers()


_runs: WeakKeyDictionary[asyncio.AbstractEventLoop, int] = WeakKeyDictionary()


async def close_providers() -> None:
    """Close what providers keep open between calls. Once, when the last run has ended."""
    # What was never imported has nothing open.
    for module, close in _CLOSERS.items():
        if (loaded := sys.modules.get(f"ensemble.models.{module}")) is not None:
            done = getattr(loaded, close)()
            if done is not None:
                await done


async def _litellm(candidate: Candidate, call: ModelCall) -> Reply:
    from ensemble.models.litellm_chat import litellm_chat

    return await litellm_chat(candidate, call)


async def _ollama(candidate: Candidate, call: ModelCall) -> Reply:
    from ensemble.models.ollama_chat import ollama_chat

    return await ollama_chat(candidate, call)


def _embedded(settings: Settings) -> Provider:
    async def ask_embedded(candidate: Candidate, call: ModelCall) -> Reply:
        from ensemble.models.embedded import embedded_chat

        return await embedded_chat(settings.embedded)(candidate, call)

    return ask_embedded


def _openai_chat(name: str, server: OwnServer) -> Provider:
    async def ask_server(candidate: Candidate, call: ModelCall) -> Reply:
        from ensemble.models.openai_chat import Endpoint, openai_chat

        return await openai_chat(Endpoint(name, server.base_url, server.api_key_env))(
            candidate, call
        )

    return ask_server


async def _no_script(candidate: Candidate, call: ModelCall) -> Reply:
    raise UsageError(
        f"nothing says what {candidate.asked!r} answers",
        where=call.key,
        fix="pass a script: ensemble.testing.scripted({seat: lines})",
    )
