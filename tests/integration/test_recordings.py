"""Recordings as they may be found: cut, altered, written elsewhere; and the list beside them."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from ensemble.canonical import canonical
from ensemble.errors import CannotWrite, Diverged, InvalidFile, Refused
from ensemble.journal.file import EVENTS
from ensemble.journal.recording import MANIFEST
from ensemble.report.listing import listed
from ensemble.scenarios.planning import Choices
from ensemble.scenarios.replay import replay_scenario
from ensemble.scenarios.rerecord import rerecord_scenario
from ensemble.scenarios.run import run_scenario
from ensemble.scenarios.runs import result_of_run
from ensemble.testing import scripted

PLANTED: Final = "hunter2hunter2"
TEXT: Final = """\
schema: ensemble/scenario@1
name: small
task: May it be promoted?
choices: [promote, reject]
graph: solo
inputs: {workspace: fixtures, files: [train.py]}
cast: {expert: skeptic}
models: {chain: [scripted]}
recording: {dir: recordings}
"""
YES: Final = {"result": "sound", "confidence": "high", "position": "promote"}
Line = dict[str, Any]


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """Return a scenario file in a project of its own."""
    path = tmp_path / "project" / "scenarios" / "small.yaml"
    (path.parent / "fixtures").mkdir(parents=True)
    (path.parent / "fixtures" / "train.py").write_text("epochs = 5\n")
    path.write_text(TEXT)
    return path


@pytest.fixture
async def recording(scenario: Path) -> Path:
    await run_scenario(scenario, choices=saying())
    return scenario.parent / "recordings" / "base"


def saying() -> Choices:
    return Choices(script=scripted({"*": YES}), record=True)


def rewrite(recording: Path, change: Callable[[list[Line]], list[Line]]) -> None:
    """Change the lines of a recording and chain its events anew."""
    lines: list[Line] = [
        json.loads(line) for line in (recording / EVENTS).read_bytes().splitlines()
    ]
    told, written = "", b""
    for line in change(lines):
        if "blob" in line:
            written += canonical(line) + b"\n"
            continue
        line.pop("sum", None)
        told = hashlib.sha256(told.encode() + canonical(line)).hexdigest()
        written += canonical({**line, "sum": told}) + b"\n"
    (recording / EVENTS).write_bytes(written)


def tell(recording: Path, **changes: Any) -> None:
    """Change the manifest; None takes a field out."""
    told = {**json.loads((recording / MANIFEST).read_text()), **changes}
    kept = {name: item for name, item in told.items() if item is not None}
    (recording / MANIFEST).write_text(json.dumps(kept))


@pytest.mark.parametrize("missing", ["run_ended", "decided"])
async def test_a_recording_cut_by_its_last_lines_proves_nothing(
    scenario: Path, recording: Path, missing: str
) -> None:
    def until(lines: list[Line]) -> list[Line]:
        return lines[: [line.get("event") for line in lines].index(missing)]

    rewrite(recording, until)
    count = len((recording / EVENTS).read_bytes().splitlines())

    with pytest.raises(InvalidFile, match=f"it has no `{missing}`") as raised:
        await replay_scenario(scenario)

    assert raised.value.where == f"{recording / EVENTS}:{count + 1}:1"
    assert "record again" in raised.value.fix


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"digest": None}, "the manifest has no digest"),
        ({"digest": ""}, "the manifest has no digest"),
        ({"format": "ensemble/journal@1"}, "the format 'ensemble/journal@1' is not known here"),
        ({"format": None}, "the format None is not known here"),
        ({"chain": 5}, "this is no manifest: chain"),
    ],
)
async def test_a_recording_with_half_a_manifest_proves_nothing(
    scenario: Path, recording: Path, changes: dict[str, Any], said: str
) -> None:
    tell(recording, **changes)

    with pytest.raises(InvalidFile, match=said) as raised:
        await replay_scenario(scenario)

    assert str(recording / MANIFEST) in raised.value.where


async def test_a_recording_without_a_manifest_proves_nothing(
    scenario: Path, recording: Path
) -> None:
    (recording / MANIFEST).unlink()

    with pytest.raises(InvalidFile, match="the recording has no manifest") as raised:
        await replay_scenario(scenario)

    assert raised.value.where == str(recording / MANIFEST)


@pytest.mark.parametrize(
    ("event", "changes"),
    [
        ("resolved", {"value": {}}),
        ("resolved", {"value": {"chains": {}}}),
        ("resolved", {"value": {"chains": {"expert": [{"asked": "x"}]}, "seed": 7}}),
        ("resolved", {"value": {"chains": {"expert": [{"more": 1}]}, "seed": 7}}),
        ("model_replied", {"value": {"finish": "stop"}}),
        ("model_replied", {"value": "yes"}),
        ("model_replied", {"served": None}),
        ("model_replied", {"seconds": "long"}),
        ("turn_ended", {"value": {"path": "expert"}}),
        ("run_ended", {"value": {"error": 5}}),
        ("decided", {"value": []}),
    ],
)
async def test_a_line_that_makes_no_sense_is_named_wherever_it_is_read(
    scenario: Path, recording: Path, event: str, changes: Line
) -> None:
    place = 0

    def changed(lines: list[Line]) -> list[Line]:
        nonlocal place
        place = [line.get("event") for line in lines].index(event)
        lines[place] |= changes
        return lines

    rewrite(recording, changed)

    for read in (replay_scenario(scenario), rerecord_scenario(scenario, keep_answers=True)):
        with pytest.raises(InvalidFile) as raised:
            await read
        assert raised.value.where == f"{recording / EVENTS}:{place + 1}:1"
    with pytest.raises(InvalidFile):
        result_of_run(recording)


async def test_one_broken_manifest_leaves_the_other_runs_listed(
    scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        await run_scenario(scenario, choices=saying())
    monkeypatch.chdir(scenario.parents[1])
    first, second = sorted((scenario.parents[1] / ".ensemble" / "runs").iterdir(), reverse=True)
    (first / MANIFEST).write_text("[]")

    rows = listed("runs")

    assert [row["run"] for row in rows] == [first.name, second.name]
    assert f"{first / MANIFEST}:1:1: this is no manifest" in rows[0]["fault"]
    assert rows[1]["status"] == "completed"


async def test_a_secret_of_the_environment_in_a_fixture_is_no_recording(
    scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PASSWORD", PLANTED)
    (scenario.parent / "fixtures" / "train.py").write_text(f"password = '{PLANTED}'\n")

    with pytest.raises(Refused, match="the value of MY_PASSWORD") as raised:
        await run_scenario(scenario, choices=saying())

    assert PLANTED not in str(raised.value)
    assert not (scenario.parent / "recordings" / "base").exists()


async def test_a_divergence_is_told_without_the_secrets_of_the_environment(
    scenario: Path, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PASSWORD", PLANTED)
    (scenario.parent / "fixtures" / "train.py").write_text(f"password = '{PLANTED}'\n")

    with pytest.raises(Diverged) as raised:
        await replay_scenario(scenario)

    assert "password = '<secret:MY_PASSWORD>'" in str(raised.value)
    assert PLANTED not in str(raised.value)


async def test_a_recording_replays_whatever_the_environment_calls_a_secret(
    scenario: Path, recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await replay_scenario(scenario)
    monkeypatch.setenv("DB_PASSWORD", "promoted")

    after = await replay_scenario(scenario)

    assert after.result["digest"] == before.result["digest"]


async def test_a_folder_that_is_no_recording_outlives_a_run_that_would_be_one(
    scenario: Path,
) -> None:
    place = scenario.parent / "recordings" / "base"
    place.mkdir(parents=True)
    (place / "notes.md").write_text("mine")

    with pytest.raises(CannotWrite, match="what lies here is no recording"):
        await run_scenario(scenario, choices=saying())

    assert (place / "notes.md").read_text() == "mine"
