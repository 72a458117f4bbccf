"""What-if: the decision of a recorded run made again, each time with one thing changed.

No model is asked and no lab measures. Each alternative is a `Change` over the recorded turns; first
the decision is made with nothing changed, and has to come out as it was recorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite, nan
from pathlib import Path
from typing import Any, Final, cast

from ensemble.canonical import canonical
from ensemble.errors import Diverged, InvalidFile, UsageError
from ensemble.graph.confirmation import KEY, confirmed
from ensemble.graph.findings import findings_of
from ensemble.graph.seating import Ensemble, Rules
from ensemble.graph.state import turns_of
from ensemble.graph.whatif import RULES, SEATS_SHARED, Change, Setting, Taken, rank_of
from ensemble.journal.divergence import changed_fields
from ensemble.journal.file import EVENTS
from ensemble.journal.record import Event
from ensemble.scenarios.result import Document, evidence_in
from ensemble.scenarios.runs import events_of
from ensemble.scenarios.walked import topology_of

SCHEMA: Final = "ensemble/whatif@1"
_AS_GIVEN: Final = (
    "every answer stands as it was given: a turn that had a dropped seat's words in sight would "
    "have read something else, and is named; the way through the graph is the recorded one"
)
_UNCONFIRMED: Final = (
    "a person had the last word on the recorded decision; it is told, and compared, without it"
)
_OUTCOMES: Final = {"pass": True, "fail": False}


def what_if(folder: Path, asked: Change | None = None) -> Document:
    """Return what would have been decided otherwise, and by which change.

    Args:
        folder: of the run or recording.
        asked: the one change to make; None makes each that there is.

    Raises:
        InvalidFile: no decision was reached, or the journal makes no sense.
        Diverged: the rules of this version make another decision of these turns.
        UsageError: there is no such seat, rule or gate.
    """
    contents = events_of(folder)
    events, where = contents.events, str(folder / EVENTS)
    try:
        taken, inputs = _taken(events)
        said = _last(events, "person_answered", KEY)
        made = taken.decide()
        _refuse_other_rules(
            _last(events, "decided"), confirmed(made, said) if said else made, where
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InvalidFile(
            "the journal does not say what was decided, and by which rules",
            where=where,
            fix="name a run that reached a decision, or `ensemble resume` this one",
        ) from error
    groups = {"asked": [_alternative(taken, made, asked)]} if asked else _each(taken, made)
    notes = [_AS_GIVEN, *([_UNCONFIRMED] if said else [])]
    if not asked and len(taken.paths) > SEATS_SHARED:
        notes.append(f"shares are counted among at most {SEATS_SHARED} seats")
    return {
        "schema": SCHEMA,
        "run": contents.run,
        "scenario": inputs["scenario"],
        "case": inputs["case"],
        "journal": where,
        "recorded": _told(made),
        "alternatives": groups,
        "flip_rate": {name: _flips(rows) for name, rows in groups.items()},
        "notes": notes,
    }


def change_of(
    drop: Sequence[str], rule: str | None, quorum: int | None, gates: Sequence[str]
) -> Change | None:
    """Return the change that a command line asks for; None where it asks for none.

    Args:
        drop: paths of seats.
        rule: a decision rule.
        quorum: a quorum.
        gates: `EVIDENCE/GATE=THRESHOLD`, or `=pass`, or `=fail`.

    Raises:
        UsageError: a gate is not written so.
    """
    read = dict(map(_gate, gates))
    asked = Change(tuple(drop), rule, quorum, read)
    return None if asked == Change() else asked


def _gate(item: str) -> tuple[str, Setting]:
    name, _, to = item.rpartition("=")
    try:
        setting = _OUTCOMES[to] if to in _OUTCOMES else float(to)
    except ValueError:
        setting = nan
    if not isfinite(setting):
        raise UsageError(
            "this names no threshold",
            where=f"--gate {item}",
            fix="write EVIDENCE/GATE=THRESHOLD, or =pass, or =fail",
        )
    return name, setting


def _taken(events: Sequence[Event]) -> tuple[Taken, Document]:
    """Return the run's turns and rules, and its inputs, as its journal tells them."""
    inputs = cast("Document", _last(events, "run_started"))
    rules: Document = {**inputs["rules"], "ask_in": tuple(inputs["rules"]["ask_in"])}
    ensemble = Ensemble(topology_of(inputs["graph"]), members=(), rules=Rules(**rules))
    state: Document = {
        "turns": {e.key: e.value for e in events if e.event == "turn_ended"},
        "evidence": {item["id"]: item for item in evidence_in(events)},
    }
    return Taken(ensemble, state), inputs


def _last(events: Sequence[Event], name: str, key: str | None = None) -> Any:
    found = [e.value for e in events if e.event == name and key in (None, e.key)]
    if not found and key is None:
        raise LookupError(name)
    return found[-1] if found else None


def _refuse_other_rules(recorded: Document, now: Document, where: str) -> None:
    before = {name: item for name, item in recorded.items() if name in now}
    if canonical(before) == canonical(now):
        return
    path, was, is_now = next(changed_fields(before, now), ("", before, now))
    raise Diverged(
        "the rules of this version make another decision of the recorded turns\n"
        f"  field: {path}\n  recorded: {was}\n  now: {is_now}",
        where=where,
        fix="ask the version that recorded it, or record again",
    )


def _each(taken: Taken, made: Document) -> dict[str, list[Document]]:
    """Return every alternative with one thing changed, by what is changed."""
    rules = [Change(rule=rule) for rule in _other_rules(taken)]
    own = taken.ensemble.rules.quorum
    quorums = [Change(quorum=n) for n in range(1, len(taken.voters) + 1) if n != own]
    return {
        "seats": _seats(taken, made),
        "rules": [_alternative(taken, made, change) for change in rules],
        "quorum": [_alternative(taken, made, change) for change in quorums],
        "gates": [_alternative(taken, made, change) for change in _gates(taken)],
    }


def _seats(taken: Taken, made: Document) -> list[Document]:
    """Return the decision without each seat in turn, and what else only that seat gave."""
    shares = taken.shares()
    turns = turns_of(taken.state)
    findings = findings_of(taken.state)
    evidence = cast("Mapping[str, Document]", taken.state["evidence"])
    rows: list[Document] = []
    for path in taken.paths:
        own = [turn for turn in turns if turn.path == path]
        change = Change(without=(path,))
        rows.append(
            {
                "seat": path,
                "agent": own[-1].agent,
                "took": own[-1].position,
                **_alternative(taken, made, change),
                "share": None if shares is None else round(shares[path], 4),
                "findings": [finding.id for finding in findings if finding.by == path],
                "evidence": [key for key in evidence if key not in taken.evidence_without(path)],
            }
        )
    return rows


def _other_rules(taken: Taken) -> Iterator[str]:
    """Yield the rules that could make another decision of these turns."""
    rules, decider = taken.ensemble.rules, taken.ensemble.topology.decider()
    for rule in RULES:
        if rule == rules.rule or (rule == "weighted" and not rules.weights):
            continue
        if rule != "chair" or any(turn.seat == decider for turn in turns_of(taken.state)):
            yield rule


def _gates(taken: Taken) -> Iterator[Change]:
    """Yield each gate come out the other way, then all those that failed passed."""
    settled = {n: g["passed"] for n, g in taken.gates.items() if g["passed"] is not None}
    for name, passed in settled.items():
        yield Change(gates={name: not passed})
    failed = [name for name, passed in settled.items() if not passed]
    if len(failed) > 1:
        yield Change(gates=dict.fromkeys(failed, True))


def _alternative(taken: Taken, made: Document, change: Change) -> Document:
    now = taken.decide(change)
    before, after = rank_of(made["authority"]), rank_of(now["authority"])
    return {
        "change": str(change),
        **_told(now),
        "position_changes": now["decision"]["position"] != made["decision"]["position"],
        "authority_falls_by": after - before,
        "in_sight_of": taken.readers(*change.without),
    }


def _told(made: Document) -> Document:
    return {
        "position": made["decision"]["position"],
        "authority": made["authority"],
        "authority_reasons": made["authority_reasons"],
        "fixed_by_rule": made["decision"]["fixed_by_rule"],
    }


def _flips(rows: Sequence[Document]) -> Document:
    """Return in how many alternatives the position, or the authority, is another."""
    return {
        "of": len(rows),
        "position": sum(row["position_changes"] for row in rows),
        "authority": sum(row["authority_falls_by"] != 0 for row in rows),
    }
