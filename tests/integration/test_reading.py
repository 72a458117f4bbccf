"""What-if, comparison and verification over a run of every topology."""

from pathlib import Path
from typing import Final

import pytest

from ensemble import Panel
from ensemble.graph.person import Question
from ensemble.scenarios.comparing import compare
from ensemble.scenarios.verifying import verify
from ensemble.scenarios.whatif import what_if
from ensemble.testing import obeying

GRAPHS: Final = sorted(path.stem for path in (Path(__file__).parents[2] / "graphs").glob("*.py"))
TASK: Final = "Review the notes.\nNOTES: two rows are in both splits."


async def a_person(_: Question) -> str:
    return "ship: I tried it"


async def run(graph: str, folder: Path) -> Path:
    model = obeying(otherwise="Nothing wrong was found.")
    panel = Panel(graph, models=model, choices=["ship", "wait"], person=a_person)
    await panel.run(TASK, folder=folder)
    return folder


@pytest.mark.parametrize("graph", GRAPHS)
async def test_the_decision_comes_out_as_recorded_before_anything_is_changed(
    graph: str, tmp_path: Path
) -> None:
    folder = await run(graph, tmp_path / graph)

    document = what_if(folder)  # refuses where it does not

    rows = document["alternatives"]["seats"]
    shares = [row["share"] for row in rows]
    assert len(rows) == document["flip_rate"]["seats"]["of"] > 0
    assert sum(shares) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("graph", GRAPHS)
async def test_two_runs_of_one_panel_differ_in_no_event(graph: str, tmp_path: Path) -> None:
    one, other = await run(graph, tmp_path / "one"), await run(graph, tmp_path / "other")

    document = compare(one, other)

    assert document["same"]
    assert document["first"] is None
    assert verify(one)["whole"]
