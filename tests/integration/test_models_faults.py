"""Servers that fail in every way: the next model answers, or the failure has a type.

Every trial holds the same promises: no half answer, no deadline missed, and a book whose rows
are what the server saw and sum to the totals. `python -m benchmarks models` counts them all.
"""

import tracemalloc

import pytest

from benchmarks.models_faults import (
    STREAM_BYTES,
    WIRES,
    Trial,
    all_broken,
    bench,
    bodies,
    cuts,
    hangs,
    miscounts,
    statuses,
    waits,
)
from ensemble.testing.faults import Cuts, Floods, GzipBomb, Hangs, Says

STEP = 7
"""Of the 2,048 places to cut at, each seventh; the slow test takes all."""


@pytest.mark.parametrize("politely", [False, True])
@pytest.mark.parametrize("route", WIRES)
async def test_a_stream_that_ends_anywhere_is_never_half_an_answer(
    route: str, *, politely: bool
) -> None:
    text, trials = cuts(route, step=STEP, politely=politely)

    broken = await all_broken(trials, route, text)

    assert broken == []


@pytest.mark.slow
@pytest.mark.parametrize("route", WIRES)
async def test_a_stream_may_be_cut_at_each_of_2048_bytes(route: str) -> None:
    text, trials = cuts(route)
    assert len(trials) == STREAM_BYTES

    broken = await all_broken(trials, route, text)

    assert broken == []


@pytest.mark.parametrize(
    ("route", "trial"),
    [(route, trial) for route in WIRES for trial in bodies(route)],
    ids=lambda item: item.name if isinstance(item, Trial) else item,
)
async def test_a_body_that_is_no_answer_is_left(route: str, trial: Trial) -> None:
    broken = await all_broken([trial], route)

    assert broken == []


@pytest.mark.parametrize("route", WIRES)
@pytest.mark.parametrize("fault", [Floods(), Floods(content_type="application/json"), GzipBomb()])
async def test_a_body_without_end_fills_no_memory(route: str, fault: Floods | GzipBomb) -> None:
    async with bench() as stand:
        await stand.broken(Trial("a sound answer", (Says(),), "first"), route)
        tracemalloc.start()
        broken = await stand.broken(Trial("a body without end", (fault,)), route)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert broken == []
    assert most < 32 * 2**20


@pytest.mark.parametrize("route", WIRES)
async def test_a_wait_that_is_asked_for_is_kept_within_reason(route: str) -> None:
    broken = await all_broken(waits(), route)

    assert broken == []


@pytest.mark.parametrize("route", WIRES)
async def test_each_status_ends_as_its_family_does_at_every_depth(route: str) -> None:
    broken = await all_broken(statuses(), route)

    assert broken == []


@pytest.mark.parametrize("route", WIRES)
async def test_a_server_that_stops_is_left_in_time(route: str) -> None:
    broken = await all_broken(hangs(), route)

    assert broken == []


@pytest.mark.parametrize("route", WIRES)
async def test_a_prompt_that_was_cut_is_told_from_a_whole_one_in_each_kind_of_text(
    route: str,
) -> None:
    broken = await all_broken(miscounts(), route)

    assert broken == []


async def test_a_trial_tells_of_each_promise_that_was_broken() -> None:
    half = Trial("a half answer", (Says("It is"),), "first")
    early = Trial("too soon", (Says(),), "first", waits_s=5)
    silent = Trial("nobody", (Cuts(0),), "none")
    spoken = Trial("somebody", (Hangs(), Says()), "next")

    broken = await all_broken([half, early, silent, spoken], "openai")

    assert [line.partition(": ")[0] for line in broken] == [
        "a half answer (openai)",
        "too soon (openai)",
    ]
