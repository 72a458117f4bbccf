"""What a server's refusal means."""

from datetime import UTC, datetime
from typing import ClassVar

import pytest

from ensemble.models.faults import failure_from, failure_of, is_overflow, refusal, retry_after_s
from ensemble.models.provider import Failure

NOW = datetime(2026, 11, 24, 9, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Failure.UNUSABLE),
        (302, Failure.NOT_FOUND),
        (400, Failure.BAD_REQUEST),
        (401, Failure.AUTH),
        (402, Failure.AUTH),
        (403, Failure.AUTH),
        (404, Failure.NOT_FOUND),
        (408, Failure.TIMEOUT),
        (413, Failure.CONTEXT),
        (418, Failure.BAD_REQUEST),
        (422, Failure.BAD_REQUEST),
        (429, Failure.RATE_LIMIT),
        (500, Failure.OVERLOADED),
        (502, Failure.OVERLOADED),
        (503, Failure.OVERLOADED),
        (529, Failure.OVERLOADED),
    ],
)
def test_a_status_says_how_a_call_failed(status: int, kind: Failure) -> None:
    assert failure_of(status, "no words") is kind


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 8192 tokens.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "the request exceeds the available context size, try increasing it",
        '{"code": "context_length_exceeded"}',
        "litellm.ContextWindowExceededError: input",
    ],
)
def test_five_providers_words_for_a_prompt_too_large(words: str) -> None:
    assert failure_of(400, words) is Failure.CONTEXT
    assert is_overflow(words)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, '{"error": {"code": "content_filter"}}'),
        (400, "The response was filtered due to the prompt triggering content management policy"),
        (400, "content_policy_violation"),
        (403, "Your chosen model requires moderation and your input was flagged"),
        (400, "ResponsibleAIPolicyViolation"),
        (400, "litellm.ContentPolicyViolationError: declined"),
    ],
)
def test_six_shapes_of_a_model_that_declines(status: int, words: str) -> None:
    assert failure_of(status, words) is Failure.CONTENT_FILTER


def test_a_quota_that_is_used_up_is_not_waited_for() -> None:
    assert failure_of(429, "insufficient_quota: check your plan") is Failure.AUTH


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("2", 2.0),
        (" 0.5 ", 0.5),
        ("Tue, 24 Nov 2026 09:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 08:00:00 GMT", 0.0),
        ("-3", None),
        ("nan", None),
        ("inf", 1e9),
        ("soon", None),
        ("", None),
    ],
)
def test_nine_shapes_of_retry_after(told: str, seconds: float | None) -> None:
    assert retry_after_s({"Retry-After": told}, NOW) == seconds


def test_milliseconds_are_read_where_a_server_gives_them() -> None:
    assert retry_after_s({"retry-after-ms": "1500", "retry-after": "9"}, NOW) == 1.5


def test_milliseconds_that_are_none_leave_the_word_to_the_seconds() -> None:
    assert retry_after_s({"retry-after-ms": "-1", "retry-after": "9"}, NOW) == 9


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0.5s"}, 360.5),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "120ms"}, None),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 20)}, 20.0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "3"}, 3.0),
        (
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2026-11-24T09:00:05Z",
            },
            5.0,
        ),
        (
            {"retry-after": "2", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "50"},
            2.0,
        ),
        ({"retry-after": "99999999999999"}, 1e9),
        ({"retry-after": "9" * 400}, 1e9),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "by and by"}, None),
    ],
)
def test_a_limit_that_is_used_up_says_when_it_is_reset(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('{"error": {"message": "slow down"}}', "HTTP 429: slow down"),
        ('{"error": "slow down"}', "HTTP 429: slow down"),
        ("slow\n  down", "HTTP 429: slow down"),
        ("", "HTTP 429: no message"),
        ("[" * 5000, "HTTP 429: …"),
    ],
)
def test_the_servers_own_words_are_shown_on_one_line(body: str, shown: str) -> None:
    assert str(refusal(429, body, {})) == shown


class _LibraryError(Exception):
    def __init__(self, text: str, status_code: int | None = None) -> None:
        super().__init__(text)
        self.status_code = status_code
        self.response: _Response | None = None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (_LibraryError("The api_key client option must be set", 500), Failure.AUTH),
        (_LibraryError("LLM Provider NOT provided", 400), Failure.NOT_FOUND),
        (_LibraryError("busy", 503), Failure.OVERLOADED),
        (_LibraryError("prompt is too long"), Failure.CONTEXT),
        (_LibraryError("gone"), Failure.TRANSPORT),
        (TimeoutError(), Failure.TIMEOUT),
    ],
)
def test_a_librarys_error_is_read_by_status_and_words(error: Exception, kind: Failure) -> None:
    assert failure_from(error).kind is kind


class _Response:
    headers: ClassVar = {"Retry-After": "4"}


def test_a_librarys_error_may_carry_the_servers_answer() -> None:
    error = _LibraryError("busy", 429)
    error.response = _Response()

    assert failure_from(error).retry_after_s == 4.0
