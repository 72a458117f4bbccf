"""A recording made again, with the answers that a person wrote kept and re-keyed.

When prompts change, what a person wrote need not be written again: each answer is given to
the call at the same place in the run, and the number of calls that now ask something else is
told.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ensemble.errors import InvalidFile
from ensemble.graph.person import brought
from ensemble.journal.record import Event
from ensemble.journal.recording import read_manifest
from ensemble.models.provider import Candidate, ModelCall, Provider, Reply, is_by_hand
from ensemble.scenarios.loading import load_scenario
from ensemble.scenarios.planning import Choices
from ensemble.scenarios.ran import Ran, Watch
from ensemble.scenarios.replay import recording_of
from ensemble.scenarios.run import run_scenario
from ensemble.scenarios.runs import events_of


async def rerecord_scenario(
    path: str | Path, *, case: str | None = None, keep_answers: bool, watch: Watch | None = None
) -> Ran:
    """Run a case live and keep it as its recording.

    Args:
        path: the scenario file.
        case: a case's id; None is the base.
        keep_answers: answer the seats that a person held with what they wrote before.
        watch: who is told while it goes on.

    Raises:
        InvalidFile: there is no recording, or a person is asked something new.
    """
    folder = recording_of(load_scenario(path, case=case))
    chain = tuple(read_manifest(folder).get("chain", ()))
    if not keep_answers:
        return await run_scenario(
            path, case=case, choices=Choices(chain=chain, record=True, cache=False), watch=watch
        )
    before = {
        event.key: event
        for event in events_of(folder).events
        if event.event == "model_replied" and is_by_hand(str(event.body["served"]))
    }
    said = {e.key: str(e.value) for e in events_of(folder).events if e.event == "person_answered"}
    by_hand = _kept(before, folder)
    choices = Choices(chain=chain, record=True, by_hand=by_hand, person=brought(said))
    ran = await run_scenario(path, case=case, choices=choices, watch=watch)
    now = events_of(Path(ran.result["journal"]).parent).events
    rekeyed = sum(
        event.body.get("print") != before[event.key].body.get("print")
        for event in now
        if event.event == "model_replied" and event.key in before
    )
    told = f"re-keyed {rekeyed} of {len(before)} hand-written answers"
    told += f", kept {len(said)} of people" if said else ""
    return replace(ran, notes=(told, *ran.notes))


def _kept(before: Mapping[str, Event], folder: Path) -> Provider:
    async def answer_as_before(_: Candidate, call: ModelCall) -> Reply:
        if call.key not in before:
            raise InvalidFile(
                f"nobody has answered {call.key} by hand",
                where=str(folder),
                fix="answer it: `ensemble run SCENARIO --case CASE --record`",
            )
        event = before[call.key]
        return Reply(event.value["text"], served=str(event.body["served"]))

    return answer_as_before
