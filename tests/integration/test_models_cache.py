"""Runs whose models are answered from the replies kept of earlier runs, over real sockets."""

import json
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from ensemble import Panel
from ensemble.journal.file import read_events
from ensemble.journal.record import Event
from ensemble.models.provider import Candidate, ModelCall, Reply
from ensemble.models.replies import Replies
from ensemble.report.text import screen
from ensemble.scenarios.planning import Choices
from ensemble.scenarios.ran import Ran
from ensemble.scenarios.replay import replay_scenario
from ensemble.scenarios.run import run_scenario
from ensemble.testing.fault_server import FaultServer, fault_server
from ensemble.testing.faults import Cuts, Fault, Says

KEY: Final = "rather-secret-0123456789"
SCENARIO: Final = """\
schema: ensemble/scenario@1
name: small
task: May it be promoted?
choices: [promote, reject]
graph: panel
cast: {%s}
models: {chain: [mine/m]}
recording: {dir: recordings}
"""
PANEL: Final = "panel: [skeptic, skeptic, skeptic, skeptic, skeptic], chair: senior-architect"
SETTINGS: Final = """\
[providers.mine]
base_url = "%s"
api_key_env = "MY_KEY"
form = "schema"
"""
VOTES: Final = ("promote", "reject", "promote", "promote", "reject", "promote")


def answer(number: int, position: str) -> dict[str, Any]:
    return {"result": f"sample {number}", "confidence": "high", "position": position}


def spoken(*votes: str) -> list[Fault]:
    return [Says(json.dumps(answer(number, vote))) for number, vote in enumerate(votes)]


def write_settings(server: FaultServer, more: str = "") -> None:
    Path(os.environ["ENSEMBLE_CONFIG"]).write_text(SETTINGS % server.openai_url + more)


def edit(path: Path, before: str, after: str) -> None:
    path.write_text(path.read_text().replace(before, after))


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[FaultServer]:
    """Run a server that the settings name, with a cache of this test's own."""
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MY_KEY", KEY)
    async with fault_server() as server:
        server.script["m"] = spoken(*VOTES)
        write_settings(server)
        yield server


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "project" / "scenarios" / "small.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(SCENARIO % PANEL)
    return path


async def run(scenario: Path, *, cache: bool | None = True, record: bool = False) -> Ran:
    return await run_scenario(scenario, choices=Choices(cache=cache, record=record))


def results(ran: Ran) -> list[str]:
    return [turn["envelope"]["result"] for turn in ran.result["turns"]]


def replies(ran: Ran) -> list[Event]:
    events = read_events(Path(ran.result["journal"]).parent).events
    return [event for event in events if event.event == "model_replied"]


async def test_samples_of_one_request_stay_distinct_and_are_not_asked_again(
    server: FaultServer, scenario: Path
) -> None:
    first = await run(scenario)
    prompts = {json.dumps(asked.body["messages"]) for asked in server.asked[:5]}

    second = await run(scenario)

    assert len(server.asked) == len(VOTES)
    assert len(prompts) == 1  # five samples of one request
    assert len(set(results(first))) == len(VOTES)
    assert results(second) == results(first)
    assert second.result["digest"] == first.result["digest"]


async def test_a_result_says_what_came_from_the_cache_and_what_it_had_cost(
    server: FaultServer, scenario: Path
) -> None:
    off = await run(scenario, cache=None)
    server.script["m"] = spoken(*VOTES)
    missed = await run(scenario)
    hit = await run(scenario)

    used, cost = hit.result["usage"], missed.result["usage"]
    assert off.result["usage"]["cache"] == {"on": False, "replies": 0, "usd_saved": None}
    assert cost["cache"] == {"on": True, "replies": 0, "usd_saved": None}
    assert used["cache"] == {"on": True, "replies": 6, "usd_saved": None}
    assert (cost["model_calls"], used["model_calls"]) == (6, 0)
    assert cost["input_tokens"] > 0 == used["input_tokens"] == used["output_tokens"]
    assert [turn["usage"]["from_cache"] for turn in hit.result["turns"]] == [1] * 6
    assert hit.result["authority_reasons"][-1] == (
        "6 of 6 replies are those of earlier runs: no new evidence"
    )
    shown = screen(hit.result)
    assert shown.count("mine/m (from the cache)") == len(VOTES)
    assert "From the cache: 6 of the replies, at no cost" in shown
    assert "cache" not in screen(off.result).lower().replace("cached", "")


async def test_a_run_from_the_cache_replays_without_one(
    server: FaultServer, scenario: Path
) -> None:
    await run(scenario)
    kept = await run(scenario, record=True)
    Replies().shrink(to_bytes=0)

    replayed = await replay_scenario(scenario)

    assert replayed.result["digest"] == kept.result["digest"]
    assert replayed.result["usage"]["cache"]["replies"] == len(VOTES)
    assert len(server.asked) == len(VOTES)


async def test_no_secret_lies_in_the_cache_and_nobody_else_reads_it(
    server: FaultServer, scenario: Path
) -> None:
    told = json.dumps(answer(0, "promote")).replace("sample 0", f"its key is {KEY}")
    server.script["m"] = [Says(told)]

    await run(scenario)

    kept = list(Replies().folder.iterdir())
    assert len(kept) == len(VOTES)
    assert all(KEY.encode() not in path.read_bytes() for path in kept)
    assert all(b"<secret:MY_KEY>" in path.read_bytes() for path in kept)
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert stat.S_IMODE(Replies().folder.stat().st_mode) == 0o700


async def test_only_what_is_whole_and_of_use_is_kept(server: FaultServer, scenario: Path) -> None:
    edit(scenario, "graph: panel", "graph: solo")
    edit(scenario, PANEL, "expert: skeptic")
    unreadable, sound = '{"result": 7}', json.dumps(answer(0, "promote"))
    server.script["m"] = [Cuts(80), Says(unreadable), Says(sound), Says(sound, finish="length")]

    await run(scenario)
    entries = [json.loads(path.read_bytes()) for path in Replies().folder.iterdir()]
    again = await run(scenario)

    assert [json.loads(entry["value"]["text"])["position"] for entry in entries] == ["promote"]
    assert again.result["turns"][0]["truncated"]
    assert len(list(Replies().folder.iterdir())) == 1


@pytest.mark.parametrize(
    ("flag", "of_scenario", "of_settings", "used"),
    [
        (None, "", "", False),
        (None, "", "true", True),
        (None, "false", "true", False),
        (None, "true", "false", True),
        (False, "true", "true", False),
        (True, "false", "false", True),
    ],
)
async def test_a_flag_goes_before_the_scenario_and_that_before_the_settings(
    flag: bool | None,  # noqa: FBT001 - a parameter of the table
    of_scenario: str,
    of_settings: str,
    used: bool,  # noqa: FBT001
    server: FaultServer,
    scenario: Path,
) -> None:
    if of_scenario:
        edit(scenario, "[mine/m]", f"[mine/m], cache: {of_scenario}")
    if of_settings:
        write_settings(server, more=f"[models]\ncache = {of_settings}\n")

    ran = await run(scenario, cache=flag)

    assert ran.result["usage"]["cache"]["on"] is used


async def test_another_server_of_the_same_name_is_asked_itself(
    server: FaultServer, scenario: Path
) -> None:
    await run(scenario)
    async with fault_server() as other:
        other.script["m"] = spoken(*VOTES)
        write_settings(other)

        moved = await run(scenario)

    assert moved.result["usage"]["cache"]["replies"] == 0
    assert len(other.asked) == len(VOTES)


async def test_what_a_caller_brings_is_asked_each_time(server: FaultServer) -> None:
    write_settings(server, more="[models]\ncache = true\n")
    asked: list[str] = []

    async def mine(_: Candidate, call: ModelCall) -> Reply:
        asked.append(call.key)
        return Reply(json.dumps(answer(0, "promote")), "mine/mine")

    panel = Panel("solo", cast={"expert": "skeptic"}, models=mine, choices=["promote", "reject"])
    for _ in range(2):
        await panel.run("May it be promoted?")

    assert len(asked) == 2
    assert not Replies().folder.exists()


async def test_a_damaged_entry_is_asked_again_and_written_anew(
    server: FaultServer, scenario: Path
) -> None:
    await run(scenario)
    for path in Replies().folder.iterdir():
        path.write_bytes(path.read_bytes()[:50])
    server.script["m"] = spoken(*VOTES)

    mended = await run(scenario)
    after = await run(scenario)

    assert mended.result["usage"]["cache"]["replies"] == 0
    assert after.result["usage"]["cache"]["replies"] == len(VOTES)
