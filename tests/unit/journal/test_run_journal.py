"""What nodes talk to, live and resumed: an outcome that is there is not had again."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ensemble.errors import Diverged, Paused
from ensemble.journal.file import EVENTS, JournalFile, read_events
from ensemble.journal.record import ANSWERED, Event
from ensemble.journal.run_journal import Journal, Perform

Walk = Callable[..., Awaitable[str]]
KEY = "panel[0]/panel_member#0/model#0"


class Calls(list[str]):
    """Counts what was really done."""

    def that(self, value: Any, event: str = "model_replied") -> Perform:
        async def perform() -> tuple[str, dict[str, Any]]:
            self.append(event)
            await asyncio.sleep(0)
            return event, {"value": value}

        return perform


@pytest.fixture
def calls() -> Calls:
    return Calls()


def names(journal: Journal) -> list[str]:
    return [f"{event.event} {event.attempt}" for event in journal.events]


async def test_an_effect_is_asked_then_answered(calls: Calls) -> None:
    journal = Journal("r-1")

    outcome = await journal.effect("model", KEY, {"q": 1}, calls.that("a"), agent="skeptic")

    asked, answered = journal.events
    assert (asked.event, asked.body["request"], asked.body["agent"]) == (
        "model_asked",
        {"q": 1},
        "skeptic",
    )
    assert asked.body["print"] == answered.body["print"]
    assert answered == outcome
    assert [event.seq for event in journal.events] == [0, 1]


async def test_an_outcome_is_on_disk_before_it_is_returned(tmp_path: Path, calls: Calls) -> None:
    journal = Journal("r-1", file=JournalFile.create(tmp_path / "r-1", "r-1"))

    outcome = await journal.effect("model", KEY, {"q": 1}, calls.that("a"))

    assert read_events(tmp_path / "r-1").events[-1] == outcome
    journal.close()


@pytest.mark.parametrize("idempotent", [True, False])
async def test_an_intent_is_written_first_and_synced_where_it_must_not_happen_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, idempotent: bool
) -> None:
    journal = Journal("r-1", file=JournalFile.create(tmp_path / "r-1", "r-1"))
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    seen: list[tuple[int, int]] = []

    async def perform() -> tuple[str, dict[str, Any]]:
        seen.append((len(read_events(tmp_path / "r-1").events), len(synced)))
        return "tool_returned", {"value": "done"}

    await journal.effect("tool", KEY, {"q": 1}, perform, idempotent=idempotent)

    assert seen == [(1, 0 if idempotent else 1)]
    journal.close()


async def test_a_value_is_used_as_it_reads_back() -> None:
    journal = Journal("r-1")

    async def perform() -> tuple[str, dict[str, Any]]:
        return "model_replied", {"value": ("a", ("b",))}

    outcome = await journal.effect("model", KEY, {"messages": ("x",)}, perform)
    settled = await journal.settle("drawn", "order", lambda: (1, 2))

    assert outcome.value == ["a", ["b"]]
    assert settled == [1, 2]


@pytest.mark.parametrize("value", [b"bytes", {1: "a"}, {"a"}, float("nan"), "\ud800"])
async def test_what_does_not_survive_the_way_to_disk_is_refused(value: Any) -> None:
    journal = Journal("r-1")

    with pytest.raises((TypeError, ValueError)):
        journal.note("decided", "decision", value=value)

    assert journal.events == []


async def test_an_effect_had_in_this_run_is_not_had_again(calls: Calls) -> None:
    journal = Journal("r-1")

    first = await journal.effect("model", KEY, {"q": 1}, calls.that("a"))
    again = await journal.effect("model", KEY, {"q": 1}, calls.that("b"))

    assert again == first
    assert len(calls) == 1
    assert len(journal.events) == 2


async def test_another_request_under_the_key_of_one_made_is_a_divergence(calls: Calls) -> None:
    journal = Journal("r-1")
    await journal.effect("model", KEY, {"q": 1}, calls.that("a"))

    with pytest.raises(Diverged, match="field: q"):
        await journal.effect("model", KEY, {"q": 2}, calls.that("b"))


async def test_each_attempt_is_a_call_of_its_own(calls: Calls) -> None:
    journal = Journal("r-1")

    failed = calls.that(None, "model_failed")
    await journal.effect("model", KEY, {"q": 1}, failed)
    await journal.effect("model", KEY, {"q": 1}, calls.that("a"), attempt=2)

    assert calls == ["model_failed", "model_replied"]
    assert names(journal) == ["model_asked 1", "model_failed 1", "model_asked 2", "model_replied 2"]


async def test_every_event_is_told_as_it_happens(calls: Calls) -> None:
    heard: list[Event] = []
    journal = Journal("r-1", heard=heard.append)

    journal.note("turn_started", "panel[0]")
    await journal.effect("model", KEY, {"q": 1}, calls.that("a"))

    assert heard == journal.events


async def test_a_settled_value_is_made_once(calls: Calls) -> None:
    journal = Journal("r-1")

    async def later() -> int:
        calls.append("made")
        return 7

    first = await journal.settle("resolved", "resolved", later)
    again = await journal.settle("resolved", "resolved", later)

    assert (first, again, len(calls)) == (7, 7, 1)


def resumed(journal: Journal, upto: int, **given: Any) -> Journal:
    return Journal("r-1", recorded=journal.events[:upto], **given)


async def test_a_run_cut_after_any_event_ends_with_the_same_digest(walk: Walk) -> None:
    whole = Journal("r-1")
    told = await walk(whole)

    for cut in range(len(whole.events)):
        again = resumed(whole, cut)
        said: list[str] = []

        def say(key: str, said: list[str] = said) -> str:
            said.append(key)
            return f"said at {key}"

        assert await walk(again, say, schedule=cut) == told
        answered = {e.key for e in whole.events[:cut] if e.event == "model_replied"}
        assert answered.isdisjoint(said)
        assert len(said) + len(answered) == 17


async def test_a_run_killed_again_and_again_ends_with_the_same_digest(walk: Walk) -> None:
    told = await walk(Journal("r-1"))

    for seed in range(20):
        events: list[Event] = []
        for death in range(5):
            journal = Journal("r-1", recorded=events)
            await walk(journal, schedule=seed * 5 + death)
            events = journal.events[: len(events) + 7]
        last = Journal("r-1", recorded=events)
        assert await walk(last, schedule=seed) == told
        outcomes = [(e.key, e.attempt) for e in last.events if e.event in ANSWERED["model"]]
        assert len(outcomes) == len(set(outcomes))


async def test_notes_are_not_written_twice_on_resume(walk: Walk) -> None:
    whole = Journal("r-1")
    await walk(whole)
    again = resumed(whole, len(whole.events))

    await walk(again)

    assert again.events == whole.events


async def test_a_model_call_in_flight_is_marked_lost_and_asked_once_more(calls: Calls) -> None:
    journal = Journal("r-1")
    await journal.effect("model", KEY, {"q": 1}, calls.that("a"), reserved={"tokens": 9})

    first = resumed(journal, 1)
    await first.effect("model", KEY, {"q": 1}, calls.that("b"), reserved={"tokens": 9})
    second = resumed(first, 3)
    outcome = await second.effect("model", KEY, {"q": 1}, calls.that("c"))

    assert names(second) == [
        "model_asked 1",
        "model_failed 1",
        "model_asked 1.1",
        "model_failed 1.1",
        "model_asked 1.2",
        "model_replied 1.2",
    ]
    assert second.events[1].body["class"] == "lost"
    assert second.events[1].body["reserved"] == {"tokens": 9}
    assert outcome.value == "c"


async def test_a_lab_job_in_flight_is_run_once_more_without_a_failure(calls: Calls) -> None:
    journal = Journal("r-1")
    await journal.effect("lab", "lab#0/a", {"q": 1}, calls.that("a", "lab_returned"))

    again = resumed(journal, 1)
    await again.effect("lab", "lab#0/a", {"q": 1}, calls.that("a", "lab_returned"))

    assert names(again) == ["lab_submitted 1", "lab_submitted 1.1", "lab_returned 1.1"]


async def test_what_must_not_happen_twice_waits_for_a_person(calls: Calls) -> None:
    journal = Journal("r-1")
    done = calls.that("done", "tool_returned")
    await journal.effect("tool", KEY, {"command": "pay"}, done, idempotent=False)

    again = resumed(journal, 1)
    with pytest.raises(Paused, match="may have happened") as raised:
        await again.effect("tool", KEY, {"command": "pay"}, done, idempotent=False)

    assert len(calls) == 1
    assert '{"command": "pay"}' in raised.value.where
    assert names(again) == ["tool_called 1"]


async def test_what_a_person_says_did_not_happen_is_done(calls: Calls) -> None:
    journal = Journal("r-1")
    done = calls.that("done", "tool_returned")
    await journal.effect("tool", KEY, {"command": "pay"}, done, idempotent=False)

    again = resumed(journal, 1)
    again.append("withdrawn", KEY, {"attempt": "1", "why": "it did not happen"})
    outcome = await again.effect("tool", KEY, {"command": "pay"}, done, idempotent=False)

    assert (outcome.value, outcome.attempt, len(calls)) == ("done", "1.1", 2)


async def test_a_withdrawn_outcome_is_had_again(calls: Calls) -> None:
    journal = Journal("r-1")
    await journal.effect("model", KEY, {"q": 1}, calls.that(None, "model_failed"))

    journal.append("withdrawn", KEY, {"attempt": "1", "why": "the key was mended"})
    outcome = await journal.effect("model", KEY, {"q": 1}, calls.that("a"))
    again = resumed(journal, len(journal.events))
    recalled = await again.effect("model", KEY, {"q": 1}, calls.that("b"))

    assert outcome.value == recalled.value == "a"
    assert calls == ["model_failed", "model_replied"]


async def test_a_seat_that_waits_for_a_person_is_asked_again_without_a_loss(calls: Calls) -> None:
    journal = Journal("r-1")

    async def waits() -> tuple[str, dict[str, Any]]:
        raise Paused("no answer yet", where=KEY, fix="write it")

    with pytest.raises(Paused):
        await journal.effect("model", KEY, {"q": 1}, waits)
    again = resumed(journal, len(journal.events))
    outcome = await again.effect("model", KEY, {"q": 1}, calls.that("a"))

    assert names(again) == ["model_asked 1", "withdrawn 1", "model_asked 1.1", "model_replied 1.1"]
    assert outcome.value == "a"


async def test_a_cancelled_call_is_written_down_because_it_may_be_billed(calls: Calls) -> None:
    journal = Journal("r-1")

    async def hangs() -> tuple[str, dict[str, Any]]:
        await asyncio.sleep(60)
        raise AssertionError

    asking = journal.effect("model", KEY, {"q": 1}, hangs, reserved={"tokens": 9})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asking, 0.01)
    again = resumed(journal, len(journal.events))
    await again.effect("model", KEY, {"q": 1}, calls.that("a"))

    ended = journal.events[-1]
    assert (ended.event, ended.body["reserved"]) == ("model_failed", {"tokens": 9})
    assert "cancelled" in ended.body["error"]
    assert names(again)[2:] == ["model_asked 1.1", "model_replied 1.1"]


async def test_a_run_whose_inputs_changed_does_not_go_on(walk: Walk) -> None:
    whole = Journal("r-1")
    await walk(whole, agents={"skeptic": "abc"})

    with pytest.raises(Diverged, match=r"agents\.skeptic") as raised:
        await walk(resumed(whole, 5), agents={"skeptic": "abd"})

    assert "cause: agent file (value.agents.skeptic)" in raised.value.problem
    assert 'recorded: "abc"' in raised.value.problem
    assert 'now: "abd"' in raised.value.problem


async def test_a_run_on_disk_taken_up_by_another_owner_reads_as_one(
    tmp_path: Path, walk: Walk
) -> None:
    first = Journal("r-1", file=JournalFile.create(tmp_path / "r-1", "r-1"))
    told = await walk(first)
    first.close()
    path = tmp_path / "r-1" / EVENTS
    data = path.read_bytes()

    for cut in range(0, len(data), len(data) // 12):
        path.write_bytes(data[:cut])
        file, contents = JournalFile.reopen(tmp_path / "r-1")
        journal = Journal("r-1", file=file, recorded=contents.events)
        assert await walk(journal) == told
        journal.close()
        again = read_events(tmp_path / "r-1")
        assert [event.seq for event in again.events] == list(range(len(again.events)))
        assert list(again.events) == journal.events
