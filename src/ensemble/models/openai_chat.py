"""Any OpenAI-compatible server, over the shared HTTP session.

Answers are streamed, so that a hang is seen early; only a whole answer is one.
"""

from contextlib import aclosing
from typing import Any, Final, cast
from urllib.parse import urlsplit

from ensemble.models.event_stream import events
from ensemble.models.faults import failure_of, finish_of
from ensemble.models.forced_call import Arguments, answer_in, forced_call
from ensemble.models.messages import shared_key
from ensemble.models.provider import (
    Candidate,
    Failure,
    Form,
    ModelCall,
    ModelFailure,
    Provider,
    Reply,
    Usage,
)
from ensemble.models.wire import Answer, Endpoint, answered, mapping

_KEYED: Final = ("api.openai.com", "api.mistral.ai")
"""Hosts that document `prompt_cache_key`."""
_BAD_REQUEST: Final = 400


def openai_chat(endpoint: Endpoint) -> Provider:
    """Return the provider that asks the server at `endpoint`."""
    url = f"{endpoint.base_url.rstrip('/')}/chat/completions"

    async def ask_server(candidate: Candidate, call: ModelCall) -> Reply:
        key = endpoint.secret
        heard = _Heard(candidate, call)
        try:
            async with answered(
                url,
                _body(candidate, call) | cache_hints(endpoint, call),
                {"Authorization": f"Bearer {key}"} if key else {},
                first_byte_s=endpoint.first_byte_s,
                idle_s=endpoint.idle_s,
            ) as answer:
                await heard.hear(answer)
                return heard.reply(f"{endpoint.name}/{candidate.model}")
        except ModelFailure as failure:
            failure.partial = heard.text
            failure.usage = failure.usage and heard.usage
            raise

    return ask_server


def _body(candidate: Candidate, call: ModelCall) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": candidate.model,
        "messages": call.plain,
        "temperature": call.params.temperature,
        "max_tokens": call.params.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if call.params.seed is not None:
        body["seed"] = call.params.seed
    return body | held_to(candidate, call)


def held_to(candidate: Candidate, call: ModelCall) -> dict[str, Any]:
    """Return the fields of a request that hold the answer to the call's schema."""
    if call.schema is None or candidate.form is Form.TEXT:
        return {}
    if candidate.form is Form.TOOL_CALL:
        return forced_call(call.schema)
    schema = {"name": "answer", "schema": dict(call.schema)}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def cache_hints(endpoint: Endpoint, call: ModelCall) -> dict[str, Any]:
    """Return what leads calls that begin alike to one prompt cache.

    Only to whom documents it: others may refuse a field that they do not know.
    """
    if endpoint.llama_cpp:
        return {"cache_prompt": True}
    host = urlsplit(endpoint.base_url).hostname or ""
    return (
        {"prompt_cache_key": shared_key(call.plain[: call.shared])}
        if call.shared and host in _KEYED
        else {}
    )


class _Heard:
    """An answer as it comes in."""

    def __init__(self, candidate: Candidate, call: ModelCall) -> None:
        self._candidate, self._call = candidate, call
        self._parts: list[str] = []
        self._called = Arguments()
        self._finish = ""
        self._choices = 0
        self._usage: dict[str, Any] = {}
        self._timings: dict[str, Any] = {}

    @property
    def text(self) -> str:
        """What was heard so far."""
        return self._called.text or "".join(self._parts)

    @property
    def usage(self) -> Usage:
        """What the server says that it used; of an answer that broke off it knows only a part."""
        usage, details = self._usage, mapping(self._usage.get("prompt_tokens_details"))
        told = (details.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"))
        cached = next((tokens for tokens in told if tokens is not None), None)
        return Usage(
            usage.get("prompt_tokens"),
            self._timings.get("cache_n") if cached is None else cached,
            usage.get("completion_tokens") if self._finish else None,
            details.get("cache_write_tokens"),
        )

    async def hear(self, answer: Answer) -> None:
        """Take the whole answer, streamed or plain, or fail."""
        if not answer.is_stream:
            self._take(await answer.whole())
            self._finish = self._finish or "stop"  # one JSON object is whole, or none
            return
        async with aclosing(events(answer.read)) as found:
            async for event in found:
                self._take(event)

    def reply(self, served: str) -> Reply:
        """Return the whole answer."""
        if not self._choices:
            raise ModelFailure(Failure.UNUSABLE, "the answer holds no choices")
        if not self._finish:
            text = "the stream ended without a reason for the answer to end"
            raise ModelFailure(Failure.TRANSPORT, text)
        words, cut = "".join(self._parts), self._finish == "length"
        text = answer_in(self._called.text, words, self._candidate, self._call, cut=cut)
        return Reply(text, served, self._finish, self.usage)

    def _take(self, chunk: dict[str, Any]) -> None:
        """Add one piece, or fail where it says that there is no answer."""
        if chunk.get("error"):
            raise _told_failure(chunk["error"])
        self._usage = mapping(chunk.get("usage")) or self._usage
        self._timings = mapping(chunk.get("timings")) or self._timings
        for choice in _choices(chunk.get("choices")):
            self._choices += 1
            said = _said(choice)
            if said.get("refusal"):
                raise ModelFailure(Failure.CONTENT_FILTER, str(said["refusal"]))
            text = str(said.get("content") or "")
            self._parts.append(text)
            self._say(text + self._called.take(said.get("tool_calls")))
            if reason := choice.get("finish_reason"):
                self._finish = finish_of(str(reason))

    def _say(self, text: str) -> None:
        if text and self._call.heard is not None:
            self._call.heard(text)


def _choices(value: Any) -> list[dict[str, Any]]:
    """Return a piece's choices; where they have another shape, words would be lost unseen."""
    choices = cast("list[Any]", value if isinstance(value, list) else [value])
    if value is None:
        return []
    for choice in choices:
        if not isinstance(choice, dict) or not isinstance(_said(choice), dict):
            raise ModelFailure(Failure.UNUSABLE, "a piece of the answer has another shape")
    return choices


def _said(choice: Any) -> Any:
    return choice.get("delta") or choice.get("message") or {}


def _told_failure(error: Any) -> ModelFailure:
    """Return the failure that a server tells of inside an answer with status 200."""
    inside = mapping(error) or {"message": error}
    code = inside.get("code")
    text = f"{inside.get('message')} {inside.get('type', '')} {code or ''}".strip()
    if isinstance(code, int):
        return ModelFailure(failure_of(code, text), text)
    kind = failure_of(_BAD_REQUEST, text)
    # It began to answer, so it was not the request.
    return ModelFailure(Failure.OVERLOADED if kind is Failure.BAD_REQUEST else kind, text)
