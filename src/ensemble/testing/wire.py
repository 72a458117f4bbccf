"""What an answer and an error look like on the wire, in the shapes of three vendors' routes.

Bytes only: it has never heard of servers, faults or tests. The shapes are those that OpenAI,
Anthropic and Ollama document, and prove a client's side of the conversation alone.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

EVENT_STREAM: Final = "text/event-stream"
NDJSON: Final = "application/x-ndjson"
JSON: Final = "application/json"


@dataclass(frozen=True)
class Answer:
    """What a model says, and what it claims to have read and written."""

    text: str
    finish: str = "stop"
    """`stop`, `length`, or a word that the route knows for having declined."""
    input_tokens: int = 10
    cached_tokens: int = 0
    output_tokens: int | None = None
    """None counts the pieces."""

    @property
    def pieces(self) -> list[str]:
        """The text word by word, as a stream brings it."""
        words = self.text.split(" ")
        return [word if place == 0 else f" {word}" for place, word in enumerate(words)]

    @property
    def said(self) -> int:
        """Tokens claimed to have been written."""
        return len(self.pieces) if self.output_tokens is None else self.output_tokens


class Wire(ABC):
    """One vendor's shapes."""

    stream_type: str = EVENT_STREAM
    """The content type of a stream."""

    @abstractmethod
    def stream(self, asked: Mapping[str, Any], answer: Answer) -> list[bytes]:
        """Return the parts of a streamed answer to a request; each is a whole event."""

    @abstractmethod
    def whole(self, asked: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
        """Return the answer as one JSON body."""

    @abstractmethod
    def error(self, status: int, message: str, code: str | None) -> dict[str, Any]:
        """Return the body of an error with this status."""

    @abstractmethod
    def told_midway(self, message: str) -> bytes:
        """Return the event that tells of an error after the stream has begun."""


class OpenAI(Wire):
    """`/v1/chat/completions`; a function that the request forces is what the answer calls."""

    @override
    def stream(self, asked: Mapping[str, Any], answer: Answer) -> list[bytes]:
        function = _forced_function(asked)
        said = [{"content": piece} for piece in answer.pieces]
        deltas = _called_in_pieces(function, answer.pieces) if function else said
        chunks = [self._chunk(asked, delta) for delta in deltas]
        chunks.append(self._chunk(asked, {}, answer.finish))
        options: Mapping[str, Any] = asked.get("stream_options") or {}
        if options.get("include_usage"):
            chunks.append({**self._head(asked, ".chunk"), "choices": [], "usage": _counts(answer)})
        return [*(_data(chunk) for chunk in chunks), b"data: [DONE]\n\n"]

    @override
    def whole(self, asked: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if function := _forced_function(asked):
            called = {"name": function, "arguments": answer.text}
            call = {"id": "call_1", "type": "function", "function": called}
            message |= {"content": None, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": answer.finish}
        return {**self._head(asked, ""), "choices": [choice], "usage": _counts(answer)}

    @override
    def error(self, status: int, message: str, code: str | None) -> dict[str, Any]:
        return {"error": {"message": message, "type": "scripted", "param": None, "code": code}}

    @override
    def told_midway(self, message: str) -> bytes:
        return _data(self.error(500, message, None))

    def _chunk(
        self, asked: Mapping[str, Any], delta: Mapping[str, Any], finish: str | None = None
    ) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {**self._head(asked, ".chunk"), "choices": [choice]}

    def _head(self, asked: Mapping[str, Any], kind: str) -> dict[str, Any]:
        model, named = asked.get("model"), f"chat.completion{kind}"
        return {"id": "chatcmpl-1", "object": named, "created": 0, "model": model}


class Anthropic(Wire):
    """`/v1/messages`; a tool that the request forces is what the answer calls."""

    @override
    def stream(self, asked: Mapping[str, Any], answer: Answer) -> list[bytes]:
        tool = _forced_tool(asked)
        block = _tool_use(tool, {}) if tool else {"type": "text", "text": ""}
        opening: dict[str, Any] = {**self._message(asked, answer), "content": []}
        opening["stop_reason"] = None
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": opening},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "ping"},
        ]
        for piece in answer.pieces:
            said = {"type": "text_delta", "text": piece}
            called = {"type": "input_json_delta", "partial_json": piece}
            delta = called if tool else said
            events.append({"type": "content_block_delta", "index": 0, "delta": delta})
        stop = {"stop_reason": _stop(answer.finish, tool), "stop_sequence": None}
        usage = {"output_tokens": answer.said}
        events += [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": stop, "usage": usage},
            {"type": "message_stop"},
        ]
        return [_event(event) for event in events]

    @override
    def whole(self, asked: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
        tool = _forced_tool(asked)
        said = {"type": "text", "text": answer.text}
        block = _tool_use(tool, json.loads(answer.text)) if tool else said
        stop = _stop(answer.finish, tool)
        return {**self._message(asked, answer), "content": [block], "stop_reason": stop}

    @override
    def error(self, status: int, message: str, code: str | None) -> dict[str, Any]:
        kind = code or _ANTHROPIC_KINDS.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}

    @override
    def told_midway(self, message: str) -> bytes:
        return _event(self.error(529, message, None))

    def _message(self, asked: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
        usage = {
            "input_tokens": answer.input_tokens - answer.cached_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": answer.cached_tokens,
            "output_tokens": answer.said,
        }
        head = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked.get("model")}
        return {**head, "stop_sequence": None, "usage": usage}


class Ollama(Wire):
    """`/api/chat`; of the functions that a request offers, the answer calls the first."""

    stream_type = NDJSON

    @override
    def stream(self, asked: Mapping[str, Any], answer: Answer) -> list[bytes]:
        going_on = {"done": False}
        lines = [self._said(asked, piece, going_on) for piece in answer.pieces]
        if asked.get("tools"):
            called: dict[str, Any] = self._said(asked, "", going_on)
            called["message"]["tool_calls"] = [_ollama_call(asked, answer.text)]
            lines = [called]
        return [_line(line) for line in [*lines, self._said(asked, "", _ended(answer))]]

    @override
    def whole(self, asked: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
        return self._said(asked, answer.text, _ended(answer))

    @override
    def error(self, status: int, message: str, code: str | None) -> dict[str, Any]:
        return {"error": message}

    @override
    def told_midway(self, message: str) -> bytes:
        return _line({"error": message})

    def _said(self, asked: Mapping[str, Any], text: str, told: Mapping[str, Any]) -> dict[str, Any]:
        head = {"model": asked.get("model"), "created_at": "2026-01-01T00:00:00Z"}
        return {**head, "message": {"role": "assistant", "content": text}, **told}


def padded(wire: Wire, asked: Mapping[str, Any], size: int) -> tuple[bytes, str]:
    """Return a streamed answer of exactly `size` bytes, and its text of one to three byte letters.

    Raises:
        ValueError: no answer of that wire is so short.
    """
    text = "Höchst zweifelhaft: ✗"
    while len(_streamed(wire, asked, f"{text} so")) <= size:
        text += " so"
    while (short := size - len(_streamed(wire, asked, text))) > 0:
        text += "o" * short
    if short:
        raise ValueError(f"no answer of {type(wire).__name__} has {size} bytes")
    return _streamed(wire, asked, text), text


def _streamed(wire: Wire, asked: Mapping[str, Any], text: str) -> bytes:
    return b"".join(wire.stream(asked, Answer(text)))


_ANTHROPIC_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_ANTHROPIC_STOPS: Final = {"stop": "end_turn", "length": "max_tokens"}


def _counts(answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.said,
        "total_tokens": answer.input_tokens + answer.said,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
    }


def _ended(answer: Answer) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": answer.finish,
        "total_duration": 1,
        "prompt_eval_count": answer.input_tokens,
        "eval_count": answer.said,
    }


def _stop(finish: str, tool: str | None) -> str:
    if tool and finish == "stop":
        return "tool_use"
    return _ANTHROPIC_STOPS.get(finish, finish)


def _forced_function(asked: Mapping[str, Any]) -> str | None:
    choice: Any = asked.get("tool_choice") or {}
    return choice["function"]["name"] if "function" in choice else None


def _called_in_pieces(function: str, pieces: Sequence[str]) -> list[dict[str, Any]]:
    """Return a call as a stream brings it: its name first, then its arguments bit by bit."""
    begun = {"id": "call_1", "type": "function", "function": {"name": function, "arguments": ""}}
    further = [{"function": {"arguments": piece}} for piece in pieces]
    return [{"tool_calls": [{"index": 0, **call}]} for call in [begun, *further]]


def _ollama_call(asked: Mapping[str, Any], text: str) -> dict[str, Any]:
    name: str = asked["tools"][0]["function"]["name"]
    return {"function": {"name": name, "arguments": json.loads(text)}}


def _forced_tool(asked: Mapping[str, Any]) -> str | None:
    choice: Mapping[str, Any] = asked.get("tool_choice") or {}
    return choice.get("name") if choice.get("type") == "tool" else None


def _tool_use(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": "toolu_1", "name": name, "input": given}


def _event(event: Mapping[str, Any]) -> bytes:
    return f"event: {event['type']}\n".encode() + _data(event)


def _data(event: Mapping[str, Any]) -> bytes:
    return b"data: " + _json(event) + b"\n\n"


def _line(event: Mapping[str, Any]) -> bytes:
    return _json(event) + b"\n"


def _json(event: Mapping[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()
