"""The table from a candidate's provider to the function that asks it, for one run.

A new provider is one async function, in a module of the same name, and one line in `BUILT_IN`;
what else is known of it, e.g. its key, is data in `models.toml`.

Nothing is imported before it is asked, so a run on the embedded model or a script never pays
for litellm, and a broken litellm breaks only what litellm serves.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from ensemble.config import Provider as OwnServer
from ensemble.config import Settings
from ensemble.errors import UsageError
from ensemble.models.provider import EMBEDDED, MANUAL, Candidate, ModelCall, Provider, Reply
from ensemble.models.registry import SERVERS


def providers_for(
    settings: Settings,
    *,
    run: str | None = None,
    manual_folder: Path | None = None,
    answers: Sequence[Path] = (),
    at_terminal: bool | None = None,
    script: Provider | None = None,
    clean: Callable[[str], str] | None = None,
) -> dict[str, Provider]:
    """Return every provider that a chain resolved with `settings` can name.

    Args:
        settings: the user's; their servers win over a built-in one of the same name.
        run: the run's id, named where a person has to answer; None where none can be resumed.
        manual_folder: where a person's prompts and answers lie.
        answers: more folders that hold a person's answers.
        at_terminal: whether a person can answer now; None asks the terminal.
        script: what `scripted` candidates are asked through.
        clean: takes secrets out of what a person is asked, before it is written.
    """
    table = {name: _own(module) for name, module in BUILT_IN.items()}
    table[EMBEDDED] = _embedded(settings)
    hosted = {
        name: OwnServer(base_url=known.base_url, api=known.api, api_key_env=known.key_env)
        for name, known in SERVERS.items()
    }
    for name, server in {**hosted, **settings.providers}.items():
        speak = {"openai": _completions, "anthropic": _messages}[server.api]
        table[name] = speak(name, server)
    if manual_folder is not None:
        from ensemble.models.manual import manual

        table[MANUAL] = manual(
            manual_folder, run=run, answers=answers, at_terminal=at_terminal, clean=clean
        )
    table["scripted"] = script or _no_script
    return table


BUILT_IN: Final = {"litellm": "litellm_chat", "ollama": "ollama_chat"}
"""Providers by name: each is the async function that is named as its module."""

_CLOSERS: Final = {
    "wire": "close_session",
    "litellm_chat": "close_clients",
    "embedded": "leave_server",
}


def addresses(settings: Settings) -> dict[str, str]:
    """Return where each provider is asked whose reply to the same call is as good again.

    A person and a script are none, nor is whatever a caller brings.
    """
    from ensemble.models.probes import Probes

    elsewhere = {
        name: value
        for name, value in sorted(os.environ.items())
        if name.endswith(("_API_BASE", "_BASE_URL"))
    }
    hosted = {name: known.base_url for name, known in SERVERS.items()}
    own = {name: server.base_url for name, server in settings.providers.items()}
    return {
        "litellm": str(elsewhere),
        "ollama": Probes().ollama_host,
        EMBEDDED: str(settings.embedded.gguf or ""),
        **hosted,
        **own,
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


def _own(module: str) -> Provider:
    """Return the function of a module's own name, imported when it is first asked."""

    async def ask_own(candidate: Candidate, call: ModelCall) -> Reply:
        ask: Provider = getattr(import_module(f"ensemble.models.{module}"), module)
        return await ask(candidate, call)

    return ask_own


def _embedded(settings: Settings) -> Provider:
    async def ask_embedded(candidate: Candidate, call: ModelCall) -> Reply:
        from ensemble.models.embedded import embedded_chat

        return await embedded_chat(settings.embedded)(candidate, call)

    return ask_embedded


def _completions(name: str, server: OwnServer) -> Provider:
    async def ask_server(candidate: Candidate, call: ModelCall) -> Reply:
        from ensemble.models.openai_chat import openai_chat
        from ensemble.models.wire import Endpoint

        return await openai_chat(Endpoint(name, server.base_url, server.api_key_env))(
            candidate, call
        )

    return ask_server


def _messages(name: str, server: OwnServer) -> Provider:
    async def ask_server(candidate: Candidate, call: ModelCall) -> Reply:
        from ensemble.models.anthropic_chat import anthropic_chat
        from ensemble.models.wire import Endpoint

        return await anthropic_chat(Endpoint(name, server.base_url, server.api_key_env))(
            candidate, call
        )

    return ask_server


async def _no_script(candidate: Candidate, call: ModelCall) -> Reply:
    raise UsageError(
        f"nothing says what {candidate.asked!r} answers",
        where=call.key,
        fix="pass a script: ensemble.testing.scripted({seat: lines})",
    )
