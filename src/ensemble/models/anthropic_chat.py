"""Anthropic's messages API, and any server that speaks it, over the shared HTTP session.

Answers are streamed and only a message that was stopped is one. A schema is held by
`output_config`, or is that of a tool that must be called. The newer Claude models refuse a
temperature and are sent none. Thoughts are never part of an answer.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import Any, Final, cast

from ensemble.models.event_stream import events
from ensemble.models.faults import finish_of, is_overflow
from ensemble.models.forced_call import DESCRIPTION, FUNCTION, answer_in, parameters
from ensemble.models.messages import cached_content, plain, shared_key
from ensemble.models.prefixes import after_the_first
from ensemble.models.provider import (
    Candidate,
    Failure,
    Form,
    ModelCall,
    ModelFailure,
    Provider,
    Reply,
    Usage,
    count,
)
from ensemble.models.registry import model_at
from ensemble.models.wire import Answer, Endpoint, answered, mapping

_VERSION: Final = "2023-06-01"
_CACHED_FROM: Final = 4000
"""Characters of about the 1,024 tokens below which nothing is cached."""
_NOT_PAID: Final = "credit balance is too low"
_TOLD: Final = {
    "authentication_error": Failure.AUTH,
    "billing_error": Failure.AUTH,
    "permission_error": Failure.AUTH,
    "not_found_error": Failure.NOT_FOUND,
    "rate_limit_error": Failure.RATE_LIMIT,
    "request_too_large": Failure.CONTEXT,
    "timeout_error": Failure.TIMEOUT,
}
"""Errors told inside a stream. All others mean that the server is not well."""
_NOT_HELD: Final = frozenset(
    [
        "minItems",
        "maxItems",
        "uniqueItems",
        "minLength",
        "maxLength",
        "minProperties",
        "maxProperties",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
    ]
)
"""Bounds that the API refuses in a schema; they are said in words instead."""


def anthropic_chat(endpoint: Endpoint) -> Provider:
    """Return the provider that asks the server at `endpoint`, below whose URL is `/messages`."""

    async def ask_server(candidate: Candidate, call: ModelCall) -> Reply:
        url = f"{endpoint.base_url.rstrip('/')}/messages"
        key = endpoint.secret
        headers = {"anthropic-version": _VERSION, **({"x-api-key": key} if key else {})}
        heard = _Message(candidate, call)
        try:
            async with (
                _in_turn(f"{url} {candidate.model}", call) as begun,
                answered(
                    url,
                    _body(candidate, call),
                    headers,
                    first_byte_s=endpoint.first_byte_s,
                    idle_s=endpoint.idle_s,
                ) as answer,
            ):
                begun()
                await heard.hear(answer)
                return heard.reply(f"{endpoint.name}/{candidate.model}")
        except ModelFailure as failure:
            failure.partial = heard.text
            failure.usage = failure.usage and heard.usage
            if failure.kind is Failure.BAD_REQUEST and _NOT_PAID in str(failure):
                failure.kind = Failure.AUTH
            raise

    return ask_server


def _in_turn(where: str, call: ModelCall) -> AbstractAsyncContextManager[Callable[[], object]]:
    """Return what waits until the prompt cache holds what all seats share, if it may be held."""
    size = sum(len(message["content"]) for message in plain(call.messages[: call.shared]))
    if size < _CACHED_FROM:
        return nullcontext(bool)
    return after_the_first(f"{where} {shared_key(call.plain[: call.shared])}")


def held_schema(schema: Any) -> Any:
    """Return a JSON schema in the words that `output_config` takes.

    Bounds move into the description, `oneOf` becomes `anyOf`, and objects are closed.
    """
    if not isinstance(schema, dict):
        return schema
    held: dict[str, Any] = {}
    said: list[str] = []
    for key, value in cast("dict[str, Any]", schema).items():
        if key in _NOT_HELD:
            said.append(f"{key}: {value}")
        elif key in ("properties", "$defs", "definitions"):
            held[key] = {name: held_schema(inside) for name, inside in value.items()}
        elif key in ("oneOf", "anyOf"):
            held["anyOf"] = [*held.get("anyOf", []), *map(held_schema, value)]
        elif key == "allOf":
            held[key] = [held_schema(inside) for inside in value]
        else:
            held[key] = held_schema(value) if key == "items" else value
    if said:
        held["description"] = " ".join([*filter(None, [held.get("description")]), *said])
    if held.get("type") == "object":
        held["additionalProperties"] = False
    return held


def _body(candidate: Candidate, call: ModelCall) -> dict[str, Any]:
    messages = plain(call.messages)
    system: list[str] = []
    while messages and messages[0]["role"] == "system":
        system.append(messages.pop(0)["content"])
    body: dict[str, Any] = {
        "model": candidate.model,
        "max_tokens": call.params.max_tokens,
        "messages": _with_hint(messages, call.shared - len(system)),
        "stream": True,
    }
    if system:
        body["system"] = "\n\n".join(system)
    known = model_at("anthropic", candidate.model)
    if known.sampling if known else not candidate.model.startswith("claude"):
        body["temperature"] = call.params.temperature
    config: dict[str, Any] = {"effort": known.effort} if known and known.effort else {}
    if call.schema is not None and candidate.form is Form.SCHEMA:
        config["format"] = {"type": "json_schema", "schema": held_schema(dict(call.schema))}
    elif call.schema is not None and candidate.form is Form.TOOL_CALL:
        body |= _forced(call.schema)
    return {**body, **({"output_config": config} if config else {})}


def _with_hint(messages: list[dict[str, Any]], shared: int) -> list[dict[str, Any]]:
    """Return the messages with the end of what all seats share marked for the prompt cache."""
    sent = [{**m, "role": "user"} if m["role"] == "system" else m for m in messages]
    if 0 < shared <= len(sent):
        last = sent[shared - 1]
        sent[shared - 1] = {**last, "content": cached_content(str(last["content"]))}
    return sent


def _forced(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a model call the one tool whose input is the answer."""
    described = {"name": FUNCTION, "description": DESCRIPTION}
    tool = {**described, "input_schema": parameters(schema)}
    choice = {"type": "tool", "name": FUNCTION, "disable_parallel_tool_use": True}
    return {"tools": [tool], "tool_choice": choice}


class _Message:
    """A message as it comes in."""

    def __init__(self, candidate: Candidate, call: ModelCall) -> None:
        self._candidate, self._call = candidate, call
        self._parts: list[str] = []
        self._called = False
        self._calls = 0
        self._finish = ""
        self._usage: dict[str, Any] = {}

    @property
    def text(self) -> str:
        """What was heard so far."""
        return "".join(self._parts)

    @property
    def usage(self) -> Usage:
        """What the server says that it used; of a message that broke off it knows only a part."""
        usage = self._usage
        cached, written = (
            count(usage.get(f"cache_{way}_input_tokens")) for way in ("read", "creation")
        )
        fresh = count(usage.get("input_tokens"))
        # What was read from or written to the cache is not in `input_tokens`.
        read = None if fresh is None else fresh + (cached or 0) + (written or 0)
        said = count(usage.get("output_tokens")) if self._finish else None
        return Usage(read, cached, said, written)

    async def hear(self, answer: Answer) -> None:
        """Take the whole answer, streamed or plain, or fail."""
        if not answer.is_stream:
            self._take_whole(await answer.whole())
            return
        async with aclosing(events(answer.read)) as found:
            async for event in found:
                if event.get("type") == "message_stop":
                    return
                self._take(event)
        raise ModelFailure(Failure.TRANSPORT, "the stream ended before the message did")

    def reply(self, served: str) -> Reply:
        """Return the whole answer."""
        if not self._finish:
            raise ModelFailure(Failure.UNUSABLE, "the message does not say why it stopped")
        cut = self._finish == "length"
        called, words = (self.text, "") if self._called else ("", self.text)
        return Reply(
            answer_in(called, words, self._candidate, self._call, cut=cut),
            served,
            self._finish,
            self.usage,
        )

    def _take(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "error":
                raise _told_failure(mapping(event.get("error")))
            case "message_start":
                self._count(mapping(mapping(event.get("message")).get("usage")))
            case "content_block_start":
                self._keep_to_one(mapping(event.get("content_block")))
            case "content_block_delta":
                if not (delta := mapping(event.get("delta"))):
                    # Left out, something that was said would be lost unseen.
                    raise ModelFailure(Failure.UNUSABLE, "a piece of the answer has no text")
                self._say(delta.get("text"), delta.get("partial_json"))
            case "message_delta":
                self._count(mapping(event.get("usage")))
                self._stop(mapping(event.get("delta")).get("stop_reason"))
            case _:
                pass  # pings, the edges of blocks, and what later versions add

    def _take_whole(self, message: dict[str, Any]) -> None:
        if message.get("type") == "error":
            raise _told_failure(mapping(message.get("error")))
        content: Any = message.get("content")
        blocks = cast("list[Any]", content) if isinstance(content, list) else []
        for block in map(mapping, blocks):
            self._keep_to_one(block)
            called = json.dumps(block["input"]) if block.get("input") else None
            self._say(block.get("text"), called)
        self._count(mapping(message.get("usage")))
        self._stop(message.get("stop_reason"))

    def _keep_to_one(self, block: dict[str, Any]) -> None:
        """Fail for a second call: nobody could say which of the two is the answer."""
        self._calls += block.get("type") == "tool_use"
        if self._calls > 1:
            raise ModelFailure(Failure.UNUSABLE, "it called the tool more than once")

    def _say(self, text: Any, called: Any) -> None:
        """Take a piece of text, or of a tool's input, which is then the whole answer."""
        if called and not self._called:
            self._called = True
            self._parts.clear()
        if piece := called or (text if not self._called else None):
            self._parts.append(str(piece))
            if self._call.heard is not None:
                self._call.heard(str(piece))

    def _stop(self, reason: Any) -> None:
        if reason:
            self._finish = finish_of(str(reason))

    def _count(self, usage: dict[str, Any]) -> None:
        self._usage.update({name: told for name, told in usage.items() if told is not None})


def _told_failure(error: dict[str, Any]) -> ModelFailure:
    """Return the failure that a server tells of inside an answer with status 200."""
    kind, text = str(error.get("type")), str(error.get("message"))
    overflow = Failure.CONTEXT if is_overflow(text) else Failure.OVERLOADED
    return ModelFailure(_TOLD.get(kind, overflow), f"{kind}: {text}")
