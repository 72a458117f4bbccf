"""One turn: an agent, in a role, reads the state, asks its model and answers.

The only module where a prompt meets a model. Above it, `compile` decides who takes a turn
and when; below it, `agents` and `models` have never heard of graphs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ensemble.agents.casting import Casting
from ensemble.agents.prompt import PREAMBLE, fenced, own_part, shared_part
from ensemble.answers.answer import Answer, Wanted
from ensemble.errors import Paused
from ensemble.graph.dialogue import (
    Opening,
    Progress,
    SeatAnswer,
    SeatFailure,
    ask_models,
    ask_person,
    checks_to_run,
)
from ensemble.graph.escalation import escalation_of
from ensemble.graph.figures import states_figures, unmeasured
from ensemble.graph.findings import findings_of, views_of
from ensemble.graph.lab_desk import evidence_in_brief, evidence_line
from ensemble.graph.run_context import RunContext
from ensemble.graph.seating import Ensemble, Member, node_name
from ensemble.graph.sight import question_for, seen_by
from ensemble.graph.state import (
    Document,
    StateUpdate,
    Turn,
    evidence_of,
    is_measured_before,
    takes_position,
    turns_of,
)
from ensemble.graph.voting import voters_of
from ensemble.graph.walk import taken_into
from ensemble.journal.turn_key import TurnKey
from ensemble.models.chain import Attempt
from ensemble.models.provider import EMBEDDED, Candidate
from ensemble.roles import HUMAN, Role, TurnStatus


async def take_turn(
    ensemble: Ensemble, member: Member, role: str, state: Mapping[str, Any], run: RunContext
) -> StateUpdate:
    """Let `member` take, or go on with, its turn in `role`.

    Returns:
        The finished turn; a request to the lab, after which the same turn goes on; or nothing
        where a person has to answer first.

    Raises:
        OverLimit: a call would cross a limit of the run.
    """
    node = node_name(member.path, role)
    casting = ensemble.castings[member.path, role]
    waiting: Document | None = state.get("asking", {}).get(node)
    progress = Progress.read(waiting) if waiting else _begin(ensemble, member, role, state, run)
    wanted = ensemble.wanted(casting, progress.findings)
    try:
        after = await _go_on(ensemble, member, wanted, progress, state, run)
    except Paused as pause:
        run.wait_for(pause)
        return {}
    if isinstance(after, Progress):
        return {"asking": {node: after.document()}}
    turn = _weighed(after, ensemble, casting, state, run)
    run.journal.note("turn_ended", turn.key, value=turn.document())
    if turn.escalation is not None:
        run.journal.note("escalated", turn.key, value=turn.escalation)
    return {"turns": {turn.key: turn.document()}, "asking": {node: None}}


def not_needed(
    ensemble: Ensemble, members: Sequence[tuple[Member, str]], state: Mapping[str, Any]
) -> list[Turn]:
    """Return the turns of members who need not be asked any more."""
    turns: list[Turn] = []
    for member, role in members:
        key = _key(member, role, state)
        spared = SeatFailure(TurnStatus.NOT_NEEDED, "the outcome could not change any more")
        turns.append(_ended(ensemble, member, Progress(key, ""), spared, ()))
    return turns


def _begin(
    ensemble: Ensemble, member: Member, role: str, state: Mapping[str, Any], run: RunContext
) -> Progress:
    """Write down that the turn begins, and what it is told."""
    key = _key(member, role, state)
    chain = run.chains.get(member.path, ())
    first = next((candidate for candidate in chain if candidate.available), None)
    asks = f"{first.provider}/{first.model}" if first else None
    run.journal.note(
        "turn_started",
        key,
        agent=member.agent.name,
        role=role,
        asked=chain[0].asked if chain else None,
        asks=HUMAN if member.agent.is_person else asks,
        via=taken_into(ensemble.topology, member.seat, role, state.get("taken", {})),
    )
    casting = ensemble.castings[member.path, role]
    findings = findings_of(state)
    views = views_of(voters_of(ensemble, turns_of(state))) if role == Role.DECISION_MAKER else []
    standing = [finding for finding in findings if not finding.let_go]
    ids = [item.id for item in (*standing, *views)]
    wanted = ensemble.wanted(casting, ids)
    seen = seen_by(
        member.path,
        role,
        state,
        key=key,
        shuffled=run.shuffled,
        shared=len(_measured_before(state)),
        own_models=[f"{c.provider}/{c.model}" for c in chain if c.available],
        views=views,
    )
    briefing = run.briefing.of(state["task"])
    if member.agent.is_person:
        own = question_for(member.path, role, state["task"], [*_before(state), *seen])
    else:
        asked_for = wanted.spared() if first and first.brief else wanted
        own = own_part(casting, briefing, ensemble.standing(member), asked_for, seen)
    evidence = [item["id"] for item in evidence_of(state)]
    others = [finding.id for finding in findings if finding.by != member.path]
    known: Mapping[str, Document] = state.get("turns", {})
    return Progress(
        key,
        own,
        tuple(ids),
        knew=(*evidence, *others),
        round=sum(taken["path"] == member.path for taken in known.values()),
        step=1 + max((taken["step"] for taken in known.values()), default=0),
    )


async def _go_on(
    ensemble: Ensemble,
    member: Member,
    wanted: Wanted,
    progress: Progress,
    state: Mapping[str, Any],
    run: RunContext,
) -> Progress | Turn:
    """Return the finished turn, or what it waits for the lab to measure.

    Raises:
        Paused: a person has to answer first.
    """
    if progress.answered is not None:  # it waited for its own checks alone
        return Turn.read(progress.answered)
    if member.agent.is_person:
        outcome = await ask_person(wanted, progress, run)
    else:
        opening = _opening(state, run, progress.own)
        role = TurnKey.read(progress.key).role
        outcome = await ask_models(
            member.path, wanted, opening, progress, run, agent=member.agent.name, role=role
        )
    if isinstance(outcome, Progress):
        return outcome
    turn = _ended(ensemble, member, progress, outcome, run.chains.get(member.path, ()))
    if isinstance(outcome, SeatAnswer):
        requests = checks_to_run(outcome.answer, wanted, progress)
        if requests:
            return replace(progress, requests=requests, answered=turn.document())
    return turn


def _opening(state: Mapping[str, Any], run: RunContext, own: str) -> Opening:
    """Return what opens the turn: preamble, shared part, own part."""
    from langchain_core.messages import HumanMessage, SystemMessage

    evidence = tuple(evidence_line(item) for item in _measured_before(state))
    shared = shared_part(run.briefing.of(state["task"]), evidence)
    everyones = (SystemMessage(PREAMBLE), HumanMessage(shared))
    return Opening((*everyones, HumanMessage(own)), len(everyones), _in_brief(state))


def _in_brief(state: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return each line of evidence with what stands for it where it does not fit."""
    lines = [(evidence_line(item), evidence_in_brief(item)) for item in evidence_of(state)]
    gain = [(whole, brief) for whole, brief in lines if len(brief) < len(whole)]
    return tuple(sorted(gain, key=lambda pair: -len(pair[0])))


def _ended(
    ensemble: Ensemble,
    member: Member,
    progress: Progress,
    outcome: SeatAnswer | SeatFailure,
    chain: Sequence[Candidate],
) -> Turn:
    """Return the turn as it ended."""
    key = TurnKey.read(progress.key)
    casting = ensemble.castings[member.path, key.role]
    answered = outcome.answered
    failed = isinstance(outcome, SeatFailure)
    by_person = HUMAN if member.agent.is_person and not failed else None
    return Turn(
        key=progress.key,
        seat=member.seat,
        path=member.path,
        rank=ensemble.rank(member.seat),
        occurrence=key.occurrence,
        agent=member.agent.name,
        version=member.agent.spec.version,
        sha256=member.agent.sha256,
        role=key.role,
        mode=str(casting.mode),
        tool_mode=casting.tool_mode and str(casting.tool_mode),
        status=outcome.status.value if failed else TurnStatus.ANSWERED.value,
        asked=chain[0].asked if chain else None,
        served=answered.reply.served if answered else by_person,
        weak=answered is not None and answered.candidate.provider == EMBEDDED,
        stand_in=answered is not None and answered.candidate.fallback,
        truncated=answered is not None and answered.reply.finish == "length",
        fallbacks=[_fallback(attempt) for attempt in _attempts(outcome)],
        answer=None if failed else _kept(outcome.answer, key.role),
        problem=outcome.problem if failed else None,
        model_calls=outcome.calls,
        round=progress.round,
        step=progress.step,
        knew=list(progress.knew),
    )


def _kept(answer: Answer, role: str) -> Document:
    """Return an answer as it is kept: a role that takes no position has none."""
    position = answer.position if takes_position(role) else None
    return answer.model_copy(update={"position": position}).model_dump(mode="json")


def _weighed(
    turn: Turn, ensemble: Ensemble, casting: Casting, state: Mapping[str, Any], run: RunContext
) -> Turn:
    """Return the turn with what rules say of its answer: unmeasured figures, escalation."""
    if turn.answer is None:
        return turn
    evidence = evidence_of(state)
    figures: Sequence[str] = ()
    if states_figures(turn.answer) and not casting.agent.is_person:
        briefing = run.briefing
        given = [state["task"], *(text for _, text in (*briefing.files, *briefing.facts))]
        known = {finding.id for finding in findings_of(state)}
        figures = unmeasured(turn.answer, given, evidence, known)
    escalation = escalation_of(turn, casting, evidence, ensemble.agents)
    if not figures and escalation is None:
        return turn
    return replace(turn, unmeasured=figures, escalation=escalation)


def _key(member: Member, role: str, state: Mapping[str, Any]) -> str:
    """Return the key of the member's next turn in `role`."""
    known: Mapping[str, Document] = state.get("turns", {})
    same = (turn["path"] == member.path and turn["role"] == role for turn in known.values())
    return str(TurnKey(member.path, role, sum(same)))


def _before(state: Mapping[str, Any]) -> list[str]:
    """Return what was measured first, for a person, who reads no shared part."""
    evidence = [evidence_line(item) for item in _measured_before(state)]
    return [fenced("\n".join(evidence), "measured before anyone spoke")] if evidence else []


def _measured_before(state: Mapping[str, Any]) -> list[Document]:
    return [item for item in evidence_of(state) if is_measured_before(item)]


def _attempts(outcome: SeatAnswer | SeatFailure) -> Sequence[Attempt]:
    return outcome.attempts or (outcome.answered.attempts if outcome.answered else ())


def _fallback(attempt: Attempt) -> Document:
    return {
        "asked": attempt.candidate.asked,
        "model": f"{attempt.candidate.provider}/{attempt.candidate.model}",
        "class": attempt.failure.value,
        "error": attempt.error,
    }
