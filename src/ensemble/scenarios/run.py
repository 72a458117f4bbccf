"""Running, replaying and resuming a scenario: the table of contents of the program."""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ensemble.agents.prompt import Briefing
from ensemble.canonical import tree_hash
from ensemble.config import load_settings
from ensemble.errors import Diverged, EnsembleError, InvalidFile, UsageError
from ensemble.graph.run_context import Limits
from ensemble.journal.file import (
    EVENTS,
    JournalFile,
    copy_recording,
    read_events,
    read_manifest,
    write_manifest,
)
from ensemble.journal.record import FORMAT, Event
from ensemble.journal.redaction import Redactor, secrets_of_environment
from ensemble.journal.run_journal import Heard, Journal
from ensemble.models.provider import Params, Provider
from ensemble.scenarios.expectations import check_expectations
from ensemble.scenarios.loading import Loaded, case_ids, load_scenario
from ensemble.scenarios.performance import Outcome, Plan, Stage, perform
from ensemble.scenarios.result import Document, result_of

REKEYED: Final = "rekeyed"


@dataclass(frozen=True)
class Watch:
    """Who is told while a run goes on; for the display only."""

    event: Heard | None = None
    text: Callable[[str, str], None] | None = None


@dataclass(frozen=True)
class Choices:
    """What a command line may set over a scenario."""

    chain: tuple[str, ...] = ()
    """Asks these models instead."""
    answers: tuple[Path, ...] = ()
    """Folders that hold a person's answers."""
    record: bool = False
    """Keeps the run as the case's recording."""
    at_terminal: bool | None = None
    """Whether a person can answer now; None asks the terminal."""
    script: Provider | None = None
    """What `scripted` candidates answer, in tests."""


@dataclass(frozen=True)
class Ran:
    """A finished run: its result document, and what kept it from a good end."""

    result: Document
    error: EnsembleError | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def status(self) -> int:
        """The exit status that this run asks for."""
        if self.error is not None:
            return self.error.status
        held = all(item["held"] for item in self.result["expectations"])
        return 0 if held and self.result["trusted"] else 1


async def run_scenario(
    path: str | Path, *, case: str | None = None, choices: Choices | None = None,
    watch: Watch | None = None,
) -> Ran:  # fmt: skip
    """Run one case of a scenario live.

    Raises:
        InvalidFile: the scenario, or a file it names, does not fit.
    """
    choices, watch = choices or Choices(), watch or Watch()
    loaded = load_scenario(path, case=case)
    plan = plan_of(loaded, choices.chain)
    run = f"r-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
    file = JournalFile.create(loaded.project.runs / run, run)
    try:
        _begin_manifest(file.folder, loaded, choices)
        journal = Journal(run, file=file, redactor=_redactor(), heard=watch.event)
        _own(journal, 1)
        return await _live(loaded, plan, journal, file.folder, choices, watch)
    finally:
        file.close()


async def resume_run(
    folder: Path, *, choices: Choices | None = None, watch: Watch | None = None
) -> Ran:
    """Go on with a run that ended early; what its journal holds is not done again.

    Raises:
        NotOwner: a live process owns the run.
        Diverged: the scenario, an agent or a fixture changed since it began.
    """
    choices, watch = choices or Choices(), watch or Watch()
    manifest = read_manifest(folder)
    if "scenario" not in manifest:
        raise InvalidFile(
            "this is no run of a scenario", where=str(folder), fix="name one of `ensemble list`"
        )
    loaded = load_scenario(manifest["scenario"], case=manifest["case"])
    choices = replace(choices, chain=tuple(manifest["chain"]))
    plan = plan_of(loaded, choices.chain)
    file, contents = JournalFile.reopen(folder)
    try:
        if any(e.event == "run_ended" for e in contents.events):
            raise UsageError(
                "this run has ended", where=str(folder), fix=f"`ensemble show {folder.name}`"
            )
        journal = Journal(
            contents.run,
            file=file,
            recorded=contents.events,
            redactor=_redactor(),
            heard=watch.event,
        )
        epoch = 1 + sum(e.event == "owner" for e in contents.events)
        _own(journal, epoch)
        journal.append("resumed", f"resumed#{epoch - 1}", {"value": len(contents.events)})
        return await _live(loaded, plan, journal, folder, choices, watch)
    finally:
        file.close()


async def replay_scenario(
    path: str | Path, *, case: str | None = None, recording: Path | None = None,
    watch: Watch | None = None,
) -> Ran:  # fmt: skip
    """Answer a scenario from its recording: no network, no model, no lab.

    Raises:
        Diverged: it asks something that the recording does not hold.
        InvalidFile: there is no recording.
    """
    loaded = load_scenario(path, case=case)
    folder = recording or recording_of(loaded)
    contents = read_events(folder)
    if contents.torn_line is not None:
        raise InvalidFile(
            "the recording is cut or was changed here",
            where=f"{folder / EVENTS}:{contents.torn_line}:1",
            fix="restore the file, or record again with `ensemble run --record`",
        )
    manifest = read_manifest(folder)
    plan = plan_of(loaded, tuple(manifest.get("chain", ())))
    journal = Journal(
        contents.run,
        recorded=contents.events,
        replaying=True,
        redactor=_redactor(),
        heard=watch.event if watch else None,
    )
    outcome = await perform(plan, journal, Stage())
    journal.check_complete()
    if manifest.get("digest") not in (None, outcome.digest):
        raise Diverged(
            f"the digest differs\n  recorded: {manifest['digest']}\n  now: {outcome.digest}",
            where=str(folder),
            fix="restore the recording, or record again",
        )
    return _ran(loaded, journal, str(folder / EVENTS), outcome)


def recorded_cases(path: str | Path) -> list[tuple[str | None, Path]]:
    """Return each case of a scenario that has a recording, base first, with its folder."""
    found: list[tuple[str | None, Path]] = []
    for case in case_ids(Path(path)):
        folder = load_scenario(path, case=case).recording
        if folder is not None and (folder / EVENTS).is_file():
            found.append((case, folder))
    return found


def recording_of(loaded: Loaded) -> Path:
    """Return the folder of the case's recording.

    Raises:
        InvalidFile: there is none.
    """
    folder = loaded.recording
    if folder is None or not (folder / EVENTS).is_file():
        named = f" --case {loaded.case}" if loaded.case else ""
        raise InvalidFile(
            "this case has no recording",
            where=str(folder or loaded.path),
            fix=f"make one: `ensemble run {loaded.path}{named} --record`",
        )
    return folder


def plan_of(loaded: Loaded, chain: tuple[str, ...] = ()) -> Plan:
    """Return what a loaded case runs, with the chain that a command line sets."""
    scenario, workspace = loaded.scenario, loaded.workspace
    params = scenario.models.params
    files = tuple(
        (name, (workspace / name).read_text(errors="replace"))
        for name in scenario.inputs.files
        if workspace is not None
    )
    limits = scenario.limits
    return Plan(
        name=scenario.name,
        case=loaded.case,
        ensemble=loaded.ensemble,
        briefing=Briefing(
            scenario.task,
            scenario.choices,
            files,
            tuple((name, str(value)) for name, value in sorted(scenario.inputs.facts.items())),
        ),
        chain=chain or scenario.models.chain,
        profile=scenario.models.profile,
        params=Params(params.temperature, params.seed, params.max_tokens),
        limits=Limits(
            wall_s=limits.wall_s,
            usd=limits.usd,
            tokens=limits.tokens,
            model_calls=limits.model_calls,
            lab_s=limits.lab_s,
        ),
        before=tuple({"device": scenario.lab.device, **raw} for raw in scenario.lab.before),
        workspace_hash=tree_hash(workspace) if workspace else None,
    )


async def _live(
    loaded: Loaded, plan: Plan, journal: Journal, folder: Path, choices: Choices, watch: Watch
) -> Ran:
    from ensemble.models.providers import close_providers, providers_for
    from ensemble.scenarios.stage_lab import open_lab

    settings = load_settings()
    providers = providers_for(
        settings,
        run=journal.run,
        manual_folder=folder / "manual",
        answers=choices.answers,
        at_terminal=choices.at_terminal,
        script=choices.script,
    )
    try:
        async with open_lab(loaded) as lab:
            stage = Stage(settings=settings, providers=providers, lab=lab, said=watch.text)
            outcome = await perform(plan, journal, stage)
    finally:
        await close_providers()
    ran = _ran(loaded, journal, str(folder / EVENTS), outcome)
    _end_manifest(folder, journal, ran)
    if choices.record:
        ran = replace(ran, notes=(*ran.notes, _keep(loaded, folder, outcome)))
    return ran


def _ran(loaded: Loaded, journal: Journal, path: str, outcome: Outcome) -> Ran:
    result = result_of(journal.run, journal.events, journal=path)
    held = check_expectations(loaded.scenario.expect, result, journal.events, loaded.workspace)
    allowed = loaded.scenario.decision.allow
    full = {**result, "expectations": held, "trusted": result["authority"] in allowed}
    return Ran(full, outcome.error)


def _keep(loaded: Loaded, folder: Path, outcome: Outcome) -> str:
    if loaded.recording is None:
        return "not recorded: the scenario names no `recording.dir`"
    if outcome.status != "completed":
        return f"not recorded: the run ended {outcome.status}"
    loaded.recording.parent.mkdir(parents=True, exist_ok=True)
    copy_recording(folder, loaded.recording)
    return f"recorded in {loaded.recording}"


def _redactor() -> Redactor:
    return Redactor(secrets_of_environment())


def _own(journal: Journal, epoch: int) -> None:
    import os

    body: Mapping[str, Any] = {"epoch": epoch, "pid": os.getpid(), "versions": _versions()}
    journal.append("owner", f"owner#{epoch}", body)


def _versions() -> dict[str, str]:
    import platform
    from importlib.metadata import version

    named = ("ensemble-panels", "langgraph", "langchain-core", "pydantic")
    return {"python": platform.python_version(), **{name: version(name) for name in named}}


def _begin_manifest(folder: Path, loaded: Loaded, choices: Choices) -> None:
    agents = {m.agent.name: m.agent.sha256 for m in loaded.ensemble.members}
    write_manifest(
        folder,
        {
            "format": FORMAT,
            "run": folder.name,
            "scenario": str(loaded.path.resolve()),
            "case": loaded.case,
            "chain": list(choices.chain),
            "agents": agents,
            "versions": _versions(),
        },
    )


def _end_manifest(folder: Path, journal: Journal, ran: Ran) -> None:
    served = sorted({turn["served"] for turn in ran.result["turns"] if turn["served"]})
    by_hand = bool(served) and all(name.startswith("manual/") for name in served)
    write_manifest(
        folder,
        {
            **read_manifest(folder),
            "status": ran.result["status"],
            "digest": ran.result["digest"],
            "authority": ran.result["authority"],
            "served": served,
            "written_by": "hand, not by a model" if by_hand else "models",
            "events": len(journal.events),
        },
    )


def events_of(folder: Path) -> tuple[str, tuple[Event, ...]]:
    """Return the run's id and events, read back from disk."""
    contents = read_events(folder)
    return contents.run, contents.events
