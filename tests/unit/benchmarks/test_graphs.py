"""The panel that `graphs` measures: the same in three ways, and the server that it asks."""

import json
from pathlib import Path

from benchmarks.graph_load import LOADS
from benchmarks.stacks import client, stacks
from benchmarks.stub_server import TOKEN, stub_server
from ensemble.journal.file import read_events
from ensemble.models.wire import close_session


async def test_all_three_ways_come_to_the_same_answer(tmp_path: Path) -> None:
    with stub_server() as address:
        ways = await stacks(2, client(f"{address}/0/v1"), tmp_path)
        ours = await ways.ours("token-0001")
        by_hand = await ways.by_hand("token-0002")
        plain = await ways.plain("token-0003")
        await close_session()

    told = [event.value for event in ours.journal.events if event.event == "decided"]
    assert told[0]["decision"]["result"] == "token-0001 is sound"
    assert by_hand["decision"]["result"] == "token-0002 is sound"
    assert plain["result"] == "token-0003 is sound"
    assert len(by_hand["answers"]) == 3


async def test_ours_is_journalled_on_disk_with_its_own_token_alone(tmp_path: Path) -> None:
    with stub_server() as address:
        ways = await stacks(2, client(f"{address}/0/v1"), tmp_path)
        await ways.ours("token-0001")
        await close_session()

    events = read_events(tmp_path / "token-0001").events
    said = json.dumps([event.document("r") for event in events])
    assert set(TOKEN.findall(said)) == {"token-0001"}
    assert sum(event.event == "model_replied" for event in events) == 4


async def test_the_64_seats_are_compiled_several_times() -> None:
    told = await LOADS["compiling"]("")

    assert len(told["cpu_ms"]) > 1
    assert min(told["cpu_ms"]) > 0
