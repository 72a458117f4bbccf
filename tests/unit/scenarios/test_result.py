"""The result document: made of events alone, in the order of the seats, with what was used."""

from dataclasses import replace
from typing import Any

import pytest

from ensemble.journal.record import Event
from ensemble.scenarios.result import result_of, usage_of

CHAINS = {"chair": [{"provider": "test", "model": "m", "usd_per_mtok": [1.0, 2.0]}]}
KEYS: Any = {"agent": "a", "version": "1", "sha256": "0", "role": "solo", "mode": "x"}


def replied(model: str, sent: int | None, said: int | None, at: float = 1.0) -> Event:
    usage = {"input_tokens": sent, "cached_tokens": None, "output_tokens": said}
    body = {"served": model, "usage": usage, "seconds": 0.5}
    return Event("model_replied", f"chair/solo#0/model#{at}", 0, at, body)


def ended(path: str, *, rank: int = 0, occurrence: int = 0) -> Event:
    told: dict[str, Any] = {
        "tool_mode": "audit",
        "status": "answered",
        "asked": "m",
        "served": "test/m",
    }
    rest: dict[str, Any] = {"fallbacks": [], "answer": None, "problem": None, "truncated": False}
    key = f"{path}/solo#{occurrence}"
    value = {**KEYS, **told, **rest, "key": key, "path": path}
    body = {"value": {**value, "rank": rank, "occurrence": occurrence}}
    return Event("turn_ended", key, 0, 1.0, body)


def test_turns_stand_in_the_order_of_the_seats_however_they_ended() -> None:
    events = [
        ended("panel[10]"),
        ended("panel[0]", occurrence=1),
        ended("chair", rank=2),
        ended("panel[2]"),
    ]

    result = result_of("r-1", events, journal="j")

    assert [turn["key"] for turn in result["turns"]] == [
        *("panel[2]/solo#0", "panel[10]/solo#0", "chair/solo#0", "panel[0]/solo#1"),
    ]


def test_what_a_prompt_cache_gave_and_took_is_counted_at_its_price() -> None:
    (model,) = CHAINS["chair"]
    chains = {"chair": [{**model, "usd_cached_per_mtok": [0.1, 1.25]}]}
    usage = {"input_tokens": 4_000_000, "cached_tokens": 2_000_000, "written_tokens": 1_000_000}
    body = {"served": "test/m", "usage": {**usage, "output_tokens": 0}, "seconds": 0.5}
    events = [
        Event("resolved", "chains", 0, 0.0, {"value": {"chains": chains}}),
        Event("model_replied", "chair/solo#0/model#0", 1, 1.0, body),
    ]

    used = usage_of(events)

    assert used["usd"] == 1.0 + 0.2 + 1.25
    assert (used["cached_tokens"], used["written_tokens"]) == (2_000_000, 1_000_000)


@pytest.mark.parametrize(
    ("calls", "usd", "priced"),
    [
        ([replied("test/m", 1_000_000, 500_000)], 2.0, "all"),
        ([replied("test/m", 1_000_000, 500_000), replied("else/m", 5, 5, 2.0)], 2.0, "some"),
        ([replied("else/m", 5, 5)], None, "none"),
        ([], 0.0, "none"),
    ],
)
def test_money_is_counted_where_a_price_is_known(
    calls: list[Event], usd: float | None, priced: str
) -> None:
    resolved = Event("resolved", "resolved", 0, 1.0, {"value": {"chains": CHAINS}})

    usage = usage_of([resolved, *calls])

    assert (usage["usd"] or 0.0, usage["priced"]) == (usd or 0.0, priced)
    assert usage["model_calls"] == len(calls)


def test_a_kept_reply_costs_nothing_and_what_it_had_cost_is_told() -> None:
    resolved = Event("resolved", "resolved", 0, 1.0, {"value": {"chains": CHAINS}})
    live = replied("test/m", 1_000_000, 500_000)
    kept = replied("test/m", 0, 0, 2.0)
    cached = {"at": 1.0, "usage": live.body["usage"], "seconds": 0.5}
    kept = replace(kept, body={**kept.body, "cached": cached})

    result = result_of("r", [resolved, live, kept, ended("chair")], journal="j")

    usage = result["usage"]
    assert (usage["usd"], usage["model_calls"], usage["output_tokens"]) == (2.0, 1, 500_000)
    assert usage["cache"] == {"on": True, "replies": 1, "usd_saved": 2.0}
    assert result["turns"][0]["usage"]["from_cache"] == 1
    assert result["authority_reasons"][-1].startswith("1 of 2 replies are those of earlier runs")


def test_a_seat_says_how_many_tokens_it_wrote_a_second() -> None:
    failed = Event("model_failed", "chair/solo#0/model#0", 0, 1.0, {"seconds": 9.0})
    answers = [replied("test/m", 90, 30, 1.0), replied("test/m", 90, 20, 2.0)]

    told = result_of("r", [failed, *answers, ended("chair")], journal="j")["turns"][0]["usage"]
    silent = result_of("r", [failed, ended("chair")], journal="j")["turns"][0]["usage"]

    assert told["tokens_per_s"] == 50.0
    assert silent["tokens_per_s"] is None


def test_seconds_are_those_between_the_first_and_the_last_event() -> None:
    usage = usage_of([replied("test/m", 1, 1, 10.0), replied("test/m", 1, 1, 12.5)])

    assert usage["wall_s"] == 2.5
    assert (usage["input_tokens"], usage["cached_tokens"]) == (2, 0)


def test_a_journal_without_an_end_is_waiting_or_was_cut_short() -> None:
    paused = Event("paused", "expert/solo#0", 0, 1.0, {"value": "?"})

    waiting = result_of("r-1", [paused], journal="j")
    cut = result_of("r-1", [ended("chair")], journal="j")

    assert (waiting["status"], cut["status"]) == ("paused", "cancelled")
    assert waiting["waiting"] == [{"key": "expert/solo#0", "question": "?", "choices": []}]
    assert waiting["authority"] == "void"
    assert waiting["authority_reasons"] == ["the run reached no decision"]


def test_an_answer_that_came_all_at_once_has_no_pace() -> None:
    answer = replace(
        replied("test/m", 90, 50), body={**replied("test/m", 90, 50).body, "seconds": 0.001}
    )

    told = result_of("r", [answer, ended("chair")], journal="j")["turns"][0]["usage"]

    assert told["tokens_per_s"] is None
