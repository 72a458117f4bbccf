"""The folder of kept replies, by itself."""

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ensemble.cli.machine import forget_replies
from ensemble.journal.record import Event
from ensemble.journal.run_journal import Journal
from ensemble.models.replies import Remembering, Replies

REQUEST: Mapping[str, Any] = {
    "kind": "model",
    "model": "mine/m",
    "messages": [],
    "schema": None,
    "params": {},
}
BODY: Mapping[str, Any] = {
    "value": {"text": "sound", "finish": "stop"},
    "served": "mine/m",
    "usage": {"input_tokens": 90, "cached_tokens": None, "output_tokens": 3},
    "seconds": 1.5,
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def replies() -> Replies:
    return Replies({"mine": "http://127.0.0.1/v1"})


def answers(asked: list[str], key: str) -> Callable[[], Awaitable[tuple[str, dict[str, Any]]]]:
    async def perform() -> tuple[str, dict[str, Any]]:
        asked.append(key)
        return "model_replied", dict(BODY)

    return perform


async def asked_at(journal: Remembering, key: str, asked: list[str]) -> Event:
    event = await journal.effect("model", key, REQUEST, answers(asked, key))
    await journal.keep(key)
    return event


def test_a_kept_reply_is_found_with_what_it_took_and_costs_nothing_more(replies: Replies) -> None:
    replies.keep("x.0", BODY)

    found = replies.found("x.0") or {}

    assert found["value"] == BODY["value"]
    assert set(found["usage"].values()) == {0}
    assert found["cached"]["usage"] == BODY["usage"]
    assert found["cached"]["seconds"] == BODY["seconds"]


def test_what_was_not_used_for_longest_is_forgotten_first(replies: Replies) -> None:
    for age, name in enumerate(("new", "used", "old"), 1):
        replies.keep(name, BODY)
        os.utime(replies.folder / f"{name}.json", (10**9 - age, 10**9 - age))
    sizes = {path.stem: path.stat().st_size for path in replies.folder.iterdir()}
    replies.found("old")

    gone = replies.shrink(to_bytes=sum(sizes.values()) - 1)

    assert gone == 1
    assert {path.stem for path in replies.folder.iterdir()} == {"new", "old"}


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_reply(
    replies: Replies, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where the folder would be")

    replies.keep("x.0", BODY)

    assert replies.found("x.0") is None
    assert replies.shrink() == 0


async def test_each_call_of_a_run_that_asks_the_same_has_an_entry_of_its_own(
    replies: Replies,
) -> None:
    asked: list[str] = []
    for run in ("r-1", "r-2"):
        journal = Remembering(Journal(run), replies)
        events = [await asked_at(journal, f"panel[{n}]/model#0", asked) for n in range(3)]

    assert asked == [f"panel[{n}]/model#0" for n in range(3)]
    assert all(event.body["cached"] for event in events)
    assert len(list(replies.folder.iterdir())) == 3


async def test_a_resumed_run_goes_on_counting_where_it_died(replies: Replies) -> None:
    before, asked = Journal("r-1"), list[str]()
    first = Remembering(before, replies)
    await asked_at(first, "panel[0]/model#0", asked)
    resumed = Remembering(Journal("r-1", recorded=before.events), replies)

    event = await asked_at(resumed, "panel[1]/model#0", asked)

    assert event.body["cached"] is False  # the first sample is not taken for a second one
    assert asked == ["panel[0]/model#0", "panel[1]/model#0"]


async def test_what_nobody_could_use_is_not_kept(replies: Replies) -> None:
    journal = Remembering(Journal("r-1"), replies)

    await journal.effect("model", "panel/model#0", REQUEST, answers([], "panel/model#0"))

    assert not replies.folder.exists()


def test_the_command_forgets_them_all_and_says_how_many_they_were(
    replies: Replies, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in range(2):
        replies.keep(f"x.{place}", BODY)

    forget_replies()

    assert capsys.readouterr().out.startswith("2 replies are forgotten")
    assert list(replies.folder.iterdir()) == []
