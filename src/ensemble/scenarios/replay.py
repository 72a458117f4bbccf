"""A scenario answered from its recording: no network, no model, no lab, no clock."""

from pathlib import Path
from typing import Any, Final

from ensemble.errors import Diverged, InvalidFile, UsageError
from ensemble.journal.file import EVENTS, Contents
from ensemble.journal.record import FORMAT
from ensemble.journal.recording import MANIFEST, read_manifest
from ensemble.journal.redaction import Redactor
from ensemble.journal.run_journal import Journal
from ensemble.scenarios.loading import Loaded, case_ids, load_scenario
from ensemble.scenarios.performance import Stage, perform
from ensemble.scenarios.planning import plan_of
from ensemble.scenarios.ran import Ran, Watch, ran_of
from ensemble.scenarios.runs import events_of

_AGAIN: Final = "restore the file, or move the folder away and record again"


async def replay_scenario(
    path: str | Path, *, case: str | None = None, recording: Path | None = None,
    watch: Watch | None = None,
) -> Ran:  # fmt: skip
    """Answer a scenario from its recording: no network, no model, no lab.

    Raises:
        Diverged: it asks something that the recording does not hold.
        InvalidFile: there is no recording, or no whole one.
    """
    loaded = load_scenario(path, case=case)
    folder = recording or recording_of(loaded)
    contents, manifest = _whole_recording(folder)
    plan = plan_of(loaded, tuple(manifest.get("chain", ())))
    journal = Journal(
        contents.run,
        recorded=contents.events,
        replaying=True,
        redactor=Redactor.of_shapes(),
        shown=Redactor.of_environment(),
        heard=watch.of(contents.run) if watch else None,
    )
    case_option = f" --case {loaded.case}" if loaded.case else ""
    by_hand = " --keep-answers" if str(manifest.get("written_by", "")).startswith("hand") else ""
    again = f"ensemble rerecord {loaded.path}{case_option}{by_hand}"
    journal.divergence.record_again = again
    outcome = await perform(plan, journal, Stage())
    journal.check_complete()
    if manifest["digest"] != outcome.digest:
        raise Diverged(
            f"the digest differs\n  recorded: {manifest['digest']}\n  now: {outcome.digest}",
            where=str(folder),
            fix="restore the recording, or record again",
        )
    return ran_of(loaded, journal, str(folder / EVENTS), outcome)


def recorded_cases(path: str | Path) -> list[tuple[str | None, Path]]:
    """Return each case of a scenario that has a recording, base first, with its folder."""
    found: list[tuple[str | None, Path]] = []
    for case in case_ids(Path(path)):
        folder = load_scenario(path, case=case).recording
        if folder is not None and (folder / EVENTS).is_file():
            found.append((case, folder))
    return found


def folder_to_record_in(loaded: Loaded) -> Path:
    """Return the folder that the case's recording lies in, or would.

    Raises:
        UsageError: the scenario names none.
    """
    if loaded.recording is None:
        line = f"recording: {{dir: recordings/{loaded.path.stem}}}"
        raise UsageError(
            "the scenario names no folder to record in",
            where=str(loaded.path),
            fix=f"add `{line}`",
        )
    return loaded.recording


def recording_of(loaded: Loaded) -> Path:
    """Return the folder of the case's recording.

    Raises:
        InvalidFile: there is none.
        UsageError: the scenario names no folder for one.
    """
    folder = folder_to_record_in(loaded)
    if not (folder / EVENTS).is_file():
        named = f" --case {loaded.case}" if loaded.case else ""
        raise InvalidFile(
            "this case has no recording",
            where=str(folder),
            fix=f"make one: `ensemble run {loaded.path}{named} --record`",
        )
    return folder


def _whole_recording(folder: Path) -> tuple[Contents, dict[str, Any]]:
    """Return a recording's journal and manifest, and refuse one that proves nothing."""
    manifest, where = read_manifest(folder), str(folder / MANIFEST)
    if not manifest:
        raise InvalidFile("the recording has no manifest", where=where, fix=_AGAIN)
    if manifest.get("format") != FORMAT:
        raise InvalidFile(
            f"the format {manifest.get('format')!r} is not known here, only {FORMAT!r}",
            where=where,
            fix="replay it with the version that wrote it, or record again",
        )
    contents = events_of(folder)
    if contents.torn_line is not None:
        raise InvalidFile(
            "the recording is cut or was changed here",
            where=f"{folder / EVENTS}:{contents.torn_line}:1",
            fix=_AGAIN,
        )
    for needed in ("decided", "run_ended"):
        if all(event.event != needed for event in contents.events):
            raise InvalidFile(
                f"the recording is cut: it has no `{needed}`",
                where=f"{folder / EVENTS}:{contents.lines[-1] + 1 if contents.lines else 1}:1",
                fix=_AGAIN,
            )
    if not manifest.get("digest"):
        raise InvalidFile("the manifest has no digest", where=where, fix=_AGAIN)
    return contents, manifest
