"""Ollama, through its own client and its native chat route.

The context window is asked for explicitly, because Ollama's default is small and a prompt that
does not fit is cut without a word. So the prompt tokens it reports are compared with the
fewest that the text can have, and a cut prompt is a failed call.
"""

import asyncio
import os
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from ensemble.models.faults import failure_of, is_overflow
from ensemble.models.messages import fewest_tokens, plain
from ensemble.models.probes import ollama_address
from ensemble.models.provider import (
    Candidate,
    Failure,
    ModelCall,
    ModelFailure,
    Reply,
    Usage,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ollama import AsyncClient, ChatResponse

_CONTEXT: Final = 8192
_FIRST_BYTE_S: Final = 300.0  # it may have to load the weights first
_IDLE_S: Final = 60.0
_CHARACTERS_AT_MOST: Final = 32 * 1024 * 1024
_SHORT_BY: Final = 0.8


async def ollama_chat(candidate: Candidate, call: ModelCall) -> Reply:
    """Ask a model that Ollama serves."""
    window = candidate.context or _CONTEXT
    messages = plain(call.messages)
    if (fewest := fewest_tokens(messages)) + call.params.max_tokens > window:
        text = f"at least {fewest} prompt tokens do not fit the window of {window}"
        raise ModelFailure(Failure.CONTEXT, text)
    options: dict[str, Any] = {
        "num_ctx": window,
        "num_predict": call.params.max_tokens,
        "temperature": call.params.temperature,
    }
    if call.params.seed is not None:
        options["seed"] = call.params.seed
    request: dict[str, Any] = {"model": candidate.model, "messages": messages, "options": options}
    if call.schema is not None and candidate.json_schema:
        request["format"] = dict(call.schema)
    parts: list[str] = []
    try:
        last = await _hear(request, parts, call)
    except ModelFailure as failure:
        failure.partial = "".join(parts)
        raise
    _refuse_cut_prompt(last.prompt_eval_count, fewest, window)
    return Reply(
        text="".join(parts),
        served=f"ollama/{candidate.model}",
        finish="length" if last.done_reason == "length" else "stop",
        usage=Usage(last.prompt_eval_count, None, last.eval_count),
    )


async def close_clients() -> None:
    """Close this event loop's client, once nobody asks any more."""
    for client in _clients.pop(asyncio.get_running_loop(), {}).values():
        await client.close()


_clients: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, AsyncClient]]"
_clients = WeakKeyDictionary()


def _client() -> "AsyncClient":
    from ollama import AsyncClient

    scheme, address = ollama_address(os.environ.get("OLLAMA_HOST", ""))
    host = f"{scheme}://{address}"
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if host not in clients:
        # A proxy of the environment is not asked for what stands on this host or beside it.
        clients[host] = AsyncClient(host, follow_redirects=False, trust_env=False)
    return clients[host]


async def _hear(request: dict[str, Any], parts: list[str], call: ModelCall) -> "ChatResponse":
    """Collect the pieces in `parts` and return the last, which holds the counts."""
    import httpx
    from ollama import ResponseError

    try:
        client: Any = _client()  # its `chat` is typed only in part
        stream: AsyncIterator[ChatResponse] = await client.chat(**request, stream=True)
        size = 0
        async for piece in _in_time(stream):
            if text := piece.message.content:
                parts.append(text)
                size += len(text)
                if call.heard is not None:
                    call.heard(text)
            if size > _CHARACTERS_AT_MOST:
                raise ModelFailure(Failure.UNUSABLE, "the answer is larger than 32 MiB")
            if piece.done:
                return piece
    except ResponseError as error:
        raise _told_failure(error.status_code, str(error.error)) from error
    except (httpx.HTTPError, OSError) as error:
        raise ModelFailure(Failure.TRANSPORT, str(error) or type(error).__name__) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelFailure(Failure.UNUSABLE, f"a malformed piece: {error}") from error
    raise ModelFailure(Failure.TRANSPORT, "the stream ended before it was done")


async def _in_time(stream: "AsyncIterator[ChatResponse]") -> "AsyncIterator[ChatResponse]":
    limit_s = _FIRST_BYTE_S
    while True:
        try:
            async with asyncio.timeout(limit_s):
                piece = await anext(stream, None)
        except TimeoutError:
            text = f"nothing came for {limit_s:g} s"
            raise ModelFailure(Failure.TIMEOUT, text) from None
        if piece is None:
            return
        yield piece
        limit_s = _IDLE_S


def _told_failure(status: int, text: str) -> ModelFailure:
    if status > 0:
        return ModelFailure(failure_of(status, text), f"HTTP {status}: {text}")
    return ModelFailure(Failure.CONTEXT if is_overflow(text) else Failure.OVERLOADED, text)


def _refuse_cut_prompt(reported: int | None, fewest: int, window: int) -> None:
    """Fail where fewer tokens were read than were sent."""
    if reported is None:
        return
    if reported >= window or reported < fewest * _SHORT_BY:
        text = f"the prompt was cut: at least {fewest} tokens sent, {reported} read of {window}"
        raise ModelFailure(Failure.CONTEXT, text)
