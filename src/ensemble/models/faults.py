"""What a server's refusal means, read from its status and words, never from a class name.

Every provider that speaks HTTP maps its errors here, so that one policy fits all of them.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, Literal, cast

from ensemble.models.provider import Failure, ModelFailure, Usage

_DECLINED: Final = ("content_filter", "refusal", "safety")
_CUT: Final = ("length", "max_tokens", "model_length", "model_context_window_exceeded")
_WHOLE: Final = (
    "stop",
    "eos",
    "eos_token",
    "stop_sequence",
    "end_turn",
    "complete",
    "tool_calls",
    "tool_use",
    "function_call",
)
"""Reasons to stop, as the vendors, llama.cpp, vLLM, TGI and the routers before them tell them."""
_SHOWN: Final = 400
_KEY_AT_END: Final = re.compile(r"[!-~]*\Z")
_LONGEST_S: Final = 1e9
_UNIX_TIME_S: Final = 1.5e9
"""Whoever asks for a longer wait than this means a moment."""
_DURATION: Final = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_UNITS_S: Final = (3600.0, 60.0, 1.0, 0.001)
_OVERFLOW: Final = (
    "context length",
    "context_length",
    "context window",
    "contextwindow",
    "context size",
    "maximum context",
    "prompt is too long",
    "too many tokens",
    "exceeds the available context",
    "exceed_context_size",
    "input is too long",
    "input length",
)
_WORDS_OF_DECLINING: Final = (
    "content_filter",
    "content filter",
    "content_policy",
    "content policy",
    "contentpolicyviolation",
    "content management policy",
    "responsibleai",
    "flagged",
    "moderation",
    "safety",
)
_NOT_PAID: Final = ("insufficient_quota", "insufficient credit", "exceeded your current quota")
_NO_KEY: Final = ("api_key client option must be set", "missing credentials", "no api key")
_NO_MODEL: Final = ("llm provider not provided", "model not found", "model_not_found")
_PLAIN: Final = {
    401: Failure.AUTH,
    402: Failure.AUTH,
    403: Failure.AUTH,
    404: Failure.NOT_FOUND,
    405: Failure.NOT_FOUND,
    408: Failure.TIMEOUT,
    410: Failure.NOT_FOUND,
    425: Failure.OVERLOADED,
    429: Failure.RATE_LIMIT,
}


def finish_of(reason: str) -> Literal["stop", "length"]:
    """Return whether an answer that ended for this reason is whole, or cut at its limit.

    Raises:
        ModelFailure: it is no answer: the model declined, or was broken off.
    """
    told = reason.lower()
    if told in _DECLINED:
        raise ModelFailure(Failure.CONTENT_FILTER, f"the model stopped for {told}")
    if told in _CUT:
        return "length"
    if told not in _WHOLE:
        text = f"the answer was broken off: {beginning(told, _SHOWN) or 'no reason is told'}"
        raise ModelFailure(Failure.TRANSPORT, text)
    return "stop"


def beginning(text: str, at_most: int) -> str:
    """Return at most so many characters; a word that is cut is left out, for it may be a key."""
    return text if len(text) <= at_most else f"{_KEY_AT_END.sub('', text[:at_most])}…"


def failure_of(status: int, text: str) -> Failure:
    """Return the class of an error with this HTTP status and these words."""
    words = text.lower()
    if status < 400:  # noqa: PLR2004 - all is said to be well, or the address is another
        return Failure.UNUSABLE if status < 300 else Failure.NOT_FOUND  # noqa: PLR2004
    if status in (400, 403, 413, 422):
        if any(phrase in words for phrase in _WORDS_OF_DECLINING):
            return Failure.CONTENT_FILTER
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or is_overflow(text):
            return Failure.CONTEXT
    if status == HTTPStatus.TOO_MANY_REQUESTS and any(phrase in words for phrase in _NOT_PAID):
        return Failure.AUTH
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Failure.CONTEXT if is_overflow(text) else Failure.OVERLOADED
    return _PLAIN.get(status, Failure.BAD_REQUEST)


def is_overflow(text: str) -> bool:
    """Return whether the words say that the prompt does not fit the model's window."""
    words = text.lower()
    return any(phrase in words for phrase in _OVERFLOW)


def refusal(status: int, text: str, headers: Mapping[str, str]) -> ModelFailure:
    """Return the failure for an answer with an error status."""
    kind = failure_of(status, text)
    shown = f"HTTP {status}: {_words_of(text)}"
    return ModelFailure(kind, shown, retry_after_s=retry_after_s(headers, datetime.now(UTC)))


def failure_from(error: Exception, heard: Sequence[str] = ()) -> ModelFailure:
    """Return the failure behind an exception of some client library, after what was heard."""
    text = " ".join(str(error).split()) or type(error).__name__
    words = text.lower()
    told: Any = getattr(error, "status_code", None)
    if isinstance(error, TimeoutError):
        kind = Failure.TIMEOUT
    elif any(phrase in words for phrase in _NO_KEY):
        kind = Failure.AUTH
    elif any(phrase in words for phrase in _NO_MODEL):
        kind = Failure.NOT_FOUND
    elif isinstance(told, int):
        kind = failure_of(told, text)
    else:
        kind = Failure.CONTEXT if is_overflow(text) else Failure.TRANSPORT
    response: Any = getattr(error, "response", None)
    # litellm keeps the server's headers in a field of its own and makes up a bare response.
    told_headers: Any = getattr(error, "litellm_response_headers", None)
    headers: Any = told_headers or getattr(response, "headers", None) or {}
    wait_s = retry_after_s(cast("dict[str, str]", dict(headers)), datetime.now(UTC))
    failure = ModelFailure(kind, beginning(text, _SHOWN), retry_after_s=wait_s)
    failure.partial = "".join(heard)
    failure.usage = Usage() if heard or kind is Failure.TIMEOUT else None
    return failure


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return how long the server asks to wait; None where it does not say or talks nonsense.

    `retry-after-ms` is the more exact; where neither is given, the time until a limit that is
    used up is reset, in seconds, `6m0s`, or as a date.
    """
    found = {name.lower(): value.strip() for name, value in headers.items()}
    milliseconds = _number(found.get("retry-after-ms", ""))
    if milliseconds is not None:
        return min(_LONGEST_S, milliseconds / 1000)
    told = _seconds(found.get("retry-after", ""), now)
    if told is not None:
        return told
    waits = (_seconds(found[reset], now) for reset in _resets_of_what_is_used_up(found))
    return max((wait_s for wait_s in waits if wait_s is not None), default=None)


def _resets_of_what_is_used_up(found: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of headers that say when a limit of which nothing is left is reset."""
    for name in found:
        if "ratelimit" in name and "reset" in name:
            left = _number(found.get(name.replace("reset", "remaining"), "0"))
            if left == 0:
                yield name


def _seconds(told: str, now: datetime) -> float | None:
    """Return the seconds that a number, a duration, a date or a moment of Unix time means."""
    number = _number(told)
    if number is not None:
        left = number if not _UNIX_TIME_S <= number < math.inf else number - now.timestamp()
        return min(_LONGEST_S, max(0.0, left))
    if told and (parts := _DURATION.fullmatch(told)):
        return round(
            sum(float(n) * unit for n, unit in zip(parts.groups("0"), _UNITS_S, strict=True)), 3
        )
    until = _date(told)
    if until is None:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(_LONGEST_S, max(0.0, round((until - now).total_seconds(), 3)))


def _date(told: str) -> datetime | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return read(told)
        except (ValueError, TypeError, OverflowError):
            continue
    return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) or number < 0 else number


def _words_of(text: str) -> str:
    """Return the message inside an error body, or the body's beginning, on one line."""
    import json

    try:
        body: Any = json.loads(text)
    except (ValueError, RecursionError):
        body = text
    if isinstance(body, dict):
        found: Any = cast("dict[str, Any]", body).get("error", body)
        if isinstance(found, dict):
            inside = cast("dict[str, Any]", found)
            found = inside.get("message") or inside
        body = found
    return beginning(" ".join(str(body).split()), _SHOWN) or "no message"
