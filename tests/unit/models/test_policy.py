"""How long a chain waits, and how often it asks."""

import pytest

from ensemble.config import Pace as PaceSetting
from ensemble.config import Provider as Server
from ensemble.config import Settings
from ensemble.models.pacing import Pace
from ensemble.models.policy import Policy
from ensemble.models.provider import Failure


def test_each_wait_is_longer_than_the_one_before() -> None:
    policy = Policy(tries={Failure.RATE_LIMIT: 9}, backoff_s=1.0, backoff_at_most_s=1000.0)

    waits = [policy.wait_s(Failure.RATE_LIMIT, tries, None, "k") for tries in range(1, 6)]

    assert waits == sorted(waits, key=lambda wait: wait or 0)
    assert len(set(waits)) == 5


def test_waits_of_calls_that_failed_together_are_spread() -> None:
    waits = {Policy().wait_s(Failure.OVERLOADED, 1, None, f"panel[{n}]#1") for n in range(50)}

    assert len(waits) == 50
    assert all(wait is not None and 0.25 <= wait < 0.5 for wait in waits)


def test_the_same_call_waits_the_same_time_again() -> None:
    first, again = (Policy().wait_s(Failure.TIMEOUT, 1, None, "k#1") for _ in range(2))

    assert first == again


def test_our_own_wait_has_a_ceiling() -> None:
    policy = Policy(tries={Failure.RATE_LIMIT: 99}, backoff_at_most_s=7.0)

    wait = policy.wait_s(Failure.RATE_LIMIT, 40, None, "k")

    assert wait is not None
    assert wait <= 7.0


@pytest.mark.parametrize(("told_s", "wait_s"), [(2.0, 2.0), (59.0, 59.0), (60.0, 60.0)])
def test_the_servers_wait_is_honoured(told_s: float, wait_s: float) -> None:
    assert Policy().wait_s(Failure.RATE_LIMIT, 1, told_s, "k") == wait_s


@pytest.mark.parametrize("told_s", [60.1, 3600.0, 1e9])
def test_too_long_a_wait_is_for_the_next_model(told_s: float) -> None:
    assert Policy().wait_s(Failure.RATE_LIMIT, 1, told_s, "k") is None


@pytest.mark.parametrize(
    "kind", [Failure.AUTH, Failure.NOT_FOUND, Failure.BAD_REQUEST, Failure.CONTEXT]
)
def test_what_would_fail_alike_is_not_tried_again(kind: Failure) -> None:
    assert Policy().wait_s(kind, 1, None, "k") is None


def test_the_users_settings_win_over_the_usual_limits() -> None:
    own = PaceSetting(at_once=2, requests_per_minute=30, tokens_per_minute=9000)

    policy = Policy.of(Settings(at_once=8, pace={"ollama": own}))

    assert (policy.at_once_in_all, policy.at_once["ollama"]) == (8, 2)
    assert policy.at_once["embedded"] == Policy().at_once["embedded"]
    assert policy.pace == {"ollama": Pace(30, 9000)}


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1234/v1", True),
        ("http://[::1]/v1", True),
        ("http://localhost:8000", True),
        ("https://models.example/v1", False),
        ("http://10.0.0.7/v1", False),
    ],
)
def test_a_server_on_this_host_may_have_to_swap_models(url: str, *, here: bool) -> None:
    policy = Policy.of(Settings(providers={"mine": Server(base_url=url)}))

    assert policy.swapping == {"ollama", *(["mine"] if here else [])}
