"""What a person sees while a run goes on: lines, a table, or every event as JSON."""

import io
import json
from collections.abc import Sequence

import pytest
from rich.console import Console

from ensemble.journal.record import Event
from ensemble.report import progress as shown
from ensemble.report.progress import progress

TURN = "panel[0]/panel_member#0"
ENDED = {"status": "answered", "role": "panel_member", "served": "test/model"}
REPLY = {"served": "test/model", "usage": {"input_tokens": 10, "output_tokens": 5}, "seconds": 0.5}
RUN: list[Event] = [
    Event("lab_submitted", "lab#0/x", 0, 1.0, {"tool": "train"}),
    Event("lab_returned", "lab#0/x", 1, 1.0, {"value": {"tool": "train", "status": "ok"}}),
    Event(
        "turn_started",
        TURN,
        2,
        1.0,
        {"role": "panel_member", "asked": "opus", "asks": "test/model"},
    ),
    Event("model_asked", f"{TURN}/model#0", 3, 1.0, {}),
    Event("model_failed", f"{TURN}/model#0", 4, 1.0, {"class": "rate_limit"}),
    Event("model_asked", f"{TURN}/model#0", 5, 1.0, {"attempt": 2}),
    Event("model_replied", f"{TURN}/model#0", 6, 1.0, REPLY),
    Event("turn_ended", TURN, 7, 1.0, {"value": ENDED}),
    Event("run_ended", "run", 8, 1.0, {"value": {}}),
]


def test_a_log_has_a_line_where_something_begins_or_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    play(RUN)

    said = capsys.readouterr()
    *lines, last = said.err.splitlines()
    assert lines == [
        "lab: train is running",
        "lab: train ok",
        f"{TURN}: begins, wants opus, asks test/model",
    ]
    assert last.startswith(f"{TURN}: answered by test/model, 15 tokens, ")
    assert last.endswith(" s, 10.0 tokens/s")
    assert said.out == ""


def test_a_turn_that_had_begun_before_the_resume_ends_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    play(RUN[7:])

    assert f"{TURN}: answered by test/model, 0 tokens" in capsys.readouterr().err


def test_a_lost_turn_says_what_cost_it_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    failed = {"model": "test/model", "class": "overloaded", "error": "HTTP 500: no"}
    lost = {**ENDED, "status": "failed", "served": None, "problem": "x", "fallbacks": [failed]}

    play([Event("turn_ended", TURN, 0, 1.0, {"value": lost})])

    told = f"{TURN}: failed, HTTP 500: no (test/model, overloaded), 0 tokens"
    assert told in capsys.readouterr().err


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(quiet=True) as watch:
        hears = watch.event

    assert hears is None
    assert capsys.readouterr().err == ""


def test_every_event_is_a_line_of_json_with_its_run(capsys: pytest.CaptureFixture[str]) -> None:
    told = io.StringIO()

    with progress(quiet=False, lines_to=told) as watch:
        assert watch.event is not None
        for event in RUN:
            watch.event("r-1", event)

    lines = [json.loads(line) for line in told.getvalue().splitlines()]
    assert [line["event"] for line in lines] == [event.event for event in RUN]
    assert {line["run"] for line in lines} == {"r-1"}
    assert all({"seq", "key", "at"} <= set(line) for line in lines)
    assert capsys.readouterr().err == ""


def test_a_terminal_has_a_row_per_seat() -> None:
    seats = shown._Seats()  # pyright: ignore[reportPrivateUsage] - a terminal of its own would not show more
    states: list[str] = []
    for event in RUN:
        seats.heard(event)
        if TURN in seats.lines:
            states.append(seats.lines[TURN].state)
    console = Console(file=io.StringIO(), record=True, width=120)

    console.print(shown._table(seats))  # pyright: ignore[reportPrivateUsage] - as above

    text = console.export_text()
    assert states == [
        *("waiting", "thinking", "failed: rate_limit", "thinking", "thinking"),
        *("answered", "answered"),
    ]
    assert "panel[0]" in text
    assert "test/model" in text
    assert "lab: train ok" in text


def test_a_row_says_how_fast_is_written_while_it_is() -> None:
    seats = shown._Seats()  # pyright: ignore[reportPrivateUsage] - as above
    for event in RUN[:4]:
        seats.heard(event)
    before = seats.lines[TURN].pace

    seats.written(f"{TURN}/model#0", "so far " * 100)

    assert before == ""
    assert float(seats.lines[TURN].pace) > 0


def test_an_answer_from_the_cache_is_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    usage = {"input_tokens": 0, "output_tokens": 0}
    kept = {"served": "test/model", "usage": usage, "seconds": 0.0, "cached": {"at": 1.0}}

    play([RUN[2], Event("model_replied", f"{TURN}/model#0", 6, 1.0, kept), RUN[7]])

    assert "answered by test/model, from the cache, 0 tokens" in capsys.readouterr().err


def play(events: Sequence[Event]) -> None:
    with progress(quiet=False) as watch:
        assert watch.event is not None
        for event in events:
            watch.event("r-1", event)
