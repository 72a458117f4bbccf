"""Scenarios from their file to their recording, in this process, with scripted models."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from ensemble.config import RUNS_FOLDER
from ensemble.errors import Diverged, InvalidFile, NotOwner, Paused, Refused, UsageError
from ensemble.journal.file import read_events
from ensemble.journal.recording import read_manifest
from ensemble.models.provider import Failure, ModelFailure
from ensemble.scenarios.loading import load_scenario
from ensemble.scenarios.planning import Choices
from ensemble.scenarios.ran import Ran, Watch
from ensemble.scenarios.replay import recorded_cases, replay_scenario
from ensemble.scenarios.rerecord import rerecord_scenario
from ensemble.scenarios.run import resume_run, run_scenario
from ensemble.scenarios.runs import result_of_run
from ensemble.testing import scripted
from ensemble.testing.ollama_server import ollama_server

CHECKOUT: Final = Path(__file__).parents[2]
TEXT: Final = """\
schema: ensemble/scenario@1
name: small
task: May it be promoted?
choices: [promote, reject]
graph: panel
models: {chain: [scripted]}
recording: {dir: recordings}
expect: {position: promote}
cases:
  - {id: strict, decision: {allow: [split]}}
  - {id: solo, graph: solo, cast: {expert: skeptic}}
"""
YES: Final = {"result": "sound", "confidence": "high", "position": "promote"}
NO: Final = {"result": "unsound", "confidence": "high", "position": "reject"}
Choose = Callable[..., Choices]


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """Return a scenario file in a project of its own."""
    path = tmp_path / "project" / "scenarios" / "small.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT)
    return path


def edit(path: Path, before: str, after: str) -> None:
    path.write_text(path.read_text().replace(before, after))


def saying(lines: Any = None, **choices: Any) -> Choices:
    return Choices(script=scripted(lines or {"*": YES}), **choices)


async def test_a_run_is_kept_in_the_project_of_its_scenario(scenario: Path) -> None:
    ran = await run_scenario(scenario, choices=saying())

    folder = Path(ran.result["journal"]).parent
    assert ran.status == 0
    assert folder.parent == scenario.parents[1] / ".ensemble" / "runs"
    manifest = read_manifest(folder)
    assert manifest["digest"] == ran.result["digest"]
    assert (manifest["status"], manifest["case"]) == ("completed", None)
    assert set(manifest["agents"]) == {
        *("ml-engineer", "mlops-engineer", "data-scientist", "senior-architect"),
    }


async def test_who_can_be_asked_is_looked_up_once_for_a_run(
    scenario: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def speak(_: dict[str, Any]) -> str:
        return json.dumps(YES)

    edit(scenario, "chain: [scripted]", "chain: [ollama/mine]")
    async with ollama_server(speak, tags=["mine"]) as server:
        monkeypatch.setenv("OLLAMA_HOST", server.host)

        ran = await run_scenario(scenario)

    assert {turn["served"] for turn in ran.result["turns"]} == {"ollama/mine"}
    assert server.listed == 1


async def test_a_watch_hears_every_event_of_the_run_it_belongs_to(scenario: Path) -> None:
    heard: list[tuple[str, str]] = []
    watch = Watch(event=lambda run, event: heard.append((run, event.event)))

    ran = await run_scenario(scenario, choices=saying(), watch=watch)

    events = read_events(Path(ran.result["journal"]).parent).events
    assert heard == [(ran.result["run"], event.event) for event in events]


async def test_a_case_is_laid_over_the_base(scenario: Path) -> None:
    strict = await run_scenario(scenario, case="strict", choices=saying())
    solo = await run_scenario(scenario, case="solo", choices=saying())

    assert (strict.status, strict.result["trusted"]) == (1, False)
    assert [turn["agent"] for turn in solo.result["turns"]] == ["skeptic"]
    assert solo.result["case"] == "solo"


async def test_recorded_cases_replay_with_their_digest(scenario: Path) -> None:
    live = {
        case: await run_scenario(scenario, case=case, choices=saying(record=True))
        for case in (None, "solo")
    }

    found = recorded_cases(scenario)

    assert [case for case, _ in found] == [None, "solo"]
    for case, folder in found:
        replayed = await replay_scenario(scenario, case=case)
        assert replayed.result["digest"] == live[case].result["digest"]
        assert read_manifest(folder)["scenario"] == "small.yaml"
        assert replayed.status == 0


async def test_without_a_place_for_recordings_nothing_is_asked_that_was_to_be_recorded(
    scenario: Path,
) -> None:
    edit(scenario, "recording: {dir: recordings}\n", "")
    fix = r"add `recording: \{dir: recordings/small\}`"

    with pytest.raises(UsageError, match=fix):
        await run_scenario(scenario, choices=saying(record=True))
    with pytest.raises(UsageError, match=fix):
        await replay_scenario(scenario)

    assert not (scenario.parent.parent / RUNS_FOLDER).exists()


async def test_a_run_that_failed_is_no_recording(scenario: Path) -> None:
    dead = ModelFailure(Failure.NOT_FOUND, "gone")

    ran = await run_scenario(scenario, choices=saying(dead, record=True))

    assert ran.status == 6
    assert "not recorded: the run ended failed" in ran.notes
    assert "gone" in ran.result["error"]
    assert result_of_run(Path(ran.result["journal"]).parent)["error"] == str(ran.error)
    assert not (scenario.parent / "recordings" / "base").exists()


async def test_a_paused_run_is_recorded_when_it_is_resumed_to_its_end(
    scenario: Path, tmp_path: Path
) -> None:
    edit(scenario, "chain: [scripted]", "chain: [manual]")
    folder = tmp_path / "answers"
    folder.mkdir()
    (folder / "expert.md").write_text("**Result**: sound")
    choices = Choices(record=True, at_terminal=False, answers=(folder,))

    paused = await run_scenario(scenario, case="solo", choices=choices)
    run = Path(paused.result["journal"]).parent
    words = "expert=**Result**: sound\n**Confidence**: high\n**Position**: promote"
    ended = await resume_run(run, choices=Choices(said=(words,), at_terminal=False))

    assert paused.notes[0].startswith(f"Used by no seat so far: {folder / 'expert.md'};")
    assert paused.notes[1] == "recorded when it is resumed to its end"
    assert ended.notes == (f"recorded in {scenario.parent / 'recordings' / 'solo'}",)


async def test_a_recorded_answer_that_was_rewritten_with_its_sums_is_another_digest(
    scenario: Path,
) -> None:
    await run_scenario(scenario, choices=saying(record=True))
    manifest = scenario.parent / "recordings" / "base" / "manifest.json"
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**told, "digest": "sha256:0"}))

    with pytest.raises(Diverged, match="the digest differs\n  recorded: sha256:0\n  now: sha256:"):
        await replay_scenario(scenario)


async def test_a_lost_seat_is_told_and_the_run_replays(scenario: Path) -> None:
    gone = ModelFailure(Failure.NOT_FOUND, "no such model")
    script = {"*": YES, "panel[1]": gone}

    ran = await run_scenario(scenario, choices=saying(script, record=True))
    replayed = await replay_scenario(scenario)

    assert ran.result["authority"] == "degraded"
    assert "panel[1] is lost: failed" in ran.result["authority_reasons"]
    assert ran.status == 1
    assert replayed.result["digest"] == ran.result["digest"]


async def test_members_who_say_different_things_replay_as_they_said_them(scenario: Path) -> None:
    script = {"panel[0]": YES, "panel[1]": NO, "panel[2]": {**YES, "result": "fine"}, "chair": NO}

    ran = await run_scenario(scenario, choices=saying(script, record=True))
    replayed = await replay_scenario(scenario)

    assert replayed.result["turns"] == ran.result["turns"]
    assert [turn["position"] for turn in replayed.result["turns"]] == [
        *("promote", "reject", "promote", "reject"),
    ]
    assert [item["held"] for item in replayed.result["expectations"]] == [False]


async def test_what_a_person_wrote_is_kept_and_counted(scenario: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers"
    answers.mkdir()
    for name in ("panel.0.panel_member", "panel.1.panel_member", "panel.2.panel_member"):
        (answers / f"{name}.0.model.0.answer.md").write_text(json.dumps(YES))
    (answers / "chair.decision_maker.0.model.0.answer.md").write_text(json.dumps(NO))
    by_hand = Choices(chain=("manual",), answers=(answers,), at_terminal=False, record=True)
    await run_scenario(scenario, choices=by_hand)
    edit(scenario, "May it be", "Could it be")

    ran = await rerecord_scenario(scenario, keep_answers=True)

    assert ran.notes[0] == "re-keyed 4 of 4 hand-written answers"
    assert ran.result["decision"]["position"] == "reject"
    assert (await replay_scenario(scenario)).result["digest"] == ran.result["digest"]


async def test_a_paused_run_is_gone_on_with(scenario: Path) -> None:
    choices = Choices(chain=("manual",), at_terminal=False)
    first = await run_scenario(scenario, case="solo", choices=choices)
    folder = Path(first.result["journal"]).parent
    (folder / "manual" / "expert.solo.0.model.0.answer.md").write_text(json.dumps(YES))

    second = await resume_run(folder, choices=choices)

    assert isinstance(first.error, Paused)
    assert (first.status, second.status) == (8, 0)
    assert second.result["turns"][0]["served"] == "manual/person"
    with pytest.raises(UsageError, match="this run has ended"):
        await resume_run(folder, choices=choices)


async def test_a_run_belongs_to_one_process(scenario: Path) -> None:
    seen: list[Exception] = []

    async def resume_meanwhile() -> None:
        (folder,) = (scenario.parents[1] / ".ensemble" / "runs").iterdir()
        try:
            await resume_run(folder)
        except NotOwner as error:
            seen.append(error)

    ran = await run_while(scenario, resume_meanwhile)

    assert ran.status == 0
    assert "owns this run" in str(seen[0])


async def test_a_folder_that_is_no_run_of_a_scenario_cannot_be_resumed(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match="this is no run of a scenario"):
        await resume_run(tmp_path)


@pytest.mark.parametrize(
    ("path", "case", "folder"),
    [
        (path, case, folder)
        for path in sorted((CHECKOUT / "scenarios").glob("*.yaml"))
        for case, folder in recorded_cases(path)
    ],
    ids=lambda item: item if isinstance(item, str) else None,
)
async def test_every_committed_recording_replays(
    path: Path, case: str | None, folder: Path
) -> None:
    ran = await replay_scenario(path, case=case)

    assert ran.status == 0, ran.result["expectations"]
    assert ran.result["digest"] == read_manifest(folder)["digest"]
    agents = {turn["agent"]: turn["sha256"] for turn in ran.result["turns"]}
    assert agents == read_manifest(folder)["agents"]


def test_the_review_scenario_has_a_recording_for_each_case() -> None:
    path = CHECKOUT / "scenarios" / "review.yaml"

    assert [case for case, _ in recorded_cases(path)] == [None, "expert", "clean"]


async def test_a_copied_project_replays_elsewhere(tmp_path: Path) -> None:
    for name in ("agents", "graphs", "scenarios"):
        shutil.copytree(CHECKOUT / name, tmp_path / name)

    ran = await replay_scenario(tmp_path / "scenarios" / "review.yaml", case="expert")

    assert ran.status == 0
    assert ran.result["authority"] == "decided"
    assert load_scenario(tmp_path / "scenarios" / "review.yaml").project.root == tmp_path


async def run_while(scenario: Path, meanwhile: Callable[[], Any]) -> Ran:
    """Run the solo case; as its model answers, do something else."""
    from ensemble.models.provider import Candidate, ModelCall, Reply

    async def mine(candidate: Candidate, call: ModelCall) -> Reply:
        await meanwhile()
        return Reply(json.dumps(YES), served="scripted/x")

    return await run_scenario(scenario, case="solo", choices=Choices(script=mine))


async def test_a_changed_load_bearing_agent_runs_only_once_accepted(scenario: Path) -> None:
    chair = scenario.parents[1] / "agents" / "senior-architect.md"
    chair.parent.mkdir()
    shutil.copy(CHECKOUT / "agents" / chair.name, chair)
    chair.write_text(chair.read_text().replace("load_bearing: false", "load_bearing: true"))
    first = await run_scenario(scenario, choices=saying())
    chair.write_text(chair.read_text().replace("## Never", "## Never\n\n- Decide in haste"))

    with pytest.raises(Refused, match="--accept-changes"):
        await run_scenario(scenario, choices=saying())
    accepted = await run_scenario(scenario, choices=saying(accept_changes=True))

    assert (first.status, accepted.status) == (8, 8)


async def test_the_decision_of_a_load_bearing_agent_waits_for_a_person(scenario: Path) -> None:
    chair = scenario.parents[1] / "agents" / "senior-architect.md"
    chair.parent.mkdir()
    text = (CHECKOUT / "agents" / chair.name).read_text()
    chair.write_text(text.replace("load_bearing: false", "load_bearing: true"))
    paused = await run_scenario(scenario, choices=saying())
    folder = Path(paused.result["journal"]).parent

    resumed = await resume_run(folder, choices=saying(said=("confirm: seen by the board",)))

    assert paused.status == 8
    assert paused.result["decision"] is None
    assert "senior-architect is load-bearing" in str(paused.error)
    assert resumed.status == 0
    assert resumed.result["decision"]["confirmed"] == {
        "by": "human",
        "word": "confirm",
        "why": "seen by the board",
    }
