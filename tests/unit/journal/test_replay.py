"""A replay asks nothing and nobody; what its recording does not hold is a divergence."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NoReturn

import pytest

from ensemble.errors import Diverged
from ensemble.journal.digest import digest
from ensemble.journal.divergence import changed_fields
from ensemble.journal.record import Event
from ensemble.journal.redaction import Redactor
from ensemble.journal.run_journal import Journal

Walk = Callable[..., Awaitable[str]]


def nobody(key: str) -> NoReturn:
    raise AssertionError(f"a replay asked at {key}")


def replaying(events: list[Event]) -> Journal:
    return Journal("r-1", recorded=events, replaying=True)


@pytest.fixture
async def recorded(walk: Walk) -> list[Event]:
    journal = Journal("r-1")
    await walk(journal, agents={"skeptic": "abc"})
    return journal.events


async def test_a_replay_has_the_digest_of_its_recording(walk: Walk, recorded: list[Event]) -> None:
    for schedule in range(20):
        journal = replaying(recorded)

        told = await walk(journal, nobody, agents={"skeptic": "abc"}, schedule=schedule)
        journal.check_complete()

        assert told == digest(recorded)


async def test_the_same_question_has_its_own_answer_at_every_seat(
    walk: Walk, recorded: list[Event]
) -> None:
    journal = replaying(recorded)

    await walk(journal, nobody, agents={"skeptic": "abc"})

    first = [e for e in journal.events if e.event == "model_asked" and e.key.endswith("#0/model#0")]
    members = [e for e in first if e.key.startswith("panel")]
    answers = {e.value["text"] for e in journal.events if e.event == "model_replied"}
    assert len({e.body["print"] for e in members}) == 1
    assert len(members) == 8
    assert len(answers) == 17


async def test_a_settled_value_is_never_made_in_a_replay(recorded: list[Event]) -> None:
    journal = replaying(recorded)

    assert await journal.settle("resolved", "resolved", lambda: nobody("resolved")) == {"seed": 7}
    with pytest.raises(Diverged, match="holds no such call"):
        await journal.settle("drawn", "order", lambda: nobody("order"))


async def test_an_edited_request_names_call_field_and_both_sides(
    walk: Walk, recorded: list[Event]
) -> None:
    with pytest.raises(Diverged) as raised:
        await walk(replaying(recorded), nobody, task="Is it sane?", agents={"skeptic": "abc"})

    text = str(raised.value)
    assert raised.value.status == 4
    assert raised.value.where == "panel[0]/panel_member#0/model#0 (ml-engineer)"
    assert "call " in text
    assert " of 17 asks something else than was recorded" in text
    assert "field: messages[0]" in text
    assert "--- recorded" in text
    assert "+++ now" in text
    assert '-  "Is it sound?"' in text
    assert '+  "Is it sane?"' in text
    assert "cause: scenario" in text
    assert "rerecord" in raised.value.fix


async def test_every_single_character_of_a_request_matters(recorded: list[Event]) -> None:
    asked = next(event for event in recorded if event.event == "model_asked")
    request = asked.body["request"]

    edits: list[dict[str, Any]] = [
        {"params": {"seed": 8}},
        {"messages": ["Is it sound? "]},
        {"messages": ["is it sound?"]},
        {"tools": []},
        {"kind": "Model"},
    ]
    for edit in edits:
        changed = {**request, **edit}
        with pytest.raises(Diverged, match="asks something else"):
            await replaying(recorded).effect("model", asked.key, changed, never)
    reordered = dict(reversed(request.items()))
    found = await replaying(recorded).effect("model", asked.key, reordered, never)

    assert found.value["text"] == f"said at {asked.key}"


async def never() -> tuple[str, dict[str, Any]]:
    raise AssertionError("a replay performed a call")


@pytest.mark.parametrize(("key", "attempt"), [("panel[9]/model#0", 1), ("chair", 2)])
async def test_a_call_that_was_not_recorded_is_not_answered_by_another(
    recorded: list[Event], key: str, attempt: int
) -> None:
    with pytest.raises(Diverged, match=rf"no such call \(attempt {attempt}\)") as raised:
        await replaying(recorded).effect(
            "model", key, {"messages": ["new"]}, never, attempt=attempt, role="auditor"
        )

    assert raised.value.where == f"{key} (auditor)"
    assert 'now: {"messages": ["new"]}' in raised.value.problem


async def test_recorded_calls_that_nobody_asks_for_are_a_divergence(
    walk: Walk, recorded: list[Event]
) -> None:
    journal = replaying(recorded)
    for number in range(8):
        key = f"panel[{number}]/panel_member#0/model#0"
        asked = next(e for e in recorded if e.event == "model_asked" and e.key == key)
        await journal.effect("model", key, asked.body["request"], never)

    with pytest.raises(Diverged, match="9 recorded calls were never asked for"):
        journal.check_complete()


async def test_unused_calls_of_a_seat_that_a_ruling_cut_are_none(recorded: list[Event]) -> None:
    last = Event("ruled", "panel/stop#0", 99, 0.0, {"kind": "not_needed", "value": ["panel[7]"]})
    only = [event for event in recorded if event.key.startswith("panel[7]")]

    replaying([*only, last]).check_complete()

    with pytest.raises(Diverged):
        replaying([*only, replace(last, body={"value": ["panel[6]"]})]).check_complete()


async def test_unused_calls_that_were_withdrawn_or_lost_are_none() -> None:
    key = "panel[0]/model#0"
    withdrawn = [
        Event("model_failed", key, 0, 0.0, {"attempt": "1", "class": "auth"}),
        Event("withdrawn", key, 1, 0.0, {"attempt": "1"}),
        Event("model_failed", "chair", 2, 0.0, {"attempt": "1", "class": "lost"}),
    ]

    replaying(withdrawn).check_complete()

    with pytest.raises(Diverged, match="1 recorded calls"):
        replaying(withdrawn[:1]).check_complete()


async def test_a_replay_of_a_run_that_was_killed_and_resumed_is_complete(walk: Walk) -> None:
    first = Journal("r-1")
    told = await walk(first)
    second = Journal("r-1", recorded=first.events[:12])
    await walk(second)
    assert any(event.body.get("class") == "lost" for event in second.events)

    journal = replaying(second.events)

    assert await walk(journal, nobody) == told
    journal.check_complete()


async def test_failed_attempts_replay_as_they_went() -> None:
    async def fails() -> tuple[str, dict[str, Any]]:
        return "model_failed", {"class": "rate_limit", "error": "429", "retry_after_s": 2}

    async def answers() -> tuple[str, dict[str, Any]]:
        return "model_replied", {"value": "a"}

    live = Journal("r-1")
    await live.effect("model", "k", {"q": 1}, fails)
    await live.effect("model", "k", {"q": 2}, answers, attempt=2)

    journal = replaying(live.events)
    first = await journal.effect("model", "k", {"q": 1}, never)
    second = await journal.effect("model", "k", {"q": 2}, never, attempt=2)
    journal.check_complete()

    assert (first.body["retry_after_s"], second.value) == (2, "a")
    assert [e.event for e in journal.events] == [e.event for e in live.events]


async def test_an_agent_that_changed_is_named_at_the_first_call_it_changes(
    walk: Walk, recorded: list[Event]
) -> None:
    with pytest.raises(Diverged) as raised:
        await walk(replaying(recorded), nobody, task="Is it?", agents={"skeptic": "abd"})

    assert "cause: agent file (value.agents.skeptic)" in raised.value.problem


async def test_an_agent_that_changed_without_changing_a_call_is_named_at_the_end(
    walk: Walk, recorded: list[Event]
) -> None:
    journal = replaying(recorded)
    await walk(journal, nobody, agents={"skeptic": "abd"})

    with pytest.raises(Diverged, match=r"field: value\.agents\.skeptic"):
        journal.check_complete()


async def test_a_decision_that_comes_out_otherwise_is_named(recorded: list[Event]) -> None:
    decided = next(event for event in recorded if event.event == "decided")
    journal = replaying([decided])

    now = journal.note("decided", "decision", value={"position": "promote"})

    assert now.value == {"position": "promote"}
    with pytest.raises(Diverged, match=r"decided differs\n  field: value\.position") as raised:
        journal.check_complete()
    assert 'now: "promote"' in raised.value.problem


async def test_a_changed_answer_cannot_be_replayed_to_the_end(
    walk: Walk, recorded: list[Event]
) -> None:
    answers = [at for at, event in enumerate(recorded) if event.event == "model_replied"]

    for at in answers:
        event = recorded[at]
        edited = replace(event, body={**event.body, "value": {"text": "something else"}})
        journal = replaying([*recorded[:at], edited, *recorded[at + 1 :]])

        with pytest.raises(Diverged):
            await to_its_end(walk, journal)


async def to_its_end(walk: Walk, journal: Journal) -> None:
    await walk(journal, nobody, agents={"skeptic": "abc"})
    journal.check_complete()


def test_a_long_difference_is_cut_and_says_so() -> None:
    before = Event("model_asked", "k", 0, 0.0, {"request": {"m": [str(n) for n in range(99)]}})
    outcome = Event("model_replied", "k", 1, 0.0, {"print": "x"})

    divergence = replaying([before, outcome]).divergence
    divergence.differs(outcome, "model_asked", {"m": ["9" * 999]})
    fault = divergence.first_met()

    assert "more lines" in fault.problem
    assert max(map(len, fault.problem.splitlines())) < 250


async def test_a_difference_is_told_without_the_secrets_of_this_environment(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = "hunter2hunter2"
    monkeypatch.setenv("MY_PASSWORD", planted)
    live = Journal("r-1", redactor=Redactor.of_environment())
    # The secret lies across the place where a long line is cut.
    await walk(live, task=f"{'x' * 190} {planted}")
    journal = Journal(
        "r-1",
        recorded=live.events,
        replaying=True,
        redactor=Redactor.of_shapes(),
        shown=Redactor.of_environment(),
    )

    with pytest.raises(Diverged) as raised:
        await walk(journal, nobody, task=f"{'x' * 190} {planted}")

    assert planted[:4] not in str(raised.value)
    assert "only the value of a secret of this environment differs" in raised.value.problem
    with pytest.raises(Diverged) as at_the_end:
        journal.check_complete()
    assert planted[:4] not in str(at_the_end.value)
    unknown = journal.divergence.unknown("k", 1, {"m": f"{'x' * 288} {planted}"}, {})
    assert planted[:4] not in str(unknown)


async def test_a_word_of_the_recording_may_be_a_secret_elsewhere(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Journal("r-1", redactor=Redactor.of_environment())
    told = await walk(live, task="Is the training sound?")
    monkeypatch.setenv("DB_PASSWORD", "training")
    journal = Journal("r-1", recorded=live.events, replaying=True, redactor=Redactor.of_shapes())

    assert await walk(journal, nobody, task="Is the training sound?") == told


DIFFERENCES: list[tuple[Any, Any, Any]] = [
    ({"a": 1}, {"a": 1}, []),
    ({"a": 1}, {"a": 2}, [("a", 1, 2)]),
    ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, [("a[1].b", 2, 3)]),
    ({"a": [1]}, {"a": [1, 2]}, [("a[1]", None, 2)]),
    ({"a": 1}, {"b": 1}, [("a", 1, None), ("b", None, 1)]),
    ({"a": {}}, {"a": []}, [("a", {}, [])]),
]


@pytest.mark.parametrize(("before", "now", "expected"), DIFFERENCES)
def test_every_leaf_that_differs_is_found(before: Any, now: Any, expected: Any) -> None:
    assert list(changed_fields(before, now)) == expected
