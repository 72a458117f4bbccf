"""One turn: an agent, in a role, reads the state, asks its model and answers.

The only module where a prompt meets a model. Above it, `compile` decides who takes a turn
and when; below it, `agents` and `models` have never heard of graphs. A turn never raises
into the graph because its models failed: a lost seat is a turn that says so.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from ensemble.agents.casting import Casting
from ensemble.agents.prompt import PREAMBLE, own_part, shared_part
from ensemble.answers.answer import SURENESS, Answer, Unparsed, Wanted
from ensemble.answers.parse import parse_answer, repair_request
from ensemble.errors import Paused
from ensemble.graph.lab_desk import evidence_line
from ensemble.graph.run_context import RunContext
from ensemble.graph.seating import Ensemble, Member, node_name
from ensemble.graph.sight import seen_by
from ensemble.graph.state import (
    Document,
    StateUpdate,
    Turn,
    evidence_of,
    findings_of,
    is_measured_before,
)
from ensemble.models.chain import Answered, ChainExhausted
from ensemble.roles import TurnStatus

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

LAB_ROUNDS: Final = 3
"""How often one turn may go to the lab."""
_ACTION_FORM: Final = '{"action": {"tool": …, "spec": {…}}}'


@dataclass(frozen=True)
class Progress:
    """How far a turn has come: what it was told at its start, and what was said since."""

    key: str
    own: str
    """The part of the prompt that is this turn's alone."""
    findings: tuple[str, ...] = ()
    """Ids of the findings there were at its start."""
    dialogue: tuple[tuple[str, str], ...] = ()
    """(`ai` or `human`, text) in order."""
    calls: int = 0
    lab_rounds: int = 0
    action: Mapping[str, Any] | None = None
    """What it waits for."""
    repaired: bool = False

    def document(self) -> Document:
        """Return it as JSON, for the state."""
        return asdict(self)

    @classmethod
    def read(cls, document: Document) -> "Progress":
        """Return the progress that a state's document describes."""
        said = cast("list[tuple[str, str]]", document["dialogue"])
        dialogue = tuple((speaker, text) for speaker, text in said)
        return replace(cls(**document), dialogue=dialogue)

    def then(self, *said: tuple[str, str], **changes: Any) -> "Progress":
        """Return it with more said, and fields changed."""
        return replace(self, dialogue=(*self.dialogue, *said), **changes)


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
    opening = _opening(state, run, progress.own)
    try:
        outcome = await _converse(member, casting, wanted, opening, progress, run)
    except Paused as pause:
        run.paused.append(pause)
        return {}
    if isinstance(outcome, Progress):
        return {"asking": {node: outcome.document()}}
    turn = _turn(ensemble, member, casting, progress.key, outcome, run)
    run.journal.note("turn_ended", turn.key, value=turn.document())
    _escalate(turn, casting, run)
    return {"turns": {turn.key: turn.document()}, "asking": {node: None}}


def _escalate(turn: Turn, casting: Casting, run: RunContext) -> None:
    """Note that an answer is less sure than its agent's file allows it to stand by itself.

    The embedded model's confidence is noise, so it escalates nothing.
    """
    if turn.answer is None or turn.weak:
        return
    stated = turn.answer["probability"]
    sure = SURENESS[turn.answer["confidence"]] if stated is None else stated
    escalation = casting.agent.spec.escalation
    if sure < escalation.confidence_threshold:
        told = {
            "by": turn.path,
            "agent": turn.agent,
            "to": escalation.escalate_to,
            "confidence": turn.answer["confidence"],
            "threshold": escalation.confidence_threshold,
            "hand_over": list(escalation.context_to_include),
        }
        run.journal.note("escalated", turn.key, value=told)


@dataclass(frozen=True)
class _Ending:
    """How a turn's conversation ended."""

    status: TurnStatus
    calls: int
    answer: Answer | None = None
    answered: Answered | None = None
    problem: str | None = None
    exhausted: ChainExhausted | None = None


def _begin(
    ensemble: Ensemble, member: Member, role: str, state: Mapping[str, Any], run: RunContext
) -> Progress:
    begun = f"{member.path}/{role}#"
    key = f"{begun}{sum(key.startswith(begun) for key in state.get('turns', {}))}"
    chain = run.chains[member.path]
    asked = chain[0].asked if chain else None
    first = next((c for c in chain if c.available), None)
    asks = f"{first.provider}/{first.model}" if first else None
    run.journal.note(
        "turn_started", key, agent=member.agent.name, role=role, asked=asked, asks=asks
    )
    casting = ensemble.castings[member.path, role]
    findings = tuple(finding.id for finding in findings_of(state))
    wanted = ensemble.wanted(casting, findings)
    seen = seen_by(
        member.path,
        role,
        state,
        key=key,
        shuffled=run.shuffled,
        shared=len(_measured_before(state)),
    )
    briefing = replace(run.briefing, task=state["task"])
    own = own_part(casting, briefing, ensemble.standing(member), wanted, seen)
    return Progress(key, own, findings)


def _measured_before(state: Mapping[str, Any]) -> list[Document]:
    return [item for item in evidence_of(state) if is_measured_before(item)]


def _opening(state: Mapping[str, Any], run: RunContext, own: str) -> list["BaseMessage"]:
    """Return the messages that open the turn: preamble, shared part, own part."""
    from langchain_core.messages import HumanMessage, SystemMessage

    evidence = [evidence_line(item) for item in _measured_before(state)]
    shared = shared_part(replace(run.briefing, task=state["task"]), evidence)
    return [SystemMessage(PREAMBLE), HumanMessage(shared), HumanMessage(own)]


async def _converse(
    member: Member,
    casting: Casting,
    wanted: Wanted,
    opening: list["BaseMessage"],
    progress: Progress,
    run: RunContext,
) -> Progress | _Ending:
    """Ask until there is an answer, a request to the lab, or nothing left to try."""
    about = {"agent": member.agent.name, "role": casting.role}
    while True:
        key = f"{progress.key}/model#{progress.calls}"
        try:
            answered = await run.ask(
                member.path, key, [*opening, *_messages(progress)], wanted, **about
            )
        except ChainExhausted as lost:
            status = TurnStatus.REFUSED if lost.refused else TurnStatus.FAILED
            return _Ending(status, progress.calls + 1, problem=str(lost), exhausted=lost)
        progress = replace(progress, calls=progress.calls + 1)
        text = answered.reply.text
        try:
            answer = parse_answer(text, wanted)
        except Unparsed as fault:
            if progress.repaired:
                return _Ending(
                    TurnStatus.UNPARSED, progress.calls, answered=answered, problem=str(fault)
                )
            said = (("ai", text), ("human", repair_request(str(fault))))
            progress = progress.then(*said, repaired=True)
            continue
        if answer.action is None:
            return _Ending(TurnStatus.ANSWERED, progress.calls, answer, answered)
        refusal = _refusal(answer.action, wanted, progress)
        if refusal is None:
            return progress.then(
                ("ai", text), action=answer.action, lab_rounds=progress.lab_rounds + 1
            )
        if progress.repaired:
            return _Ending(TurnStatus.UNPARSED, progress.calls, answered=answered, problem=refusal)
        run.journal.note("tool_refused", f"{key}/tool", value=refusal, request=answer.action)
        progress = progress.then(("ai", text), ("human", refusal), repaired=True)


def _messages(progress: Progress) -> list["BaseMessage"]:
    from langchain_core.messages import AIMessage, HumanMessage

    return [
        AIMessage(text) if speaker == "ai" else HumanMessage(text)
        for speaker, text in progress.dialogue
    ]


def _refusal(action: Mapping[str, Any], wanted: Wanted, progress: Progress) -> str | None:
    if action.get("tool") not in wanted.tools:
        listed = ", ".join(wanted.tools) or "none"
        return f"{action.get('tool')!r} is no tool of this turn; there are: {listed}. Answer now."
    if not isinstance(action.get("spec", {}), Mapping):
        return f"an action has the form {_ACTION_FORM}. Answer now, or ask in that form."
    if progress.lab_rounds >= LAB_ROUNDS:
        return f"this turn has measured {LAB_ROUNDS} times, which is all it may. Answer now."
    return None


def _turn(
    ensemble: Ensemble,
    member: Member,
    casting: Casting,
    key: str,
    ending: _Ending,
    run: RunContext,
) -> Turn:
    answered = ending.answered
    attempts = answered.attempts if answered else ()
    if ending.exhausted is not None:
        attempts = ending.exhausted.attempts
    chain = run.chains[member.path]
    return Turn(
        key=key,
        seat=member.seat,
        path=member.path,
        rank=ensemble.rank(member.seat),
        occurrence=int(key.rpartition("#")[2]),
        agent=member.agent.name,
        version=member.agent.spec.version,
        sha256=member.agent.sha256,
        role=casting.role,
        mode=casting.mode,
        tool_mode=casting.tool_mode,
        status=ending.status.value,
        asked=chain[0].asked if chain else None,
        served=answered.reply.served if answered else None,
        weak=answered is not None and answered.candidate.provider == "embedded",
        stand_in=answered is not None and answered.candidate.fallback,
        truncated=answered is not None and answered.reply.finish == "length",
        fallbacks=[
            {
                "asked": attempt.candidate.asked,
                "model": f"{attempt.candidate.provider}/{attempt.candidate.model}",
                "class": attempt.failure.value,
                "error": attempt.error,
            }
            for attempt in attempts
        ],
        answer=json.loads(ending.answer.model_dump_json()) if ending.answer else None,
        problem=ending.problem,
        model_calls=ending.calls,
    )
