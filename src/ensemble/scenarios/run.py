"""Running and resuming a scenario live: the table of contents of the program."""

import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ensemble.agents.acceptance import require_accepted
from ensemble.errors import InvalidFile, UsageError
from ensemble.graph.person import brought, questions_open, sorted_out
from ensemble.journal.file import EVENTS, JournalFile
from ensemble.journal.record import FORMAT, Event
from ensemble.journal.recording import (
    copy_recording,
    read_manifest,
    refuse_to_replace,
    write_manifest,
)
from ensemble.journal.run_journal import Journal
from ensemble.journal.turn_key import TurnKey
from ensemble.models.manual import file_name, write_answer
from ensemble.models.probes import Probes
from ensemble.models.provider import MANUAL, is_by_hand, is_embedded
from ensemble.roles import RunStatus
from ensemble.scenarios.loading import Loaded, load_scenario
from ensemble.scenarios.performance import Chains, Outcome, Plan, Stage, perform, versions
from ensemble.scenarios.planning import (
    Choices,
    chains_within_limits,
    plan_of,
    redactor_for,
    replies_for,
    settings_for,
)
from ensemble.scenarios.ran import Ran, Watch, ran_of
from ensemble.scenarios.replay import folder_to_record_in, recorded_cases
from ensemble.scenarios.runs import KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMED: Final = 5
"""How many files a note names."""


async def run_scenario(
    path: str | Path, *, case: str | None = None, choices: Choices | None = None,
    watch: Watch | None = None,
) -> Ran:  # fmt: skip
    """Run one case of a scenario live.

    Raises:
        InvalidFile: the scenario, or a file it names, does not fit.
        Refused: a load-bearing agent's file changed, and nobody accepted it.
        UsageError: it is to be recorded, and names no folder for that.
    """
    choices, watch = choices or Choices(), watch or Watch()
    loaded = load_scenario(path, case=case)
    plan = plan_of(loaded, choices.chain)
    seated = [member.agent for member in loaded.ensemble.members]
    require_accepted(seated, loaded.project.root, accept=choices.accept_changes)
    if choices.record:
        refuse_to_replace(folder_to_record_in(loaded))
    probes = Probes()
    chains = await chains_within_limits(plan, settings_for(choices), probes, where=str(path))
    run = f"r-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
    file = JournalFile.create(loaded.project.runs / run, run)
    try:
        _begin_manifest(file.folder, loaded, choices)
        journal = Journal(
            run, file=file, redactor=redactor_for(settings_for(choices)), heard=watch.of(run)
        )
        _own(journal, 1)
        found = (chains, probes)
        return await _live(loaded, plan, journal, file.folder, choices, watch, found=found)
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
    loaded = load_scenario(manifest["scenario"], case=manifest.get("case"))
    choices = replace(
        choices,
        chain=tuple(manifest.get("chain", ())),
        record=bool(manifest.get("record")),
        cache=manifest.get("cache"),
    )
    if choices.record:
        folder_to_record_in(loaded)
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
            redactor=redactor_for(settings_for(choices)),
            heard=watch.of(contents.run),
        )
        answers = _answers(choices, contents.events, folder)
        epoch = 1 + sum(e.event == "owner" for e in contents.events)
        _own(journal, epoch)
        journal.append("resumed", f"resumed#{epoch - 1}", {"value": len(contents.events)})
        choices = replace(choices, person=brought(answers))
        return await _live(loaded, plan, journal, folder, choices, watch)
    finally:
        file.close()


def _answers(choices: Choices, events: Sequence[Event], folder: Path) -> dict[str, str]:
    """Return a person's answers by question; those to a model's prompt are put where it looks."""
    given = sorted_out([_spelt_out(item) for item in choices.said], questions_open(events))
    for key in [key for key in given if TurnKey.read(key).is_of_model]:
        write_answer(folder / "manual", key, given.pop(key))
    return given


def _spelt_out(item: str) -> str:
    """Return `[KEY=]TEXT`; for `[KEY=]@FILE` the file's text."""
    key, mark, name = item.partition("@")
    if not mark or (key and not key.endswith("=")):
        return item
    try:
        return key + Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"cannot be read: {error}", where=f"--answer {item}", fix="name a text file"
        ) from error


async def _live(
    loaded: Loaded,
    plan: Plan,
    journal: Journal,
    folder: Path,
    choices: Choices,
    watch: Watch,
    *,
    found: tuple[Chains | None, Probes | None] = (None, None),
) -> Ran:
    """Run the plan; without chains those of the run's record are asked, or resolved now."""
    from ensemble.models.providers import kept_open, providers_for
    from ensemble.scenarios.stage_lab import open_lab

    settings = settings_for(choices)
    providers = providers_for(
        settings,
        run=journal.run,
        manual_folder=folder / "manual",
        answers=choices.answers,
        at_terminal=choices.at_terminal,
        script=choices.script,
        clean=redactor_for(settings).clean,
    )
    replies = replies_for(settings, choices.cache, loaded.scenario.models.cache)
    if choices.by_hand is not None:
        providers[MANUAL] = choices.by_hand
    async with kept_open(), open_lab(loaded, watch.lab) as lab:
        stage = Stage(
            settings=settings,
            providers=providers,
            lab=lab,
            chains=found[0],
            probes=found[1],
            said=watch.text,
            person=choices.person,
            replies=replies,
        )
        outcome = await perform(plan, journal, stage)
    ran = ran_of(loaded, journal, str(folder / EVENTS), outcome)
    _end_manifest(folder, journal, ran)
    ran = replace(ran, notes=(*_hints(loaded, ran), *_unused(choices, journal.events)))
    if choices.record:
        ran = replace(ran, notes=(*ran.notes, _keep(loaded, folder, outcome)))
    return ran


def _hints(loaded: Loaded, ran: Ran) -> tuple[str, ...]:
    """Return what to run next, where the embedded model's words are all there is."""
    served = [str(turn["served"] or "") for turn in ran.result["turns"]]
    if not any(map(is_embedded, served)):
        return ()
    told = ["The embedded model's words only exercise the machinery; what was measured stands."]
    for case, folder in recorded_cases(loaded.path):
        if case and str(read_manifest(folder).get("written_by", "")).startswith("hand"):
            told.append(
                "The same task answered by hand, as an expert would: "
                f"ensemble replay {loaded.path} --case {case}"
            )
            break
    return tuple(told)


def _unused(choices: Choices, events: Sequence[Event]) -> tuple[str, ...]:
    """Return a note of the answers brought along that no seat has used."""
    used = {f"{file_name(e.key)}.answer.md" for e in events if e.event == "model_replied"}
    files = (path for folder in choices.answers for path in sorted(folder.glob("*.md")))
    left = [str(path) for path in files if not path.name.endswith(".prompt.md")]
    left = [name for name in left if Path(name).name not in used]
    if not left:
        return ()
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    named = "an answer is named as its prompt is, e.g. panel.0.panel_member.0.model.0.answer.md"
    return (f"Used by no seat so far: {', '.join(left[:_NAMED])}{more}; {named}",)


def _keep(loaded: Loaded, folder: Path, outcome: Outcome) -> str:
    into = folder_to_record_in(loaded)
    if outcome.status == RunStatus.PAUSED:
        return "recorded when it is resumed to its end"
    if outcome.status != RunStatus.COMPLETED:
        return f"not recorded: the run ended {outcome.status}"
    into.parent.mkdir(parents=True, exist_ok=True)
    copy_recording(folder, into)
    told = {**read_manifest(into), "scenario": loaded.path.name}
    write_manifest(into, told)
    return f"recorded in {into}"


def _own(journal: Journal, epoch: int) -> None:
    body: Mapping[str, Any] = {"epoch": epoch, "pid": os.getpid(), "versions": versions()}
    journal.append("owner", f"owner#{epoch}", body)


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
            "record": choices.record,
            "cache": choices.cache,
            "agents": agents,
            "versions": versions(),
        },
    )


def _end_manifest(folder: Path, journal: Journal, ran: Ran) -> None:
    served = sorted({turn["served"] for turn in ran.result["turns"] if turn["served"]})
    by_hand = bool(served) and all(map(is_by_hand, served))
    write_manifest(
        folder,
        {
            **read_manifest(folder),
            "status": ran.result["status"],
            "digest": ran.result["digest"],
            "authority": ran.result["authority"],
            "served": served,
            "written_by": "hand, through `manual`; no model was asked" if by_hand else "models",
            "events": len(journal.events),
            **{name: ran.result[name] for name in KEPT},
        },
    )
