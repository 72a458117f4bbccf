"""What is said in one turn, up to its answer: asked, repaired once, sent to the lab, or lost.

A turn that goes to the lab comes back here with what was measured, and goes on. It never raises
because its models failed: a lost seat is a `SeatFailure`, and no error's text is an answer.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, cast

from ensemble.answers.answer import Answer, Unparsed, Wanted
from ensemble.answers.parse import parse_answer, parse_words, repair_request
from ensemble.graph.lab_desk import evidence_line
from ensemble.graph.person import Question
from ensemble.graph.run_context import RunContext
from ensemble.graph.state import Document
from ensemble.journal.turn_key import TurnKey
from ensemble.models.chain import Answered, Attempt, ChainExhausted
from ensemble.models.provider import Failure
from ensemble.roles import HUMAN, TurnStatus

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
    """The part of the prompt that is this turn's alone; for a person, the question."""
    findings: tuple[str, ...] = ()
    """Ids of what a decider must dispose of."""
    knew: tuple[str, ...] = ()
    """Ids of the evidence and of others' findings that there were at its start."""
    dialogue: tuple[tuple[str, str], ...] = ()
    """(`ai` or `human`, text) in order."""
    calls: int = 0
    lab_rounds: int = 0
    requests: tuple[Mapping[str, Any], ...] = ()
    """What it waits for the lab to measure: `{"tool": …, "spec": {…}}`, and for which check."""
    answered: Document | None = None
    """The turn as it was answered, while the lab runs the checks that it names."""
    repaired: int | None = None
    """Where in the dialogue the answer stands that the model was asked to repair."""
    passed: int = 0
    """How many of the chain's candidates are not asked any more: they gave nothing readable."""
    round: int = 0
    step: int = 0

    def document(self) -> Document:
        """Return it as JSON, for the state."""
        return asdict(self)

    @classmethod
    def read(cls, document: Document) -> "Progress":
        """Return the progress that a state's document describes."""
        said = cast("list[tuple[str, str]]", document["dialogue"])
        dialogue = tuple((speaker, text) for speaker, text in said)
        return replace(cls(**document), dialogue=dialogue, requests=tuple(document["requests"]))

    def then(self, *said: tuple[str, str], **changes: Any) -> "Progress":
        """Return it with more said, and fields changed."""
        return replace(self, dialogue=(*self.dialogue, *said), **changes)

    def passed_over(self, candidates: int) -> "Progress":
        """Return it for the candidate after those: nobody is told what others wrote in vain."""
        at = self.repaired
        kept = self.dialogue if at is None else self.dialogue[:at] + self.dialogue[at + 2 :]
        return replace(self, dialogue=kept, repaired=None, passed=candidates)

    def measured(self, replies: Sequence[str], evidence: Mapping[str, Document]) -> "Progress":
        """Return it with what the lab replied to its requests: evidence ids, or what was wrong."""
        if self.answered is None:
            told = (evidence_line(evidence[r]) if r in evidence else r for r in replies)
            said = [("human", f"Measured: {text}") for text in told]
            return self.then(*said, requests=())
        checked: list[str | None] = [None] * len(self.answered["answer"]["checks"])
        for request, reply in zip(self.requests, replies, strict=True):
            checked[request["check"]] = reply if reply in evidence else None
        return replace(self, answered={**self.answered, "checked": checked}, requests=())


@dataclass(frozen=True)
class Opening:
    """What a turn opens with."""

    messages: tuple["BaseMessage", ...]
    shared: int
    """How many of them, from the first, every seat reads."""
    gives_way: tuple[tuple[str, str], ...] = ()
    """Evidence in full, and in brief for a window that it does not fit, the longest first."""


@dataclass(frozen=True)
class SeatFailure:
    """A seat that is lost, and why."""

    status: TurnStatus
    """unparsed, refused or failed."""
    problem: str
    calls: int = 0
    answered: Answered | None = None
    """The reply that could not be read."""
    attempts: tuple[Attempt, ...] = ()
    """Every attempt of a chain that had no answer."""


@dataclass(frozen=True)
class SeatAnswer:
    """A seat's answer, and who gave it."""

    answer: Answer
    calls: int = 0
    answered: Answered | None = None
    """The model's reply; None where a person answered."""
    attempts: tuple[Attempt, ...] = field(default=())


async def ask_models(
    path: str,
    wanted: Wanted,
    opening: Opening,
    progress: Progress,
    run: RunContext,
    **about: Any,
) -> Progress | SeatAnswer | SeatFailure:
    """Ask until there is an answer, a request to the lab, or nothing left to try.

    A model whose answer cannot be read repairs it once; then the candidates after it are asked,
    once each.

    Args:
        path: the seat's path, whose chain is asked.
        wanted: what the answer must hold.
        opening: what the turn opens with.
        progress: how far it has come.
        run: the run it takes part in.
        about: agent and role, for the journal.
    """
    walked: tuple[Attempt, ...] = ()
    about |= {"shared": opening.shared, "gives_way": opening.gives_way}
    while True:
        key = TurnKey.read(progress.key).of_model(progress.calls)
        try:
            async with asyncio.timeout(_left_s(progress, run)):
                messages = [*opening.messages, *_messages(progress)]
                answered = await run.ask(path, key, messages, wanted, progress.passed, **about)
        except ChainExhausted as lost:
            status = TurnStatus.REFUSED if lost.refused else TurnStatus.FAILED
            status = TurnStatus.UNPARSED if progress.passed else status
            attempts = (*walked, *lost.attempts)
            return SeatFailure(status, str(lost), progress.calls + 1, attempts=attempts)
        except TimeoutError:
            return await _too_late(path, key, progress, run)
        progress = replace(progress, calls=progress.calls + 1)
        attempts, text = (*walked, *answered.attempts), answered.reply.text
        read = _read(text, wanted, progress)
        if isinstance(read, Answer):
            await run.keep(key)
            if read.action is None:
                return SeatAnswer(read, progress.calls, answered, attempts)
            rounds = progress.lab_rounds + 1
            return progress.then(("ai", text), requests=(read.action,), lab_rounds=rounds)
        if progress.repaired is None and not progress.passed:
            if read.action is not None:
                refused = {"value": read.fault, "request": read.action}
                run.journal.note("tool_refused", f"{key}/tool", **refused)
            at = len(progress.dialogue)
            progress = progress.then(("ai", text), ("human", read.reply), repaired=at)
            continue
        chain = run.chains[path]
        place = chain.index(answered.candidate, progress.passed) + 1
        if not any(candidate.available for candidate in chain[place:]):
            return SeatFailure(TurnStatus.UNPARSED, read.fault, progress.calls, answered, attempts)
        number = len(answered.attempts) + 1
        walked = (*attempts, Attempt(number, answered.candidate, Failure.UNUSABLE, read.fault))
        progress = progress.passed_over(place)


async def ask_person(
    wanted: Wanted, progress: Progress, run: RunContext
) -> SeatAnswer | SeatFailure:
    """Put the turn's question to a person.

    Raises:
        Paused: there is no answer yet.
    """
    question = Question(f"{progress.key}/{HUMAN}#0", progress.own, wanted.choices)
    text = await run.ask_person(question)
    try:
        return SeatAnswer(parse_words(text, wanted))
    except Unparsed as fault:
        return SeatFailure(TurnStatus.UNPARSED, str(fault))


def checks_to_run(answer: Answer, wanted: Wanted, progress: Progress) -> tuple[Document, ...]:
    """Return what the lab is asked for, so that the answer's checks are settled."""
    if progress.lab_rounds >= LAB_ROUNDS:
        return ()
    return tuple(
        {"tool": check.tool, "spec": dict(check.spec), "check": number}
        for number, check in enumerate(answer.checks)
        if check.tool in wanted.tools
    )


@dataclass(frozen=True)
class _Unread:
    """A reply that is no answer: what is wrong with it, and what its model is told."""

    fault: str
    reply: str
    action: Mapping[str, Any] | None = None


def _read(text: str, wanted: Wanted, progress: Progress) -> Answer | _Unread:
    try:
        answer = parse_answer(text, wanted)
    except Unparsed as unread:
        return _Unread(str(unread), repair_request(str(unread)))
    refusal = _refusal(answer.action, wanted, progress) if answer.action is not None else None
    return _Unread(refusal, refusal, answer.action) if refusal else answer


def _left_s(progress: Progress, run: RunContext) -> float | None:
    """Return the seconds that the turn's calls may still take; a replay arms no timer."""
    if run.limits.turn_s is None or run.journal.replaying:
        return None
    turn = TurnKey.read(progress.key)
    keys = {turn.of_model(number) for number in range(progress.calls + 1)}
    calls = (event for event in run.journal.events if event.key in keys)
    return max(0.0, run.limits.turn_s - sum(float(e.body.get("seconds") or 0) for e in calls))


async def _too_late(path: str, key: str, progress: Progress, run: RunContext) -> SeatFailure:
    ruling = f"{progress.key}/deadline#0"
    await run.journal.settle("ruled", ruling, lambda: [path], kind="deadline", cuts=key)
    told = f"the turn took longer than its {run.limits.turn_s:g} s"
    return SeatFailure(TurnStatus.FAILED, told, progress.calls + 1)


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
