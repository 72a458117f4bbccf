"""One hash for what a run asked, was answered and decided; nothing else moves it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from ensemble.journal.digest import COUNTED, digest, reduced, whole
from ensemble.journal.record import Event
from ensemble.journal.run_journal import Journal

Walk = Callable[..., Awaitable[str]]


def an_event(event: str = "model_replied", key: str = "p/model#0", **body: Any) -> Event:
    return Event(event, key, 0, 0.0, body)


async def test_a_hundred_orders_of_completion_have_one_digest(walk: Walk) -> None:
    journals = [Journal(f"r-{schedule}") for schedule in range(100)]

    digests = {await walk(journal, schedule=schedule) for schedule, journal in enumerate(journals)}

    orders = {tuple(e.key for e in journal.events) for journal in journals}
    assert len(orders) > 50
    assert len(digests) == 1


async def test_a_hundred_edits_of_recorded_answers_have_a_hundred_other_digests(
    walk: Walk,
) -> None:
    journal = Journal("r-1")
    recorded = await walk(journal)
    answers = [at for at, event in enumerate(journal.events) if event.event == "model_replied"]
    chance = Random(3)  # noqa: S311 -- draws edits, not secrets

    digests: set[str] = set()
    edits: set[tuple[int, str]] = set()
    while len(edits) < 100:
        at = chance.choice(answers)
        event = journal.events[at]
        text: str = event.value["text"]
        place = chance.randrange(len(text))
        edited = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
        edits.add((at, edited))
        changed = replace(event, body={**event.body, "value": {"text": edited}})
        digests.add(digest([*journal.events[:at], changed, *journal.events[at + 1 :]]))

    assert len(digests) == 100
    assert recorded not in digests


@pytest.mark.parametrize("event", sorted(COUNTED))
def test_what_is_counted_moves_the_digest(event: str) -> None:
    assert digest([an_event(event, value="a")]) != digest([an_event(event, value="b")])
    assert digest([an_event(event, value="a")]) != digest([])


@pytest.mark.parametrize(
    "event", ["owner", "resumed", "turn_started", "model_asked", "withdrawn", "run_ended", "paused"]
)
def test_what_only_tells_how_it_went_does_not(event: str) -> None:
    assert digest([an_event(event, value="a")]) == digest([])


def test_seq_clock_usage_and_noise_do_not_move_it() -> None:
    told: dict[str, Any] = {
        "usage": {"input_tokens": 1},
        "reserved": {"usd": 1},
        "seconds": 1.5,
        "cached": False,
    }
    told["value"] = {"gates": [1], "noise": 0.1, "wall_s": 3.0, "path": "/a"}
    other = {"usage": {"input_tokens": 2}, "value": {"gates": [1]}}

    one = Event("lab_returned", "lab#0/a", 7, 1.0, told)
    two = Event("lab_returned", "lab#0/a", 9, 2.0, other)

    assert digest([one]) == digest([two])
    assert digest([one]) != digest([replace(two, key="lab#1/a")])


def test_an_attempt_after_a_loss_stands_in_for_the_lost_one() -> None:
    lost = an_event("model_failed", attempt="1", **{"class": "lost"})
    failed = an_event("model_failed", attempt="1", **{"class": "rate_limit"})

    assert digest([lost, an_event(attempt="1.1", value="a")]) == digest(
        [an_event(attempt=1, value="a")]
    )
    assert digest([failed, an_event(attempt="2", value="a")]) != digest(
        [an_event(attempt="2", value="a")]
    )
    assert (whole("2.1"), whole("13")) == (2, 13)


def test_what_was_withdrawn_is_not_counted() -> None:
    answers = [an_event(attempt="1", value="a"), an_event(attempt="1.1", value="b")]

    taken_back = digest([*answers, an_event("withdrawn", attempt="1")])

    assert taken_back == digest([an_event(attempt="1", value="b")])


def test_a_body_is_reduced_at_every_level() -> None:
    value = {"usage": 1, "a": [{"seconds": 2, "b": ({"cached": True, "c": 1},)}]}

    assert reduced(value) == {"a": [{"b": [{"c": 1}]}]}
