"""A limit on money and a server without a price: who is asked, and what says why."""

import os
from dataclasses import replace
from pathlib import Path

from ensemble.config import load_settings
from ensemble.journal.record import Event
from ensemble.journal.run_journal import Journal
from ensemble.report.text import screen
from ensemble.scenarios.loading import load_scenario
from ensemble.scenarios.performance import Stage, context_for
from ensemble.scenarios.planning import bounds_for, plan_of
from ensemble.scenarios.run import run_scenario
from ensemble.scenarios.runs import events_of
from ensemble.testing.model_server import model_server, says

SCENARIO = """\
schema: ensemble/scenario@1
name: dear
task: May it be promoted?
choices: [promote, reject]
graph: solo
cast: {expert: ml-engineer}
models: {chain: [mine/m, priced/m]}
limits: {usd: 1.0UNPRICED}
"""
ANSWER = '{"result": "sound", "confidence": "high", "position": "promote"}'


def a_scenario(folder: Path, base_url: str, unpriced: str = "") -> Path:
    """Write a scenario with a money limit, and settings with two servers, one without a price."""
    server = f'base_url = "{base_url}"\nform = "schema"\n'
    settings = f"[providers.mine]\n{server}[providers.priced]\n{server}usd_per_mtok = [1, 2]\n"
    Path(os.environ["ENSEMBLE_CONFIG"]).write_text(settings)
    (folder / "scenarios").mkdir()
    path = folder / "scenarios" / "dear.yaml"
    path.write_text(SCENARIO.replace("UNPRICED", unpriced))
    return path


async def test_every_place_says_that_a_model_without_a_price_is_not_asked(tmp_path: Path) -> None:
    async with model_server(says(ANSWER, prompt_tokens=5000)) as server:
        path = a_scenario(tmp_path, server.base_url)
        counted = await bounds_for(plan_of(load_scenario(path)), load_settings())
        ran = await run_scenario(path)

    events = events_of(Path(ran.result["journal"]).parent).events
    body = {event.event: event.body for event in events}
    chain = body["resolved"]["value"]["chains"]["expert"]
    assert [candidate["available"] for candidate in chain] == [False, True]
    assert counted.turns[0].asked == body["turn_started"]["asks"] == "priced/m"
    assert "limits.unpriced: allow" in ran.result["turns"][0]["passed_over"][0]["reason"]
    shown = screen(ran.result)
    assert shown.index("Fell back:") < shown.index("mine/m  not asked  its price is not known")


async def test_where_it_is_allowed_it_is_asked(tmp_path: Path) -> None:
    async with model_server(says(ANSWER, prompt_tokens=5000)) as server:
        ran = await run_scenario(a_scenario(tmp_path, server.base_url, ", unpriced: allow"))

    assert ran.result["turns"][0]["served"] == "mine/m"
    assert ran.result["turns"][0]["passed_over"] == []


async def test_a_recording_that_does_not_say_whom_money_ruled_out_still_replays(
    tmp_path: Path,
) -> None:
    async with model_server(says(ANSWER, prompt_tokens=5000)) as server:
        path = a_scenario(tmp_path, server.base_url)
        ran = await run_scenario(path)
    recorded = events_of(Path(ran.result["journal"]).parent).events

    replay = Journal("r", recorded=[as_it_was(e) for e in recorded], replaying=True)
    run = await context_for(plan_of(load_scenario(path)), replay, Stage())

    assert [candidate.available for candidate in run.chains["expert"]] == [False, True]


def as_it_was(event: Event) -> Event:
    """Return an event as runs wrote it that ruled unpriced models out only as they asked."""
    if event.event != "resolved":
        return event
    value = event.value
    chains = {
        path: [{**candidate, "available": True} for candidate in chain]
        for path, chain in value["chains"].items()
    }
    return replace(event, body={**event.body, "value": {**value, "chains": chains}})
