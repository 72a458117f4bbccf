"""Ollama: its native chat route over the shared HTTP session, and its own client for the rest.

The context window is asked for explicitly, because Ollama's default is small and a prompt that
does not fit is cut without a word. A prompt that fills the window is a failed call, and so, as with
any provider, is one of which too few tokens were read. A model is kept in memory
between the steps of a run. Pulling one happens on request only.
"""

import json
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from ensemble.errors import NoModelLeft
from ensemble.models.faults import beginning, finish_of, is_overflow
from ensemble.models.fit import refuse_misfit
from ensemble.models.forced_call import Arguments, answer_in, forced_call
from ensemble.models.messages import plain
from ensemble.models.probes import ollama_address
from ensemble.models.provider import (
    Candidate,
    Failure,
    Form,
    ModelCall,
    ModelFailure,
    Reply,
    Usage,
    count,
)
from ensemble.models.wire import answered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ollama import AsyncClient

_CONTEXT: Final = 8192
_FIRST_BYTE_S: Final = 300.0  # it may have to load the weights first
_IDLE_S: Final = 60.0
_KEEP_ALIVE: Final = "10m"
_SHOWN: Final = 80


async def ollama_chat(candidate: Candidate, call: ModelCall) -> Reply:
    """Ask a model that Ollama serves."""
    window = candidate.context or _CONTEXT
    messages = plain(call.messages)
    refuse_misfit(call, window)
    options: dict[str, Any] = {
        "num_ctx": window,
        "num_predict": call.params.max_tokens,
        "temperature": call.params.temperature,
    }
    if call.params.seed is not None:
        options["seed"] = call.params.seed
    request: dict[str, Any] = {"model": candidate.model, "messages": messages, "options": options}
    request |= {"stream": True, "keep_alive": _KEEP_ALIVE}
    if call.schema is not None and candidate.form is Form.SCHEMA:
        request["format"] = dict(call.schema)
    elif call.schema is not None and candidate.form is Form.TOOL_CALL:
        request["tools"] = forced_call(call.schema)["tools"]  # it knows no forced choice
    parts: list[str] = []
    called = Arguments()
    usage: Usage | None = None
    try:
        last = await _hear(request, parts, called, call)
        usage = Usage(last.get("prompt_eval_count"), None, last.get("eval_count"))
        finish = finish_of(str(last.get("done_reason") or "stop"))
        _refuse_full_window(usage.input_tokens, window)
        text = answer_in(called.text, "".join(parts), candidate, call, cut=finish == "length")
    except ModelFailure as failure:
        failure.partial = called.text or "".join(parts)
        failure.usage = usage or failure.usage
        raise
    return Reply(text, f"ollama/{candidate.model}", finish, usage)


@dataclass(frozen=True)
class Pulling:
    """How far a pull is."""

    status: str
    """What Ollama says that it does."""
    share: float | None = None
    """Of the layer that is fetched, from 0 to 1; None where nothing is."""


async def pull(tag: str) -> AsyncGenerator[Pulling]:
    """Have Ollama pull a model, and yield how far it is.

    Raises:
        NoModelLeft: Ollama does not answer, or knows no such model.
    """
    async with _client(tag) as client:
        progress: AsyncIterator[Any] = await client.pull(tag, stream=True)
        async for step in progress:
            share = (step.completed or 0) / step.total if step.total else None
            yield Pulling(str(step.status or ""), share)


async def shown(tag: str) -> tuple[int | None, tuple[str, ...]]:
    """Return the window of a pulled model and what it says that it can do.

    Raises:
        NoModelLeft: Ollama does not answer, or has no such model.
    """
    async with _client(tag) as client:
        told: Any = await client.show(tag)
    facts: dict[str, Any] = dict(told.modelinfo or {})
    windows = [count(facts[name]) for name in facts if name.endswith(".context_length")]
    return next(iter(windows), None), tuple(map(str, told.capabilities or ()))


@asynccontextmanager
async def _client(tag: str) -> "AsyncGenerator[AsyncClient]":
    """Yield Ollama's own client for one errand; what it cannot do is told to the user."""
    import httpx
    from ollama import AsyncClient, ResponseError

    host = _host()
    # A proxy of the environment is not asked for what stands on this host or beside it.
    client = AsyncClient(host, follow_redirects=False, trust_env=False)
    try:
        yield client
    except ResponseError as error:
        fix = "see https://ollama.com/library for its models"
        raise NoModelLeft(f"Ollama refuses: {error.error}", where=tag, fix=fix) from error
    except (httpx.HTTPError, OSError) as error:
        text = f"Ollama does not answer at {host}"
        raise NoModelLeft(text, where=tag, fix="start `ollama serve`") from error
    finally:
        await client.close()


def _host() -> str:
    scheme, address = ollama_address(os.environ.get("OLLAMA_HOST", ""))
    return f"{scheme}://{address}"


async def _hear(
    request: dict[str, Any], parts: list[str], called: Arguments, call: ModelCall
) -> dict[str, Any]:
    """Collect words in `parts` and a call in `called`; return the last piece, with the counts."""
    limits = {"first_byte_s": _FIRST_BYTE_S, "idle_s": _IDLE_S}
    async with (
        answered(f"{_host()}/api/chat", request, {}, **limits) as answer,
        aclosing(answer.lines()) as lines,
    ):
        async for line in lines:
            piece = _piece(line)
            words = str(piece["message"].get("content") or "")
            parts.append(words)
            text = words + called.take(piece["message"].get("tool_calls"))
            if text and call.heard is not None:
                call.heard(text)
            if piece.get("done"):
                return piece
    raise ModelFailure(Failure.TRANSPORT, "the stream ended before it was done")


def _piece(line: bytes) -> dict[str, Any]:
    """Return one piece of an answer, its message an object; fail for anything else."""
    shown = beginning(line.decode(errors="replace"), _SHOWN)
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ModelFailure(Failure.UNUSABLE, f"a malformed piece: {shown!r}")
    piece = cast("dict[str, Any]", found)
    if told := piece.get("error"):
        text = str(told)
        raise ModelFailure(Failure.CONTEXT if is_overflow(text) else Failure.OVERLOADED, text)
    if not isinstance(piece.get("message"), dict):
        raise ModelFailure(Failure.UNUSABLE, f"a piece without a message: {shown!r}")
    return piece


def _refuse_full_window(read: int | None, window: int) -> None:
    """Fail where the prompt left no room for an answer, so that its front was dropped."""
    if read is not None and read >= window:
        text = f"the prompt was cut: {read} tokens read, in a window of {window}"
        raise ModelFailure(Failure.CONTEXT, text)
