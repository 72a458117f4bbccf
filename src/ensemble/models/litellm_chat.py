"""Whatever litellm serves and no other provider here does: Anthropic, OpenAI, Gemini and more.

Only its completion call is used: no router, no retries, no callbacks, no proxy. Its import is
heavy and reaches for the network unless told not to, so it happens here, in a thread, once.
Errors are read by status and words: their classes differ from provider to provider.
"""

import asyncio
import logging
import os
import sys
import warnings
from importlib import import_module
from typing import Any, Final

from ensemble.models.faults import failure_from, finish_of
from ensemble.models.forced_call import Arguments, answer_in
from ensemble.models.messages import cached_content, plain, shared_key
from ensemble.models.openai_chat import held_to
from ensemble.models.provider import (
    Candidate,
    Failure,
    Form,
    ModelCall,
    ModelFailure,
    Reply,
    Usage,
)

_CALL_S: Final = 600.0
_IDLE_S: Final = 60.0
_FINISH_REASONS: Final = ("received_finish_reason", "intermittent_finish_reason")


async def litellm_chat(candidate: Candidate, call: ModelCall) -> Reply:
    """Ask `candidate.model`, a name as litellm writes it."""
    try:
        litellm = await asyncio.to_thread(_litellm)
    except Exception as error:  # whatever a broken installation raises
        text = f"litellm cannot be imported: {type(error).__name__}: {error}"
        raise ModelFailure(Failure.NOT_FOUND, text) from error
    from ensemble.models.litellm_transport import watched

    parts: list[str] = []
    with watched() as faults:
        try:
            response = await _complete(litellm, _request(candidate, call), parts, call)
        except ModelFailure as failure:
            failure.partial, failure.usage = "".join(parts), Usage()
            raise
        except Exception as error:  # its classes say little; status and words say what it was
            seen = faults[0] if faults else failure_from(error, parts)
            seen.partial = "".join(parts)
            raise seen from error
    if faults:
        raise faults[0]  # litellm went on without what it could not read
    usage = _usage(response)
    try:
        return _reply(response, usage, candidate, call)
    except ModelFailure as failure:
        failure.usage = usage
        raise


async def close_clients() -> None:
    """Close the HTTP clients that litellm keeps, once nobody asks any more."""
    close = getattr(sys.modules.get("litellm"), "close_litellm_async_clients", None)
    if close is not None:
        await close()


def _litellm() -> Any:
    # Before the import: without it, litellm fetches its price table from the network.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    module: Any = import_module("litellm")
    module.suppress_debug_info = True
    module.drop_params = True  # newer models refuse a temperature or a seed
    module.disable_aiohttp_transport = True
    _watch_clients()
    # What pydantic says of litellm's own classes, nobody here can mend.
    warnings.filterwarnings("ignore", r"Item .* on TypedDict class", UserWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="litellm")
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
    return module


def _watch_clients() -> None:
    """Have the clients that litellm makes from now on hold our calls to our limits."""
    from ensemble.models.litellm_transport import watching_transport

    handlers: Any = import_module("litellm.llms.custom_httpx.http_handler")
    handlers.AsyncHTTPHandler.create_async_transport = staticmethod(watching_transport)
    handlers.AsyncHTTPHandler._create_async_transport = staticmethod(watching_transport)  # noqa: SLF001 - its other name


def _request(candidate: Candidate, call: ModelCall) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": candidate.model,
        "messages": _messages(candidate, call),
        "temperature": call.params.temperature,
        "max_tokens": call.params.max_tokens,
        "timeout": _CALL_S,
        "max_retries": 0,
        "num_retries": 0,
    }
    if call.shared and candidate.model.startswith("openai/"):
        request["prompt_cache_key"] = shared_key(call.plain[: call.shared])
    if candidate.model.startswith("ollama"):
        # For a price, it would ask the server for the model while the whole loop waits.
        request |= {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}
    if call.params.seed is not None:
        request["seed"] = call.params.seed
    if candidate.form is Form.TOOL_CALL:
        request["_skip_mcp_handler"] = True  # else it imports a package that it does not bring
    return request | held_to(candidate, call)


def _messages(candidate: Candidate, call: ModelCall) -> list[dict[str, Any]]:
    """Return the messages, for a Claude model with a mark where what all seats share ends."""
    messages = plain(call.messages)
    if call.shared and "claude" in candidate.model:
        last = messages[call.shared - 1]
        messages[call.shared - 1] = {**last, "content": cached_content(last["content"])}
    return messages


async def _complete(
    litellm: Any, request: dict[str, Any], parts: list[str], call: ModelCall
) -> Any:
    """Return litellm's whole response; streamed where someone listens."""
    if call.heard is None:
        return await litellm.acompletion(**request)
    options = {"include_usage": True}
    stream: Any = await litellm.acompletion(**request, stream=True, stream_options=options)
    parts.append("")  # it begins
    chunks: list[Any] = []
    called = Arguments()
    while True:
        async with asyncio.timeout(_IDLE_S):
            chunk: Any = await anext(stream, None)
        if chunk is None:
            break
        chunks.append(chunk)
        for choice in chunk.choices:
            text = (choice.delta.content or "") + called.take(_calls(choice.delta))
            if text:
                parts.append(text)
                call.heard(text)
    # What its last piece says is made up where the server said nothing.
    told = (getattr(stream, name, None) for name in _FINISH_REASONS)
    if not any(told):
        raise ModelFailure(Failure.TRANSPORT, "the stream ended before the answer did")
    return litellm.stream_chunk_builder(chunks, messages=request["messages"])


def _calls(message: Any) -> list[dict[str, Any]]:
    """Return the calls in a message, or in a piece of one, as plain data."""
    return [
        {
            "index": getattr(call, "index", None),
            "id": getattr(call, "id", None),
            "function": {"arguments": call.function.arguments},
        }
        for call in getattr(message, "tool_calls", None) or ()
    ]


def _usage(response: Any) -> Usage:
    usage: Any = getattr(response, "usage", None)
    details: Any = getattr(usage, "prompt_tokens_details", None)
    return Usage(
        getattr(usage, "prompt_tokens", None),
        getattr(details, "cached_tokens", None),
        getattr(usage, "completion_tokens", None),
        getattr(usage, "cache_creation_input_tokens", None),
    )


def _reply(response: Any, usage: Usage, candidate: Candidate, call: ModelCall) -> Reply:
    try:
        choice: Any = response.choices[0]
        words = str(choice.message.content or "")
        reason = str(choice.finish_reason or "stop")
        arguments = Arguments().take(_calls(choice.message))
    except (AttributeError, IndexError, TypeError) as error:
        raise ModelFailure(Failure.UNUSABLE, "the answer holds no choices") from error
    finish = finish_of(reason)
    return Reply(
        text=answer_in(arguments, words, candidate, call, cut=finish == "length"),
        served=f"litellm/{candidate.model}",
        finish=finish,
        usage=usage,
    )
